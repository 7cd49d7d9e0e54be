//! What a long read takes: a page, however long the stream is.
//!
//! One test, in a binary of its own: the allocator counts what all of the process has.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use foldhost::event_store::{StreamBatch, log_events, stream_events};
use foldhost::runtime::replay_stream;
use foldhost::{
    EventStore, Host, Limits, LogFilter, NativeReducer, PageLimit, PostgresEventStore, SerializedEvent, SnapshotConfig,
    Store, StreamId, Version,
};
use foldhost_sdk::Event as _;
use foldhost_test_support::database;
use futures::{TryStreamExt as _, pin_mut};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

/// What `work` had in memory at most, beyond what was there before it.
async fn peak_of<T>(what: &str, work: impl Future<Output = T>) -> (usize, T) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let done = work.await;
    let peak = ALLOCATED.peak_usage().saturating_sub(before);
    println!("{what}: {:.2} MiB", peak as f64 / MIB as f64);
    (peak, done)
}

/// Appends `count` events of a stream, a thousand or 32 MiB at a time.
async fn append(store: &PostgresEventStore, stream_id: &StreamId, count: u64, event: &SerializedEvent) {
    let at_once = (32 * MIB / event.data.len()).min(1_000) as u64;
    let mut version = 0;
    while version < count {
        let events = vec![event.clone(); at_once.min(count - version) as usize];
        let batch = StreamBatch::new(stream_id.clone(), Version::new(version), events);
        version += batch.events.len() as u64;
        store.append_many(&[batch]).await.unwrap()[0].into_version(&StreamBatch::new(stream_id.clone(), Version::new(version), Vec::new())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_takes_the_memory_of_a_page() {
    let database = database().await;
    let store = Arc::clone(&database.store);
    a_hundred_thousand_events(&store).await;
    large_events(&store).await;
}
