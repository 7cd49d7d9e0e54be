//! Brings an aggregate to life: snapshot and tail, page by page.

use std::time::{Duration, Instant};

use crate::event_store::{EventStore, EventStoreError, LoadedStream, PageLimit, SnapshotConfig, SnapshotKey};
use crate::reducer::{Aggregate, Reducer, ReducerFault};
use crate::{Limits, PackedEvents, StreamId, Version};

/// An aggregate, and how far it is.
pub(crate) struct Loaded {
    pub(crate) aggregate: Box<dyn Aggregate>,
    /// How many events it holds.
    pub(crate) version: Version,
    /// The version of the snapshot that it began with, or 0.
    pub(crate) snapshot_version: Version,
    /// How long it took to read and fold what came after that snapshot.
    pub(crate) replay_cost: Duration,
    /// Whether its last event closed the stream.
    pub(crate) closed: bool,
}

impl Loaded {
    /// An aggregate at a version, with nothing folded on top of it yet.
    fn at(version: Version, aggregate: Box<dyn Aggregate>) -> Self {
        Self { aggregate, version, snapshot_version: version, replay_cost: Duration::ZERO, closed: false }
    }
}

/// Why an aggregate could not be loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LoadError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] EventStoreError),
    /// The reducer failed.
    #[error("{fault}")]
    Fault {
        /// What happened.
        fault: ReducerFault,
        /// How many events it had folded by then.
        version: Version,
    },
}

impl LoadError {
    /// A fault that came when so many events were folded.
    pub(super) fn at(version: Version) -> impl FnOnce(ReducerFault) -> Self {
        move |fault| Self::Fault { fault, version }
    }
}

/// Folds a stream up to its head.
pub(crate) async fn load(
    store: &(impl EventStore + ?Sized),
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    limits: &Limits,
    snapshots: SnapshotConfig,
) -> Result<Loaded, LoadError> {
    let snapshots = snapshots.readable(&reducer.descriptor().state_schema, reducer.digest());
    match load_in_pages(store, reducer, stream_id, limits, snapshots.as_ref()).await {
        Err(LoadError::Fault { fault, .. }) if is_exhausted(&fault) => {
            load_in_pages(store, reducer, stream_id, &with_small_pages(limits), snapshots.as_ref()).await
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
        Err(LoadError::Fault { fault, .. }) if is_exhausted(&fault) => {
            replay(store, reducer, stream_id, &with_small_pages(limits), None, until).await
        }
        replayed => replayed,
    }
}

/// Whether the reducer may have been asked for too much at once: a page is one call, under one limit of fuel and memory. Events
/// that were accepted one by one must be loadable, so they are folded one by one then.
pub(crate) fn is_exhausted(fault: &ReducerFault) -> bool {
    matches!(
        fault,
        ReducerFault::FuelExhausted { .. }
            | ReducerFault::TimeExhausted { .. }
            | ReducerFault::MemoryExhausted { .. }
            | ReducerFault::Trap { .. }
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
    snapshots: Option<&SnapshotKey>,
) -> Result<Loaded, LoadError> {
    let started = Instant::now();
    let LoadedStream { snapshot, tail } = store.load(stream_id, snapshots, limits.page()).await?;
    let Some(snapshot) = snapshot else {
        return replay(store, reducer, stream_id, limits, Some(tail), Version::MAX).await;
    };
    let restored = snapshot.state.map_err(ReducerFault::Snapshot);
    match restored.and_then(|state| reducer.restore(stream_id, &state)) {
        Ok(aggregate) => {
            let begun = Loaded::at(snapshot.version, aggregate);
            fold(store, stream_id, limits, begun, tail, Version::MAX, started).await
        }
        // State *and* version start again: keeping the version once skipped the events that the snapshot had stood for.
        Err(fault) => {
            let version = snapshot.version;
            metrics::counter!("foldhost_snapshots_unreadable_total").increment(1);
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
    let started = Instant::now();
    let begun = Loaded::at(Version::EMPTY, reducer.create(stream_id).map_err(LoadError::at(Version::EMPTY))?);
    let first = match first {
        Some(first) => first,
        None => store.load_events(stream_id, Version::EMPTY, page(limits, Version::EMPTY, until)).await?,
    };
    fold(store, stream_id, limits, begun, first, until, started).await
}

async fn fold(
    store: &(impl EventStore + ?Sized),
    stream_id: &StreamId,
    limits: &Limits,
    mut loaded: Loaded,
    mut events: PackedEvents,
    until: Version,
    started: Instant,
) -> Result<Loaded, LoadError> {
    while let Some(version) = events.last_version() {
        let is_full = page(limits, loaded.version, until).is_reached(events.len(), events.data.len());
        loaded.closed = events.take_closing();
        if !events.is_empty() {
            loaded.aggregate.apply(events).map_err(LoadError::at(loaded.version))?;
        }
        loaded.version = version;
        if !is_full || version >= until {
            break;
        }
        events = store.load_events(stream_id, version, page(limits, version, until)).await?;
    }
    loaded.replay_cost = started.elapsed();
    Ok(loaded)
}

fn page(limits: &Limits, version: Version, until: Version) -> PageLimit {
    let wanted = until.get().saturating_sub(version.get());
    let page = limits.page();
    PageLimit { events_max: page.events_max.min(usize::try_from(wanted).unwrap_or(usize::MAX)), ..page }
}
