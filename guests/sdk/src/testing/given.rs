//! Given these events, when this command comes, then that.

use super::laws::{self, record};
use super::{Mismatch, Outcome, Testable};
use crate::{Command as _, Context, EncodedEvent, Event as _};

/// A stream with a past, and the circumstances in which its next command is decided.
///
/// ```
/// # use foldhost_sdk::prelude::*;
/// # #[derive(Debug, Command)] enum DoorCommand { Open, Lock }
/// # #[derive(Debug, PartialEq, Event)] enum DoorEvent { Opened { at_ms: i64 }, Locked }
/// # #[derive(Debug, Default, PartialEq, Serialize, Deserialize)] struct DoorState { is_locked: bool }
/// # struct Door;
/// # impl Reducer for Door {
/// #     const NAME: &'static str = "door";
/// #     const STATE_SCHEMA: &'static str = "door.v1";
/// #     type State = DoorState;
/// #     type Command = DoorCommand;
/// #     type Event = DoorEvent;
/// #     fn decide(state: &DoorState, command: DoorCommand, context: &Context) -> Result<Decision<DoorEvent>, Rejection> {
/// #         match command {
/// #             DoorCommand::Open if state.is_locked => Err(Rejection::new("locked", "the door is locked")),
/// #             DoorCommand::Open => Ok(Decision::event(DoorEvent::Opened { at_ms: context.now_ms })),
/// #             DoorCommand::Lock => Ok(Decision::event(DoorEvent::Locked)),
/// #         }
/// #     }
/// #     fn apply(state: &mut DoorState, event: DoorEvent) { state.is_locked = event == DoorEvent::Locked; }
/// # }
/// use foldhost_sdk::testing::given;
///
/// given::<Door>([])
///     .at(1_000)
///     .when(DoorCommand::Open)
///     .then_events([DoorEvent::Opened { at_ms: 1_000 }])
///     .then_state(DoorState { is_locked: false });
///
/// given::<Door>([DoorEvent::Locked]).when(DoorCommand::Open).then_rejected("locked");
/// ```
///
/// The command is decided more than once, and every [`Law`](super::Law) is checked on the way.
#[must_use = "nothing happens before a command comes"]
pub struct Given<R: Testable> {
    pub(super) events: Vec<R::Event>,
    pub(super) context: Context,
}

/// A stream that holds these events; `[]` for a new one. Its id is the reducer's name with `-1`, as in `order-1`, and all else that
/// a decision may depend on is that of [`Context::for_test`].
pub fn given<R: Testable>(events: impl IntoIterator<Item = R::Event>) -> Given<R> {
    let context = Context::for_test(format!("{}-1", R::NAME));
    Given { events: events.into_iter().collect(), context }
}

impl<R: Testable> Given<R> {
    /// Further events, behind those so far.
    pub fn and(mut self, events: impl IntoIterator<Item = R::Event>) -> Self {
        self.events.extend(events);
        self
    }

    /// The events that these commands lead to, behind those so far. They are decided at the time that was set before them.
    ///
    /// # Panics
    /// When one is rejected, or the reducer breaks a [`Law`](super::Law).
    #[track_caller]
    pub fn commands(mut self, commands: impl IntoIterator<Item = R::Command>) -> Self {
        for (command, number) in commands.into_iter().zip(1..) {
            let context = Context { command_id: format!("given-{number}"), ..self.context.clone() };
            let given = format!("{}, given the command {}", context.stream_id, command.name());
            match run::<R>(&self.events, &context, &command).map(Outcome::into_decided) {
                Ok(Ok(decision)) => self.events.extend(decision.into_events()),
                Ok(Err(no)) => panic!("{given}: {no}"),
                Err(mismatch) => panic!("{given}\n{mismatch}"),
            }
        }
        self
    }

    /// On this stream, as in `order-7f3c`.
    pub fn stream(mut self, stream_id: impl Into<String>) -> Self {
        self.context.stream_id = stream_id.into();
        self
    }

    /// From here on it is this time, in milliseconds since 1970-01-01T00:00:00Z.
    pub fn at(mut self, now_ms: i64) -> Self {
        self.context.now_ms = now_ms;
        self
    }

    /// The command comes under this id.
    pub fn command_id(mut self, command_id: impl Into<String>) -> Self {
        self.context.command_id = command_id.into();
        self
    }

    /// The seed that the reducer may take its chance from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.context.seed = seed;
        self
    }

    /// Decides on the command.
    ///
    /// # Panics
    /// When the reducer breaks a [`Law`](super::Law).
    #[track_caller]
    #[must_use = "nothing is expected of the outcome yet"]
    #[expect(clippy::needless_pass_by_value, reason = "so that it is called with a command as it stands")]
    pub fn when(self, command: R::Command) -> Outcome<R> {
        match run(&self.events, &self.context, &command) {
            Ok(outcome) => outcome,
            Err(mismatch) => panic!("{}\n{mismatch}", title::<R>(&self.events, &self.context, &command)),
        }
    }
}

/// Decides on the command of a stream with these events.
pub(super) fn run<R: Testable>(
    events: &[R::Event],
    context: &Context,
    command: &R::Command,
) -> Result<Outcome<R>, Mismatch> {
    let context = context.clone().at_version(events.len() as u64);
    let observed = laws::decide::<R>(&recorded::<R>(events)?, command, &context)?;
    Ok(Outcome::new(title::<R>(events, &context, command), observed))
}

fn recorded<R: Testable>(events: &[R::Event]) -> Result<Vec<EncodedEvent>, Mismatch> {
    Ok(events.iter().map(record::<R>).collect::<Result<_, _>>()?)
}

/// The test in a sentence.
fn title<R: Testable>(events: &[R::Event], context: &Context, command: &R::Command) -> String {
    let given = match events {
        [] | [_] | [_, _] | [_, _, _] => listed(events.iter().map(crate::Event::event_type)),
        [.., newest] => format!("{} events up to {}", events.len(), newest.event_type()),
    };
    let arguments = command.to_json().unwrap_or_default();
    format!("{}, given {given}, when {} {arguments}", context.stream_id, command.name())
}

impl<R: Testable> std::fmt::Debug for Given<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Given").field("events", &self.events).field("context", &self.context).finish()
    }
}

/// Event types in a line of text, as in `the events A.v1, B.v1`.
pub(super) fn listed<'a>(types: impl Iterator<Item = &'a str>) -> String {
    let types: Vec<_> = types.collect();
    match types.as_slice() {
        [] => "no events".to_owned(),
        [one] => format!("the event {one}"),
        several => format!("the events {}", several.join(", ")),
    }
}
