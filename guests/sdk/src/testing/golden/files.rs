//! The two files, and how they are read and written.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Event, EventError};

/// The name of the file of recorded events.
pub const EVENTS_FILE: &str = "events.json";

/// The name of the file of snapshots.
pub const STATE_FILE: &str = "state.json";

/// Most bytes that either file may have. They are examples, to be read and reviewed; what is larger is none.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// The golden files of one reducer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Golden {
    /// Entries by event type.
    pub events: BTreeMap<String, Vec<GoldenEvent>>,
    /// None where there is no file yet.
    pub state: Option<GoldenState>,
}

/// One recorded event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenEvent {
    /// As they were recorded; hexadecimal in the file.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
    /// The fields that were recorded.
    pub recorded: Value,
    /// The event as the reducer applied it when the entry was made.
    pub upcast: GoldenUpcast,
}

/// An event in its newest version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenUpcast {
    /// As in `OrderPlaced.v2`.
    pub event_type: String,
    /// Its fields.
    pub json: Value,
}

/// Snapshots under one state schema.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenState {
    /// As in `order.v1`.
    pub state_schema: String,
    /// At least one, where the reducer has events at all.
    pub snapshots: Vec<GoldenSnapshot>,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoldenSnapshot {
    /// The whole stream, from its first event.
    pub events: Vec<RecordedEvent>,
    /// The snapshot of what they fold to; hexadecimal in the file.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
    /// The same state as JSON.
    pub state: Value,
}

/// An event as a store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedEvent {
    /// As in `OrderPlaced.v1`.
    pub event_type: String,
    /// Hexadecimal in the file.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
}

impl RecordedEvent {
    /// An event as its reducer records it.
    ///
    /// # Errors
    /// [`EventError`] when it has no encoding.
    pub fn of(event: &impl Event) -> Result<Self, EventError> {
        Ok(Self { event_type: event.event_type().to_owned(), bytes: event.to_bytes()? })
    }
}

/// Why golden files cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum GoldenError {
    /// The file system said no.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is beyond [`FILE_BYTES_MAX`].
    #[error("{} has more than {FILE_BYTES_MAX} bytes: it is no golden file, or holds streams that are too long for one", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not what [`Golden::write`] writes.
    #[error("{} is no golden file: {message}. Take it back from version control; entries are not written by hand", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// The file system said no.
    #[error("cannot write {}: {source}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// An event to bless has no encoding.
    #[error("{0}")]
    Unencodable(String),
}

impl Golden {
    /// The files in `dir`. One that does not exist has no entries.
    ///
    /// # Errors
    /// [`GoldenError`]
    pub fn read(dir: &Path) -> Result<Self, GoldenError> {
        let events: Option<Entries> = read_file(&dir.join(EVENTS_FILE))?;
        let state = read_file(&dir.join(STATE_FILE))?;
        Ok(Self { events: events.map(|entries| entries.0).unwrap_or_default(), state })
    }

    /// Writes the files into `dir`, which is made if need be. A file that would not change is left alone; a reader sees the file
    /// before or the file after, never a part.
    ///
    /// # Errors
    /// [`GoldenError`]
    pub fn write(&self, dir: &Path) -> Result<(), GoldenError> {
        fs::create_dir_all(dir).map_err(|source| GoldenError::Unwritable { path: dir.to_owned(), source })?;
        if !self.events.is_empty() {
            write_file(&dir.join(EVENTS_FILE), &self.events)?;
        }
        match &self.state {
            Some(state) => write_file(&dir.join(STATE_FILE), state),
            None => Ok(()),
        }
    }
}

/// None where there is no file.
fn read_file<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, GoldenError> {
    let unreadable = |source| GoldenError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > FILE_BYTES_MAX {
        return Err(GoldenError::TooLarge { path: path.to_owned() });
    }
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|error| GoldenError::Malformed { path: path.to_owned(), message: error.to_string() })
}

fn write_file<T: Serialize>(path: &Path, content: &T) -> Result<(), GoldenError> {
    let unwritable = |source| GoldenError::Unwritable { path: path.to_owned(), source };
    let mut bytes = serde_json::to_vec_pretty(content).map_err(|error| unwritable(error.into()))?;
    bytes.push(b'\n');
    if bytes.len() > FILE_BYTES_MAX {
        // Written, it could not be read again.
        return Err(GoldenError::TooLarge { path: path.to_owned() });
    }
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let temporary = temporary_beside(path);
    let written = File::create_new(&temporary)
        .and_then(|mut file| file.write_all(&bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it is of no use; that it cannot be removed says nothing that the error does not.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(unwritable)
}

/// Another name for every call: two tests may write at once.
fn temporary_beside(path: &Path) -> PathBuf {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let call = CALLS.fetch_add(1, Ordering::Relaxed);
    path.with_extension(format!("json.{}-{call}.tmp", std::process::id()))
}

/// `events.json`. An event type may stand there once: serde keeps the last of two, and after a merge that put both sides'
/// entries into the file, those of one side would silently not be checked any more.
struct Entries(BTreeMap<String, Vec<GoldenEvent>>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Unique;

        impl<'de> Visitor<'de> for Unique {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of event types")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((event_type, of_type)) = map.next_entry::<String, Vec<GoldenEvent>>()? {
                    if let Some(_before) = entries.insert(event_type.clone(), of_type) {
                        return Err(A::Error::custom(format!("`{event_type}` stands there twice")));
                    }
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Unique)
    }
}

/// Bytes as hexadecimal pairs.
mod hex {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::super::finding::hex(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits: Option<Vec<_>> = text.chars().map(|digit| digit.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2));
        let digits = digits.ok_or_else(|| D::Error::custom("bytes are written as pairs of hexadecimal digits"))?;
        // Both digits are below 16, so each pair is a byte.
        Ok(digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, &digit| byte << 4 | digit as u8)).collect())
    }
}
