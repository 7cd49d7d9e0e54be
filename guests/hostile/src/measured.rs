//! An event with a former version, and an upcaster that does not hold for all that was recorded.

use foldhost_sdk::prelude::*;

/// How long something is.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum Measurement {
    /// In millimetres.
    #[event(version = 2, v1 = MeasuredV1)]
    Measured {
        /// So many.
        millimetres: u64,
    },
}

/// In version 1: whole centimetres. The upcaster panics at [`CENTIMETRES_MAX`] and more.
#[derive(FormerEvent)]
pub struct MeasuredV1 {
    /// So many.
    pub centimetres: u64,
}

/// Ten times as many millimetres are no number of 64 bits.
pub const CENTIMETRES_MAX: u64 = u64::MAX / 10 + 1;

impl From<MeasuredV1> for Measurement {
    fn from(MeasuredV1 { centimetres }: MeasuredV1) -> Self {
        assert!(centimetres < CENTIMETRES_MAX, "nothing is {centimetres} cm long");
        Self::Measured { millimetres: 10 * centimetres }
    }
}
