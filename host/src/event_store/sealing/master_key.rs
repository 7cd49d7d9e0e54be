use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::cipher::{KEY_BYTES, SecretKey};

const DECODING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const ALPHABETS: [GeneralPurpose; 2] =
    [GeneralPurpose::new(&alphabet::STANDARD, DECODING), GeneralPurpose::new(&alphabet::URL_SAFE, DECODING)];

/// A key of the host's, which wraps the data keys of streams. It never leaves the host, and its bytes are overwritten when it
/// is dropped.
pub struct MasterKey {
    id: String,
    pub(super) secret: SecretKey,
}

impl MasterKey {
    /// A new key from the operating system's random source.
    ///
    /// # Panics
    /// When that source is out of order.
    #[must_use]
    pub fn generate() -> Self {
        Self::new(SecretKey::generate())
    }

    fn new(secret: SecretKey) -> Self {
        let digest = Sha256::new().chain_update(b"foldhost master key").chain_update(secret.as_bytes()).finalize();
        Self { id: digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect(), secret }
    }

    /// What rows call it: 16 hexadecimal digits, the beginning of SHA-256 over `foldhost master key` and the key. It says
    /// nothing of a key that was drawn at random; a password is no master key.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// As [`MasterKeys::parse`] reads it: base64, and the key's id as a comment.
    #[must_use]
    pub fn to_line(&self) -> Zeroizing<String> {
        let key = Zeroizing::new(STANDARD.encode(self.secret.as_bytes()));
        Zeroizing::new(format!("{} # {}", *key, self.id))
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The host's key ring: the first master key wraps, and every one of them unwraps.
///
/// To rotate, put a new line before the others and start every host with it. A data key opens under the old one until it is
/// wrapped anew; only then may the old line go. Several hosts that are restarted one by one need the new line *behind* the
/// old one first, or those that still lack it cannot open what the others wrap.
#[derive(Clone)]
pub struct MasterKeys {
    // Shared: a clone copies no key.
    keys: Arc<[MasterKey]>,
    source: Arc<str>,
}

/// Why a text holds no key ring. No part of a line is ever repeated here, since every part of it may be a key's; that
/// includes base64's own errors, which name the byte at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MasterKeysError {
    /// Nothing but blank lines and comments.
    #[error("no master key: write one a line, 32 random bytes in base64")]
    Empty,
    /// A line is not base64.
    #[error("line {line} of the master keys is not base64: write 32 random bytes in base64, one key a line")]
    NotBase64 {
        /// The line, counted from 1.
        line: usize,
    },
    /// A key of another length.
    #[error("the master key in line {line} has {bytes} bytes, and a master key has just 32")]
    WrongLength {
        /// The line, counted from 1.
        line: usize,
        /// The key's length in bytes.
        bytes: usize,
    },
    /// The same key twice: very likely an old one was copied where a new one was meant.
    #[error("line {line} of the master keys repeats the key in line {first}: remove one of them")]
    Repeated {
        /// The line, counted from 1.
        line: usize,
        /// The line where that key stands first.
        first: usize,
    },
}

impl MasterKeys {
    /// Reads one key a line: 32 bytes in base64, standard or url-safe, padded or not. Blank lines are passed over, and so is
    /// what follows a `#`.
    ///
    /// Not [`FromStr`](std::str::FromStr), with intent: command-line parsers print a text that they could not read.
    ///
    /// # Errors
    /// [`MasterKeysError`] names the line, and never the key.
    pub fn parse(text: &str) -> Result<Self, MasterKeysError> {
        let mut keys: Vec<MasterKey> = Vec::new();
        let mut lines: Vec<usize> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let encoded = text.split('#').next().unwrap_or_default().trim();
            if encoded.is_empty() {
                continue;
            }
            let bytes = decode(encoded).ok_or(MasterKeysError::NotBase64 { line })?;
            let secret = SecretKey::from_slice(&bytes);
            let key = MasterKey::new(secret.ok_or(MasterKeysError::WrongLength { line, bytes: bytes.len() })?);
            if let Some(at) = keys.iter().position(|earlier| earlier.id == key.id) {
                return Err(MasterKeysError::Repeated { line, first: lines[at] });
            }
            keys.push(key);
            lines.push(line);
        }
        if keys.is_empty() {
            return Err(MasterKeysError::Empty);
        }
        Ok(Self { keys: keys.into(), source: "the host's master keys".into() })
    }

    /// Says where the ring was read from, as in `the lines of /etc/foldhost/master-keys`: whoever meets a data key of another
    /// master key is sent there.
    #[must_use]
    pub fn with_source(self, source: &str) -> Self {
        Self { source: source.into(), ..self }
    }

    /// A line with a new key, as [`parse`](MasterKeys::parse) reads it, without a line break.
    ///
    /// # Panics
    /// When the operating system's random source is out of order.
    #[must_use]
    pub fn generate_line() -> Zeroizing<String> {
        MasterKey::generate().to_line()
    }

    /// The key that wraps.
    #[must_use]
    pub fn first(&self) -> &MasterKey {
        // `parse` is the only way to make a ring, and refuses one without a key.
        &self.keys[0]
    }

    /// The key with this id, if it is in the ring.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&MasterKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The ids of all keys, in the order of their lines.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(MasterKey::id)
    }

    /// Where the ring was read from, as [`with_source`](MasterKeys::with_source) said.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys").field("keys", &self.keys).field("source", &self.source).finish()
    }
}

/// Decodes into a buffer that is overwritten when it is dropped, also one that was filled before an error.
fn decode(encoded: &str) -> Option<Zeroizing<Vec<u8>>> {
    ALPHABETS.iter().find_map(|alphabet| {
        let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(encoded.len()).max(KEY_BYTES)]);
        let length = alphabet.decode_slice(encoded, &mut bytes).ok()?;
        bytes.truncate(length);
        Some(bytes)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};

    use super::*;

    /// Bytes 0xe0 to 0xff: in base64 they have every character in which the alphabets differ.
    const KEY: [u8; KEY_BYTES] = {
        let mut key = [0; KEY_BYTES];
        let mut at = 0;
        while at < KEY_BYTES {
            key[at] = 0xe0 + at as u8;
            at += 1;
        }
        key
    };

    #[test]
    fn a_key_is_read_in_every_base64_there_is() {
        for alphabet in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            let line = alphabet.encode(KEY);
            let keys = MasterKeys::parse(&line).unwrap();
            assert_eq!(keys.first().secret.as_bytes(), &KEY, "{line}");
            assert_eq!(keys.first().id(), "538790b08ed0a028");
        }
    }

    #[test]
    fn blank_lines_and_comments_are_passed_over() {
        let (new, old) = (MasterKeys::generate_line(), STANDARD.encode(KEY));
        let text = format!("# keys of the test cluster\r\n\r\n  {}\r\n\t# until 2027\n{old}# the old one\n\n", *new);
        let keys = MasterKeys::parse(&text).unwrap();
        assert_eq!(keys.ids().count(), 2);
        assert_eq!(keys.ids().last(), Some("538790b08ed0a028"));
        assert!(new.ends_with(keys.first().id()), "the first line wraps, and shows its id");
    }

    #[test]
    fn two_generated_lines_differ_and_are_read_back() {
        let (one, other) = (MasterKey::generate(), MasterKey::generate());
        assert_ne!(one.id(), other.id());
        let keys = MasterKeys::parse(&format!("{}\n{}", *one.to_line(), *other.to_line())).unwrap();
        assert_eq!(keys.ids().collect::<Vec<_>>(), [one.id(), other.id()]);
        assert_eq!(keys.get(other.id()).unwrap().secret.as_bytes(), other.secret.as_bytes());
        assert!(keys.get("0000000000000000").is_none());
    }

    #[test]
    fn an_unreadable_line_is_named_by_its_number_and_never_shown() {
        let key = STANDARD.encode(KEY);
        let url_safe = URL_SAFE.encode(KEY);
        let cases = [
            (format!("\n{key} {key}"), MasterKeysError::NotBase64 { line: 2 }),
            (format!("# one\n\n{}", key.replace('O', "!")), MasterKeysError::NotBase64 { line: 3 }),
            (format!("{}{}", &key[..22], &url_safe[22..]), MasterKeysError::NotBase64 { line: 1 }),
            (STANDARD.encode(&KEY[..31]), MasterKeysError::WrongLength { line: 1, bytes: 31 }),
            (STANDARD.encode([KEY, KEY].concat()), MasterKeysError::WrongLength { line: 1, bytes: 64 }),
            (format!("{key}\n\n{url_safe}"), MasterKeysError::Repeated { line: 3, first: 1 }),
        ];
        for (text, expected) in cases {
            let error = MasterKeys::parse(&text).unwrap_err();
            assert_eq!(error, expected);
            let shown = format!("{error} {error:?}");
            for word in text.split_whitespace().filter(|word| word.len() > 4) {
                for at in 0..=word.len() - 4 {
                    assert!(!shown.contains(&word[at..at + 4]), "{shown:?} shows four characters of the key");
                }
            }
        }
    }

    #[test]
    fn a_ring_without_a_key_is_refused() {
        for text in ["", "\n\n", "# only a comment", " \t\r\n"] {
            assert_eq!(MasterKeys::parse(text).unwrap_err(), MasterKeysError::Empty, "{text:?}");
        }
    }

    #[test]
    fn debug_output_shows_the_id_and_no_byte_of_the_key() {
        let keys = MasterKeys::parse(&STANDARD.encode(KEY)).unwrap().with_source("a test");
        assert_eq!(format!("{:?}", keys.first()), r#"MasterKey { id: "538790b08ed0a028", .. }"#);
        let ring = r#"MasterKeys { keys: [MasterKey { id: "538790b08ed0a028", .. }], source: "a test" }"#;
        assert_eq!(format!("{keys:?}"), ring);
        assert_eq!(format!("{:?}", keys.first().secret), "..");
    }
}
