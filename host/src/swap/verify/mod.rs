//! Shadow replay: the recorded history folded through a candidate and the active reducer side by side, and the recorded commands
//! decided anew.
//!
//! | module | what it does |
//! |---|---|
//! | `scope` | which streams, and how they are looked at |
//! | `shadow`, `side`, `events`, `instances`, `journal`, `commands`, `compare`, `verdict`, `snapshot` | one stream |
//! | `replay` | all of them, on all cores, in the order of their ids |
//! | `report` | what came out, bounded |
//! | `job` | on record, under a lease, from a checkpoint on |
//!
//! Nothing here has an executor in reach: `shadow` and `replay` are handed a store to read from, and reducers.

mod commands;
mod compare;
mod events;
mod instances;
mod job;
mod journal;
mod replay;
mod report;
mod scope;
mod shadow;
mod side;
mod snapshot;
mod verdict;
mod view;

use std::sync::Arc;

pub use job::VerifyRequest;
pub use report::{Example, Finding, Findings, Report};
pub use scope::{Streams, VerificationScope};
pub use verdict::SCHEMA_UNCHANGED;
pub use view::VerificationView;

pub(crate) use compare::{FieldDifference, differences};
use replay::{Replay, replay};
pub(crate) use scope::Plan;

use crate::reducer::Reducer;

/// Who is held against whom.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) candidate: Arc<dyn Reducer>,
    pub(crate) baseline: Option<Arc<dyn Reducer>>,
}
