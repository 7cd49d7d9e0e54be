//! One contract, two stores: every test here runs on the store in memory and on Postgres.
#![allow(clippy::unwrap_used, missing_docs)]

use std::ops::Range;
use std::sync::Arc;

use foldhost::event_store::{
    AppendOutcome, CommandRecord, Cursor, Fence, RecordedCommand, Snapshot, SnapshotKey, StoredSnapshot, StreamBatch,
};
use foldhost::reducer::{Descriptor, ReducerDigest, Rejection};
use foldhost::{
    Event, EventMetadata, EventStoreError, ExpectedVersion, InMemoryEventStore, LogFilter, SerializedEvent, Store,
    StreamId, Version,
};

macro_rules! contract {
    ($($name:ident)*) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(std::sync::Arc::new(super::InMemoryEventStore::new())).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(foldhost_test_support::database().await.store).await;
            })*
        }
    };
}

contract! {
    appended_events_come_back_as_they_were
    a_stale_append_is_a_conflict_and_leaves_nothing
    an_append_beyond_the_head_is_a_conflict_and_leaves_no_hole
    each_stream_of_an_append_wins_or_loses_alone
    a_stream_twice_in_one_append_is_refused_whole
    a_nul_byte_is_refused_before_the_store_sees_it
    a_batch_without_events_asks_whether_the_version_still_holds
    an_append_under_a_former_generation_is_fenced
    commands_are_remembered_with_the_events_that_they_led_to
    a_loser_s_commands_are_not_remembered
    a_command_that_was_done_before_is_told_and_its_first_outcome_stays
    a_stream_is_read_in_pages
    a_load_brings_the_snapshot_and_the_tail_behind_it
    a_snapshot_of_another_schema_is_passed_over
    a_snapshot_beyond_the_head_is_passed_over
    a_newer_snapshot_is_never_replaced_by_an_older_one
    the_log_of_all_streams_is_read_on_from_any_cursor
    a_cursor_of_another_database_is_refused
    the_streams_of_a_category_are_paged_in_byte_order
    activations_count_generations
    sixteen_writers_race_for_one_version_and_exactly_one_wins
    a_batch_of_a_thousand_events_is_one_append
}

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn event(text: &str) -> SerializedEvent {
    SerializedEvent { event_type: format!("{text}.v1"), data: text.as_bytes().to_vec() }
}

fn events(texts: &[&str]) -> Vec<SerializedEvent> {
    texts.iter().map(|text| event(text)).collect()
}

fn batch(id: &str, expected: u64, texts: &[&str]) -> StreamBatch {
    StreamBatch::new(stream(id), Version::new(expected), events(texts))
}

fn appended(version: u64) -> AppendOutcome {
    AppendOutcome::Appended { version: Version::new(version) }
}

fn conflict(actual: u64) -> AppendOutcome {
    AppendOutcome::Conflict { actual: Version::new(actual) }
}

async fn types(store: &Arc<impl Store>, id: &str) -> Vec<String> {
    let events = store.read_stream(&stream(id), Version::EMPTY, 10_000.into()).await.unwrap();
    for (event, version) in events.iter().zip(1..) {
        assert_eq!(event.version, Version::new(version), "versions are contiguous from 1");
    }
    events.into_iter().map(|event| event.event_type).collect()
}

async fn appended_events_come_back_as_they_were(store: Arc<impl Store>) {
    let metadata = EventMetadata { command_id: Some("c-1".into()), generation: Some(7), ..Default::default() };
    let mut batch = batch("order-1", 0, &["Placed", "Added"]);
    batch.events[1].1 = metadata.clone();
    batch.events[1].0.data = vec![0, 255, 10, 0];
    assert_eq!(store.append_many(&[batch]).await.unwrap(), [appended(2)]);
    let read = store.read_stream(&stream("order-1"), Version::EMPTY, 10.into()).await.unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].event_type, "Placed.v1");
    assert_eq!(read[0].data, b"Placed");
    assert_eq!(read[0].metadata, EventMetadata::default());
    assert_eq!(read[1].version, Version::new(2));
    assert_eq!(read[1].data, [0, 255, 10, 0]);
    assert_eq!(read[1].metadata, metadata);
    assert_eq!(read[1].stream_id, stream("order-1"));
}

async fn a_stale_append_is_a_conflict_and_leaves_nothing(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["Placed"])]).await.unwrap();
    // Two events: with the primary key alone, the second would slip in behind the first one's conflict.
    assert_eq!(store.append_many(&[batch("order-1", 0, &["Stale", "Stale"])]).await.unwrap(), [conflict(1)]);
    assert_eq!(types(&store, "order-1").await, ["Placed.v1"]);
    let error = store.append_events(&stream("order-1"), Version::EMPTY.into(), events(&["Stale"])).await.unwrap_err();
    assert!(
        matches!(&error, EventStoreError::Conflict { expected, actual, .. }
            if *expected == ExpectedVersion::Exact(Version::EMPTY) && *actual == Version::new(1)),
        "{error}"
    );
}

async fn an_append_beyond_the_head_is_a_conflict_and_leaves_no_hole(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["Placed"])]).await.unwrap();
    assert_eq!(store.append_many(&[batch("order-1", 5, &["Late"])]).await.unwrap(), [conflict(1)]);
    assert_eq!(store.append_many(&[batch("order-2", 1, &["Late"])]).await.unwrap(), [conflict(0)]);
    assert_eq!(types(&store, "order-1").await, ["Placed.v1"]);
    assert!(types(&store, "order-2").await.is_empty());
}

async fn each_stream_of_an_append_wins_or_loses_alone(store: Arc<impl Store>) {
    store.append_many(&[batch("order-2", 0, &["Placed"])]).await.unwrap();
    let outcomes = store
        .append_many(&[
            batch("order-3", 0, &["A", "B", "C"]),
            batch("order-2", 0, &["Stale", "Stale"]),
            batch("order-1", 0, &["D"]),
            batch("order-9", 4, &["Hole"]),
            batch("order-2x", 0, &["E", "F"]),
        ])
        .await
        .unwrap();
    assert_eq!(outcomes, [appended(3), conflict(1), appended(1), conflict(0), appended(2)]);
    assert_eq!(types(&store, "order-3").await, ["A.v1", "B.v1", "C.v1"]);
    assert_eq!(types(&store, "order-2").await, ["Placed.v1"]);
    assert_eq!(types(&store, "order-1").await, ["D.v1"]);
    assert_eq!(types(&store, "order-2x").await, ["E.v1", "F.v1"]);
    assert!(types(&store, "order-9").await.is_empty());
}

async fn a_stream_twice_in_one_append_is_refused_whole(store: Arc<impl Store>) {
    let twice = [batch("order-1", 0, &["A"]), batch("order-2", 0, &["B"]), batch("order-1", 1, &["C"])];
    assert!(matches!(store.append_many(&twice).await, Err(EventStoreError::InvalidBatch(_))));
    assert!(types(&store, "order-1").await.is_empty());
    assert!(types(&store, "order-2").await.is_empty());
}

async fn a_nul_byte_is_refused_before_the_store_sees_it(store: Arc<impl Store>) {
    let poisoned = [batch("order-1", 0, &["A"]), batch("order-2", 0, &["B\0"])];
    assert!(matches!(store.append_many(&poisoned).await, Err(EventStoreError::InvalidBatch(_))));
    assert!(types(&store, "order-1").await.is_empty());
}

async fn a_batch_without_events_asks_whether_the_version_still_holds(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    let asked = [batch("order-1", 2, &[]), batch("order-2", 0, &[])];
    assert_eq!(store.append_many(&asked).await.unwrap(), [appended(2), appended(0)]);
    let asked = [batch("order-1", 1, &[]), batch("order-2", 1, &[])];
    assert_eq!(store.append_many(&asked).await.unwrap(), [conflict(2), conflict(0)]);
    assert!(store.append_many(&[]).await.unwrap().is_empty());
}

fn descriptor(name: &str) -> Descriptor {
    Descriptor {
        name: name.into(),
        commands: vec!["PlaceOrder".into()],
        event_types: vec!["OrderPlaced.v1".into()],
        state_schema: "order.v1".into(),
        sdk_version: "0.1.0".into(),
    }
}

async fn activate(store: &Arc<impl Store>, name: &str, component: &[u8]) -> u64 {
    let digest = ReducerDigest::of(component);
    store.save_reducer(digest, &descriptor(name), component).await.unwrap();
    store.activate(name, digest).await.unwrap().generation
}

fn fenced(id: &str, expected: u64, generation: u64) -> StreamBatch {
    let fence = Some(Fence { reducer: "order".into(), generation });
    StreamBatch { fence, ..batch(id, expected, &["A"]) }
}

async fn an_append_under_a_former_generation_is_fenced(store: Arc<impl Store>) {
    assert_eq!(
        store.append_many(&[fenced("order-0", 0, 1)]).await.unwrap(),
        [AppendOutcome::Fenced],
        "nothing is active"
    );
    assert_eq!(activate(&store, "order", b"first").await, 1);
    assert_eq!(store.append_many(&[fenced("order-1", 0, 1)]).await.unwrap(), [appended(1)]);
    assert_eq!(activate(&store, "order", b"second").await, 2);
    let both = [fenced("order-1", 1, 1), fenced("order-2", 0, 2), batch("order-3", 0, &["Unfenced"])];
    assert_eq!(store.append_many(&both).await.unwrap(), [AppendOutcome::Fenced, appended(1), appended(1)]);
    assert_eq!(types(&store, "order-1").await.len(), 1);
    let empty = StreamBatch { events: Vec::new(), ..fenced("order-1", 1, 1) };
    assert_eq!(store.append_many(&[empty]).await.unwrap(), [AppendOutcome::Fenced]);
}

fn record(command_id: &str, events: Range<usize>) -> CommandRecord {
    CommandRecord {
        command_id: command_id.into(),
        name: "PlaceOrder".into(),
        fingerprint: [7; 32],
        events,
        rejection: None,
        reducer_digest: Some(ReducerDigest::of(b"code")),
    }
}

fn with_commands(mut batch: StreamBatch, commands: Vec<CommandRecord>) -> StreamBatch {
    batch.commands = commands;
    batch
}

async fn find(store: &Arc<impl Store>, id: &str, command_id: &str) -> Option<RecordedCommand> {
    let found = store.find_commands(&stream(id), &[command_id.into(), "never-sent".into()]).await.unwrap();
    assert!(found.len() <= 1);
    found.into_iter().next()
}

async fn commands_are_remembered_with_the_events_that_they_led_to(store: Arc<impl Store>) {
    let rejection = Rejection::new("empty-order", "an order has items");
    let rejected = CommandRecord { rejection: Some(rejection.clone()), ..record("c-2", 2..2) };
    let commands = vec![record("c-1", 0..2), rejected];
    let batch = with_commands(batch("order-1", 0, &["A", "B"]), commands);
    assert_eq!(store.append_many(&[batch]).await.unwrap(), [appended(2)]);
    let accepted = find(&store, "order-1", "c-1").await.unwrap();
    assert_eq!((accepted.first_version, accepted.last_version), (Some(Version::new(1)), Version::new(2)));
    assert_eq!(accepted.fingerprint, [7; 32]);
    assert_eq!((accepted.reducer_digest, accepted.generation), (Some(ReducerDigest::of(b"code")), None));
    let rejected = find(&store, "order-1", "c-2").await.unwrap();
    assert_eq!((rejected.first_version, rejected.rejection), (None, Some(rejection)));
    assert_eq!(find(&store, "order-2", "c-1").await, None, "an id is the stream's own");
}

async fn a_loser_s_commands_are_not_remembered(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    let stale = with_commands(batch("order-1", 0, &["B"]), vec![record("c-1", 0..1)]);
    let stale_without_events = with_commands(batch("order-2", 3, &[]), vec![record("c-1", 0..0)]);
    assert_eq!(store.append_many(&[stale, stale_without_events]).await.unwrap(), [conflict(1), conflict(0)]);
    assert_eq!(find(&store, "order-1", "c-1").await, None);
    assert_eq!(find(&store, "order-2", "c-1").await, None);
}

async fn a_command_that_was_done_before_is_told_and_its_first_outcome_stays(store: Arc<impl Store>) {
    let first = with_commands(batch("order-1", 0, &["A"]), vec![record("c-1", 0..1)]);
    let second = with_commands(batch("order-1", 1, &["B"]), vec![record("c-1", 0..1)]);
    store.append_many(&[first]).await.unwrap();
    let rejected = with_commands(batch("order-1", 1, &[]), vec![record("c-1", 0..0)]);
    for again in [second, rejected] {
        let outcomes = store.append_many(&[batch("order-2", 0, &[]), again, batch("order-3", 0, &[])]).await.unwrap();
        assert_eq!(outcomes, [appended(0), AppendOutcome::Repeated, appended(0)]);
    }
    assert_eq!(types(&store, "order-1").await, ["A.v1"]);
    assert_eq!(find(&store, "order-1", "c-1").await.unwrap().first_version, Some(Version::new(1)));
}

async fn a_stream_is_read_in_pages(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B", "A", "C", "A"])]).await.unwrap();
    let page = store.load_events(&stream("order-1"), Version::new(1), 3.into()).await.unwrap();
    assert_eq!(page.first_version, 2);
    assert_eq!(page.event_types, ["B.v1", "A.v1", "C.v1"]);
    assert_eq!(page.type_index, [0, 1, 2]);
    assert_eq!(page.data, b"BAC");
    assert_eq!(page.last_version(), Some(Version::new(4)));
    let last = store.load_events(&stream("order-1"), Version::new(4), 3.into()).await.unwrap();
    assert_eq!((last.first_version, last.len()), (5, 1));
    assert!(store.load_events(&stream("order-1"), Version::new(5), 3.into()).await.unwrap().is_empty());
    assert!(store.load_events(&stream("order-1"), Version::MAX, 3.into()).await.unwrap().is_empty());
    assert!(store.load_events(&stream("order-2"), Version::EMPTY, 3.into()).await.unwrap().is_empty());
}

fn snapshot(id: &str, version: u64, schema: &str, state: &[u8]) -> Snapshot {
    Snapshot {
        stream_id: stream(id),
        version: Version::new(version),
        state_schema: schema.into(),
        reducer_digest: ReducerDigest::of(b"code"),
        state: state.to_vec(),
    }
}

async fn a_load_brings_the_snapshot_and_the_tail_behind_it(store: Arc<impl Store>) {
    let (id, large) = (stream("order-1"), vec![42; 100_000]);
    assert_eq!(store.load(&id, Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap(), Default::default());
    store.append_many(&[batch("order-1", 0, &["A", "B", "C", "D"])]).await.unwrap();
    let without = store.load(&id, Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!((without.snapshot, without.tail.first_version, without.tail.len()), (None, 1, 4));
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", &large)).await.unwrap();
    let with = store.load(&id, Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!(with.snapshot, Some(StoredSnapshot { version: Version::new(2), state: Ok(large) }));
    assert_eq!((with.tail.first_version, with.tail.data.as_slice()), (3, &b"CD"[..]));
    let paged = store.load(&id, Some(&SnapshotKey::schema("order.v1")), 1.into()).await.unwrap();
    assert_eq!(paged.tail.data, b"C");
    store.save_snapshot(&snapshot("order-1", 4, "order.v1", b"")).await.unwrap();
    let at_head = store.load(&id, Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!(at_head.snapshot, Some(StoredSnapshot { version: Version::new(4), state: Ok(Vec::new()) }));
    assert!(at_head.tail.is_empty());
}

async fn a_snapshot_of_another_schema_is_passed_over(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"old")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v2")), 10.into()).await.unwrap();
    assert_eq!((loaded.snapshot, loaded.tail.len()), (None, 2));
    // An older version of another schema replaces it: the former is of no more use to the reducer that took this one.
    store.save_snapshot(&snapshot("order-1", 1, "order.v2", b"new")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v2")), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot, Some(StoredSnapshot { version: Version::new(1), state: Ok(b"new".to_vec()) }));
    assert_eq!(loaded.tail.data, b"B");
}

async fn a_snapshot_beyond_the_head_is_passed_over(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 3, "order.v1", b"foreign")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!((loaded.snapshot, loaded.tail.len()), (None, 2));
}

async fn a_newer_snapshot_is_never_replaced_by_an_older_one(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"newer")).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 1, "order.v1", b"older")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot.unwrap().state, Ok(b"newer".to_vec()));
}

/// The whole log, once it has `count` events. A transaction that is open anywhere in the cluster, in another test's
/// database say, holds every reader back.
async fn log(store: &Arc<impl Store>, count: usize) -> Vec<(Cursor, Event)> {
    let read = async {
        loop {
            let all = store.read_all(None, &LogFilter::default(), 100.into()).await.unwrap();
            if all.len() >= count {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), read).await.unwrap()
}

async fn the_log_of_all_streams_is_read_on_from_any_cursor(store: Arc<impl Store>) {
    for (id, expected, texts) in
        [("order-1", 0, &["A", "B"][..]), ("cart-1", 0, &["C"]), ("order-1", 2, &["D"]), ("order-2", 0, &["E"])]
    {
        store.append_many(&[batch(id, expected, texts)]).await.unwrap();
    }
    let all = log(&store, 5).await;
    let texts: Vec<_> = all.iter().map(|(_, event)| String::from_utf8(event.data.clone()).unwrap()).collect();
    assert_eq!(texts, ["A", "B", "C", "D", "E"]);
    assert_eq!(all[3].1.stream_id, stream("order-1"));
    assert_eq!(all[3].1.version, Version::new(3));
    for (place, (cursor, _)) in all.iter().enumerate() {
        // As a client would: through text.
        let cursor: Cursor = cursor.to_string().parse().unwrap();
        assert_eq!(store.read_all(Some(cursor), &LogFilter::default(), 100.into()).await.unwrap(), all[place + 1..]);
        let next = store.read_all(Some(cursor), &LogFilter::default(), 1.into()).await.unwrap();
        assert_eq!(next.first(), all.get(place + 1));
    }
}

async fn a_cursor_of_another_database_is_refused(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    let (cursor, _) = log(&store, 1).await.pop().unwrap();
    assert!(store.read_all(Some(cursor), &LogFilter::default(), 1.into()).await.unwrap().is_empty());
    assert!(matches!(
        store.read_all(Some(foreign(cursor)), &LogFilter::default(), 1.into()).await,
        Err(EventStoreError::ForeignCursor)
    ));
}

/// The cursor with each bit of its epoch turned.
fn foreign(cursor: Cursor) -> Cursor {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = engine.decode(cursor.to_string()).unwrap();
    bytes[..8].iter_mut().for_each(|byte| *byte = !*byte);
    engine.encode(bytes).parse().unwrap()
}

async fn the_streams_of_a_category_are_paged_in_byte_order(store: Arc<impl Store>) {
    let ids = ["order-b", "orders-1", "order-a", "cart-1", "order-Z", "order-é", "order.x-1", "orde-1"];
    for id in ids {
        store.append_many(&[batch(id, 0, &["A", "B"])]).await.unwrap();
    }
    let all = store.read_streams("order", None, 100).await.unwrap();
    assert_eq!(all, ["order-Z", "order-a", "order-b", "order-é"].map(stream));
    let mut paged = Vec::new();
    loop {
        let page = store.read_streams("order", paged.last(), 3).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert!(store.read_streams("invoice", None, 10).await.unwrap().is_empty());
}

async fn activations_count_generations(store: Arc<impl Store>) {
    assert!(store.active_reducers(None).await.unwrap().is_empty());
    assert!(store.activate("order", ReducerDigest::of(b"never kept")).await.is_err());
    assert_eq!(activate(&store, "order", b"one").await, 1);
    assert_eq!(activate(&store, "order", b"one").await, 1, "activating what is active changes nothing");
    assert_eq!(activate(&store, "order", b"two").await, 2);
    assert_eq!(activate(&store, "order", b"one").await, 3, "going back is an activation too");
    assert_eq!(activate(&store, "cart", b"three").await, 1);
    let active = store.active_reducers(None).await.unwrap();
    assert_eq!(active.iter().map(|a| (a.name.as_str(), a.generation)).collect::<Vec<_>>(), [("cart", 1), ("order", 3)]);
    assert_eq!(active[1].digest, ReducerDigest::of(b"one"));
    assert_eq!(active[0].descriptor, descriptor("cart"));
    assert_eq!(store.active_reducers(Some("order")).await.unwrap().len(), 1);
    assert!(store.active_reducers(Some("invoice")).await.unwrap().is_empty());
    assert_eq!(store.load_component(ReducerDigest::of(b"two")).await.unwrap(), Some(b"two".to_vec()));
    assert_eq!(store.load_component(ReducerDigest::of(b"none")).await.unwrap(), None);
}

async fn sixteen_writers_race_for_one_version_and_exactly_one_wins(store: Arc<impl Store>) {
    for round in 0..20 {
        let writers: Vec<_> = (0..16)
            .map(|writer| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let text = format!("Writer{writer}");
                    let texts = [text.as_str(), text.as_str()];
                    store.append_many(&[batch("order-1", round * 2, &texts)]).await.unwrap()[0]
                })
            })
            .collect();
        let mut wins = 0;
        for writer in writers {
            match writer.await.unwrap() {
                AppendOutcome::Appended { version } => {
                    wins += 1;
                    assert_eq!(version, Version::new(round * 2 + 2));
                }
                AppendOutcome::Conflict { actual } => assert_eq!(actual, Version::new(round * 2 + 2)),
                other => panic!("nothing was activated, closed or repeated: {other:?}"),
            }
        }
        assert_eq!(wins, 1, "round {round}");
        let types = types(&store, "order-1").await;
        assert_eq!(types.len() as u64, round * 2 + 2);
        assert_eq!(types[types.len() - 1], types[types.len() - 2], "both events are the winner's");
    }
}

async fn a_batch_of_a_thousand_events_is_one_append(store: Arc<impl Store>) {
    let texts: Vec<_> = (0..1_000).map(|number| format!("N{number}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(store.append_many(&[batch("order-1", 0, &texts)]).await.unwrap(), [appended(1_000)]);
    assert_eq!(types(&store, "order-1").await[999], "N999.v1");
}
