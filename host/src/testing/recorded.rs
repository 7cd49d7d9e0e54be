//! Recorded events beside the expected ones.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::Mismatch;
use super::event_builder::EventBuilder;
use super::mismatch::{bytes_drawn, difference};
use crate::{Event, Version};

/// Checks that recorded events are the expected ones, as [`match_events`] does.
///
/// ```
/// # async fn run() -> Result<(), foldhost::EventStoreError> {
/// use foldhost::testing::{StreamFixture, assert_events_match, event, stream};
/// use foldhost::{EventStore, InMemoryEventStore, Version};
///
/// let store = InMemoryEventStore::new();
/// let fixture = StreamFixture::new("order-1");
/// fixture.events([event("A.v1").data(b"x").command_id("c-1"), event("B.v1")]).appended_to(&store).await?;
///
/// let recorded = store.read_stream(&stream("order-1"), Version::EMPTY, 10.into()).await?;
/// assert_events_match(&recorded, [event("A.v1").command_id("c-1"), event("B.v1").data(b"")]);
/// assert_events_match(&recorded, ["A.v1", "B.v1"]);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
///
/// # Panics
/// When they are not, with the first version that differs and a diff of all of them.
#[track_caller]
pub fn assert_events_match(recorded: &[Event], expected: impl IntoIterator<Item: Into<EventBuilder>>) {
    if let Err(mismatch) = match_events(recorded, expected) {
        panic!("{mismatch}");
    }
}

/// Whether recorded events are the expected ones, in this order, and no others; and whether the versions of each stream among
/// them follow one another, the oldest first.
///
/// Of an expected event only what was named counts: its type always, its data and metadata where the builder has them. When an
/// event was recorded never counts.
///
/// # Errors
/// [`Mismatch::Recorded`] names the first version that differs.
pub fn match_events(recorded: &[Event], expected: impl IntoIterator<Item: Into<EventBuilder>>) -> Result<(), Mismatch> {
    check_versions(recorded)?;
    let expected: Vec<EventBuilder> = expected.into_iter().map(Into::into).collect();
    let pairs = expected.iter().zip(recorded);
    let same = pairs.take_while(|(wanted, event)| admits(wanted, event)).count();
    let (version, reason) = match (expected.get(same), recorded.get(same)) {
        (None, None) => return Ok(()),
        (Some(wanted), None) => {
            let last = recorded.last().map_or(Version::EMPTY, |event| event.version);
            (last.next(), format!("it is missing, and {} was expected", wanted.event_type))
        }
        (None, Some(event)) => (event.version, format!("{} is one too many in {}", event.event_type, event.stream_id)),
        (Some(wanted), Some(event)) if wanted.event_type != event.event_type => {
            let Event { stream_id, event_type, .. } = event;
            (event.version, format!("{} was expected, and {stream_id} has {event_type}", wanted.event_type))
        }
        (Some(wanted), Some(event)) => {
            let parted = if wanted.data.as_ref().is_none_or(|data| *data == event.data) { "metadata" } else { "data" };
            (event.version, format!("{} of {} has other {parted}", event.event_type, event.stream_id))
        }
    };
    let wanted = expected.iter().enumerate().map(|(place, wanted)| drawn_expected(wanted, recorded.get(place)));
    let came = recorded.iter().enumerate().map(|(place, event)| drawn_recorded(event, expected.get(place)));
    let difference = difference(&wanted.collect(), &came.collect());
    Err(Mismatch::Recorded { version, reason, difference })
}

/// A hole in a stream, or an event that comes twice, is no matter of what is expected.
fn check_versions(recorded: &[Event]) -> Result<(), Mismatch> {
    let mut heads = HashMap::new();
    for Event { stream_id, version, .. } in recorded {
        if let Some(last) = heads.insert(stream_id, *version).filter(|last| last.next() != *version) {
            let reason = format!("it follows event {last} in {stream_id}, and versions have to follow one another");
            return Err(Mismatch::Recorded { version: *version, reason, difference: String::new() });
        }
    }
    Ok(())
}

fn admits(wanted: &EventBuilder, event: &Event) -> bool {
    wanted.event_type == event.event_type
        && wanted.data.as_ref().is_none_or(|data| *data == event.data)
        && wanted.named_in(&event.metadata) == wanted.metadata
}

/// An expected event; what it leaves open is drawn as what was recorded in its place.
fn drawn_expected(wanted: &EventBuilder, recorded: Option<&Event>) -> Value {
    let data = wanted.data.as_deref().or_else(|| recorded.map(|event| event.data.as_slice()));
    json!({
        "event_type": wanted.event_type,
        "data": data.map_or_else(|| json!("any"), bytes_drawn),
        "metadata": wanted.metadata,
    })
}

/// A recorded event, with as much of its metadata as is asked for.
fn drawn_recorded(event: &Event, wanted: Option<&EventBuilder>) -> Value {
    let metadata = wanted.map(|wanted| wanted.named_in(&event.metadata)).unwrap_or_default();
    json!({ "event_type": event.event_type, "data": bytes_drawn(&event.data), "metadata": metadata })
}
