//! The streams' data keys: made for the first append of a stream, fetched with every read of sealed rows.
//!
//! None is kept in memory: a key that was dropped through another host opens nothing from then on.

use std::collections::{BTreeMap, HashMap};

use sqlx::PgPool;
use uuid::Uuid;

use super::append::SEALED_XCHACHA20;
use super::error::database_error;
use crate::event_store::sealing::{DataKey, Encryption, Place, WrappedKey};
use crate::event_store::{EventStoreError, StreamBatch};
use crate::{StreamId, Version};

/// Keys of some streams; none for a stream whose key was dropped.
#[derive(Default)]
pub(super) struct Keys {
    keys: HashMap<String, Option<DataKey>>,
    /// Streams whose key does not open here, and why.
    shut: BTreeMap<String, EventStoreError>,
}

/// Bytes as they are stored, and the cipher where they are sealed.
pub(super) type Stored = (Vec<u8>, Option<i16>);

/// A batch's data as they are stored, where they are sealed.
pub(super) type SealedData = Option<Sealed>;

/// Sealed data.
#[derive(Clone)]
pub(super) struct Sealed {
    pub(super) data: Vec<Vec<u8>>,
    /// What the batch's effects say.
    pub(super) effects: Vec<Vec<u8>>,
    /// The arguments of its commands that are in the journal.
    pub(super) payloads: Vec<Option<Vec<u8>>>,
    /// Whether the stream's key was dropped: then they are under none that anybody has, and the append has to lose.
    pub(super) erased: bool,
}

impl Keys {
    /// Keys of the batches' streams whose category is encrypted. They are made, and durable, before the append begins: events without
    /// a key could be read by nobody, a key without events costs a row.
    pub(super) async fn for_append(
        pool: &PgPool,
        encryption: Option<&Encryption>,
        batches: &[StreamBatch],
    ) -> Result<Self, EventStoreError> {
        let Some(encryption) = encryption else { return Ok(Self::default()) };
        let has_data = |batch: &StreamBatch| {
            let in_journal = batch.commands.iter().any(|command| command.journal.is_some());
            !batch.events.is_empty() || !batch.effects.is_empty() || in_journal
        };
        let wanted = |batch: &&StreamBatch| has_data(batch) && encryption.seals(batch.stream_id.category());
        let streams: Vec<_> = batches.iter().filter(wanted).map(|batch| batch.stream_id.clone()).collect();
        if streams.is_empty() {
            return Ok(Self::default());
        }
        let mut keys = fetch(pool, encryption, &streams).await?.whole()?.keys;
        let missing: Vec<_> = streams.iter().filter(|stream| !keys.contains_key(stream.as_str())).cloned().collect();
        if !missing.is_empty() {
            make(pool, encryption, &missing).await?;
            // Not the ones that were made here: another host's may have come first.
            keys.extend(fetch(pool, encryption, &missing).await?.whole()?.keys);
        }
        // A row of a key is never deleted but by a hand. Without it the data would go out in plain.
        if let Some(stream) = streams.iter().find(|stream| !keys.contains_key(stream.as_str())) {
            return Err(EventStoreError::Encryption(format!(
                "stream {stream} is to be encrypted, and its key is gone"
            )));
        }
        Ok(Self { keys, shut: BTreeMap::new() })
    }

    /// Keys of streams that have any, for what is written beside their events; none where nothing is encrypted.
    pub(super) async fn of_streams<'a>(
        pool: &PgPool,
        encryption: Option<&Encryption>,
        streams: impl Iterator<Item = &'a StreamId>,
    ) -> Result<Self, EventStoreError> {
        match encryption {
            Some(_) => Self::as_far_as_they_open(pool, encryption, streams).await,
            None => Ok(Self::default()),
        }
    }

    /// Keys of the streams of sealed rows, all of which open.
    pub(super) async fn for_reading<'a>(
        pool: &PgPool,
        encryption: Option<&Encryption>,
        sealed: impl Iterator<Item = &'a StreamId>,
    ) -> Result<Self, EventStoreError> {
        Self::as_far_as_they_open(pool, encryption, sealed).await?.whole()
    }

    /// Keys of the streams of sealed rows. Where one does not open here, its own stream's rows alone do not.
    pub(super) async fn as_far_as_they_open<'a>(
        pool: &PgPool,
        encryption: Option<&Encryption>,
        sealed: impl Iterator<Item = &'a StreamId>,
    ) -> Result<Self, EventStoreError> {
        let mut streams: Vec<_> = sealed.cloned().collect();
        streams.sort_unstable();
        streams.dedup();
        if streams.is_empty() {
            return Ok(Self::default());
        }
        if let Some(encryption) = encryption {
            return fetch(pool, encryption, &streams).await;
        }
        let shut = streams.into_iter().map(|stream| {
            let reason = format!(
                "stream {stream} is encrypted, and this host has no master key: start it with --encryption-keys"
            );
            (stream.as_str().to_owned(), EventStoreError::Encryption(reason))
        });
        Ok(Self { keys: HashMap::new(), shut: shut.collect() })
    }

    /// These, where all of them open.
    pub(super) fn whole(self) -> Result<Self, EventStoreError> {
        self.shut.values().next().cloned().map_or(Ok(self), Err)
    }

    fn check(&self, stream_id: &StreamId) -> Result<(), EventStoreError> {
        self.shut.get(stream_id.as_str()).cloned().map_or(Ok(()), Err)
    }

    /// The batches' data under their streams' keys.
    pub(super) fn seal(&self, batches: &[StreamBatch], bases: &[Version]) -> Vec<SealedData> {
        if self.keys.is_empty() {
            return vec![None; batches.len()];
        }
        let seal = |(batch, base): (&StreamBatch, &Version)| {
            let key = self.keys.get(batch.stream_id.as_str())?;
            let events = batch.events.iter().zip(base.get() + 1..);
            let sealed = events.map(|((event, _), version)| {
                let (stream_id, version) = (&batch.stream_id, Version::new(version));
                let place = Place::Event { stream_id, version, event_type: &event.event_type };
                seal_under(key.as_ref(), &place, &event.data)
            });
            let effects = batch.effects.iter().map(|effect| {
                let place = Place::EffectBody { stream_id: &batch.stream_id, effect_id: effect.effect_id };
                seal_under(key.as_ref(), &place, &effect.body)
            });
            let payloads = batch.commands.iter().map(|command| {
                let (stream_id, command_id) = (&batch.stream_id, command.command_id.as_str());
                let place = Place::CommandPayload { stream_id, command_id };
                command.journal.as_ref().map(|entry| seal_under(key.as_ref(), &place, entry.stored().1))
            });
            let (data, effects, payloads) = (sealed.collect(), effects.collect(), payloads.collect());
            Some(Sealed { data, effects, payloads, erased: key.is_none() })
        };
        batches.iter().zip(bases).map(seal).collect()
    }

    /// What a row says; none where the stream's key was dropped.
    pub(super) fn open(
        &self,
        stream_id: &StreamId,
        place: &Place<'_>,
        sealed: Option<i16>,
        data: Vec<u8>,
    ) -> Result<Option<Vec<u8>>, EventStoreError> {
        if sealed.is_some() {
            self.check(stream_id)?;
        }
        match sealed {
            None => Ok(Some(data)),
            Some(SEALED_XCHACHA20) => match self.keys.get(stream_id.as_str()) {
                Some(Some(key)) => key
                    .open(place, &data)
                    .map(Some)
                    .map_err(|error| EventStoreError::Encryption(format!("stream {stream_id}: {error}"))),
                Some(None) => Ok(None),
                // The row of a key is made before the first sealed event, and never deleted.
                None => Err(EventStoreError::Encryption(format!("stream {stream_id} is encrypted and has no key"))),
            },
            Some(cipher) => {
                let reason = format!("stream {stream_id} is encrypted with cipher {cipher}: use a newer foldhost");
                Err(EventStoreError::Encryption(reason))
            }
        }
    }

    /// How far an effect has come, as it is stored, and the cipher. Whatever the categories say now: where the stream has a key, it
    /// is sealed. None where that was dropped; an error where it does not open here, as nothing may be written in plain then.
    pub(super) fn seal_progress(
        &self,
        stream_id: &StreamId,
        effect_id: Uuid,
        progress: &[u8],
    ) -> Result<Option<Stored>, EventStoreError> {
        self.check(stream_id)?;
        let sealed = match self.keys.get(stream_id.as_str()) {
            None => Some((progress.to_vec(), None)),
            Some(key) => {
                let place = Place::EffectProgress { stream_id, effect_id };
                key.as_ref().map(|key| (key.seal(&place, progress), Some(SEALED_XCHACHA20)))
            }
        };
        Ok(sealed)
    }

    /// The key of one stream, for its snapshot; none where it was dropped.
    pub(super) fn get(&self, stream_id: &StreamId) -> Option<&DataKey> {
        self.keys.get(stream_id.as_str())?.as_ref()
    }

    /// Whether the stream has a key, or had one.
    pub(super) fn knows(&self, stream_id: &StreamId) -> bool {
        self.keys.contains_key(stream_id.as_str()) || self.shut.contains_key(stream_id.as_str())
    }
}

/// Under a key that nobody has where the stream's was dropped.
fn seal_under(key: Option<&DataKey>, place: &Place<'_>, plain: &[u8]) -> Vec<u8> {
    match key {
        Some(key) => key.seal(place, plain),
        None => DataKey::generate().seal(place, plain),
    }
}

/// The categories of the streams that have keys, or had them.
pub(super) async fn categories(pool: &PgPool) -> Result<Vec<String>, EventStoreError> {
    sqlx::query_file_scalar!("src/event_store/postgres/encrypted_categories.sql")
        .fetch_all(pool)
        .await
        .map_err(database_error)
}

async fn make(pool: &PgPool, encryption: &Encryption, streams: &[StreamId]) -> Result<(), EventStoreError> {
    let wrapped: Vec<_> = streams.iter().map(|stream| DataKey::generate().wrap(encryption.keys(), stream)).collect();
    let ids: Vec<_> = streams.iter().map(StreamId::as_str).collect();
    let masters: Vec<_> = wrapped.iter().map(|key| key.master_key_id.as_str()).collect();
    let bytes: Vec<_> = wrapped.iter().map(|key| key.bytes.as_slice()).collect();
    sqlx::query_file!(
        "src/event_store/postgres/make_stream_keys.sql",
        &ids as &[&str],
        &masters as &[&str],
        &bytes as &[&[u8]]
    )
    .execute(pool)
    .await
    .map(drop)
    .map_err(database_error)
}

async fn fetch(pool: &PgPool, encryption: &Encryption, streams: &[StreamId]) -> Result<Keys, EventStoreError> {
    let ids: Vec<_> = streams.iter().map(StreamId::as_str).collect();
    let rows = sqlx::query_file!("src/event_store/postgres/stream_keys.sql", &ids as &[&str])
        .fetch_all(pool)
        .await
        .map_err(database_error)?;
    let open = |id: &str, master_key_id: String, bytes: Vec<u8>| {
        let stream_id = streams.iter().find(|stream| stream.as_str() == id);
        let stream_id =
            stream_id.ok_or_else(|| EventStoreError::Encryption(format!("a key of {id} was not asked for")))?;
        DataKey::unwrap(&WrappedKey { master_key_id, bytes }, encryption.keys(), stream_id)
            .map_err(|error| EventStoreError::Encryption(format!("the key of stream {id}: {error}")))
    };
    let mut keys = Keys::default();
    for row in rows {
        match row.wrapped_key.map(|bytes| open(&row.stream_id, row.master_key_id, bytes)).transpose() {
            Ok(key) => drop(keys.keys.insert(row.stream_id, key)),
            Err(error) => drop(keys.shut.insert(row.stream_id, error)),
        }
    }
    Ok(keys)
}
