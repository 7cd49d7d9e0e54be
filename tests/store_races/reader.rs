//! A reader that follows the log while it is written.

use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::HISTORY_CATEGORY;
use foldhost::{EventStore, LogFilter, PostgresEventStore, StreamId};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::sync::watch;

/// Pages through the log, in pages of any size, until the writers are done and as many events were seen as they wrote. Reads
/// on until nothing more comes, so that one that comes twice is seen twice.
pub(crate) async fn follow(
    store: Arc<PostgresEventStore>,
    seed: u64,
    mut done: watch::Receiver<Option<usize>>,
) -> Vec<(StreamId, u64)> {
    let mut random = StdRng::seed_from_u64(seed);
    let (mut after, mut seen) = (None, Vec::new());
    let mut appended = store.appended();
    let read = async {
        loop {
            appended.mark_unchanged();
            let page = store.read_all(after, &LogFilter::default(), random.random_range(1..200_usize).into()).await;
            let page = page.unwrap();
            if let Some((last, _)) = page.last() {
                after = Some(*last);
                // What the histories tell of the swaps is no writer's.
                let written = page.into_iter().filter(|(_, event)| event.stream_id.category() != HISTORY_CATEGORY);
                seen.extend(written.map(|(_, event)| (event.stream_id, event.version.get())));
                continue;
            }
            let written = *done.borrow_and_update();
            match written {
                Some(written) if seen.len() >= written => return seen,
                // Some transaction of the cluster still holds the last events back.
                Some(_) => tokio::task::yield_now().await,
                None => tokio::select! {
                    _ = appended.changed() => {}
                    _ = done.changed() => {}
                },
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(600), read).await.unwrap()
}
