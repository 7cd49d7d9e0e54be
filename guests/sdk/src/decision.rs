//! The answer to a command.

use std::borrow::Cow;

use crate::Effect;

/// The answer to a command that is allowed: the events to record, the effects to run once they are durable, and log lines.
///
/// ```
/// use foldhost_sdk::{Decision, Effect, LogLevel};
///
/// let decision = Decision::event("reserved")
///     .and("paid")
///     .with_effect(Effect::delay(60_000).reply_to("Expire"))
///     .with_log(LogLevel::Info, "paid in full");
/// assert_eq!(decision.events(), ["reserved", "paid"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a decision does nothing until it is returned"]
pub struct Decision<E> {
    pub(crate) events: Vec<E>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) log: Vec<LogLine>,
}

impl<E> Decision<E> {
    /// One event.
    pub fn event(event: E) -> Self {
        Self::from_iter([event])
    }

    /// No event: the command is allowed, and nothing had to change.
    pub fn none() -> Self {
        Self { events: Vec::new(), effects: Vec::new(), log: Vec::new() }
    }

    /// A further event, after those so far. All of them are recorded together or none is.
    pub fn and(mut self, event: E) -> Self {
        self.events.push(event);
        self
    }

    /// Something for the host to do after the events are durable.
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// A line for the operator, which appears in the host's log beside the stream's id.
    pub fn with_log(mut self, level: LogLevel, message: impl Into<String>) -> Self {
        self.log.push(LogLine { level, message: message.into() });
        self
    }

    /// The events, in the order in which they are recorded.
    pub fn events(&self) -> &[E] {
        &self.events
    }

    /// The effects.
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The log lines.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// The events alone, to apply them in a test.
    pub fn into_events(self) -> Vec<E> {
        self.events
    }
}

impl<E> FromIterator<E> for Decision<E> {
    fn from_iter<I: IntoIterator<Item = E>>(events: I) -> Self {
        Self { events: events.into_iter().collect(), effects: Vec::new(), log: Vec::new() }
    }
}

/// A business rule's no: nothing is recorded, and the sender is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Rejection {
    /// Which rule, for programs: kebab-case, as in `already-shipped`. Senders depend on it; it never changes.
    pub code: Cow<'static, str>,
    /// Why, for people.
    pub message: String,
}

impl Rejection {
    /// A rejection with a kebab-case code. A code of another form fails in debug builds and so in tests.
    pub fn new(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        let code = code.into();
        debug_assert!(is_kebab_case(&code), "the rejection code `{code}` is not kebab-case");
        Self { code, message: message.into() }
    }
}

fn is_kebab_case(code: &str) -> bool {
    code.split('-')
        .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For whoever is looking for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Unexpected, and handled.
    Warn,
    /// Somebody should look.
    Error,
}

/// A line for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How much it matters.
    pub level: LogLevel,
    /// What is to be said.
    pub message: String,
}
