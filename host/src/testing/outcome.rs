//! What a command came to, and whether that is what a test expects.

use foldhost_sdk::{Effect, LogLevel};
use serde_json::{Value, json};

use super::Mismatch;
use super::effects::{effects_json, same_effects};
use super::expected::{ExpectedEvent, Then, compare, counted, listed};
use super::laws::Observed;
use super::mismatch::{difference, line_diff, pruned};
use crate::reducer::{DecideError, Decision};
use crate::{Reducer, SerializedEvent};

/// What a command came to in a [`Scenario`](super::Scenario).
///
/// The functions that begin with `then` panic where it is something else, and answer with the outcome itself: so one may
/// follow the other.
pub struct Outcome<'a> {
    reducer: &'a dyn Reducer,
    /// The scenario in a sentence.
    title: String,
    observed: Observed,
}

impl<'a> Outcome<'a> {
    pub(super) fn new(reducer: &'a dyn Reducer, title: String, observed: Observed) -> Self {
        Self { reducer, title, observed }
    }

    /// The decision, or why there is none.
    ///
    /// # Errors
    /// [`DecideError`]
    pub fn decided(&self) -> Result<&Decision, &DecideError> {
        self.observed.decided.as_ref()
    }

    /// The events of the decision; none if there is no decision.
    #[must_use]
    pub fn events(&self) -> &[SerializedEvent] {
        self.decided().map_or(&[], |decision| &decision.events)
    }

    /// The state once those events are applied.
    #[must_use]
    pub fn state(&self) -> &Value {
        &self.observed.state
    }

    /// Whether it is what a test expects.
    ///
    /// # Errors
    /// [`Mismatch::Outcome`] says what differs, and where.
    pub fn check(&self, expected: &Then) -> Result<(), Mismatch> {
        match (expected, &self.observed.decided) {
            (Then::Events(events), Ok(decision)) => match compare(self.reducer, events, &decision.events) {
                None => Ok(()),
                Some((left, right)) => Err(self.differing(expected, &left, &right)),
            },
            (Then::Effects(effects), Ok(decision)) if same_effects(effects, &decision.effects) => Ok(()),
            (Then::Effects(effects), Ok(decision)) => {
                let drawn = difference(&effects_json(effects), &effects_json(&decision.effects));
                // Binary and JSON payloads can be drawn alike.
                let trees = || line_diff(&format!("{effects:#?}\n"), &format!("{:#?}\n", decision.effects));
                let parted = if drawn.is_empty() { format!("\n{}", trees()) } else { drawn };
                Err(self.mismatch(expected, self.came(), &parted))
            }
            (Then::Log(lines), Ok(decision)) => {
                let wanted: Value = lines.iter().map(|line| log_json(level_of(line.level), &line.message)).collect();
                let came: Value = decision.log.iter().map(|(level, message)| log_json(*level, message)).collect();
                if wanted == came { Ok(()) } else { Err(self.differing(expected, &wanted, &came)) }
            }
            (Then::Rejected(code), Err(DecideError::Rejected(no))) if no.code == *code => Ok(()),
            (Then::Malformed, Err(DecideError::Malformed(_))) => Ok(()),
            (Then::Fault(text), Err(DecideError::Fault(fault))) if fault.to_string().contains(text) => Ok(()),
            (Then::State(state), _) => self.check_state(expected, state, self.state()),
            (Then::StateContains(fields), _) => self.check_state(expected, fields, &pruned(self.state(), fields)),
            _ => Err(self.mismatch(expected, self.came(), "")),
        }
    }

    fn check_state(&self, expected: &Then, wanted: &Value, state: &Value) -> Result<(), Mismatch> {
        if wanted == state {
            return Ok(());
        }
        Err(self.mismatch(expected, format!("another state, after {}", self.came()), &difference(wanted, state)))
    }

    /// What came, in a line of text.
    fn came(&self) -> String {
        match &self.observed.decided {
            Ok(Decision { events, effects, log }) => {
                let events = listed(events.iter().map(|event| event.event_type.as_str()));
                let others =
                    [(effects.len(), "effect"), (log.len(), "log line")].into_iter().filter(|(count, _)| *count > 0);
                others.fold(events, |said, (count, what)| format!("{said}, and {}", counted(count, what)))
            }
            Err(DecideError::Rejected(no)) => format!("the rejection `{}`: {}", no.code, no.message),
            Err(DecideError::Malformed(reason)) => format!("a command that cannot be read: {reason}"),
            Err(DecideError::Fault(fault)) => format!("a fault of the reducer: {fault}"),
        }
    }

    fn differing(&self, expected: &Then, wanted: &Value, came: &Value) -> Mismatch {
        self.mismatch(expected, self.came(), &difference(wanted, came))
    }

    fn mismatch(&self, expected: &Then, actual: String, difference: &str) -> Mismatch {
        Mismatch::Outcome { expected: expected.to_string(), actual, difference: difference.to_owned() }
    }

    /// Asks for what a table of cases holds.
    ///
    /// # Panics
    /// When something else came, with the scenario and a diff.
    #[track_caller]
    pub fn then(&self, expected: &Then) -> &Self {
        if let Err(mismatch) = self.check(expected) {
            panic!("{}\n{mismatch}", self.title);
        }
        self
    }

    /// Just these events, in this order: each a type alone, a type and JSON, or the event itself.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_events(&self, events: impl IntoIterator<Item: Into<ExpectedEvent>>) -> &Self {
        self.then(&Then::events(events))
    }

    /// Events of just these types, in this order, with any data.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_event_types<'t>(&self, types: impl IntoIterator<Item = &'t str>) -> &Self {
        self.then(&Then::events(types))
    }

    /// The command is allowed, and nothing has to change.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_no_events(&self) -> &Self {
        self.then(&Then::no_events())
    }

    /// Just these effects, in this order.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_effects(&self, effects: impl IntoIterator<Item = Effect>) -> &Self {
        self.then(&Then::Effects(effects.into_iter().collect()))
    }

    /// Just these lines for the operator, in this order.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_log<'l>(&self, lines: impl IntoIterator<Item = (LogLevel, &'l str)>) -> &Self {
        self.then(&Then::log(lines))
    }

    /// A business rule says no, with this code.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_rejected(&self, code: &str) -> &Self {
        self.then(&Then::rejected(code))
    }

    /// The command cannot be read.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_malformed(&self) -> &Self {
        self.then(&Then::Malformed)
    }

    /// The reducer fails, and what is said of it holds `text`; any fault holds the empty text.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_fault(&self, text: &str) -> &Self {
        self.then(&Then::Fault(text.to_owned()))
    }

    /// The state, once the events are applied, is just this.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    pub fn then_state(&self, state: Value) -> &Self {
        self.then(&Then::State(state))
    }

    /// The state, once the events are applied, has these fields with these values, and may have others. A list has to have as
    /// many elements.
    ///
    /// # Panics
    /// When a field is missing or another.
    #[track_caller]
    pub fn then_state_contains(&self, fields: Value) -> &Self {
        self.then(&Then::StateContains(fields))
    }
}

impl std::fmt::Debug for Outcome<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Observed { decided, state } = &self.observed;
        f.debug_struct("Outcome")
            .field("scenario", &self.title)
            .field("decided", decided)
            .field("state", state)
            .finish()
    }
}

fn log_json(level: tracing::Level, message: &str) -> Value {
    json!({ "level": level.as_str(), "message": message })
}

fn level_of(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Error => tracing::Level::ERROR,
    }
}
