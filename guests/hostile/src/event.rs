//! Events with types that the derive would never give out, so the trait is implemented by hand.

use foldhost_sdk::{Decoder, Event, EventError};

use crate::measured::Measurement;

/// What the misdeeds leave behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostileEvent {
    /// Nothing is wrong with it.
    Fine,
    /// Large.
    Huge(Vec<u8>),
    /// Orders a misdeed of whoever reads it: the text of a [`Misdeed`](crate::Misdeed).
    Ordered(String),
    /// Of a type that is read, and that [`Event::WRITES`] does not list.
    Old,
    /// Well derived, and with a former version.
    Measured(Measurement),
    /// Of a type that [`Event::EVENT_TYPES`] does not list.
    Undeclared,
    /// Panics when it is applied.
    PoisonApply,
    /// Of a type with a NUL in it. Listed nowhere either: a descriptor with it would not be loaded at all.
    PoisonType,
}

impl HostileEvent {
    pub(crate) const FINE: &'static str = "Fine.v1";
    pub(crate) const HUGE: &'static str = "Huge.v1";
    pub(crate) const ORDERED: &'static str = "Ordered.v1";
    const OLD: &'static str = "Old.v1";
    const MEASURED: &'static str = Measurement::WRITES[0];
    const MEASURED_V1: &'static str = "Measured.v1";
    const UNDECLARED: &'static str = "Undeclared.v1";
    const POISON_APPLY: &'static str = "PoisonApply.v1";
    const POISON_TYPE: &'static str = "Poison\0Type.v1";
}

impl Event for HostileEvent {
    const EVENT_TYPES: &'static [&'static str] =
        &[Self::OLD, Self::FINE, Self::HUGE, Self::ORDERED, Self::POISON_APPLY, Self::MEASURED, Self::MEASURED_V1];
    const WRITES: &'static [&'static str] =
        &[Self::FINE, Self::HUGE, Self::ORDERED, Self::POISON_APPLY, Self::MEASURED];

    fn event_type(&self) -> &'static str {
        match self {
            Self::Fine => Self::FINE,
            Self::Huge(_) => Self::HUGE,
            Self::Ordered(_) => Self::ORDERED,
            Self::Old => Self::OLD,
            Self::Measured(measurement) => measurement.event_type(),
            Self::Undeclared => Self::UNDECLARED,
            Self::PoisonApply => Self::POISON_APPLY,
            Self::PoisonType => Self::POISON_TYPE,
        }
    }

    fn to_bytes(&self) -> Result<Vec<u8>, EventError> {
        Ok(match self {
            Self::Huge(bytes) => bytes.clone(),
            Self::Ordered(misdeed) => misdeed.clone().into_bytes(),
            Self::Measured(measurement) => measurement.to_bytes()?,
            _ => Vec::new(),
        })
    }

    fn decoder(event_type: &str) -> Option<Decoder<Self>> {
        Some(match event_type {
            Self::FINE => |_| Ok(Self::Fine),
            Self::HUGE => |bytes| Ok(Self::Huge(bytes.to_vec())),
            Self::ORDERED => |bytes| match String::from_utf8(bytes.to_vec()) {
                Ok(misdeed) => Ok(Self::Ordered(misdeed)),
                Err(error) => Err(EventError::malformed(Self::ORDERED, error.to_string())),
            },
            Self::OLD => |_| Ok(Self::Old),
            Self::MEASURED => |bytes| Measurement::from_bytes(Self::MEASURED, bytes).map(Self::Measured),
            Self::MEASURED_V1 => |bytes| Measurement::from_bytes(Self::MEASURED_V1, bytes).map(Self::Measured),
            Self::UNDECLARED => |_| Ok(Self::Undeclared),
            Self::POISON_APPLY => |_| Ok(Self::PoisonApply),
            Self::POISON_TYPE => |_| Ok(Self::PoisonType),
            _ => return None,
        })
    }

    fn to_json(&self) -> Result<String, EventError> {
        Ok(match self {
            Self::Huge(bytes) => format!(r#"{{"bytes":{}}}"#, bytes.len()),
            Self::Ordered(misdeed) => format!(r#"{{"misdeed":"{misdeed}"}}"#),
            Self::Measured(measurement) => measurement.to_json()?,
            _ => "{}".to_owned(),
        })
    }

    fn recorded_json(event_type: &str, bytes: &[u8]) -> Result<String, EventError> {
        match event_type {
            Self::MEASURED_V1 => Measurement::recorded_json(event_type, bytes),
            _ => Self::from_bytes(event_type, bytes)?.to_json(),
        }
    }
}
