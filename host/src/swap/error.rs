use uuid::Uuid;

use crate::event_store::{EVENTS_COUNTED_MAX, EventCount, EventStoreError};
use crate::reducer::{EffectRulesError, ReducerDigest};
use crate::{CommandError, ReadError};

/// Why a swap, or what leads to one, was not done. Nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// Nothing decides for the category.
    #[error("no reducer {0} is active: deploy one")]
    NotActive(String),
    /// Not a component of this reducer.
    #[error("no component {digest} is kept for {name}: see `foldhost reducers {name}`")]
    UnknownDigest {
        /// The reducer.
        name: String,
        /// What was asked for.
        digest: String,
    },
    /// The beginning of several digests.
    #[error("{digest} begins the digests of {count} components of {name}: write more of it")]
    AmbiguousDigest {
        /// The reducer.
        name: String,
        /// What was asked for.
        digest: String,
        /// How many begin so.
        count: usize,
    },
    /// It is linked into the host.
    #[error("{0} is linked into this host, and no component can take its place")]
    Native(String),
    /// The candidate cannot read events that are stored.
    #[error("{digest} cannot read events that {name} has: {}", listed(events))]
    Unreadable {
        /// The reducer.
        name: String,
        /// The candidate.
        digest: ReducerDigest,
        /// Which, and how many.
        events: Vec<EventCount>,
    },
    /// Nobody has held it against the active one.
    #[error("{digest} was not verified against {baseline}, which decides now: `foldhost verify {name} {digest}`")]
    NotVerified {
        /// The reducer.
        name: String,
        /// The candidate.
        digest: ReducerDigest,
        /// Who decides now, or nobody.
        baseline: String,
    },
    /// The shadow replay found that it cannot take the active one's place.
    #[error("verification {verification_id} failed: {}", names.join(", "))]
    VerificationFailed {
        /// Which.
        verification_id: Uuid,
        /// What failed.
        names: Vec<String>,
    },
    /// It would do something otherwise that was not accepted.
    #[error("verification {verification_id} found differences that were not accepted: {}", names.join(", "))]
    NotAccepted {
        /// Which.
        verification_id: Uuid,
        /// What differs.
        names: Vec<String>,
    },
    /// A canary is under way.
    #[error("{name} has a canary: finish or withdraw it first")]
    CanaryUnderWay {
        /// The reducer.
        name: String,
    },
    /// There is none.
    #[error("{name} has no canary")]
    NoCanary {
        /// The reducer.
        name: String,
    },
    /// The active reducer cannot read what the canary would write into the log that they share.
    #[error("{name} cannot read what the canary writes: {}; activate one that reads it first", event_types.join(", "))]
    CanaryWrites {
        /// The reducer.
        name: String,
        /// Which types of events.
        event_types: Vec<String>,
    },
    /// There was no other one before.
    #[error("{0} has had no other component, so there is none to go back to")]
    NoFormer(String),
    /// A request that says nothing, or too much.
    #[error("{0}")]
    Invalid(String),
    /// What its effects may do makes no sense.
    #[error(transparent)]
    Rules(#[from] EffectRulesError),
    /// No such shadow replay.
    #[error("there is no verification {0}")]
    UnknownVerification(Uuid),
    /// A component cannot be used.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A state cannot be drawn.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store failed, or another change came first.
    #[error(transparent)]
    Store(#[from] EventStoreError),
}

/// Types of events and how many there are of each.
pub(crate) fn listed(events: &[EventCount]) -> String {
    let listed = events.iter().map(|EventCount { event_type, count }| match *count {
        EVENTS_COUNTED_MAX => format!("{count} or more of {event_type}"),
        count => format!("{count} of {event_type}"),
    });
    listed.collect::<Vec<_>>().join(", ")
}
