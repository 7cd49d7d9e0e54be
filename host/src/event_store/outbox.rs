//! The outbox: effects that were decided, until they are done. What an effect says and how far it has come are bytes to the store,
//! sealed where their stream's events are; when it is due, and who runs it, is the store's to say.

mod checks;
mod record;

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use record::{
    EFFECT_ATTEMPTS_SHOWN_MAX, EffectBacklog, EffectDetail, EffectFilter, EffectRecord, EffectReopening,
    RecordedAttempt,
};

pub(super) use checks::{bounded, check_lane, check_reopening, check_updates, cut, lanes_of};

use super::EventStoreError;
use crate::StreamId;

/// An effect to be kept with the batch that it was decided with: both are durable, or neither is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEffect {
    /// Made by whoever decided, in ascending order (UUID version 7): effects that are due at the same time run in this order.
    pub effect_id: Uuid,
    /// What it is, for lists: `http`, `sequential`. 1 to [`LANE_BYTES_MAX`] bytes.
    pub kind: String,
    /// What it waits for, and is claimed by: the kind and the target of what runs first. 1 to [`LANE_BYTES_MAX`] bytes.
    pub lane: String,
    /// How long after the append it is due; a hundred years at most.
    pub delay: Duration,
    /// What it says.
    pub body: Vec<u8>,
}

/// Longest lane, in bytes: a kind, a target and a category with all of it escaped. An index holds it, and takes up to 2,700.
pub const LANE_BYTES_MAX: usize = 1_100;

/// What became of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EffectStatus {
    /// It waits, runs, or is to be tried again.
    Pending,
    /// It did what it was to do, and whoever waits for its outcome was told.
    Done,
    /// It failed for good, and its stream was told.
    Failed,
    /// It failed for good, and nobody was told, or its outcome could not be delivered: a dead letter, for an operator to look at.
    Dead,
    /// An operator gave it up.
    Discarded,
}

impl EffectStatus {
    /// As it is written everywhere: `pending`, `done`, `failed`, `dead`, `discarded`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Dead => "dead",
            Self::Discarded => "discarded",
        }
    }

    /// From what [`as_str`](Self::as_str) writes.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Pending, Self::Done, Self::Failed, Self::Dead, Self::Discarded];
        all.into_iter().find(|status| status.as_str() == name)
    }
}

/// A lane in which effects wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneDue {
    /// The lane.
    pub lane: String,
    /// How long until its first effect is due; zero for one that is.
    pub due_in: Duration,
}

/// Most effects that one claim takes, whatever was asked for.
pub const EFFECTS_CLAIMED_MAX: usize = 1_000;

/// How many effects of which lanes are wanted, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectClaim {
    /// Lanes, and how many effects of each at most. Of a lane that stands here twice the larger number counts.
    pub lanes: Vec<(String, usize)>,
    /// How long the claimed effects are nobody else's.
    pub lease: Duration,
    /// How many bytes the claimed effects have at most, bodies and progress together, as they are stored. The first effect is
    /// claimed whatever it has; from the first on that is beyond, all wait for the next claim.
    pub bytes_max: usize,
}

/// An effect that is nobody else's for as long as its lease lasts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedEffect {
    /// Its id.
    pub effect_id: Uuid,
    /// The stream whose decision asked for it.
    pub stream_id: StreamId,
    /// The lane that it was claimed from.
    pub lane: String,
    /// The activation that decided; none for a reducer that is linked into the host.
    pub generation: Option<u64>,
    /// Fences this claim: whoever claims it next has another.
    pub token: u64,
    /// What it says; none where its stream was erased, or it cannot be opened here.
    pub body: Option<Vec<u8>>,
    /// How far it has come; none before the first attempt, or where it cannot be opened here.
    pub progress: Option<Vec<u8>>,
    /// Why body or progress cannot be opened here, where that is so; then there is neither. Another host may have the key.
    pub unopened: Option<String>,
    /// When it was appended.
    pub created_at: DateTime<Utc>,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// The database's clock at the claim. Every time in `progress` is of this clock.
    pub now: DateTime<Utc>,
}

/// Which claim of an effect is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectLease {
    /// The effect.
    pub effect_id: Uuid,
    /// Its stream.
    pub stream_id: StreamId,
    /// The claim's token.
    pub token: u64,
}

/// A step that a claimed effect came on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectUpdate {
    /// Whose claim.
    pub lease: EffectLease,
    /// What is next.
    pub next: EffectNext,
    /// How many attempts were made in it, failed ones included.
    pub attempts: u32,
    /// The attempts that failed.
    pub failures: Vec<FailedAttempt>,
}

/// What is next for an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EffectNext {
    /// Nothing: it is over.
    Finished {
        /// How it ended; never [`EffectStatus::Pending`].
        status: EffectStatus,
        /// How far it came; none leaves what was stored.
        progress: Option<Vec<u8>>,
        /// Why, where that has to be told: at most [`EFFECT_ERROR_BYTES_MAX`] bytes are kept, and nothing of an effect that is done.
        error: Option<String>,
    },
    /// It is given up by this claim, and due again.
    Due {
        /// Where it waits.
        lane: String,
        /// For how long.
        delay: Duration,
        /// How far it came; none leaves what was stored.
        progress: Option<Vec<u8>>,
    },
    /// It goes on under this claim: what was done so far is kept, so that it is not done again.
    Held {
        /// How far it came.
        progress: Vec<u8>,
        /// For how long the claim lasts from now on.
        lease: Duration,
    },
}

/// Longest text of an error that is kept, in bytes.
pub const EFFECT_ERROR_BYTES_MAX: usize = 1 << 10;

/// An attempt that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// Which part of the effect: its place in the list.
    pub node: u32,
    /// How long it took.
    pub took: Duration,
    /// What went wrong, for programs: kebab-case.
    pub code: String,
    /// What went wrong, for people; at most [`EFFECT_ERROR_BYTES_MAX`] bytes are kept.
    pub message: String,
}

/// Effects, from the append that they came with until they are over. They are written by
/// [`EventStore::append_many`](super::EventStore::append_many), in the append's own statement.
#[async_trait]
pub trait OutboxStore: Send + Sync + 'static {
    /// The lanes that have effects which are not over, those that are claimed and whose lease has not ended left for the time that it
    /// does; at most `lanes_max`, in byte order behind `after`. Its cost does not grow with the effects of a lane.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn effect_lanes(&self, after: Option<&str>, lanes_max: usize) -> Result<Vec<LaneDue>, EventStoreError>;

    /// Claims effects that are due, in the order of their times. Passes over those that another claim holds, and takes those whose
    /// lease has ended; [`EFFECTS_CLAIMED_MAX`] at most. One that cannot be opened here is claimed with the others, and says why.
    ///
    /// # Errors
    /// [`EventStoreError`]. What was claimed without the caller's learning of it is claimed again when its lease ends.
    async fn claim_effects(&self, claim: &EffectClaim) -> Result<Vec<ClaimedEffect>, EventStoreError>;

    /// Records steps of claimed effects, each by itself; whether each was still held by its claim. Nothing is changed for one that
    /// was not. A claim holds on until its effect is claimed anew, however long ago its lease ended.
    ///
    /// May be sent again after an error: an effect that this claim brought to an end or gave up before is told as held, and nothing is
    /// counted twice. Only of a step that goes on ([`EffectNext::Held`]), in a stream that is encrypted, may the attempts be.
    ///
    /// # Errors
    /// [`EventStoreError::InvalidBatch`] where an effect stands in it twice, is to be over as [`EffectStatus::Pending`], or waits in
    /// what is no lane; [`EventStoreError::Encryption`] where the progress of one cannot be sealed here. Either names the first
    /// such effect, and then nothing of any of them is recorded.
    async fn update_effects(&self, updates: &[EffectUpdate]) -> Result<Vec<bool>, EventStoreError>;

    /// Has claims last for `lease` from now on; whether each was still held. May be sent again.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn renew_effects(&self, leases: &[EffectLease], lease: Duration) -> Result<Vec<bool>, EventStoreError>;

    /// Effects, the newest first.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn effects(&self, filter: &EffectFilter, effects_max: usize) -> Result<Vec<EffectRecord>, EventStoreError>;

    /// One effect.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn effect(&self, effect_id: Uuid) -> Result<Option<EffectDetail>, EventStoreError>;

    /// Has a dead letter run again, at once. False where it was not dead any more.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn reopen_effect(&self, reopening: &EffectReopening) -> Result<bool, EventStoreError>;

    /// Gives an effect up that is not over, or is dead, for a reason. False where it was over. A claim that runs it loses it.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn discard_effect(&self, effect_id: Uuid, reason: &str) -> Result<bool, EventStoreError>;

    /// Deletes effects that have been over for `age`, but no dead letters, `effects_max` at most; how many it were. The oldest are
    /// found by their ids' time.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn prune_effects(&self, age: Duration, effects_max: usize) -> Result<u64, EventStoreError>;

    /// How much waits.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn effect_backlog(&self) -> Result<EffectBacklog, EventStoreError>;
}
