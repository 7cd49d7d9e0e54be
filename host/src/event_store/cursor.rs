use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A place in the log of all streams, opaque to whoever holds it.
///
/// It carries the epoch of its database: transaction ids start again after a dump and restore into another cluster, and an
/// old cursor would skip or repeat events there without a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    pub(super) epoch: i64,
    pub(super) transaction_id: i64,
    pub(super) position: i64,
}

impl Cursor {
    /// Whether it stands behind `other` in the order of the log, or in another log.
    pub(crate) fn is_ahead_of(self, other: Self) -> bool {
        let place = |cursor: Self| (cursor.transaction_id, cursor.position);
        self.epoch != other.epoch || place(self) > place(other)
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("that is no cursor: pass one on as it was given out, or none to begin at the first event")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [0; 24];
        for (place, field) in bytes.chunks_exact_mut(8).zip([self.epoch, self.transaction_id, self.position]) {
            place.copy_from_slice(&field.to_be_bytes());
        }
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 24] =
            URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or(CursorError)?;
        let field = |at: usize| {
            let mut field = [0; 8];
            field.copy_from_slice(&bytes[at..at + 8]);
            i64::from_be_bytes(field)
        };
        let cursor = Self { epoch: field(0), transaction_id: field(8), position: field(16) };
        if cursor.transaction_id < 0 || cursor.position < 0 { Err(CursorError) } else { Ok(cursor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = Cursor { epoch: -7, transaction_id: 812, position: i64::MAX };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        let negative = Cursor { epoch: 1, transaction_id: -1, position: 0 }.to_string();
        for text in ["", "7", "not a cursor", negative.as_str()] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text:?}");
        }
    }
}
