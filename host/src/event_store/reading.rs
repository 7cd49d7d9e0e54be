//! Reads that are longer than a page, as streams: page after page, so that the memory they take does not grow with them.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::{Stream, stream};

use super::{Cursor, EventStore, EventStoreError, LogFilter, PageLimit};
use crate::{Event, StreamId, Version};

/// A stream's events behind version `after`, up to its head. At most one page is in memory.
///
/// Each page is a query of its own: events that are appended meanwhile come too.
///
/// ```
/// # async fn read() -> Result<(), foldhost::EventStoreError> {
/// use std::sync::Arc;
/// use foldhost::event_store::stream_events;
/// use foldhost::{EventStore, InMemoryEventStore, SerializedEvent, StreamId, Version};
/// use futures::TryStreamExt;
///
/// let store = Arc::new(InMemoryEventStore::new());
/// let order: StreamId = "order-1".parse().unwrap();
/// let event = SerializedEvent { event_type: "OrderPlaced.v1".into(), data: Vec::new() };
/// store.append_events(&order, Version::EMPTY.into(), vec![event; 3]).await?;
/// let versions: Vec<_> = stream_events(store, order, Version::new(1), 1_000.into())
///     .map_ok(|event| event.version.get())
///     .try_collect()
///     .await?;
/// assert_eq!(versions, [2, 3]);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(read()).unwrap();
/// ```
pub fn stream_events<S: EventStore + ?Sized>(
    store: Arc<S>,
    stream_id: StreamId,
    after: Version,
    page: PageLimit,
) -> impl Stream<Item = Result<Event, EventStoreError>> + Send {
    let reader = (store, stream_id, after, VecDeque::new());
    stream::try_unfold(reader, move |(store, stream_id, mut after, mut waiting)| async move {
        if waiting.is_empty() {
            waiting = store.read_stream(&stream_id, after, page).await?.into();
        }
        let Some(event): Option<Event> = waiting.pop_front() else { return Ok(None) };
        after = event.version;
        Ok(Some((event, (store, stream_id, after, waiting))))
    })
}

/// The events of all streams behind a cursor that a filter admits, each with its own cursor, up to the newest that may be
/// shown. At most one page is in memory.
pub fn log_events<S: EventStore + ?Sized>(
    store: Arc<S>,
    after: Option<Cursor>,
    filter: LogFilter,
    page: PageLimit,
) -> impl Stream<Item = Result<(Cursor, Event), EventStoreError>> + Send {
    let reader = (store, after, filter, VecDeque::new());
    stream::try_unfold(reader, move |(store, mut after, filter, mut waiting)| async move {
        if waiting.is_empty() {
            waiting = store.read_all(after, &filter, page).await?.into();
        }
        let Some((cursor, event)): Option<(Cursor, Event)> = waiting.pop_front() else { return Ok(None) };
        after = Some(cursor);
        Ok(Some(((cursor, event), (store, after, filter, waiting))))
    })
}
