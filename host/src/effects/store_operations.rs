//! `event-store`: reads and writes of the store, within the categories that the reducer's rules name.

use async_trait::async_trait;
use foldhost_sdk::{EffectOutcome, EventStoreOperation, FlatEffectKind, LoadedEvent, NewEvent};

use super::commands::judged;
use super::{EffectContext, EffectError, EffectRunner, KindTerms};
use crate::event_store::{EventStoreError, PageLimit, SnapshotKey};
use crate::reducer::Reducer;
use crate::{CommandError, ExpectedVersion, Host, SerializedEvent, StreamId, Version};

/// What one operation reads.
const PAGE: PageLimit = PageLimit { events_max: 100, bytes_max: 256 << 10 };

pub(super) struct StoreOperations;

#[async_trait]
impl EffectRunner for StoreOperations {
    fn kind(&self) -> &str {
        "event-store"
    }

    fn terms(&self) -> KindTerms {
        KindTerms { concurrency_max: 64, breaker_failures_max: 0, ..KindTerms::default() }
    }

    fn target(&self, effect: &FlatEffectKind) -> String {
        let FlatEffectKind::EventStore(operation) = effect else { return String::new() };
        stream_of(operation).parse().map_or_else(|_| String::new(), |id: StreamId| id.category().to_owned())
    }

    async fn run(&self, effect: &FlatEffectKind, context: &EffectContext) -> Result<EffectOutcome, EffectError> {
        let FlatEffectKind::EventStore(operation) = effect else {
            return Err(EffectError::permanent("invalid-effect", "it is no operation of the event store"));
        };
        let stream_id: StreamId = stream_of(operation)
            .parse()
            .map_err(|error| EffectError::permanent("invalid-stream-id", format!("{error}")))?;
        let category = stream_id.category();
        // Events that are appended are decided on by nobody: a reducer may do so to its own streams only, unless it was let.
        if category != context.stream_id.category() && !context.rules.categories.iter().any(|name| name == category) {
            let message = format!("the reducer's rules do not name the category {category}: see --allow-category");
            return Err(EffectError::permanent("category-not-allowed", message));
        }
        let host = &context.host;
        let reducer = host.reducer(category).await.map_err(|error| judged(&error))?;
        match operation {
            EventStoreOperation::AppendEvents { events, .. } => append(context, &*reducer, &stream_id, events).await,
            EventStoreOperation::LoadEvents { from_version, .. } => {
                load_events(host, &*reducer, &stream_id, *from_version).await
            }
            EventStoreOperation::SaveSnapshot { .. } => {
                host.save_snapshot(&stream_id).await.map_err(|error| judged(&error))?;
                Ok(EffectOutcome::Done)
            }
            EventStoreOperation::LoadSnapshot { .. } => load_snapshot(host, &*reducer, &stream_id).await,
        }
    }
}

fn stream_of(operation: &EventStoreOperation) -> &str {
    match operation {
        EventStoreOperation::AppendEvents { stream_id, .. }
        | EventStoreOperation::LoadEvents { stream_id, .. }
        | EventStoreOperation::SaveSnapshot { stream_id }
        | EventStoreOperation::LoadSnapshot { stream_id } => stream_id,
    }
}

/// Once, however often it is tried. Only events that the stream's own reducer writes and reads: another one would lock the stream.
async fn append(
    context: &EffectContext,
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    events: &[NewEvent],
) -> Result<EffectOutcome, EffectError> {
    let descriptor = reducer.descriptor();
    let writes = if descriptor.writes.is_empty() { &descriptor.event_types } else { &descriptor.writes };
    if let Some(event) = events.iter().find(|event| !writes.contains(&event.event_type)) {
        let message = format!("{} writes no events of type {:?}", descriptor.name, event.event_type);
        return Err(EffectError::permanent("unknown-event-type", message));
    }
    let packed: Vec<_> = events.iter().map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
    let read = reducer.events_json(&packed);
    let read = read.map_err(|fault| EffectError::transient("reducer-fault", fault.to_string()))?;
    if let Some((event, reason)) = events.iter().zip(read).find_map(|(event, read)| Some((event, read.err()?))) {
        let message = format!("{} cannot read the {}: {reason}", descriptor.name, event.event_type);
        return Err(EffectError::permanent("unreadable-event", message));
    }
    let event = |event: &NewEvent| SerializedEvent { event_type: event.event_type.clone(), data: event.data.clone() };
    let events: Vec<_> = events.iter().map(event).collect();
    let command_id = format!("{}.append", context.effect_id);
    let appended = context
        .host
        .store()
        .append_once(stream_id, ExpectedVersion::Any, &command_id, events)
        .await
        .map_err(of_store)?;
    Ok(EffectOutcome::Appended { version: appended.1.get() })
}

async fn load_events(
    host: &Host,
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    from_version: u64,
) -> Result<EffectOutcome, EffectError> {
    let after = Version::new(from_version.saturating_sub(1).min(Version::MAX.get()));
    let events = host.store().read_stream(stream_id, after, PAGE).await.map_err(of_store)?;
    if events.iter().any(|event| event.erased) {
        return Err(of_store(EventStoreError::StreamErased { stream_id: stream_id.clone() }));
    }
    let packed: Vec<_> = events.iter().map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
    let drawn = reducer.events_json(&packed);
    let drawn = drawn.map_err(|fault| EffectError::transient("reducer-fault", fault.to_string()))?;
    let mut loaded = Vec::with_capacity(events.len());
    for (event, json) in events.into_iter().zip(drawn) {
        let json = json.unwrap_or_else(|_| "null".to_owned());
        loaded.push(LoadedEvent { version: event.version.get(), event_type: event.event_type, json });
    }
    // A page may end before its stream does; whether there is more is known by asking.
    let next = match loaded.last() {
        None => None,
        Some(last) => {
            let more = host.store().read_stream(stream_id, Version::new(last.version), 1.into());
            more.await.map_err(of_store)?.first().map(|event| event.version.get())
        }
    };
    Ok(EffectOutcome::Events { events: loaded, next })
}

async fn load_snapshot(host: &Host, reducer: &dyn Reducer, stream_id: &StreamId) -> Result<EffectOutcome, EffectError> {
    let state_schema = reducer.descriptor().state_schema.clone();
    let key = SnapshotKey::schema(&state_schema);
    let loaded = host.store().load(stream_id, Some(&key), 1.into());
    let Some(snapshot) = loaded.await.map_err(of_store)?.snapshot else { return Ok(EffectOutcome::NoSnapshot) };
    let Ok(state) = snapshot.state else { return Ok(EffectOutcome::NoSnapshot) };
    let drawn = reducer.restore(stream_id, &state).and_then(|mut aggregate| aggregate.state_json());
    let state = drawn.map_err(|fault| EffectError::transient("reducer-fault", fault.to_string()))?;
    Ok(EffectOutcome::Snapshot { version: snapshot.version.get(), state_schema, state })
}

fn of_store(error: EventStoreError) -> EffectError {
    let message = error.to_string();
    match error {
        EventStoreError::StreamClosed { .. } => EffectError::permanent("stream-closed", message),
        EventStoreError::StreamErased { .. } => EffectError::permanent("stream-erased", message),
        EventStoreError::InvalidBatch(_) => EffectError::permanent("invalid-append", message),
        EventStoreError::CommandIdReused { .. } => EffectError::permanent("command-id-reused", message),
        error => judged(&CommandError::Store(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_time_does_not_mend_is_not_tried_again() {
        let stream_id: StreamId = "order-1".parse().unwrap_or_else(|error| panic!("{error}"));
        let closed = of_store(EventStoreError::StreamErased { stream_id });
        assert!(matches!(closed, EffectError::Permanent { .. }), "{closed:?}");
        let down = of_store(EventStoreError::Unavailable("for the test".into()));
        assert!(matches!(down, EffectError::NotNow(_)), "{down:?}");
    }
}
