//! Why an operator's wish was not done, and whether it may be so.

use foldhost::runtime::DeployError;
use foldhost::swap::SwapError;
use foldhost::{CommandError, EventStoreError};

use super::places::Gone;

/// Why something was not done.
pub(crate) enum Undone {
    /// As it may be with two operators, crashes and lost connections.
    Told(String),
    /// As it may never be.
    Failed(String),
}

impl From<Gone> for Undone {
    fn from(Gone: Gone) -> Self {
        Self::Told("gone".into())
    }
}

impl From<SwapError> for Undone {
    fn from(error: SwapError) -> Self {
        let reason = error.to_string();
        match error {
            SwapError::Store(store) | SwapError::Command(CommandError::Store(store)) => store.into(),
            // What was looked at before is another's by now.
            SwapError::CanaryUnderWay { .. } => Self::Told("canary-under-way".into()),
            SwapError::NoCanary { .. } => Self::Told("no-canary".into()),
            SwapError::NoFormer(_) => Self::Told("no-former".into()),
            SwapError::NotVerified { .. } => Self::Told("not-verified".into()),
            SwapError::Invalid(reason) if reason.contains("decides for all streams") => Self::Told("active".into()),
            _ => Self::Failed(reason),
        }
    }
}

impl From<EventStoreError> for Undone {
    fn from(error: EventStoreError) -> Self {
        match error {
            EventStoreError::Outrun { .. } => Self::Told("outrun".into()),
            EventStoreError::Unavailable(_) => Self::Told("unavailable".into()),
            EventStoreError::Contended(_) => Self::Told("contended".into()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<DeployError> for Undone {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Store(store) => store.into(),
            _ => Self::Failed(error.to_string()),
        }
    }
}
