//! A reducer with the state of one stream: the core that the exported component and a native host share.

use std::fmt;

use crate::encoding;
use crate::{
    Command as _, CommandError, Context, Decision, Event, EventError, FlatEffect, LogLine, Reducer, Rejection, effect,
    read_back,
};

/// The state of one stream, and the reducer that folds it.
///
/// ```
/// # use foldhost_sdk::prelude::*;
/// use foldhost_sdk::{Fold, Payload};
/// # struct Tally;
/// # #[derive(Command)] enum TallyCommand { Add { by: u32 } }
/// # #[derive(Event)] enum TallyEvent { Added { by: u32 } }
/// # impl Reducer for Tally {
/// #     const NAME: &'static str = "tally";
/// #     const STATE_SCHEMA: &'static str = "tally.v1";
/// #     type State = u32;
/// #     type Command = TallyCommand;
/// #     type Event = TallyEvent;
/// #     fn decide(_: &u32, TallyCommand::Add { by }: TallyCommand, _: &Context) -> Result<Decision<TallyEvent>, Rejection> {
/// #         Ok(Decision::event(TallyEvent::Added { by }))
/// #     }
/// #     fn apply(state: &mut u32, TallyEvent::Added { by }: TallyEvent) { *state += by; }
/// # }
///
/// let mut fold = Fold::<Tally>::new("tally-1");
/// let decision = fold.decide("Add", Payload::Json(r#"{"by": 2}"#), &Context::for_test("tally-1"))?;
/// let event = &decision.events[0];
/// assert_eq!(event.event_type, "Added.v1");
///
/// // Deciding changed nothing; the host records the event, and then applies it.
/// assert_eq!(fold.state_json(), "0");
/// fold.apply_packed(1, &[event.event_type.into()], &[0], &[event.data.len() as u32], &event.data)?;
/// assert_eq!(fold.state_json(), "2");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Fold<R: Reducer> {
    stream_id: String,
    state: R::State,
}

/// A command's arguments, borrowed, in the encoding their sender used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload<'a> {
    /// A JSON object.
    Json(&'a str),
    /// What [`Command::to_binary`](crate::Command::to_binary) writes.
    Binary(&'a [u8]),
}

/// An event that a decision wants recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedEvent {
    /// As in `OrderPlaced.v1`.
    pub event_type: &'static str,
    /// What [`Event::to_bytes`] wrote.
    pub data: Vec<u8>,
}

/// A [`Decision`] as it crosses the boundary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EncodedDecision {
    /// The events to record, in order; none if nothing had to change.
    pub events: Vec<EncodedEvent>,
    /// The effects, children before parents.
    pub effects: Vec<FlatEffect>,
    /// Lines for the operator.
    pub log: Vec<LogLine>,
}

/// Why there is no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecideError {
    /// A business rule said no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The command cannot be read. No rule was asked.
    #[error(transparent)]
    Malformed(#[from] CommandError),
    /// The reducer emitted an event that cannot be recorded: its defect, not the sender's. In a component this is a trap.
    #[error(transparent)]
    Faulty(#[from] EventError),
}

/// Why recorded events could not be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("version {version} cannot be applied: {message}")]
pub struct ApplyError {
    /// Version of the event that could not be applied.
    pub version: u64,
    /// What is wrong with it.
    pub message: String,
}

/// What a reducer says of itself.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Descriptor {
    /// The category of its streams.
    pub name: String,
    /// The commands that it decides on.
    pub commands: Vec<String>,
    /// Every event type that it can apply, older versions included.
    pub event_types: Vec<String>,
    /// Those of them that it may emit: the newest version of each event. Empty where that is not known: a component of
    /// contract 1.0.0 does not tell, and neither does a descriptor that was recorded then.
    #[serde(default)]
    pub writes: Vec<String>,
    /// Names the shape of its state.
    pub state_schema: String,
    /// The version of this crate.
    pub sdk_version: String,
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// What `R` says of itself.
pub fn descriptor<R: Reducer>() -> Descriptor {
    Descriptor {
        name: R::NAME.to_owned(),
        commands: owned(R::Command::NAMES),
        event_types: owned(R::Event::EVENT_TYPES),
        writes: owned(R::Event::WRITES),
        state_schema: R::STATE_SCHEMA.to_owned(),
        sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// A recorded event of `R` as JSON, for people, in the version in which it was recorded. The error is a sentence.
pub fn event_json<R: Reducer>(event_type: &str, data: &[u8]) -> Result<String, String> {
    R::Event::recorded_json(event_type, data).map_err(|error| error.to_string())
}

/// An event in its newest version, as `R` applies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpcastEvent {
    /// The newest version of the event type.
    pub event_type: String,
    /// Its fields.
    pub json: String,
}

/// A recorded event as `R` applies it: brought to the newest version. The error is a sentence.
pub fn event_upcast<R: Reducer>(event_type: &str, data: &[u8]) -> Result<UpcastEvent, String> {
    let event = R::Event::from_bytes(event_type, data).map_err(|error| error.to_string())?;
    let json = event.to_json().map_err(|error| error.to_string())?;
    Ok(UpcastEvent { event_type: event.event_type().to_owned(), json })
}

/// The bytes of an event of `R` that is written as JSON. The error is a sentence.
pub fn event_from_json<R: Reducer>(event_type: &str, json: &str) -> Result<Vec<u8>, String> {
    R::Event::bytes_from_json(event_type, json).map_err(|error| error.to_string())
}

// By hand: a derived one would ask that the reducer, which holds nothing, be `Debug` too.
impl<R: Reducer> fmt::Debug for Fold<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Fold")
            .field("reducer", &R::NAME)
            .field("stream_id", &self.stream_id)
            .finish_non_exhaustive()
    }
}

impl<R: Reducer> Fold<R> {
    /// A stream without events.
    pub fn new(stream_id: impl Into<String>) -> Self {
        Self { stream_id: stream_id.into(), state: R::State::default() }
    }

    /// The state that [`Fold::snapshot`] wrote. The error is a sentence; the stream can still be folded from its events.
    pub fn restore(stream_id: impl Into<String>, snapshot: &[u8]) -> Result<Self, String> {
        let state = encoding::decode(snapshot)
            .map_err(|error| format!("the snapshot is not a state of schema `{}`: {error}", R::STATE_SCHEMA))?;
        Ok(Self { stream_id: stream_id.into(), state })
    }

    /// The stream whose state this is.
    pub fn stream_id(&self) -> &str {
        &self.stream_id
    }

    /// The state as it is now.
    pub fn state(&self) -> &R::State {
        &self.state
    }

    /// Folds a page of recorded events, given column by column: for each event an index into `event_types`, and one past
    /// its last byte in `data`; it begins where the one before ends. `first_version` is the version of the first event.
    ///
    /// After an error the state holds the events before [`ApplyError::version`]: drop it and load the stream anew.
    pub fn apply_packed(
        &mut self,
        first_version: u64,
        event_types: &[String],
        type_index: &[u16],
        ends: &[u32],
        data: &[u8],
    ) -> Result<(), ApplyError> {
        check_page(first_version, type_index, ends, data)?;
        let decoders: Vec<_> = event_types.iter().map(|event_type| R::Event::decoder(event_type)).collect();
        let mut start = 0;
        for (offset, (&index, &end)) in type_index.iter().zip(ends).enumerate() {
            let end = end as usize;
            let (Some(Some(decode)), Some(bytes)) = (decoders.get(usize::from(index)), data.get(start..end)) else {
                let message = unusable_entry::<R::Event>(event_types, index, start, end, data.len());
                return Err(apply_error(first_version, offset, message));
            };
            match decode(bytes) {
                Ok(event) => R::apply(&mut self.state, event),
                Err(error) => return Err(apply_error(first_version, offset, error.to_string())),
            }
            start = end;
        }
        Ok(())
    }

    /// Answers a command. Changes nothing: the host records the events and only then applies them.
    ///
    /// Every event is decoded and encoded again before it is handed out. One that does not decode would be recorded and then
    /// break each later load of its stream, for good; one that decodes to something else would make a state that no rule ever
    /// saw. Here it is [`DecideError::Faulty`] and costs one command.
    pub fn decide(&self, name: &str, payload: Payload<'_>, context: &Context) -> Result<EncodedDecision, DecideError> {
        let command = match payload {
            Payload::Json(json) => R::Command::from_json(name, json)?,
            Payload::Binary(bytes) => R::Command::from_binary(name, bytes)?,
        };
        let Decision { events, effects, log } = R::decide(&self.state, command, context)?;
        let events = events.iter().map(read_back::encode).collect::<Result<_, _>>()?;
        Ok(EncodedDecision { events, effects: effect::flatten(effects), log })
    }

    /// The state as bytes, for [`Fold::restore`].
    ///
    /// # Panics
    ///
    /// If the state's own `Serialize` fails. A derived one does not.
    pub fn snapshot(&self) -> Vec<u8> {
        match encoding::encode(&self.state) {
            Ok(bytes) => bytes,
            Err(error) => panic!("the state of schema `{}` cannot be encoded: {error}", R::STATE_SCHEMA),
        }
    }

    /// The state as JSON, for people and for comparing two reducers.
    ///
    /// # Panics
    ///
    /// If the state has no JSON form: a map whose keys are neither strings, numbers nor unit variants.
    pub fn state_json(&self) -> String {
        match serde_json::to_string(&self.state) {
            Ok(json) => json,
            Err(error) => panic!("the state of schema `{}` has no JSON form: {error}", R::STATE_SCHEMA),
        }
    }
}

/// The columns belong together and cover all of the data. A page cut short by a transport would otherwise fold in part.
fn check_page(first_version: u64, type_index: &[u16], ends: &[u32], data: &[u8]) -> Result<(), ApplyError> {
    if type_index.len() != ends.len() {
        let message = format!("the page has {} type indices but {} ends", type_index.len(), ends.len());
        return Err(apply_error(first_version, type_index.len().min(ends.len()), message));
    }
    let covered = ends.last().map_or(0, |&end| end as usize);
    if covered != data.len() {
        let message = format!("the page has {} bytes, but its last event ends at {covered}", data.len());
        return Err(apply_error(first_version, ends.len().saturating_sub(1), message));
    }
    Ok(())
}

#[cold]
fn apply_error(first_version: u64, offset: usize, message: String) -> ApplyError {
    ApplyError { version: first_version.saturating_add(offset as u64), message }
}

#[cold]
fn unusable_entry<E: Event>(types: &[String], index: u16, start: usize, end: usize, bytes: usize) -> String {
    match types.get(usize::from(index)) {
        None => format!("its type index is {index}, but the page names {} event types", types.len()),
        Some(event_type) if E::decoder(event_type).is_none() => EventError::unknown::<E>(event_type).to_string(),
        Some(_) => format!("it spans the bytes {start} to {end} of a page of {bytes}"),
    }
}
