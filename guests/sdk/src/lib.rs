//! Write event-sourced business logic as plain Rust and export it as a Foldhost component.
//!
//! A [`Reducer`] decides on commands and folds events into a state. It is pure: no clock, no I/O, no globals. So its rules
//! run under `cargo test` natively, and only the line [`export!`] at the end of the crate concerns WebAssembly.
//!
//! Where to read on, in the order in which a command meets them:
//!
//! - [`Command`] and [`Context`]: what a decision may depend on beside the state
//! - [`Reducer::decide`], [`Decision`], [`Rejection`]: the answer
//! - [`Event`] and [`Reducer::apply`]: what is recorded, and the only way a state changes
//! - [`FormerEvent`](trait@FormerEvent): the shapes that recorded events had, and how they become events of today
//! - [`Effect`]: what the host shall do after the events are durable
//! - [`EffectOutcome`]: what came of it, as a command brings it back
//! - [`Fold`]: a reducer with the state of one stream, as hosts and the exported component drive it
//! - [`testing`]: given events, when a command comes, then that; properties; golden files

mod codec_error;
mod command;
mod context;
mod decision;
mod effect;
mod encoding;
mod event;
mod export;
mod fold;
mod former;
mod json;
mod read_back;
mod reducer;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use command::{Command, CommandError};
pub use context::Context;
pub use decision::{Decision, LogLevel, LogLine, Rejection};
pub use effect::{
    DispatchedCommand, EFFECT_DEPTH_MAX, Effect, EffectFailure, EffectKind, EffectOutcome, EffectTreeError,
    EventStoreOperation, FlatEffect, FlatEffectKind, HttpRequest, HttpResponse, LoadedEvent, NewEvent, OwnedPayload,
    ResponseBody, flatten, unflatten,
};
pub use event::{Decoder, Event, EventError};
pub use fold::{
    ApplyError, DecideError, Descriptor, EncodedDecision, EncodedEvent, Fold, Payload, UpcastEvent, descriptor,
    event_from_json, event_json, event_upcast,
};
pub use foldhost_sdk_macros::{Command, Event, FormerEvent};
pub use former::FormerEvent;
pub use json::{JsonError, read_json};
pub use reducer::Reducer;

/// All that a reducer's source usually needs: `use foldhost_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::{
        Command, Context, Decision, DispatchedCommand, Effect, EffectKind, EffectOutcome, Event, FormerEvent,
        HttpRequest, LogLevel, Reducer, Rejection,
    };
    pub use serde::{Deserialize, Serialize};
}

/// What the derives and [`export!`] expand to. Not part of the public interface: it may change in any version.
#[doc(hidden)]
pub mod __private {
    pub use crate::command::{
        command_from_binary, command_from_json, command_from_json_object, command_to_binary, command_to_json,
    };
    pub use crate::event::{event_from_bytes, event_from_json, event_from_json_object, event_to_bytes, event_to_json};
    pub use crate::former::{Former, former, upcast};
    pub use serde;

    #[cfg(target_arch = "wasm32")]
    pub use crate::export::{Component, bindings};
}
