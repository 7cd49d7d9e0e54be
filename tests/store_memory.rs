//! What a long read takes: a page, however long the stream is.
//!
//! One test, in a binary of its own: the allocator counts what the whole process has.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use foldhost::event_store::{log_events, stream_events};
use foldhost::runtime::replay_stream;
use foldhost::{
    Event, EventStoreError, Host, Limits, LogFilter, NativeReducer, PoolConfig, PostgresEventStore, SnapshotConfig,
    Store, StreamId, Version,
};
use foldhost_sdk::Event as _;
use foldhost_sdk::prelude::*;
use foldhost_test_support::{TestDatabase, database};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

/// Counts notes, and does not keep them: what a fold takes then is what the reading takes.
struct Notebook;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Notes {
    count: u64,
    bytes: u64,
}

#[derive(Debug, Command)]
enum NotebookCommand {
    Note { text: String },
}

#[derive(Debug, Event)]
enum NotebookEvent {
    Noted { text: String },
}

impl Reducer for Notebook {
    const NAME: &'static str = "notebook";
    const STATE_SCHEMA: &'static str = "notebook.v1";
    type State = Notes;
    type Command = NotebookCommand;
    type Event = NotebookEvent;

    fn decide(_: &Notes, command: NotebookCommand, _: &Context) -> Result<Decision<NotebookEvent>, Rejection> {
        let NotebookCommand::Note { text } = command;
        Ok(Decision::event(NotebookEvent::Noted { text }))
    }

    fn apply(state: &mut Notes, event: NotebookEvent) {
        let NotebookEvent::Noted { text } = event;
        state.count += 1;
        state.bytes += text.len() as u64;
    }
}

/// A stream of `count` notes of so many bytes. Made inside the database, which leaves no buffer behind in this process.
async fn write(database: &TestDatabase, stream_id: &StreamId, count: i64, bytes: usize) {
    let note = NotebookEvent::Noted { text: "n".repeat(bytes) };
    let insert = "INSERT INTO events (stream_id, version, event_type, event_data)
                  SELECT $1, version, $2, $3 FROM generate_series(1, $4) version";
    sqlx::query(insert)
        .bind(stream_id.as_str())
        .bind(note.event_type())
        .bind(note.to_bytes().unwrap())
        .bind(count)
        .execute(&mut database.connect().await)
        .await
        .unwrap();
}

/// What `work` had in memory at most, beyond what was there before it.
async fn peak_of<T>(what: &str, work: impl Future<Output = T>) -> (usize, T) {
    let before = ALLOCATED.current_usage();
    ALLOCATED.reset_peak_usage();
    let done = work.await;
    let peak = ALLOCATED.peak_usage().saturating_sub(before);
    println!("{what}: {:.2} MiB", peak as f64 / MIB as f64);
    (peak, done)
}

/// How many events come, and how many bytes of data. None is kept.
async fn read(events: impl Stream<Item = Result<Event, EventStoreError>>) -> (u64, usize) {
    events.map(Result::unwrap).fold((0, 0), async |(count, bytes), event| (count + 1, bytes + event.data.len())).await
}

/// Reads the stream in every way there is, through a store of its own, which has no buffers yet.
async fn read_in_every_way(database: &TestDatabase, stream_id: &StreamId, count: u64, peak_max: usize) {
    let mut peaks = Vec::new();
    let store = Arc::new(PostgresEventStore::connect(&database.url, &PoolConfig::default()).await.unwrap());
    let events = stream_events(Arc::clone(&store), stream_id.clone(), Version::EMPTY, 1_000.into());
    let (peak, (read_count, bytes)) = peak_of("stream_events", read(events)).await;
    assert_eq!(read_count, count);
    peaks.push(("stream_events", peak));

    let filter = LogFilter::category(stream_id.category());
    let events = log_events(Arc::clone(&store), None, filter, 1_000.into()).map_ok(|(_, event)| event);
    let (peak, of_log) = peak_of("log_events", read(events)).await;
    assert_eq!(of_log, (count, bytes));
    peaks.push(("log_events", peak));

    let reducer = NativeReducer::<Notebook>::new();
    let limits = Limits::default();
    let (peak, report) = peak_of("replay_stream", replay_stream(&*store, &reducer, stream_id, &limits)).await;
    assert_eq!(report.unwrap().version, Version::new(count));
    peaks.push(("replay_stream", peak));

    let host =
        Host::builder(store as Arc<dyn Store>).snapshots(SnapshotConfig::never()).reducer(reducer).start().unwrap();
    let (peak, view) = peak_of("a host's fold", host.state(stream_id, None)).await;
    assert_eq!(view.unwrap().version, Version::new(count));
    peaks.push(("a host's fold", peak));
    assert!(host.shutdown().await);

    for (way, peak) in peaks {
        assert!(peak < peak_max, "{way} took {peak} bytes at most, and {peak_max} are allowed");
        assert!(peak > 1_000, "{way}: nothing was measured");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_read_takes_the_memory_of_a_page() {
    let stream_id = StreamId::new("notebook-1").unwrap();
    let small = database().await;
    write(&small, &stream_id, 100_000, 120).await;
    println!("100,000 events of 120 bytes");
    read_in_every_way(&small, &stream_id, 100_000, 16 * MIB).await;
    // Of 300 MiB. A page ends with the event that reaches 8 MiB. It is there twice at times, as it came and as what was made of it,
    // and an event is there a third time while it is unpacked.
    let large = database().await;
    write(&large, &stream_id, 300, MIB).await;
    println!("300 events of 1 MiB");
    read_in_every_way(&large, &stream_id, 300, 32 * MIB).await;
}
