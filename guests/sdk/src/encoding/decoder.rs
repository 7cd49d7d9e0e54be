//! Reads what bincode wrote, in `config::standard()`: integers of one byte below 251, wider ones little endian behind a byte
//! that tells their width, signed ones folded onto unsigned ones, and lengths before lists, maps and texts.
//!
//! Not by bincode's own reader. Its errors link the formatting of floats to every component, 25 kB of 190, and it allocates
//! a text by its claimed length before it looks whether so many bytes follow. This one borrows it from the bytes instead, so
//! no claim costs memory. The tests at the end of this module read random values, and damaged ones, with both.

use super::{EIGHT_BYTES, FOUR_BYTES, SIXTEEN_BYTES, TWO_BYTES};
use crate::codec_error::CodecError;

/// The bytes that are not yet read.
pub(super) struct Decoder<'de> {
    pub(super) bytes: &'de [u8],
}

impl<'de> Decoder<'de> {
    #[inline]
    pub(super) fn take(&mut self, len: usize) -> Result<&'de [u8], CodecError> {
        let (taken, rest) = self.bytes.split_at_checked(len).ok_or_else(|| missing(len, self.bytes))?;
        self.bytes = rest;
        Ok(taken)
    }

    #[inline]
    pub(super) fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], CodecError> {
        let (taken, rest) = self.bytes.split_first_chunk().ok_or_else(|| missing(LEN, self.bytes))?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// An integer of at most the width that `widest` tells.
    #[inline]
    pub(super) fn unsigned(&mut self, widest: u8) -> Result<u64, CodecError> {
        match self.array()? {
            [small @ 0..TWO_BYTES] => Ok(small.into()),
            [width] => self.wide(width, widest),
        }
    }

    /// Inlined: a time and most amounts are wide, and called it was a tenth of the order guest's fold.
    #[inline(always)]
    fn wide(&mut self, width: u8, widest: u8) -> Result<u64, CodecError> {
        match width {
            _ if width > widest => Err(CodecError::new("an integer is too large for its field")),
            TWO_BYTES => Ok(u16::from_le_bytes(self.array()?).into()),
            FOUR_BYTES => Ok(u32::from_le_bytes(self.array()?).into()),
            _ => Ok(u64::from_le_bytes(self.array()?)),
        }
    }

    #[inline]
    pub(super) fn signed(&mut self, widest: u8) -> Result<i64, CodecError> {
        let folded = self.unsigned(widest)?;
        Ok((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
    }

    pub(super) fn unsigned_128(&mut self) -> Result<u128, CodecError> {
        if let Some((&SIXTEEN_BYTES, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            return Ok(u128::from_le_bytes(self.array()?));
        }
        Ok(self.unsigned(EIGHT_BYTES)?.into())
    }

    /// How many bytes, entries or elements follow.
    #[inline]
    pub(super) fn len(&mut self) -> Result<usize, CodecError> {
        let len = self.unsigned(EIGHT_BYTES)?;
        usize::try_from(len).map_err(|_| CodecError::new("a length is beyond what a machine can hold"))
    }

    #[inline]
    pub(super) fn text(&mut self) -> Result<&'de str, CodecError> {
        let len = self.len()?;
        utf8(self.take(len)?).ok_or_else(|| CodecError::new("a text is not UTF-8"))
    }

    pub(super) fn character(&mut self) -> Result<char, CodecError> {
        let len = match self.bytes.first() {
            Some(0xC0..0xE0) => 2,
            Some(0xE0..0xF0) => 3,
            Some(0xF0..0xF8) => 4,
            _ => 1,
        };
        let character = str::from_utf8(self.take(len)?).ok().and_then(|text| text.chars().next());
        character.ok_or_else(|| CodecError::new("a character is not UTF-8"))
    }

    /// 0 or 1, before what may be there.
    #[inline]
    pub(super) fn flag(&mut self, what: &'static str) -> Result<bool, CodecError> {
        match self.array()? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(not_a_flag(other, what)),
        }
    }
}

/// The text that the bytes are.
///
/// What is ASCII alone is looked through first, 32 bytes at a turn. The standard library's check goes by machine words, which
/// are four bytes on wasm32, and each turn of a loop has the price of counting fuel.
pub(super) fn utf8(bytes: &[u8]) -> Option<&str> {
    const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
    let (blocks, rest) = bytes.as_chunks::<32>();
    let (words, rest) = rest.as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let mut seen = 0;
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        seen |= words.iter().fold(0, |seen, bytes| seen | word(bytes));
    }
    seen = words.iter().fold(seen, |seen, bytes| seen | word(bytes));
    let rest = rest.iter().fold(0, |seen, byte| seen | byte);
    if (seen | u64::from(rest)) & HIGH_BITS == 0 {
        #[expect(unsafe_code, reason = "checking it twice is what this is there to avoid")]
        // SAFETY: no byte has its highest bit set, so all of them are ASCII, and ASCII is UTF-8.
        return Some(unsafe { str::from_utf8_unchecked(bytes) });
    }
    str::from_utf8(bytes).ok()
}

#[cold]
#[inline(never)]
fn missing(wanted: usize, bytes: &[u8]) -> CodecError {
    CodecError::of(format_args!("at least {} bytes are missing", wanted - bytes.len()))
}

#[cold]
#[inline(never)]
fn not_a_flag(found: u8, what: &'static str) -> CodecError {
    CodecError::of(format_args!("{found} is no {what}"))
}
