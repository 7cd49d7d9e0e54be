//! Events with types that the derive would never give out, so the trait is implemented by hand.

use foldhost_sdk::{Decoder, Event, EventError};

/// What the misdeeds leave behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostileEvent {
    /// Nothing is wrong with it.
    Fine,
    /// Large.
    Huge(Vec<u8>),
    /// Of a type that [`Event::EVENT_TYPES`] does not list.
    Undeclared,
    /// Panics when it is applied.
    PoisonApply,
    /// Of a type with a NUL in it. Listed nowhere either: a descriptor with it would not be loaded at all.
    PoisonType,
}

impl HostileEvent {
    const FINE: &'static str = "Fine.v1";
    const HUGE: &'static str = "Huge.v1";
    const UNDECLARED: &'static str = "Undeclared.v1";
    const POISON_APPLY: &'static str = "PoisonApply.v1";
    const POISON_TYPE: &'static str = "Poison\0Type.v1";
}

impl Event for HostileEvent {
    const EVENT_TYPES: &'static [&'static str] = &[Self::FINE, Self::HUGE, Self::POISON_APPLY];

    fn event_type(&self) -> &'static str {
        match self {
            Self::Fine => Self::FINE,
            Self::Huge(_) => Self::HUGE,
            Self::Undeclared => Self::UNDECLARED,
            Self::PoisonApply => Self::POISON_APPLY,
            Self::PoisonType => Self::POISON_TYPE,
        }
    }

    fn to_bytes(&self) -> Result<Vec<u8>, EventError> {
        Ok(match self {
            Self::Huge(bytes) => bytes.clone(),
            _ => Vec::new(),
        })
    }

    fn decoder(event_type: &str) -> Option<Decoder<Self>> {
        Some(match event_type {
            Self::FINE => |_| Ok(Self::Fine),
            Self::HUGE => |bytes| Ok(Self::Huge(bytes.to_vec())),
            Self::UNDECLARED => |_| Ok(Self::Undeclared),
            Self::POISON_APPLY => |_| Ok(Self::PoisonApply),
            Self::POISON_TYPE => |_| Ok(Self::PoisonType),
            _ => return None,
        })
    }

    fn to_json(&self) -> Result<String, EventError> {
        Ok(match self {
            Self::Huge(bytes) => format!(r#"{{"bytes":{}}}"#, bytes.len()),
            _ => "{}".to_owned(),
        })
    }
}
