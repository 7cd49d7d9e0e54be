//! Brings an aggregate to life: snapshot and tail, page by page.

use crate::event_store::{EventStore, EventStoreError, LoadedStream};
use crate::reducer::{Aggregate, Reducer, ReducerFault};
use crate::{Limits, PackedEvents, StreamId, Version};

/// An aggregate, and how far it is.
pub(crate) struct Loaded {
    pub(crate) aggregate: Box<dyn Aggregate>,
    /// How many events it holds.
    pub(crate) version: Version,
    /// The version of the snapshot that it began with, or 0.
    pub(crate) snapshot_version: Version,
}

/// Why an aggregate could not be loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] EventStoreError),
    /// The reducer failed.
    #[error(transparent)]
    Fault(#[from] ReducerFault),
}

/// Folds a stream up to its head.
pub(crate) async fn load(
    store: &(impl EventStore + ?Sized),
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    limits: &Limits,
) -> Result<Loaded, LoadError> {
    match load_in_pages(store, reducer, stream_id, limits).await {
        Err(LoadError::Fault(fault)) if is_exhausted(&fault) => {
            load_in_pages(store, reducer, stream_id, &with_small_pages(limits)).await
        }
        loaded => loaded,
    }
}

/// Folds a stream from its first event up to version `until`, or to its head where that comes first.
pub(crate) async fn load_until(
    store: &(impl EventStore + ?Sized),
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    limits: &Limits,
    until: Version,
) -> Result<Loaded, LoadError> {
    let replayed = replay(store, reducer, stream_id, limits, None, until).await;
    match replayed {
        Err(LoadError::Fault(fault)) if is_exhausted(&fault) => {
            replay(store, reducer, stream_id, &with_small_pages(limits), None, until).await
        }
        replayed => replayed,
    }
}

/// Whether the reducer may have been asked for too much at once: a page is one call, under one limit of fuel and memory. Events
/// that were accepted one by one must be loadable, so they are folded one by one then.
fn is_exhausted(fault: &ReducerFault) -> bool {
    matches!(
        fault,
        ReducerFault::FuelExhausted { .. } | ReducerFault::MemoryExhausted { .. } | ReducerFault::Trap { .. }
    )
}

fn with_small_pages(limits: &Limits) -> Limits {
    Limits { events_per_page_max: 1, ..limits.clone() }
}

async fn load_in_pages(
    store: &(impl EventStore + ?Sized),
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    limits: &Limits,
) -> Result<Loaded, LoadError> {
    let schema = &reducer.descriptor().state_schema;
    let LoadedStream { snapshot, tail } = store.load(stream_id, schema, limits.events_per_page_max).await?;
    let Some(snapshot) = snapshot else {
        return replay(store, reducer, stream_id, limits, Some(tail), Version::MAX).await;
    };
    let restored = snapshot.state.map_err(ReducerFault::Snapshot);
    match restored.and_then(|state| reducer.restore(stream_id, &state)) {
        Ok(aggregate) => {
            let begun = Loaded { aggregate, version: snapshot.version, snapshot_version: snapshot.version };
            fold(store, stream_id, limits, begun, tail, Version::MAX).await
        }
        // State *and* version start again: keeping the version once skipped the events that the snapshot had stood for.
        Err(fault) => {
            let version = snapshot.version;
            tracing::warn!(%stream_id, %version, %fault, "a snapshot is unreadable, and the whole stream is replayed");
            replay(store, reducer, stream_id, limits, None, Version::MAX).await
        }
    }
}

/// Folds a stream from its first event, the first page of which may be here already.
async fn replay(
    store: &(impl EventStore + ?Sized),
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    limits: &Limits,
    first: Option<PackedEvents>,
    until: Version,
) -> Result<Loaded, LoadError> {
    let aggregate = reducer.create(stream_id)?;
    let begun = Loaded { aggregate, version: Version::EMPTY, snapshot_version: Version::EMPTY };
    let first = match first {
        Some(first) => first,
        None => store.load_events(stream_id, Version::EMPTY, page_len(limits, Version::EMPTY, until)).await?,
    };
    fold(store, stream_id, limits, begun, first, until).await
}

async fn fold(
    store: &(impl EventStore + ?Sized),
    stream_id: &StreamId,
    limits: &Limits,
    mut loaded: Loaded,
    mut page: PackedEvents,
    until: Version,
) -> Result<Loaded, LoadError> {
    while let Some(version) = page.last_version() {
        let is_full = page.len() >= page_len(limits, loaded.version, until);
        loaded.aggregate.apply(page)?;
        loaded.version = version;
        if !is_full || version >= until {
            break;
        }
        page = store.load_events(stream_id, version, page_len(limits, version, until)).await?;
    }
    Ok(loaded)
}

fn page_len(limits: &Limits, version: Version, until: Version) -> usize {
    let wanted = until.get().saturating_sub(version.get());
    limits.events_per_page_max.min(usize::try_from(wanted).unwrap_or(usize::MAX))
}
