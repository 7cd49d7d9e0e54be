//! A shadow replay, as it is shown.

use serde::Serialize;
use uuid::Uuid;

use super::{Report, VerificationScope};
use crate::event_store::{EventStoreError, Verification, VerificationStatus};
use crate::reducer::ReducerDigest;
use crate::swap::SwapError;

/// A shadow replay as it stands.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VerificationView {
    /// Its id.
    pub verification_id: Uuid,
    /// The category.
    pub name: String,
    /// Who is tried.
    pub candidate: ReducerDigest,
    /// Who it is held against.
    pub baseline: Option<ReducerDigest>,
    /// Which streams, and how they are looked at.
    pub scope: VerificationScope,
    /// How it stands.
    pub status: VerificationStatus,
    /// Whether a host is at it. One that runs and that nobody is at goes on when somebody asks for the same again.
    pub is_held: bool,
    /// What came out so far.
    pub report: Report,
    /// Who asked.
    pub by: Option<String>,
    /// Since when.
    pub started_at: chrono::DateTime<chrono::Utc>,
    /// Until when.
    pub finished_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl TryFrom<Verification> for VerificationView {
    type Error = SwapError;

    fn try_from(verification: Verification) -> Result<Self, SwapError> {
        let unreadable = |reason: String| {
            let id = verification.verification_id;
            SwapError::Store(EventStoreError::Database(format!("the verification {id} cannot be read: {reason}")))
        };
        Ok(Self {
            scope: serde_json::from_value(verification.scope.clone()).map_err(|error| unreadable(error.to_string()))?,
            report: Report::from_json(&verification.report).map_err(unreadable)?,
            verification_id: verification.verification_id,
            name: verification.name,
            candidate: verification.candidate,
            baseline: verification.baseline,
            status: verification.status,
            is_held: verification.is_held,
            by: verification.started_by,
            started_at: verification.started_at,
            finished_at: verification.finished_at,
        })
    }
}
