//! Events and commands to begin a test with.

use serde_json::{Map, Value};

use crate::{Command, EventMetadata, SerializedEvent, TraceParent};

/// An event in the making: its type, and whatever else a test cares for.
///
/// [`build`](Self::build) makes an event to append of it. As an expectation, in
/// [`assert_events_match`](super::assert_events_match), only what was named is compared.
///
/// ```
/// use foldhost::testing::event;
///
/// let (event, metadata) = event("OrderPlaced.v1").data(b"...").command_id("c-1").field("tenant", "acme").build();
/// assert_eq!(event.event_type, "OrderPlaced.v1");
/// assert_eq!(metadata.command_id.as_deref(), Some("c-1"));
/// assert_eq!(metadata.fields["tenant"], "acme");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventBuilder {
    pub(super) event_type: String,
    pub(super) data: Option<Vec<u8>>,
    pub(super) metadata: EventMetadata,
}

/// An event of this type, as in `OrderPlaced.v1`.
#[must_use]
pub fn event(event_type: impl Into<String>) -> EventBuilder {
    EventBuilder { event_type: event_type.into(), data: None, metadata: EventMetadata::default() }
}

/// Events of these types, without data: for tests of what stores events and does not read them.
///
/// ```
/// use foldhost::testing::events;
///
/// assert_eq!(events(["A.v1", "B.v1"])[1].event_type, "B.v1");
/// ```
#[must_use]
pub fn events(event_types: impl IntoIterator<Item: Into<String>>) -> Vec<SerializedEvent> {
    event_types.into_iter().map(|event_type| event(event_type).into()).collect()
}

/// A typed event as its reducer records it.
///
/// ```
/// use counter::CounterEvent;
/// use foldhost::testing::encode;
///
/// assert_eq!(encode(&CounterEvent::Incremented { by: 2 }).event_type, "Incremented.v1");
/// ```
///
/// # Panics
/// When the event has no encoding, with the reason.
#[must_use]
#[track_caller]
pub fn encode(event: &impl foldhost_sdk::Event) -> SerializedEvent {
    match event.to_bytes() {
        Ok(data) => SerializedEvent { event_type: event.event_type().to_owned(), data },
        Err(error) => panic!("{error}"),
    }
}

/// A command by name, with JSON arguments; `json!({})` where it has none.
///
/// ```
/// use foldhost::testing::command;
/// use serde_json::json;
///
/// assert_eq!(command("Increment", json!({"by": 2})).name, "Increment");
/// ```
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "so that it is called with json!(..) as it stands")]
pub fn command(name: impl Into<String>, arguments: Value) -> Command {
    Command::json(name, arguments.to_string())
}

/// A typed command, as JSON.
///
/// ```
/// use counter::CounterCommand;
/// use foldhost::testing::{command, encode_command};
/// use serde_json::json;
///
/// assert_eq!(encode_command(&CounterCommand::Increment { by: 2 }), command("Increment", json!({"by": 2})));
/// ```
///
/// # Panics
/// When the command has no encoding, with the reason.
#[must_use]
#[track_caller]
pub fn encode_command(command: &impl foldhost_sdk::Command) -> Command {
    match command.to_json() {
        Ok(arguments) => Command::json(command.name(), arguments),
        Err(error) => panic!("{error}"),
    }
}

impl EventBuilder {
    /// The event's bytes, which the host never reads. Without them: none at all, or, in an expectation, any.
    #[must_use]
    pub fn data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.data = Some(data.into());
        self
    }

    /// The command that led to it.
    #[must_use]
    pub fn command_id(mut self, id: impl Into<String>) -> Self {
        self.metadata.command_id = Some(id.into());
        self
    }

    /// What it belongs to.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.metadata.correlation_id = Some(id.into());
        self
    }

    /// The message that led to its command.
    #[must_use]
    pub fn causation_id(mut self, id: impl Into<String>) -> Self {
        self.metadata.causation_id = Some(id.into());
        self
    }

    /// The trace that its command was a part of.
    #[must_use]
    pub fn traceparent(mut self, traceparent: TraceParent) -> Self {
        self.metadata.traceparent = Some(traceparent);
        self
    }

    /// A field of the sender's own.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.metadata.fields.insert(name.into(), value.into());
        self
    }

    /// The event and its metadata, as a [`StreamBatch`](crate::event_store::StreamBatch) takes them.
    #[must_use]
    pub fn build(self) -> (SerializedEvent, EventMetadata) {
        let data = self.data.unwrap_or_default();
        (SerializedEvent { event_type: self.event_type, data }, self.metadata)
    }

    /// `metadata` without what was not named here.
    pub(super) fn named_in(&self, metadata: &EventMetadata) -> EventMetadata {
        fn named<T: Clone>(mine: Option<&T>, theirs: Option<&T>) -> Option<T> {
            mine.and(theirs).cloned()
        }
        let (mine, theirs) = (&self.metadata, metadata);
        let fields = mine.fields.keys().filter_map(|name| Some((name.clone(), theirs.fields.get(name)?.clone())));
        EventMetadata {
            command_id: named(mine.command_id.as_ref(), theirs.command_id.as_ref()),
            correlation_id: named(mine.correlation_id.as_ref(), theirs.correlation_id.as_ref()),
            causation_id: named(mine.causation_id.as_ref(), theirs.causation_id.as_ref()),
            traceparent: named(mine.traceparent.as_ref(), theirs.traceparent.as_ref()),
            // A builder cannot name these two.
            generation: None,
            reducer_digest: None,
            fields: Map::from_iter(fields),
        }
    }
}

impl From<EventBuilder> for SerializedEvent {
    fn from(builder: EventBuilder) -> Self {
        builder.build().0
    }
}

impl From<SerializedEvent> for EventBuilder {
    fn from(SerializedEvent { event_type, data }: SerializedEvent) -> Self {
        event(event_type).data(data)
    }
}

impl From<&SerializedEvent> for EventBuilder {
    fn from(event: &SerializedEvent) -> Self {
        event.clone().into()
    }
}

impl From<(&str, Vec<u8>)> for EventBuilder {
    fn from((event_type, data): (&str, Vec<u8>)) -> Self {
        event(event_type).data(data)
    }
}

impl From<&str> for EventBuilder {
    fn from(event_type: &str) -> Self {
        event(event_type)
    }
}
