//! Effects as they are shown to people and programs, and what is asked of them there.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{EffectLease, EffectStatus, FailedAttempt};
use crate::StreamId;

/// Which effects are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EffectFilter {
    /// Only those in this status.
    pub status: Option<EffectStatus>,
    /// Only those that streams of this category asked for.
    pub category: Option<String>,
    /// Only those that this stream asked for.
    pub stream_id: Option<StreamId>,
    /// Only those that are older than this one: the next page of a list that ended with it.
    pub before: Option<Uuid>,
}

/// An effect, for people and programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRecord {
    /// Its id.
    pub effect_id: Uuid,
    /// The stream whose decision asked for it.
    pub stream_id: StreamId,
    /// The activation that decided; none for a reducer that is linked into the host.
    pub generation: Option<u64>,
    /// What it is.
    pub kind: String,
    /// What it waits for, or waited for last.
    pub lane: String,
    /// What became of it.
    pub status: EffectStatus,
    /// How many attempts were made, failed ones included.
    pub attempts: u32,
    /// Why it is where it is, where that has to be told.
    pub error: Option<String>,
    /// When it was appended.
    pub created_at: DateTime<Utc>,
    /// When it is due; while it runs, when its lease ends; none once it is over.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether somebody runs it, or did until a moment ago.
    pub leased: bool,
    /// When it was over.
    pub finished_at: Option<DateTime<Utc>>,
    /// Its last claim's token.
    pub token: u64,
}

/// All of an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectDetail {
    /// What a list says of it.
    pub record: EffectRecord,
    /// What it says; none where its stream was erased.
    pub body: Option<Vec<u8>>,
    /// How far it has come; none before the first attempt, or where its stream was erased.
    pub progress: Option<Vec<u8>>,
    /// The attempts that failed, oldest first, the last [`EFFECT_ATTEMPTS_SHOWN_MAX`] of them.
    pub failures: Vec<RecordedAttempt>,
}

/// How many failed attempts are told of one effect.
pub const EFFECT_ATTEMPTS_SHOWN_MAX: usize = 1_000;

/// An attempt that failed, as it was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedAttempt {
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// What failed.
    pub attempt: FailedAttempt,
}

/// A dead letter that is to be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectReopening {
    /// The effect, and the token that it was read with: whoever reopened it meanwhile had another.
    pub lease: EffectLease,
    /// Where it waits from now on.
    pub lane: String,
    /// How far it has come, what failed being undone.
    pub progress: Vec<u8>,
}

/// How much waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EffectBacklog {
    /// Effects that are due or running.
    pub due: u64,
    /// Effects that wait for their time.
    pub waiting: u64,
    /// Dead letters.
    pub dead: u64,
    /// How long the effect that is due for longest has been due.
    pub oldest_due: Duration,
}
