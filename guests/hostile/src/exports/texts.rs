//! Texts that are none, and lists that share what they hold. What Rust takes for granted of a string is broken here on purpose:
//! the bytes are handed to the host as they are, and nothing in this component reads them as text.

use std::sync::OnceLock;

use super::allocator;
use crate::misdeed::Text;

/// More than any answer may have, and less than an instance's memory.
const HUGE_BYTES: usize = 20_000_000;
const LONG_BYTES: usize = 100_000;
/// An address behind the end of any memory that an instance may have, and a length.
const NOWHERE: usize = 0xFFFF_0000;
const NOWHERE_BYTES: usize = 1_000;

pub(super) fn text(text: Text) -> String {
    match text {
        Text::Huge => "x".repeat(HUGE_BYTES),
        Text::Long => "x".repeat(LONG_BYTES),
        Text::InvalidUtf8 => invalid_utf8(),
        Text::OutOfBounds => out_of_bounds(),
        Text::ControlCharacters => "first\nsecond\r\0\u{7}\u{1b}[2Jthird\u{85}\u{2028}\u{202e}".to_owned(),
        Text::Shared => shared_text(),
        Text::Empty => String::new(),
    }
}

fn invalid_utf8() -> String {
    let bytes = b"caf\xE9 \xFF\xC3\x28 \xED\xA0\x80".to_vec();
    // SAFETY: the bytes are no UTF-8, so what a string promises is broken: that is the misdeed. It does no harm here, since the
    // string is only moved into the answer, whose lowering takes its pointer and its length.
    #[expect(unsafe_code, reason = "no safe code makes a string that is none")]
    unsafe {
        String::from_utf8_unchecked(bytes)
    }
}

fn out_of_bounds() -> String {
    let nowhere = std::ptr::without_provenance_mut(NOWHERE);
    // SAFETY: there is no such memory, and the string must be neither read nor dropped. It is moved into the answer, whose
    // lowering takes its pointer and its length; the host refuses the answer, and enters this instance no more.
    #[expect(unsafe_code, reason = "no safe code makes a pointer to nowhere")]
    unsafe {
        String::from_raw_parts(nowhere, NOWHERE_BYTES, NOWHERE_BYTES)
    }
}

fn shared_text() -> String {
    static ONE: OnceLock<usize> = OnceLock::new();
    let one = *ONE.get_or_init(|| {
        let text = format!("\"{}\"", "x".repeat(allocator::SHARED_BYTES - 2));
        text.leak().as_mut_ptr().expose_provenance()
    });
    let length = allocator::SHARED_BYTES;
    // SAFETY: the text is there, and several strings own it, one after the other: that is the misdeed. The allocator frees nothing
    // of this length.
    #[expect(unsafe_code, reason = "no safe code lets two strings own one buffer")]
    unsafe {
        String::from_raw_parts(std::ptr::with_exposed_provenance_mut(one), length, length)
    }
}

/// So many buffers of so many bytes, all in the same place.
pub(super) fn shared(count: usize, bytes: usize) -> impl Iterator<Item = Vec<u8>> {
    let one = vec![0xA5_u8; bytes].leak().as_mut_ptr();
    (0..count).map(move |_| {
        // SAFETY: the memory is there, and several own it: that is the misdeed. They are moved into the answer, whose lowering
        // takes their pointers; the host refuses the answer, so nobody frees the memory once, let alone twice.
        #[expect(unsafe_code, reason = "no safe code lets two vectors own one buffer")]
        unsafe {
            Vec::from_raw_parts(one, bytes, bytes)
        }
    })
}
