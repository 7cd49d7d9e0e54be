//! Given these events, when this command comes, then that.

use super::event_builder::EventBuilder;
use super::expected::listed;
use super::fixture::stream;
use super::laws::{PAGE_EVENTS, Trial, apply, begin};
use super::{Mismatch, Outcome};
use crate::reducer::Context;
use crate::{Command, Reducer, SerializedEvent, StreamId};

/// A stream with a past, and the circumstances in which its next command is decided.
///
/// ```
/// use foldhost::NativeReducer;
/// use foldhost::testing::{NOW_MS, command, scenario};
/// use serde_json::json;
///
/// let order = NativeReducer::<order::Order>::new();
/// let placed = json!({"customer_id": "c-1", "items": [{"sku": "A", "quantity": 2, "unit_price": 1_000}]});
/// let begun = scenario(&order).given_commands([command("PlaceOrder", placed)]);
///
/// begun.clone()
///     .at(NOW_MS + 60_000)
///     .when(command("ShipOrder", json!({"tracking": "1Z"})))
///     .then_events([("OrderShipped.v1", json!({"tracking": "1Z", "shipped_at_ms": NOW_MS + 60_000}))])
///     .then_state_contains(json!({"status": "Shipped", "total": 2_000}));
/// begun.when(command("ShipOrder", json!({"tracking": ""}))).then_rejected("missing-tracking");
/// ```
///
/// A scenario has no store and no host: it asks the reducer itself, several times, and checks every [`Law`](super::Law) on the
/// way.
#[derive(Clone)]
#[must_use = "a scenario does nothing before a command comes"]
pub struct Scenario<'a> {
    reducer: &'a dyn Reducer,
    stream_id: StreamId,
    past: Vec<Past>,
    context: Context,
}

/// What happened before.
#[derive(Clone, Debug)]
enum Past {
    Event(SerializedEvent),
    Command { command: Command, now_ms: i64 },
}

/// A scenario of a stream without events, at [`NOW_MS`](super::NOW_MS). Its id is the reducer's name with `-1`, as in `order-1`,
/// and the context is that of [`Context::for_test`].
///
/// # Panics
/// When the reducer's name makes no stream id.
#[track_caller]
pub fn scenario(reducer: &dyn Reducer) -> Scenario<'_> {
    let stream_id = stream(&format!("{}-1", reducer.descriptor().name));
    let context = Context::for_test(stream_id.as_str());
    Scenario { reducer, stream_id, past: Vec::new(), context }
}

impl<'a> Scenario<'a> {
    /// Recorded events, behind what was given before: each a [`SerializedEvent`], a builder, or a type with its bytes.
    pub fn given(mut self, events: impl IntoIterator<Item: Into<EventBuilder>>) -> Self {
        self.past.extend(events.into_iter().map(|event| Past::Event(event.into().into())));
        self
    }

    /// Commands, whose events are recorded behind what was given before. They are decided at the time that the scenario has when
    /// they are given, each under an id of its own.
    pub fn given_commands(mut self, commands: impl IntoIterator<Item = Command>) -> Self {
        let now_ms = self.context.now_ms;
        self.past.extend(commands.into_iter().map(|command| Past::Command { command, now_ms }));
        self
    }

    /// On this stream.
    ///
    /// # Panics
    /// When the text is no stream id.
    #[track_caller]
    pub fn stream(mut self, stream_id: &str) -> Self {
        self.stream_id = stream(stream_id);
        self.context.stream_id = stream_id.to_owned();
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

    /// The events that were given, and those that the given commands led to: a history for a
    /// [`StreamFixture`](super::StreamFixture), say.
    ///
    /// # Errors
    /// [`Mismatch::Given`] when a given event cannot be applied, or a given command does not go through.
    pub fn history(&self) -> Result<Vec<SerializedEvent>, Mismatch> {
        let mut aggregate = begin(self.reducer, &self.stream_id, &[])?;
        let mut history = Vec::new();
        for (past, number) in self.past.iter().zip(1..) {
            let new = match past {
                Past::Event(event) => vec![event.clone()],
                Past::Command { command, now_ms } => {
                    let context = Context {
                        version: history.len() as u64,
                        command_id: format!("given-{number}"),
                        now_ms: *now_ms,
                        ..self.context.clone()
                    };
                    let decided = aggregate.decide(command, &context);
                    decided.map_err(|error| Mismatch::Given(format!("given command {}: {error}", command.name)))?.events
                }
            };
            apply(aggregate.as_mut(), history.len(), &new, PAGE_EVENTS).map_err(Mismatch::Given)?;
            history.extend(new);
        }
        Ok(history)
    }

    /// Decides on the command.
    ///
    /// # Panics
    /// When the scenario cannot begin, or the reducer breaks a [`Law`](super::Law).
    #[track_caller]
    #[must_use = "nothing is expected of the outcome yet"]
    pub fn when(&self, command: Command) -> Outcome<'a> {
        let name = command.name.clone();
        match self.run(command) {
            Ok(outcome) => outcome,
            Err(mismatch) => panic!("{}, when {name}\n{mismatch}", self.stream_id),
        }
    }

    /// Decides on the command: as [`when`](Self::when), without panicking.
    ///
    /// # Errors
    /// [`Mismatch::Given`] and [`Mismatch::Law`].
    #[expect(clippy::needless_pass_by_value, reason = "so that it is called with command(..) as it stands")]
    pub fn run(&self, command: Command) -> Result<Outcome<'a>, Mismatch> {
        let given = self.history()?;
        let context = self.context.clone().at_version(given.len() as u64);
        let trial = Trial {
            reducer: self.reducer,
            stream_id: &self.stream_id,
            given: &given,
            command: &command,
            context: &context,
        };
        let observed = trial.run()?;
        Ok(Outcome::new(self.reducer, self.title(&given, &command), observed))
    }

    fn title(&self, given: &[SerializedEvent], command: &Command) -> String {
        let given = match given.len() {
            0..=5 => listed(given.iter().map(|event| event.event_type.as_str())),
            many => format!("{many} events"),
        };
        format!("{}, given {given}, when {}", self.stream_id, command.name)
    }
}

impl std::fmt::Debug for Scenario<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut scenario = f.debug_struct("Scenario");
        scenario.field("reducer", self.reducer.descriptor()).field("past", &self.past).field("context", &self.context);
        scenario.finish()
    }
}
