//! What clients and operators were told, and what the database holds in the end.

use std::collections::BTreeMap;

use foldhost::StreamId;
use foldhost::event_store::Share;
use foldhost::reducer::ReducerDigest;
use foldhost::runtime::ReducerStatus;
use uuid::Uuid;

/// One command, and all that its sender was told of it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// Recorded with its events, so that they are known as its own whoever made the command's id.
    pub(crate) tag: String,
    pub(crate) stream_id: StreamId,
    /// The sender's, under which it was sent again.
    pub(crate) command_id: Option<String>,
    /// Events that it leads to at most.
    pub(crate) events_max: usize,
    /// One for each time that it was sent.
    pub(crate) answers: Vec<Answer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted(Accepted),
    /// By a rule, under its code.
    Rejected(String),
    Conflict,
    /// Certainly not done, and worth another attempt.
    NotDone(String),
    /// Done or not.
    Unknown(String),
    /// Nothing that a swap, a crash or a lost connection may lead to.
    Failed(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accepted {
    pub(crate) version: u64,
    /// Version and type of each event.
    pub(crate) events: Vec<(u64, String)>,
    pub(crate) decided_by: Decider,
}

/// Which generation decided, and the code that did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decider {
    pub(crate) generation: u64,
    pub(crate) digest: ReducerDigest,
}

/// Who decides for a category from a generation on.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Generation {
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) digest: ReducerDigest,
    pub(crate) canary: Option<(ReducerDigest, Share)>,
}

impl Generation {
    /// The code that decides for a stream.
    pub(crate) fn decides(&self, stream_id: &StreamId) -> ReducerDigest {
        let canary = self.canary.filter(|(_, share)| share.holds(stream_id));
        canary.map_or(self.digest, |(digest, _)| digest)
    }
}

impl From<&ReducerStatus> for Generation {
    fn from(status: &ReducerStatus) -> Self {
        Self {
            name: status.reducer.name.clone(),
            number: status.reducer.generation.unwrap(),
            digest: status.reducer.digest,
            canary: status.canary.as_ref().map(|canary| (canary.digest, canary.share)),
        }
    }
}

/// What operators were told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    /// Generations that they made, or found to be there already.
    pub(crate) swaps: Vec<Generation>,
    pub(crate) deployed: Vec<(String, ReducerDigest)>,
    /// How often each thing was done, or not, and why.
    pub(crate) counts: BTreeMap<String, usize>,
    /// What nothing of all this may lead to.
    pub(crate) failures: Vec<String>,
}

impl Told {
    pub(crate) fn add(&mut self, other: Self) {
        self.swaps.extend(other.swaps);
        self.deployed.extend(other.deployed);
        self.failures.extend(other.failures);
        other.counts.into_iter().for_each(|(what, count)| *self.counts.entry(what).or_default() += count);
    }

    pub(crate) fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }
}

/// The database in the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    /// The log, in the order that readers have: by transaction and position.
    pub(crate) events: Vec<Recorded>,
    pub(crate) remembered: Vec<Remembered>,
    /// The table of activations.
    pub(crate) activations: Vec<Activated>,
    /// When each of them was committed, as the server's clock had it, in microseconds.
    pub(crate) activated_us: BTreeMap<(String, u64), i64>,
    /// The generation that every append is held against, by name.
    pub(crate) active: BTreeMap<String, (u64, ReducerDigest)>,
    pub(crate) kept: Vec<(String, ReducerDigest)>,
    /// Verifications that are over, and how they ended.
    pub(crate) verified: Vec<(Uuid, String)>,
}

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) stream_id: StreamId,
    pub(crate) version: u64,
    pub(crate) event_type: String,
    /// When its transaction was committed, as the server's clock had it, in microseconds.
    pub(crate) committed_us: i64,
    pub(crate) tag: Option<String>,
    pub(crate) command_id: Option<String>,
    /// Of an event that a reducer decided.
    pub(crate) decided_by: Option<Decider>,
    /// Of an event of a reducer's history.
    pub(crate) tells: Option<Tells>,
}

/// What an event of a reducer's history tells.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tells {
    Generation { generation: Generation, before: Option<u64> },
    Deployed(String, ReducerDigest),
    Verified(Uuid, String),
}

/// A command that the database remembers.
#[derive(Clone, Debug)]
pub(crate) struct Remembered {
    pub(crate) stream_id: StreamId,
    pub(crate) command_id: String,
    pub(crate) first_version: Option<u64>,
    pub(crate) last_version: u64,
    /// The code of the rule's no.
    pub(crate) rejection: Option<String>,
    pub(crate) decided_by: Decider,
    /// Whether it can be decided anew.
    pub(crate) in_journal: bool,
}

/// A row of the table of activations.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Activated {
    pub(crate) generation: Generation,
    pub(crate) journal: bool,
}
