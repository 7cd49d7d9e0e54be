//! A part of a category's streams.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::StreamId;

/// A share of a category's streams, in ten-thousandths: 1 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

/// A share that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a share is a percentage from 0.01 to 100 with two decimals at most, as in 5 or 12.5%")]
pub struct ShareError;

impl Share {
    /// Of so many ten-thousandths.
    ///
    /// # Errors
    /// [`ShareError`] unless there are 1 to 10,000.
    pub fn new(ten_thousandths: u16) -> Result<Self, ShareError> {
        if (1..=10_000).contains(&ten_thousandths) { Ok(Self(ten_thousandths)) } else { Err(ShareError) }
    }

    /// In ten-thousandths.
    #[must_use]
    pub fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// Whether a stream is of it: by the first eight bytes of the SHA-256 of its id, so that every host says the same, and a share that
    /// grows keeps the streams that it had.
    #[must_use]
    pub fn holds(self, stream_id: &StreamId) -> bool {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(stream_id.as_str());
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_be_bytes(first) % 10_000 < u64::from(self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole}%"),
            part if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            part => write!(f, "{whole}.{part:02}%"),
        }
    }
}

impl std::str::FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return Err(ShareError);
        }
        let number = |text: &str| text.parse::<u16>().map_err(|_| ShareError);
        let hundredths = number(part)? * if part.len() == 1 { 10 } else { 1 };
        Self::new(number(whole)? * 100 + hundredths)
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_share_is_read_as_it_is_written() {
        for (text, ten_thousandths) in [("5", 500), ("12.5%", 1_250), ("0.01%", 1), ("100%", 10_000), ("1.05", 105)] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.ten_thousandths(), ten_thousandths);
            assert_eq!(share.to_string().parse::<Share>().unwrap(), share);
        }
        for text in ["", "0", "0%", "101", "100.01", "-1", "1.234", "1.", ".5", "a", "1e1", "65536", "%"] {
            assert_eq!(text.parse::<Share>(), Err(ShareError), "{text:?}");
        }
    }

    #[test]
    fn a_share_that_grows_keeps_its_streams_and_holds_about_as_many_as_it_says() {
        let streams: Vec<_> = (0..10_000).map(|n| StreamId::new(&format!("order-{n}")).unwrap()).collect();
        let of = |share: u16| streams.iter().filter(move |stream| Share::new(share).unwrap().holds(stream));
        assert!(of(1_000).all(|stream| Share::new(2_500).unwrap().holds(stream)));
        assert!((850..1_150).contains(&of(1_000).count()), "{}", of(1_000).count());
        assert_eq!(of(10_000).count(), streams.len());
    }
}
