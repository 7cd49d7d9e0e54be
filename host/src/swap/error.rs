use uuid::Uuid;

use crate::event_store::{EventCount, EventStoreError, listed};
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
    #[error(
        "{digest} cannot read events that {name} has: {}; by force, with a reason, streams that hold one are locked",
        listed(events)
    )]
    Unreadable {
        /// The reducer.
        name: String,
        /// The candidate.
        digest: ReducerDigest,
        /// Which, and how many.
        events: Vec<EventCount>,
    },
    /// Nobody has held it against the active one.
    #[error("{digest} was not verified over all streams against {baseline}: `foldhost verify {name} {digest}`")]
    NotVerified {
        /// The reducer.
        name: String,
        /// The candidate.
        digest: ReducerDigest,
        /// Who decides now, or nobody.
        baseline: String,
    },
    /// What was recorded since the report is being looked through.
    #[error(
        "what was recorded since {name} was verified is being looked through, as verification {verification_id}: ask again"
    )]
    Verifying {
        /// The reducer.
        name: String,
        /// By which shadow replay.
        verification_id: Uuid,
    },
    /// The shadow replay found that it cannot take the active one's place.
    #[error(
        "verification {verification_id} failed: {}; mend that and deploy it anew, or force it with a reason",
        some_of(names)
    )]
    VerificationFailed {
        /// Which.
        verification_id: Uuid,
        /// What failed.
        names: Vec<String>,
    },
    /// It would do something otherwise that was not accepted.
    #[error(
        "verification {verification_id} found differences that were not accepted: {}; accept each by its name if it is meant",
        some_of(names)
    )]
    NotAccepted {
        /// Which.
        verification_id: Uuid,
        /// What differs.
        names: Vec<String>,
    },
    /// A canary is under way.
    #[error("{name} has a canary: finish or withdraw it first, `foldhost canary {name} --finish` or `--withdraw`")]
    CanaryUnderWay {
        /// The reducer.
        name: String,
    },
    /// There is none.
    #[error("{name} has no canary: `foldhost canary {name} DIGEST --share 5%` begins one")]
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
    #[error(
        "{0} has had no other component, so there is none to go back to: `foldhost reducers {0}` lists what is kept"
    )]
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

/// Names that an error shows; the report has the others.
const NAMES_SHOWN: usize = 10;

fn some_of(names: &[String]) -> String {
    let shown = names[..names.len().min(NAMES_SHOWN)].join(", ");
    match names.len().saturating_sub(NAMES_SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
