//! What a scenario may be expected to come to.

use std::fmt;

use foldhost_sdk::testing::exact_value;
use foldhost_sdk::{Effect, LogLevel, LogLine};
use serde_json::{Value, json};

use super::mismatch::{bytes_drawn, rows};
use crate::{Reducer, SerializedEvent};

/// What a test expects of a command, as data: so that a table of cases can hold it.
///
/// ```
/// use foldhost::NativeReducer;
/// use foldhost::testing::{Then, command, scenario};
/// use serde_json::json;
///
/// let counter = NativeReducer::<counter::Counter>::new();
/// for (by, then) in [
///     (2, Then::events([("Incremented.v1", json!({"by": 2}))])),
///     (0, Then::rejected("nothing-to-add")),
/// ] {
///     scenario(&counter).when(command("Increment", json!({"by": by}))).then(&then);
/// }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Then {
    /// Just these events, in this order.
    Events(Vec<ExpectedEvent>),
    /// A business rule says no, with this code.
    Rejected(String),
    /// The command cannot be read.
    Malformed,
    /// The reducer fails, and says something that holds this text. Any fault holds the empty text.
    Fault(String),
    /// The state, once the events are applied, is just this.
    State(Value),
    /// The state, once the events are applied, has these fields with these values. What is not named may be anything; a list has
    /// to have as many elements.
    StateContains(Value),
    /// Just these effects, in this order. The payload of a dispatched command is compared as JSON, however it is spaced.
    Effects(Vec<Effect>),
    /// Just these lines for the operator, in this order.
    Log(Vec<LogLine>),
}

/// An event that a decision is expected to hold: its type, and its data or any.
///
/// It is made of a type alone (`"OrderPlaced.v1"`), of a type and JSON (`("Incremented.v1", json!({"by": 2}))`), which is
/// compared with what the reducer draws of the event, or of the very bytes: a [`SerializedEvent`], as
/// [`encode`](super::encode) makes it of a typed one, or `("A.v1", vec![1, 2])`.
#[derive(Debug, Clone, PartialEq)]
pub struct ExpectedEvent {
    event_type: String,
    data: ExpectedData,
}

#[derive(Debug, Clone, PartialEq)]
enum ExpectedData {
    Any,
    Bytes(Vec<u8>),
    Json(Value),
}

impl Then {
    /// Just these events, in this order.
    #[must_use]
    pub fn events(events: impl IntoIterator<Item: Into<ExpectedEvent>>) -> Self {
        Self::Events(events.into_iter().map(Into::into).collect())
    }

    /// Allowed, and nothing has to change.
    #[must_use]
    pub fn no_events() -> Self {
        Self::Events(Vec::new())
    }

    /// Just these lines for the operator, in this order.
    #[must_use]
    pub fn log<'l>(lines: impl IntoIterator<Item = (LogLevel, &'l str)>) -> Self {
        let line = |(level, message): (LogLevel, &str)| LogLine { level, message: message.to_owned() };
        Self::Log(lines.into_iter().map(line).collect())
    }

    /// A rejection with this code.
    #[must_use]
    pub fn rejected(code: impl Into<String>) -> Self {
        Self::Rejected(code.into())
    }
}

impl fmt::Display for Then {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Events(events) => f.write_str(&listed(events.iter().map(|event| event.event_type.as_str()))),
            Self::Rejected(code) => write!(f, "a rejection with the code `{code}`"),
            Self::Malformed => f.write_str("a command that cannot be read"),
            Self::Fault(text) if text.is_empty() => f.write_str("a fault of the reducer"),
            Self::Fault(text) => write!(f, "a fault of the reducer that says `{text}`"),
            Self::State(_) => f.write_str("this state"),
            Self::StateContains(_) => f.write_str("a state with these fields"),
            Self::Effects(effects) => f.write_str(&counted(effects.len(), "effect")),
            Self::Log(lines) => f.write_str(&counted(lines.len(), "log line")),
        }
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

/// As in `no effects`, `one effect`, `2 effects`.
pub(super) fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("one {what}"),
        _ => format!("{count} {what}s"),
    }
}

impl ExpectedEvent {
    fn admits(&self, event: &SerializedEvent, drawn: &Value) -> bool {
        self.event_type == event.event_type
            && match &self.data {
                ExpectedData::Any => true,
                ExpectedData::Bytes(bytes) => *bytes == event.data,
                ExpectedData::Json(json) => json == drawn,
            }
    }

    fn exact(&self) -> Option<SerializedEvent> {
        let ExpectedData::Bytes(data) = &self.data else { return None };
        Some(SerializedEvent { event_type: self.event_type.clone(), data: data.clone() })
    }
}

/// Both lists, drawn to be laid side by side; none where the events are the expected ones.
pub(super) fn compare(
    reducer: &dyn Reducer,
    expected: &[ExpectedEvent],
    actual: &[SerializedEvent],
) -> Option<(Value, Value)> {
    let drawn = draw(reducer, actual);
    let same = |(wanted, (event, drawn)): (&ExpectedEvent, (&SerializedEvent, &Value))| wanted.admits(event, drawn);
    if expected.len() == actual.len() && expected.iter().zip(actual.iter().zip(&drawn)).all(same) {
        return None;
    }
    let bytes: Vec<_> = expected.iter().filter_map(ExpectedEvent::exact).collect();
    let mut exact = draw(reducer, &bytes).into_iter();
    let mut left = Vec::with_capacity(expected.len());
    for (place, wanted) in expected.iter().enumerate() {
        let drawn = match &wanted.data {
            // Any data: whatever came in its place.
            ExpectedData::Any => drawn.get(place).cloned().unwrap_or(Value::Null),
            ExpectedData::Json(json) => json.clone(),
            ExpectedData::Bytes(_) => exact.next().unwrap_or(Value::Null),
        };
        left.push(json!({ "event_type": wanted.event_type, "data": drawn }));
    }
    let pairs = actual.iter().zip(drawn);
    let right: Vec<_> = pairs.map(|(event, data)| json!({ "event_type": event.event_type, "data": data })).collect();
    if left != right {
        return Some((left.into(), right.into()));
    }
    // Other bytes that are drawn alike: then the bytes are what has to be seen.
    let in_bytes = |event: &SerializedEvent| json!({ "event_type": event.event_type, "data": rows(&event.data) });
    let came = expected.iter().zip(actual).filter(|(wanted, _)| matches!(wanted.data, ExpectedData::Bytes(_)));
    Some((bytes.iter().map(in_bytes).collect(), came.map(|(_, event)| in_bytes(event)).collect()))
}

/// The data of events as the reducer draws it; as bytes where it cannot.
fn draw(reducer: &dyn Reducer, events: &[SerializedEvent]) -> Vec<Value> {
    let asked: Vec<_> = events.iter().map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
    let answers = reducer.events_json(&asked).unwrap_or_default();
    let drawn = |(place, event): (usize, &SerializedEvent)| {
        let json = answers.get(place).and_then(|answer| answer.as_deref().ok());
        json.and_then(|json| exact_value(json).ok()).unwrap_or_else(|| bytes_drawn(&event.data))
    };
    events.iter().enumerate().map(drawn).collect()
}

impl From<&str> for ExpectedEvent {
    fn from(event_type: &str) -> Self {
        Self { event_type: event_type.to_owned(), data: ExpectedData::Any }
    }
}

impl From<(&str, Value)> for ExpectedEvent {
    fn from((event_type, data): (&str, Value)) -> Self {
        Self { event_type: event_type.to_owned(), data: ExpectedData::Json(data) }
    }
}

impl From<(&str, Vec<u8>)> for ExpectedEvent {
    fn from((event_type, data): (&str, Vec<u8>)) -> Self {
        Self { event_type: event_type.to_owned(), data: ExpectedData::Bytes(data) }
    }
}

impl From<SerializedEvent> for ExpectedEvent {
    fn from(SerializedEvent { event_type, data }: SerializedEvent) -> Self {
        Self { event_type, data: ExpectedData::Bytes(data) }
    }
}
