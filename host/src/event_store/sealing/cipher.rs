use std::fmt;

use chacha20poly1305::aead::OsRng;
use chacha20poly1305::aead::rand_core::RngCore as _;
use chacha20poly1305::{AeadInPlace as _, KeyInit as _, Tag, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

/// Length of a key, in bytes.
pub(super) const KEY_BYTES: usize = 32;
/// Length of a nonce, in bytes.
const NONCE_BYTES: usize = 24;
/// Length of a tag, in bytes.
const TAG_BYTES: usize = 16;

/// How many bytes longer a sealed text is than its plain text: a nonce of 24 and a tag of 16.
pub const SEAL_OVERHEAD_BYTES: usize = NONCE_BYTES + TAG_BYTES;

/// The bytes of a key. They are overwritten when it is dropped, and stand on the heap so that a move leaves no copy behind.
pub(super) struct SecretKey(Box<Zeroizing<[u8; KEY_BYTES]>>);

impl SecretKey {
    /// A new key from the operating system's random source. Panics when that source is out of order: there is no safe way on.
    pub(super) fn generate() -> Self {
        let mut key = Self(Box::default());
        OsRng.fill_bytes(&mut key.0[..]);
        key
    }

    /// Takes a copy of [`KEY_BYTES`] bytes; none if there are more or fewer.
    pub(super) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self(Box::default());
        if bytes.len() != KEY_BYTES {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    pub(super) fn as_bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// `nonce || ciphertext || tag`, under a new random nonce.
    #[expect(
        clippy::expect_used,
        reason = "the cipher refuses only texts of 2^38 bytes and more, and no row holds one"
    )]
    pub(super) fn seal(&self, associated: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut nonce = XNonce::default();
        OsRng.fill_bytes(&mut nonce);
        // Of its full length at once: a vector that grows leaves the plain text behind where it was.
        let mut sealed = Vec::with_capacity(plain.len() + SEAL_OVERHEAD_BYTES);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let tag = self
            .cipher()
            .encrypt_in_place_detached(&nonce, associated, &mut sealed[NONCE_BYTES..])
            .expect("a payload is shorter than the cipher's limit");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// The plain text; none if one bit of `sealed` or `associated` is not as it was. The cipher checks the tag before it
    /// decrypts anything.
    pub(super) fn open(&self, associated: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>()?;
        let (nonce, tag): (&XNonce, &Tag) = (nonce.into(), tag.into());
        let mut plain = ciphertext.to_vec();
        self.cipher().decrypt_in_place_detached(nonce, associated, &mut plain, tag).ok()?;
        Some(plain)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(self.as_bytes().into())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("..")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_event_grows_by_the_overhead_and_by_nothing_else() {
        let key = SecretKey::generate();
        for bytes in [0, 1, 63, 64, 65, 1 << 20] {
            let sealed = key.seal(b"here", &vec![7; bytes]);
            assert_eq!(sealed.len(), bytes + SEAL_OVERHEAD_BYTES);
            assert_eq!(sealed.capacity(), sealed.len(), "the buffer never moved with the plain text in it");
        }
        assert_eq!(SEAL_OVERHEAD_BYTES, 40);
    }

    #[test]
    fn a_key_has_32_bytes() {
        for bytes in [0, 1, 31, 33, 64] {
            assert!(SecretKey::from_slice(&vec![7; bytes]).is_none(), "{bytes} bytes");
        }
        assert_eq!(SecretKey::from_slice(&[7; 32]).unwrap().as_bytes(), &[7; 32]);
    }
}
