//! The hostile component, and how each of its calls is made to go wrong.

use std::sync::OnceLock;

use foldhost::reducer::{Context, DecideError, Decision, ReducerFault, UpcastEvent};
use foldhost::{Aggregate, Command, ComponentReducer, PackedEvents, Reducer, SerializedEvent, StreamId, Version};
use foldhost_sdk::FormerEvent as _;
use foldhost_test_support::component_reducer;
use hostile::{Call, MeasuredV1};

pub(crate) fn hostile() -> &'static ComponentReducer {
    static HOSTILE: OnceLock<ComponentReducer> = OnceLock::new();
    HOSTILE.get_or_init(|| component_reducer("hostile"))
}

pub(crate) fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

pub(crate) fn aggregate(id: &str) -> Box<dyn Aggregate> {
    hostile().create(&stream(id)).unwrap()
}

pub(crate) fn context(id: &str) -> Context {
    Context { stream_id: id.into(), version: 0, command_id: "c-1".into(), now_ms: 1_767_225_600_000, seed: 42 }
}

/// An event that orders a misdeed of whoever reads it.
pub(crate) fn ordered(misdeed: &str) -> SerializedEvent {
    SerializedEvent { event_type: "Ordered.v1".into(), data: misdeed.into() }
}

pub(crate) fn fine() -> SerializedEvent {
    SerializedEvent { event_type: "Fine.v1".into(), data: Vec::new() }
}

/// A length as it was recorded when there were whole centimetres alone.
pub(crate) fn measured(centimetres: u64) -> SerializedEvent {
    let event_type = "Measured.v1";
    let data = MeasuredV1 { centimetres }.to_bytes(event_type).unwrap();
    SerializedEvent { event_type: event_type.into(), data }
}

/// What `event-json` or `event-upcast` draws of a page of events; of the latter with the event's type before it.
pub(crate) fn drawn(call: &str, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
    let page: Vec<_> = events.iter().map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
    if call == "event-json" {
        return hostile().events_json(&page);
    }
    let shown = |now: UpcastEvent| format!("{} {}", now.event_type, now.json);
    Ok(hostile().events_upcast(&page)?.into_iter().map(|answer| answer.map(shown)).collect())
}

pub(crate) fn page(events: &[SerializedEvent]) -> PackedEvents {
    PackedEvents::of(Version::new(1), events).unwrap()
}

pub(crate) fn decide(aggregate: &mut dyn Aggregate, name: &str, payload: &str) -> Result<Decision, DecideError> {
    aggregate.decide(&Command::json(name, payload), &context("hostile-1"))
}

pub(crate) fn misbehave(misdeed: &str) -> Result<Decision, DecideError> {
    decide(&mut *aggregate("hostile-1"), "Misbehave", &format!(r#"{{"misdeed":"{misdeed}"}}"#))
}

/// An aggregate that has these events.
pub(crate) fn with_events(events: &[SerializedEvent]) -> Result<Box<dyn Aggregate>, ReducerFault> {
    let mut aggregate = aggregate("hostile-1");
    aggregate.apply(page(events)).map(|()| aggregate)
}

/// Asks `call` to do `how` instead of its work.
pub(crate) fn provoke(call: Call, how: &str) -> Result<(), ReducerFault> {
    let misdeed = format!("{} {how}", call.name());
    let by_stream = stream(&format!("hostile-{}.7", misdeed.replace(' ', ".")));
    let by_event = ordered(&misdeed);
    match call {
        Call::Constructor => hostile().create(&by_stream).map(drop),
        Call::Restore => hostile().restore(&by_stream, &aggregate("hostile-1").snapshot()?).map(drop),
        Call::Apply => with_events(&[fine(), by_event, fine()]).map(drop),
        Call::Decide => match misbehave(&misdeed) {
            Err(DecideError::Fault(fault)) => Err(fault),
            other => panic!("{misdeed} came to {other:?}"),
        },
        Call::Snapshot => with_events(&[by_event])?.snapshot().map(drop),
        Call::StateJson => with_events(&[by_event])?.state_json().map(drop),
        Call::EventJson => aggregate("hostile-1").events_json(&[&by_event]).map(drop),
        Call::EventFromJson => hostile().event_from_json("Ordered.v1", &misdeed).map(drop),
        Call::Start | Call::Describe => panic!("those are for a component of its own"),
        Call::EventUpcast => panic!("that is asked about pages, in which each event has its own answer"),
    }
}
