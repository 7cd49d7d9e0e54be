//! Shadow replays on record, and the work that follows a swap.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::EventStoreError;
use super::history::HistoryEvent;
use crate::StreamId;
use crate::reducer::ReducerDigest;

/// Shadow replays on record, and the work that follows a swap: both are taken by one host at a time, and go on elsewhere when it
/// dies.
#[async_trait]
pub trait VerificationStore: Send + Sync + 'static {
    /// Begins a shadow replay, or goes on with one of the same kind that nobody holds any more.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn begin_verification(
        &self,
        begun: &NewVerification,
        lease: Duration,
    ) -> Result<VerificationClaim, EventStoreError>;

    /// Records how far it has come, and holds it for `lease` from now on. False where it is somebody else's by now, or over.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn save_verification(
        &self,
        held: VerificationLease,
        checkpoint: Option<&StreamId>,
        report: &Value,
        lease: Duration,
    ) -> Result<bool, EventStoreError>;

    /// Records its end, and tells the history of its name; both or neither. False where it is somebody else's by now, or over.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn finish_verification(
        &self,
        held: VerificationLease,
        status: VerificationStatus,
        report: &Value,
    ) -> Result<bool, EventStoreError>;

    /// Ends one that runs, whoever holds it. False where it is over.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn cancel_verification(&self, verification_id: Uuid) -> Result<bool, EventStoreError>;

    /// One of them.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn verification(&self, verification_id: Uuid) -> Result<Option<Verification>, EventStoreError>;

    /// Those of one name, the newest first; with `candidate`, only of that component.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn verifications(
        &self,
        name: &str,
        candidate: Option<ReducerDigest>,
        verifications_max: usize,
    ) -> Result<Vec<Verification>, EventStoreError>;

    /// Takes the work that follows an activation, for `lease`; none while another host holds it, and when it is done.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn claim_task(
        &self,
        name: &str,
        generation: u64,
        lease: Duration,
    ) -> Result<Option<TaskClaim>, EventStoreError>;

    /// Records how far it has come, or that it is done. False where it is somebody else's by now.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn save_task(
        &self,
        name: &str,
        generation: u64,
        token: u64,
        progress: TaskProgress,
    ) -> Result<bool, EventStoreError>;
}

/// A shadow replay to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVerification {
    /// Its id, where it is not one to go on with.
    pub verification_id: Uuid,
    /// The category.
    pub name: String,
    /// Who is tried.
    pub candidate: ReducerDigest,
    /// Who it is held against.
    pub baseline: Option<ReducerDigest>,
    /// Which streams, and how they are looked at; one with another scope is another one.
    pub scope: Value,
    /// Who asked.
    pub started_by: Option<String>,
}

/// A shadow replay that a host holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationLease {
    /// Which.
    pub verification_id: Uuid,
    /// Rises with each host that takes it.
    pub token: u64,
}

/// What became of the wish to begin one.
#[derive(Clone, Debug, PartialEq)]
pub enum VerificationClaim {
    /// It is this host's: from the beginning, or behind its checkpoint.
    Held(VerificationLease, Verification),
    /// Another host is at it.
    Running(Verification),
}

/// How a shadow replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationStatus {
    /// Somebody is at it, or was until he died.
    Running,
    /// Nothing differs.
    Passed,
    /// Something differs.
    Differs,
    /// The candidate cannot take the baseline's place.
    Failed,
    /// It was given up.
    Cancelled,
}

impl VerificationStatus {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Differs => "differs",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Running, Self::Passed, Self::Differs, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// A shadow replay on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Its id.
    pub verification_id: Uuid,
    /// The category.
    pub name: String,
    /// Who is tried.
    pub candidate: ReducerDigest,
    /// Who it is held against.
    pub baseline: Option<ReducerDigest>,
    /// Which streams, and how they are looked at.
    pub scope: Value,
    /// How it stands.
    pub status: VerificationStatus,
    /// The last stream that the report holds.
    pub checkpoint: Option<StreamId>,
    /// What came out so far.
    pub report: Value,
    /// Who asked.
    pub started_by: Option<String>,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Until when.
    pub finished_at: Option<DateTime<Utc>>,
    /// Whether a host is at it now; else, where it runs, the next one who asks for the same goes on with it.
    pub is_held: bool,
}

/// Work behind a swap that a host has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskClaim {
    /// Rises with each host that takes it.
    pub token: u64,
    /// The last stream that was done.
    pub checkpoint: Option<StreamId>,
}

/// How far such work has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskProgress {
    /// Up to this stream; held for so long from now on.
    At(Option<StreamId>, Duration),
    /// All of it.
    Done,
}

impl Verification {
    /// For the history.
    pub(super) fn told(&self) -> HistoryEvent {
        HistoryEvent::verified(self)
    }
}
