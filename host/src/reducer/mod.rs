//! The contract as the host sees it: a [`Reducer`] makes [`Aggregate`]s, and it is one trait whether the logic is a
//! component or linked into the host.

mod digest;
mod native;
mod rules;

pub use digest::{ReducerDigest, ReducerDigestError};
pub use native::NativeReducer;
pub use rules::{AllowedOrigin, EffectRules, EffectRulesError};

pub use foldhost_sdk::{Context, Descriptor, Effect, EffectKind, Rejection, UpcastEvent};

use crate::{PackedEvents, SerializedEvent, StreamId};

/// The logic of one category of streams.
pub trait Reducer: Send + Sync + 'static {
    /// What the reducer says of itself.
    fn descriptor(&self) -> &Descriptor;

    /// What its code is known by.
    fn digest(&self) -> ReducerDigest;

    /// The aggregate of a stream without events.
    ///
    /// # Errors
    /// [`ReducerFault`] when the reducer cannot be started.
    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault>;

    /// The aggregate that a snapshot was taken of.
    ///
    /// # Errors
    /// [`ReducerFault::Snapshot`] when the snapshot is not understood; the stream has to be replayed then.
    fn restore(&self, stream_id: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault>;

    /// Recorded events as JSON, for people. Each gets an answer of its own: an unreadable event hides no other.
    ///
    /// # Errors
    /// [`ReducerFault`] when the reducer cannot be asked at all.
    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault>;

    /// Recorded events as the reducer applies them, each in its newest version. Each gets an answer of its own, as in
    /// [`Reducer::events_json`].
    ///
    /// # Errors
    /// [`ReducerFault`] when the reducer cannot be asked at all, [`ReducerFault::Unsupported`] where its contract does not have it.
    fn events_upcast(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<UpcastEvent, String>>, ReducerFault> {
        let _ = events;
        Err(ReducerFault::Unsupported { call: "event-upcast" })
    }

    /// The bytes of an event that is written as JSON, in any version that the reducer reads; the inner error when it is none.
    /// For tests and fixtures: no command needs it.
    ///
    /// # Errors
    /// [`ReducerFault`] when the reducer cannot be asked, [`ReducerFault::Unsupported`] where its contract does not have it.
    fn event_from_json(&self, event_type: &str, json: &str) -> Result<Result<Vec<u8>, String>, ReducerFault> {
        let _ = (event_type, json);
        Err(ReducerFault::Unsupported { call: "event-from-json" })
    }
}

/// The state of one stream, and the logic that reads it.
///
/// After any [`ReducerFault`] an aggregate must be dropped: what it holds is not known any more.
pub trait Aggregate: Send {
    /// Folds recorded events into the state. Only this changes the state.
    ///
    /// # Errors
    /// [`ReducerFault`]
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault>;

    /// Pure: what would happen.
    ///
    /// # Errors
    /// [`DecideError`]: a rule's no, a command that cannot be read, or a fault.
    fn decide(&mut self, command: &Command, context: &Context) -> Result<Decision, DecideError>;

    /// The state, for [`Reducer::restore`] of any reducer with the same state schema.
    ///
    /// # Errors
    /// [`ReducerFault`]
    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault>;

    /// The state as JSON, for people.
    ///
    /// # Errors
    /// [`ReducerFault`]
    fn state_json(&mut self) -> Result<String, ReducerFault>;

    /// Events that were just decided as JSON, for people, each with an answer of its own. All of them are one call to the limits of
    /// fuel and JSON: a decision may have a thousand events.
    ///
    /// # Errors
    /// [`ReducerFault`]; the answers that there were are lost with the aggregate.
    fn events_json(&mut self, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault>;

    /// Becomes the aggregate of another stream, without events, where it runs. That saves an instance, and what the reducer's code
    /// keeps beside its aggregates stays from one stream to the next: for folds that are held against others, and never for one that
    /// decides.
    ///
    /// # Errors
    /// [`ReducerFault`], [`ReducerFault::Unsupported`] where only [`Reducer::create`] makes aggregates.
    fn begin_again(&mut self, stream_id: &StreamId) -> Result<(), ReducerFault> {
        let _ = stream_id;
        Err(ReducerFault::Unsupported { call: "constructor" })
    }

    /// How much memory it holds, in bytes, as far as is known.
    fn memory_bytes(&self) -> usize;

    /// The fuel that the last call spent: about one unit an instruction, and the same on every machine for the same component and
    /// the same calls since it was created. None where nothing counts, as in native code.
    fn fuel_spent(&self) -> Option<u64> {
        None
    }
}

/// A command's arguments, in the encoding that their sender used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// JSON text.
    Json(String),
    /// The reducer's own encoding.
    Binary(Vec<u8>),
}

/// A request to change one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// Which command.
    pub name: String,
    /// Its arguments.
    pub payload: Payload,
}

impl Command {
    /// A command with JSON arguments.
    #[must_use]
    pub fn json(name: impl Into<String>, payload: impl Into<String>) -> Self {
        Self { name: name.into(), payload: Payload::Json(payload.into()) }
    }

    /// Its payload's bytes.
    pub(crate) fn bytes(&self) -> usize {
        match &self.payload {
            Payload::Json(text) => text.len(),
            Payload::Binary(data) => data.len(),
        }
    }
}

/// What a reducer decided.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Decision {
    /// The events to append, in order.
    pub events: Vec<SerializedEvent>,
    /// The effects that it asks for.
    pub effects: Vec<Effect>,
    /// Lines for the host's log.
    pub log: Vec<(tracing::Level, String)>,
}

/// Why there is no decision.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DecideError {
    /// A business rule said no.
    #[error("{}: {}", .0.code, .0.message)]
    Rejected(Rejection),
    /// The command cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// The reducer failed.
    #[error(transparent)]
    Fault(#[from] ReducerFault),
}

/// A reducer failed. The stream's instance is gone, and nothing was appended; no other stream is concerned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReducerFault {
    /// It panicked or did something that WebAssembly does not allow.
    #[error("the reducer trapped in {call}: {reason}")]
    Trap {
        /// Which function of the contract.
        call: &'static str,
        /// What the panic said, with file and line, or else what the engine says; then in which functions. In one line, and the
        /// reducer's own words: whoever wrote it chose them.
        reason: String,
    },
    /// It does not have this function: it was built for an older version of the contract.
    #[error("the reducer has no {call}: build it again with a newer SDK")]
    Unsupported {
        /// Which function of the contract.
        call: &'static str,
    },
    /// It ran for too long.
    #[error(
        "the reducer spent all of its {fuel} units of fuel in {call}{}: look for a loop that does not end, or raise fuel_per_call_max",
        shown(place)
    )]
    FuelExhausted {
        /// Which function of the contract.
        call: &'static str,
        /// The fuel that the call was given.
        fuel: u64,
        /// The functions that it was in, innermost first, as far as its code has names.
        place: Option<String>,
    },
    /// It kept a processor for too long with the fuel that it had: its instructions waited for memory.
    #[error(
        "the reducer took more than {ms} ms in {call}{}: let it go over less memory, or raise cpu_per_call_ms_max",
        shown(place)
    )]
    TimeExhausted {
        /// Which function of the contract.
        call: &'static str,
        /// The limit.
        ms: u64,
        /// The functions that it was in, innermost first, as far as its code has names.
        place: Option<String>,
    },
    /// It wanted more memory than it may have.
    #[error(
        "the reducer wanted more than its {bytes} bytes of memory in {call}{}: let it hold less, or raise memory_bytes_max",
        shown(place)
    )]
    MemoryExhausted {
        /// Which function of the contract.
        call: &'static str,
        /// The limit.
        bytes: usize,
        /// The functions that it was in, innermost first, as far as its code has names.
        place: Option<String>,
    },
    /// It answered something that the host cannot accept.
    #[error("the reducer gave a broken answer in {call}: {reason}")]
    BrokenAnswer {
        /// Which function of the contract.
        call: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot read an event that is in its stream.
    #[error("the reducer cannot apply event {version}: {message}")]
    Apply {
        /// The event's version.
        version: u64,
        /// What the reducer says.
        message: String,
    },
    /// It cannot read a snapshot.
    #[error("the reducer cannot read the snapshot: {0}")]
    Snapshot(String),
    /// No instance could be made, for want of the host's resources.
    #[error("the reducer could not be started: {0}")]
    Start(String),
}

fn shown(place: &Option<String>) -> String {
    place.as_ref().map(|place| format!(", in {place}")).unwrap_or_default()
}
