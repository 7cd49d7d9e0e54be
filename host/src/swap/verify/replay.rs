//! All streams of a category, on all cores, in the order of their ids.

use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, TryStreamExt as _, stream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::instances::AtHand;
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
/// How often a stream is tried that cannot be read.
const TRIES_MAX: u32 = 20;
/// How long after one try the next one is made.
const PAUSE: Duration = Duration::from_millis(250);

/// A shadow replay of a category.
pub(super) struct Replay {
    /// To read from, and no more of the host.
    pub(super) store: Arc<dyn EventStore>,
    pub(super) pair: Pair,
    pub(super) plan: Plan,
    pub(super) category: String,
    /// Threads that fold.
    pub(super) threads: usize,
    pub(super) at_hand: AtHand,
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

/// Why a stream could not be looked at.
enum Unread {
    Store(EventStoreError),
    Panicked(String),
}

/// Looks at a stream. What the store cannot do for the moment is an error, and the caller waits; where it cannot read this stream
/// whenever it is asked, that is what was found of it: one such stream once kept a verification from ever coming to its end.
async fn one(
    replay: Arc<Replay>,
    threads: Arc<Semaphore>,
    stream_id: StreamId,
) -> Result<Option<(StreamId, StreamFindings)>, EventStoreError> {
    let mut tries = 1;
    loop {
        let unread = match on_a_thread(&replay, &threads, &stream_id).await {
            Ok(found) => return Ok(found.map(|found| (stream_id, found))),
            Err(Unread::Store(error)) if is_passing(&error) => return Err(error),
            Err(unread) => unread,
        };
        if tries == TRIES_MAX || is_for_good(&unread) {
            let seen = match unread {
                Unread::Store(error) => Seen { message: Some(error.to_string()), ..Seen::default() },
                Unread::Panicked(reason) => {
                    let message = Some("looking at it panicked".to_owned());
                    Seen { message, said: Some(reason), ..Seen::default() }
                }
            };
            let found = StreamFindings::unreadable(&stream_id, replay.plan.is_sealed, seen);
            return Ok(Some((stream_id, found)));
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the store says so of itself, and not of a stream.
fn is_passing(error: &EventStoreError) -> bool {
    matches!(
        error,
        EventStoreError::Unavailable(_) | EventStoreError::Contended(_) | EventStoreError::OutOfResources(_)
    )
}

/// Whether the store would say the same, asked again.
fn is_for_good(unread: &Unread) -> bool {
    matches!(unread, Unread::Store(EventStoreError::Corrupt { .. } | EventStoreError::Encryption(_)))
}

async fn on_a_thread(
    replay: &Arc<Replay>,
    threads: &Arc<Semaphore>,
    stream_id: &StreamId,
) -> Result<Option<StreamFindings>, Unread> {
    let going = || Unread::Store(EventStoreError::Unavailable("the host is shutting down".into()));
    let thread = Arc::clone(threads).acquire_owned().await.map_err(|_| going())?;
    let (replay, stream_id, handle) = (Arc::clone(replay), stream_id.clone(), Handle::current());
    let folded = tokio::task::spawn_blocking(move || {
        let _thread = thread;
        handle.block_on(look_at(&replay, &stream_id))
    });
    match folded.await {
        Ok(found) => found.map_err(Unread::Store),
        Err(ended) => Err(match ended.try_into_panic() {
            Ok(panic) => Unread::Panicked(words(&*panic)),
            Err(_) => going(),
        }),
    }
}

/// What a panic says.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a word".to_owned())
}

/// What is found of a stream; nothing where it is none of those that are wanted.
async fn look_at(replay: &Replay, stream_id: &StreamId) -> Result<Option<StreamFindings>, EventStoreError> {
    if !is_wanted(replay, stream_id).await? {
        return Ok(None);
    }
    Ok(Some(shadow(&*replay.store, &replay.pair, &replay.plan, &replay.at_hand, stream_id).await?))
}

async fn is_wanted(replay: &Replay, stream_id: &StreamId) -> Result<bool, EventStoreError> {
    let Streams::Since(time) = replay.plan.streams else { return Ok(true) };
    let newest = PageLimit { events_max: 1, bytes_max: 1 };
    let newest = replay.store.read_stream_backwards(stream_id, Version::MAX, newest).await?;
    Ok(newest.first().is_some_and(|event| event.created_at >= time))
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
