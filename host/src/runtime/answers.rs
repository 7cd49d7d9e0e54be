//! What a host answers to those who read and deploy.

use chrono::Utc;

use super::command::{CommandError, DecidedBy};
use crate::event_store::{Activation, Canary, EventCount, EventStoreError};
use crate::guest::GateError;
use crate::reducer::{Descriptor, EffectRules, EffectRulesError};
use crate::{StreamId, Version};

/// Why a component was not deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// It was not let in.
    #[error(transparent)]
    Gate(#[from] GateError),
    /// What its effects may do makes no sense.
    #[error(transparent)]
    Rules(#[from] EffectRulesError),
    /// A reducer that is linked into the host has the name.
    #[error("{0} is linked into this host, and a component cannot take its place: deploy under another name")]
    Native(String),
    /// It cannot read events that are stored: it could never decide for the streams that hold them.
    #[error("it cannot read events that {name} has: {}", crate::event_store::listed(events))]
    Unreadable {
        /// The reducer.
        name: String,
        /// Which, and how many.
        events: Vec<EventCount>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] EventStoreError),
    /// The check of the component did not come to an end.
    #[error("the component could not be checked: {0}")]
    Check(String),
}

/// Why a state or events could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream has no events.
    #[error("stream {0} has no events")]
    UnknownStream(StreamId),
    /// The stream has not come that far.
    #[error("stream {stream_id} has version {head}, and not yet {asked}")]
    BeyondHead {
        /// The stream.
        stream_id: StreamId,
        /// The version asked for.
        asked: Version,
        /// The version that it has.
        head: Version,
    },
    /// No reducer to draw with, or it failed.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// A stream's state as its reducer draws it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateView {
    /// How many events it holds.
    pub version: Version,
    /// JSON text.
    pub json: String,
    /// The logic that folded it.
    pub reducer: DecidedBy,
}

/// A reducer that decides for a category.
#[derive(Clone, Debug)]
pub struct ReducerStatus {
    /// Which logic.
    pub reducer: DecidedBy,
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// What its effects may do.
    pub effects: EffectRules,
    /// Since when; none for one that is linked into the host.
    pub activated_at: Option<chrono::DateTime<Utc>>,
    /// Who decides for a share of the streams in its place.
    pub canary: Option<Canary>,
    /// Whether its commands are kept with their payloads.
    pub journal: bool,
}

impl From<Activation> for ReducerStatus {
    fn from(activation: Activation) -> Self {
        let Activation { name, generation, digest, descriptor, effects, activated_at, canary, journal, note: _ } =
            activation;
        let reducer = DecidedBy { name, digest, generation: Some(generation) };
        Self { reducer, descriptor, effects, activated_at: Some(activated_at), canary, journal }
    }
}
