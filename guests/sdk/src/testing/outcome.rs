//! What a command came to, and whether that is what a test expects.

use std::fmt;

use super::given::listed;
use super::laws::{BrokenLaw, Decided, Observed};
use super::{Testable, line_diff};
use crate::{Decision, Effect, LogLevel, LogLine};

/// What a test expects of a command, as data: so that a [`Case`](super::Case) can hold it.
pub enum Then<R: Testable> {
    /// Just these events, in this order.
    Events(Vec<R::Event>),
    /// A business rule says no, with this code.
    Rejected(String),
    /// The state, once the events are applied, is just this.
    State(R::State),
    /// Just these effects, in this order.
    Effects(Vec<Effect>),
    /// Just these lines for the operator, in this order.
    Log(Vec<LogLine>),
}

impl<R: Testable> fmt::Debug for Then<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(events) => f.debug_tuple("Events").field(events).finish(),
            Self::Rejected(code) => f.debug_tuple("Rejected").field(code).finish(),
            Self::State(state) => f.debug_tuple("State").field(state).finish(),
            Self::Effects(effects) => f.debug_tuple("Effects").field(effects).finish(),
            Self::Log(log) => f.debug_tuple("Log").field(log).finish(),
        }
    }
}

/// Why a test does not pass. Its text takes several lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The reducer did what no reducer may do, whatever its rules are.
    #[error(transparent)]
    Law(#[from] BrokenLaw),
    /// The command came to something else.
    #[error("expected: {expected}\nactual:   {actual}{difference}")]
    Outcome {
        /// What the test asked for.
        expected: String,
        /// What came.
        actual: String,
        /// A diff; empty where the two cannot be laid side by side.
        difference: String,
    },
}

/// What a command came to.
///
/// The functions that begin with `then` panic where it is something else, and answer with the outcome itself: so one may follow
/// the other.
pub struct Outcome<R: Testable> {
    /// The test in a sentence.
    title: String,
    observed: Observed<R>,
}

impl<R: Testable> Outcome<R> {
    pub(super) fn new(title: String, observed: Observed<R>) -> Self {
        Self { title, observed }
    }

    pub(super) fn into_decided(self) -> Decided<R> {
        self.observed.decided
    }

    /// The decision, or which rule says no.
    pub fn decided(&self) -> &Decided<R> {
        &self.observed.decided
    }

    /// The events of the decision; none if there is no decision.
    #[must_use]
    pub fn events(&self) -> &[R::Event] {
        self.decided().as_ref().map_or(&[], Decision::events)
    }

    /// The state once those events are applied.
    #[must_use]
    pub fn state(&self) -> &R::State {
        self.observed.fold.state()
    }

    /// Whether it is what a test expects.
    ///
    /// # Errors
    /// [`Mismatch::Outcome`] says what differs.
    pub fn check(&self, expected: &Then<R>) -> Result<(), Mismatch> {
        match (expected, self.decided()) {
            (Then::State(state), _) => self.check_same("this state", state, self.state()),
            (Then::Rejected(code), Err(no)) if no.code == *code => Ok(()),
            (Then::Rejected(code), _) => {
                Err(self.mismatch(format!("a rejection with the code `{code}`"), String::new()))
            }
            (Then::Events(events), Ok(decision)) => {
                let types = listed(events.iter().map(crate::Event::event_type));
                self.check_same(&types, events.as_slice(), decision.events())
            }
            (Then::Events(events), Err(_)) => {
                Err(self.mismatch(listed(events.iter().map(crate::Event::event_type)), String::new()))
            }
            (Then::Effects(effects), Ok(decision)) => {
                self.check_same(&counted(effects.len(), "effect"), effects.as_slice(), decision.effects())
            }
            (Then::Effects(effects), Err(_)) => Err(self.mismatch(counted(effects.len(), "effect"), String::new())),
            (Then::Log(log), Ok(decision)) => {
                self.check_same(&counted(log.len(), "log line"), log.as_slice(), decision.log())
            }
            (Then::Log(log), Err(_)) => Err(self.mismatch(counted(log.len(), "log line"), String::new())),
        }
    }

    fn check_same<T: PartialEq + fmt::Debug + ?Sized>(&self, what: &str, wanted: &T, came: &T) -> Result<(), Mismatch> {
        if wanted == came {
            return Ok(());
        }
        let diff = line_diff(&format!("{wanted:#?}\n"), &format!("{came:#?}\n"));
        Err(self.mismatch(what.to_owned(), format!("\n{diff}")))
    }

    fn mismatch(&self, expected: String, difference: String) -> Mismatch {
        let actual = match self.decided() {
            Err(no) => format!("the rejection `{}`: {}", no.code, no.message),
            Ok(decision) => {
                let events = listed(decision.events().iter().map(crate::Event::event_type));
                let counts = [(decision.effects().len(), "effect"), (decision.log().len(), "log line")];
                let others = counts.into_iter().filter(|&(count, _)| count > 0);
                others.fold(events, |said, (count, what)| format!("{said}, and {}", counted(count, what)))
            }
        };
        Mismatch::Outcome { expected, actual, difference }
    }

    /// Asks for what a table of cases holds.
    ///
    /// # Panics
    /// When something else came, with the test in a sentence and a diff.
    #[track_caller]
    pub fn then(&self, expected: &Then<R>) -> &Self {
        if let Err(mismatch) = self.check(expected) {
            panic!("{}\n{mismatch}", self.title);
        }
        self
    }

    /// Just these events, in this order.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_events(&self, events: impl IntoIterator<Item = R::Event>) -> &Self {
        self.then(&Then::Events(events.into_iter().collect()))
    }

    /// The command is allowed, and nothing is recorded.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_no_events(&self) -> &Self {
        self.then(&Then::Events(Vec::new()))
    }

    /// The command is allowed, and nothing has to be done: no events and no effects.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_nothing(&self) -> &Self {
        self.then_no_events().then_effects([])
    }

    /// A business rule says no, with this code.
    ///
    /// # Panics
    /// When something else came.
    #[track_caller]
    pub fn then_rejected(&self, code: &str) -> &Self {
        self.then(&Then::Rejected(code.to_owned()))
    }

    /// The state, once the events are applied, is just this.
    ///
    /// # Panics
    /// When it is another one.
    #[track_caller]
    pub fn then_state(&self, state: R::State) -> &Self {
        self.then(&Then::State(state))
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
        self.then(&Then::Log(log_lines(lines)))
    }
}

impl<R: Testable> fmt::Debug for Outcome<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut outcome = f.debug_struct("Outcome");
        outcome.field("test", &self.title).field("decided", self.decided()).field("state", self.state()).finish()
    }
}

pub(super) fn log_lines<'l>(lines: impl IntoIterator<Item = (LogLevel, &'l str)>) -> Vec<LogLine> {
    lines.into_iter().map(|(level, message)| LogLine { level, message: message.to_owned() }).collect()
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("one {what}"),
        _ => format!("{count} {what}s"),
    }
}
