//! Envelope encryption of a stream's payloads: pure, with no database and no files.
//!
//! A stream of an encrypted category has a [`DataKey`] of its own. Its events' payloads, its snapshots and its effects are sealed
//! under that key, and the key is kept in a table of its own, wrapped by one of the host's [`MasterKeys`]. To drop the wrapped key is
//! to make every payload of the stream unreadable, and no event has to be changed for it. It is final once nothing holds the
//! key any more: no host in memory, no backup of the key table, no archived WAL, and no dead row that vacuum has yet to reach.
//! Back the key table up apart from the log, and let those backups expire.
//!
//! ```
//! # use foldhost::event_store::sealing::{DataKey, MasterKeys, Place};
//! # use foldhost::{StreamId, Version};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = MasterKeys::parse(&MasterKeys::generate_line())?;
//! let stream_id = StreamId::new("order-7f3c")?;
//! let place = Place::Event { stream_id: &stream_id, version: Version::new(1), event_type: "OrderPlaced.v1" };
//!
//! let data_key = DataKey::generate();
//! let wrapped = data_key.wrap(&keys, &stream_id); // the row
//! let sealed = data_key.seal(&place, b"two teapots"); // the payload
//!
//! let data_key = DataKey::unwrap(&wrapped, &keys, &stream_id)?;
//! assert_eq!(data_key.open(&place, &sealed)?, b"two teapots");
//! # Ok(())
//! # }
//! ```
//!
//! # The format
//! A sealed text is `nonce (24 bytes) || ciphertext || tag (16 bytes)`. The cipher is AEAD_XChaCha20_Poly1305 of
//! draft-irtf-cfrg-xchacha-03: ChaCha20-Poly1305 of RFC 8439 with HChaCha20 in front of it, which makes the nonce 192 bits
//! long. Every nonce comes from the operating system's random source. What a text is and where it belongs is its associated
//! data ([`Place`]), so a row that was changed, moved, swapped or given another type does not open.
//!
//! # Why not AES-GCM with the version as the nonce
//! A version looks like a counter that is free, but two attempts of an append that lost its race, or one that is tried again
//! with another clock, seal different bytes under one version. A repeated nonce gives away the XOR of the two texts, and
//! under GCM the authentication key too, for every text of the stream (NIST SP 800-38D, appendix A). ChaCha20-Poly1305 of
//! RFC 8439 has the same rule (section 4: a nonce is never repeated under a key), and 96 bits are too few to draw at random
//! without counting how often. 192 bits may be drawn without a count: nothing has to be remembered or agreed on between hosts.
//!
//! # What it does not hide
//! Stream ids, versions, event types, times, metadata and the length of each payload stay readable, since the log is
//! ordered and searched by them. And whoever may write to the database can delete rows, put an older row back in its own
//! place, or pass a row off as one that was never sealed: only bytes that claim to be sealed are proven. Sealed bytes do not
//! shrink, so compress before sealing; and a digest of the plain text beside them would let it be guessed.

mod cipher;
mod data_key;
mod master_key;
mod place;

use std::collections::BTreeSet;

pub use cipher::SEAL_OVERHEAD_BYTES;
pub use data_key::{DataKey, WrappedKey};
pub use master_key::{MasterKey, MasterKeys, MasterKeysError};
pub use place::Place;

use crate::StreamId;

/// Why a payload or a data key stays shut. That a stream's data key was dropped is not told here: then there is no key to
/// open anything with, which its store knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No master key of the ring is the one that wrapped the stream's data key.
    #[error(
        "the data key of stream {stream_id} was wrapped by master key {master_key_id:?}, which is not among {keys_source}: \
         add its line there, behind the first, and start the host again"
    )]
    UnknownMasterKey {
        /// The stream.
        stream_id: StreamId,
        /// The id of the master key that is missing.
        master_key_id: String,
        /// Where the ring was read from, as its owner named it.
        keys_source: String,
    },
    /// The wrapped data key is not what that master key once wrapped for that stream.
    #[error(
        "the data key of stream {stream_id} does not open under master key {master_key_id:?}: its row was changed or comes \
         from another stream, so restore it from a backup of the keys"
    )]
    WrappedKeyDoesNotOpen {
        /// The stream.
        stream_id: StreamId,
        /// The id of the master key that the row names.
        master_key_id: String,
    },
    /// The sealed text is not what the stream's data key once sealed for that place.
    #[error(
        "{place} does not open ({bytes} bytes): it was changed, moved here from elsewhere, never sealed, or sealed under \
         another data key, so restore it or its stream's key from a backup"
    )]
    DoesNotOpen {
        /// The place, in words.
        place: String,
        /// Length of what should have been opened; under [`SEAL_OVERHEAD_BYTES`] it was cut off or never sealed.
        bytes: usize,
    },
}

/// What a store needs to seal payloads: the master keys, and the categories whose new events are sealed.
///
/// What was sealed once is opened whatever the categories say, so a category may be taken out again, and without any
/// category the keys serve only for reading.
#[derive(Clone, Debug)]
pub struct Encryption {
    keys: MasterKeys,
    categories: BTreeSet<String>,
}

/// Names that no stream's category can have, all of them. To take one silently would be to write in plain text what
/// someone asked to encrypt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "these are no categories to encrypt: {categories:?}. A category is what stands before the first '-' of a stream id: \
     1 to 253 bytes with no '-', no control characters and no white space around it"
)]
pub struct CategoryError {
    /// The names, as they were given.
    pub categories: Vec<String>,
}

impl Encryption {
    /// Takes a key ring, and the categories to seal from now on.
    ///
    /// # Errors
    /// [`CategoryError`] names every category that no stream can have.
    pub fn new<I>(keys: MasterKeys, categories: I) -> Result<Self, CategoryError>
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        let (categories, wrong): (BTreeSet<String>, BTreeSet<String>) =
            categories.into_iter().map(Into::into).partition(|category| is_category(category));
        if wrong.is_empty() {
            Ok(Self { keys, categories })
        } else {
            Err(CategoryError { categories: wrong.into_iter().collect() })
        }
    }

    /// Whether new events of this category are sealed.
    #[must_use]
    pub fn seals(&self, category: &str) -> bool {
        self.categories.contains(category)
    }

    /// The key ring.
    #[must_use]
    pub fn keys(&self) -> &MasterKeys {
        &self.keys
    }

    /// The categories whose new events are sealed, in byte order.
    #[must_use]
    pub fn categories(&self) -> &BTreeSet<String> {
        &self.categories
    }
}

/// Whether a stream could have this category. White space around it is allowed in a stream id, but here it is what a list
/// split at its commas leaves behind, and the category meant would stay in plain text.
fn is_category(category: &str) -> bool {
    category.trim() == category
        && StreamId::new(&format!("{category}-x")).is_ok_and(|stream_id| stream_id.category() == category)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn keys() -> MasterKeys {
        MasterKeys::parse(&MasterKeys::generate_line()).unwrap()
    }

    #[test]
    fn only_the_categories_named_are_sealed() {
        let encryption = Encryption::new(keys(), ["customer", "order"]).unwrap();
        assert!(encryption.seals("order") && encryption.seals("customer"));
        for category in ["orders", "Order", "ord", "", "order-7f3c"] {
            assert!(!encryption.seals(category), "{category:?}");
        }
        assert!(!Encryption::new(keys(), [""; 0]).unwrap().seals("order"));
    }

    #[test]
    fn every_name_that_no_category_can_have_is_listed() {
        let longest = "x".repeat(253);
        assert!(Encryption::new(keys(), [longest.as_str()]).unwrap().seals(&longest));
        let too_long = "x".repeat(254);
        let names = ["", "order", "a-b", "-", "a\nb", "a\0", " customer", "cart ", &too_long];
        let refused = Encryption::new(keys(), names).unwrap_err();
        assert_eq!(refused.categories, ["", " customer", "-", "a\0", "a\nb", "a-b", "cart ", &too_long]);
        assert!(!refused.to_string().contains('\n'), "a line break in a name forges no log line: {refused}");
    }
}
