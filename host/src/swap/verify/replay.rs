//! All streams of a category, on all cores, in the order of their ids.

use std::sync::Arc;

use futures::{Stream, TryStreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::report::{Seen, StreamFindings};
use super::shadow::shadow;
use super::{Pair, Plan, Streams};
use crate::StreamId;
use crate::Version;
use crate::event_store::{EventStore, EventStoreError, PageLimit};

/// Streams whose names are fetched at once.
const PAGE: usize = 1_000;
/// Streams that are begun before the first of them has to be done: a long one holds up as many.
const AHEAD: usize = 64;

/// A shadow replay of a category.
pub(super) struct Replay {
    /// To read from, and no more of the host.
    pub(super) store: Arc<dyn EventStore>,
    pub(super) pair: Pair,
    pub(super) plan: Plan,
    pub(super) category: String,
    /// Threads that fold.
    pub(super) threads: usize,
}

/// What was found of each stream behind `after`, in the order of their ids: whoever has heard of one has heard of all before it.
///
/// Each stream is folded on a thread for such work, so that a replay takes no thread away from commands; dropped, it ends with the
/// streams that are begun.
pub(super) fn replay(
    replay: Arc<Replay>,
    after: Option<StreamId>,
) -> impl Stream<Item = Result<(StreamId, StreamFindings), EventStoreError>> {
    let threads = Arc::new(Semaphore::new(replay.threads.max(1)));
    ids(Arc::clone(&replay), after)
        .map_ok(move |stream_id| one(Arc::clone(&replay), Arc::clone(&threads), stream_id))
        .try_buffered(AHEAD)
        .try_filter_map(async |found| Ok(found))
}

/// The ids of the streams that are wanted. Those since a time are told apart by whoever looks at them.
pub(super) fn ids(
    replay: Arc<Replay>,
    after: Option<StreamId>,
) -> impl Stream<Item = Result<StreamId, EventStoreError>> {
    let page = async |(replay, after): (Arc<Replay>, Option<StreamId>)| {
        let ids = replay.store.read_streams(&replay.category, after.as_ref(), PAGE).await?;
        let Some(last) = ids.last().cloned() else { return Ok(None) };
        let wanted = |stream_id: &StreamId| match &replay.plan.streams {
            Streams::Sample(share) => share.holds(stream_id),
            Streams::All | Streams::Since(_) => true,
        };
        let ids: Vec<_> = ids.into_iter().filter(wanted).map(Ok).collect();
        Ok::<_, EventStoreError>(Some((stream::iter(ids), (replay, Some(last)))))
    };
    stream::try_unfold((replay, after), page).try_flatten()
}

async fn one(
    replay: Arc<Replay>,
    threads: Arc<Semaphore>,
    stream_id: StreamId,
) -> Result<Option<(StreamId, StreamFindings)>, EventStoreError> {
    let stopped = |_| EventStoreError::Unavailable("the host is shutting down".into());
    let thread = threads.acquire_owned().await.map_err(|_| stopped(()))?;
    let handle = Handle::current();
    let folded = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        match handle.block_on(look_at(&replay, &stream_id)) {
            // Asked again, the store says the same: one such stream once kept a verification from ever coming to its end.
            Err(error @ (EventStoreError::Corrupt { .. } | EventStoreError::Encryption(_))) => {
                let seen = Seen { message: Some(error.to_string()), ..Seen::default() };
                let found = StreamFindings::unreadable(&stream_id, replay.plan.is_sealed, seen);
                Ok(Some((stream_id, found)))
            }
            found => Ok(found?.map(|found| (stream_id, found))),
        }
    });
    folded.await.map_err(|_| stopped(()))?
}

/// What is found of a stream; nothing where it is none of those that are wanted.
async fn look_at(replay: &Replay, stream_id: &StreamId) -> Result<Option<StreamFindings>, EventStoreError> {
    if !is_wanted(replay, stream_id).await? {
        return Ok(None);
    }
    Ok(Some(shadow(&*replay.store, &replay.pair, &replay.plan, stream_id).await?))
}

async fn is_wanted(replay: &Replay, stream_id: &StreamId) -> Result<bool, EventStoreError> {
    let Streams::Since(time) = replay.plan.streams else { return Ok(true) };
    let newest = PageLimit { events_max: 1, bytes_max: 1 };
    let newest = replay.store.read_stream_backwards(stream_id, Version::MAX, newest).await?;
    Ok(newest.first().is_some_and(|event| event.created_at >= time))
}
