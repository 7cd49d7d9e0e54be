//! Effects: intents as data, run by the host after the decision's events are durable.
//!
//! In Rust they are a tree. Across the boundary they are a list in which [`FlatEffectKind::Parallel`] and
//! [`FlatEffectKind::Sequential`] name other entries by index: the component model has no recursive types.
//!
//! - here: what there is to ask for
//! - `combinators`: trees made of trees
//! - `request`: the parts of an effect, made in one line each
//! - `tree`: the list that crosses the boundary
//! - `outcome`: what comes back

mod base64;
mod combinators;
mod outcome;
mod request;
mod tree;

pub use outcome::{EffectFailure, EffectOutcome, HttpResponse, LoadedEvent, ResponseBody};
pub use tree::{EFFECT_DEPTH_MAX, EffectTreeError, FlatEffect, FlatEffectKind, flatten, unflatten};

/// Something for the host to do.
///
/// Effects are put together with [`then`](Self::then), [`chain`](Self::chain) and [`merge`](Self::merge):
///
/// ```
/// use foldhost_sdk::{Effect, EffectKind, HttpRequest};
///
/// let charge = HttpRequest::post("https://pay.example/charges").body(r#"{"cents": 1999}"#);
/// let asked = Effect::http(charge).reply_to("PaymentAnswered");
/// let timer = Effect::delay(900_000).reply_to("PaymentTimedOut");
/// assert!(matches!(Effect::merge([asked, timer]).kind, EffectKind::Parallel(both) if both.len() == 2));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// What to do.
    pub kind: EffectKind,
    /// The command that takes the outcome back to this stream; none if nobody waits for it.
    pub reply_to: Option<String>,
}

/// What an [`Effect`] does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectKind {
    /// Sends a command to another stream.
    Dispatch {
        /// The receiving stream.
        stream_id: String,
        /// The command.
        command: DispatchedCommand,
    },
    /// Sends an HTTP request.
    Http(HttpRequest),
    /// Reads or writes the event store.
    EventStore(EventStoreOperation),
    /// Waits so many milliseconds; on its own, a timer.
    Delay(u64),
    /// Runs all of these at once.
    Parallel(Vec<Effect>),
    /// Runs these one after another, up to the first that fails.
    Sequential(Vec<Effect>),
    /// Something that the host's embedder taught it.
    Custom {
        /// The name under which the embedder registered it.
        kind: String,
        /// Its arguments.
        payload: OwnedPayload,
    },
}

/// A command's arguments, in the encoding their sender used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnedPayload {
    /// A JSON object.
    Json(String),
    /// What [`Command::to_binary`](crate::Command::to_binary) writes.
    Binary(Vec<u8>),
}

/// A command for another stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchedCommand {
    /// As in `PlaceOrder`.
    pub name: String,
    /// Its arguments.
    pub payload: OwnedPayload,
}

/// An HTTP request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// As in `POST`.
    pub method: String,
    /// An absolute URL.
    pub url: String,
    /// Name and value, in order; a name may repeat.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: Vec<u8>,
}

/// An event for another stream, encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// As in `OrderPlaced.v1`.
    pub event_type: String,
    /// What [`Event::to_bytes`](crate::Event::to_bytes) writes.
    pub data: Vec<u8>,
}

/// A request to the event store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventStoreOperation {
    /// Appends events to another stream.
    AppendEvents {
        /// The stream to append to.
        stream_id: String,
        /// The events, in order.
        events: Vec<NewEvent>,
    },
    /// Reads a stream's events.
    LoadEvents {
        /// The stream to read.
        stream_id: String,
        /// The first version to read.
        from_version: u64,
    },
    /// Writes a snapshot of a stream.
    SaveSnapshot {
        /// The stream.
        stream_id: String,
    },
    /// Reads the snapshot of a stream.
    LoadSnapshot {
        /// The stream.
        stream_id: String,
    },
}
