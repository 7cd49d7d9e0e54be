//! Builders, fixtures, and recorded events beside the expected ones.

use foldhost::testing::{
    Mismatch, StreamFixture, assert_events_match, event, events, history, match_events, store_with, stream,
};
use foldhost::{Event, EventMetadata, EventStore, EventStoreError, InMemoryEventStore, TraceParent, Version};
use foldhost_test_support::database;
use serde_json::json;

use super::panic_of;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

async fn read(store: &impl EventStore, stream_id: &str) -> Vec<Event> {
    store.read_stream(&stream(stream_id), Version::EMPTY, 10_000.into()).await.unwrap()
}

/// Three events, the second with all metadata that a builder knows.
async fn recorded() -> Vec<Event> {
    let traceparent: TraceParent = TRACEPARENT.parse().unwrap();
    let second = event("B.v1")
        .data("two")
        .command_id("c-2")
        .correlation_id("r")
        .causation_id("c-1")
        .traceparent(traceparent)
        .field("tenant", "acme")
        .field("count", 3);
    let fixture = StreamFixture::new("a-1").events(["A.v1"]).events([second]).events([("C.v1", vec![0, 255])]);
    read(&store_with([fixture]).await.unwrap(), "a-1").await
}

#[test]
fn a_builder_makes_an_event_of_what_it_was_told() {
    let (plain, metadata) = event("A.v1").build();
    assert_eq!((plain.event_type.as_str(), plain.data.as_slice()), ("A.v1", &[][..]));
    assert_eq!(metadata, EventMetadata::default());
    assert_eq!(events(["A.v1", "B.v1"]).iter().map(|event| &event.event_type).collect::<Vec<_>>(), ["A.v1", "B.v1"]);
    assert_eq!(history(3).last().unwrap().data, b"3");
}

#[tokio::test]
async fn what_is_named_is_compared_and_nothing_else() {
    let recorded = recorded().await;
    assert_eq!(recorded[1].metadata.traceparent.as_ref().unwrap().as_str(), TRACEPARENT);
    assert_events_match(&recorded, ["A.v1", "B.v1", "C.v1"]);
    let second = || event("B.v1");
    let named = [
        second().data("two"),
        second().command_id("c-2").correlation_id("r").causation_id("c-1"),
        second().traceparent(TRACEPARENT.parse().unwrap()),
        second().field("tenant", "acme"),
        second().field("count", 3),
    ];
    for second in named {
        assert_events_match(&recorded, [event("A.v1"), second, event("C.v1").data([0, 255])]);
    }
    let others = [
        (second().data("too"), "`/1/data`: \"too\" was expected, \"two\" came"),
        (second().command_id("c-3"), "`/1/metadata/command_id`"),
        (second().correlation_id("c-3"), "`/1/metadata/correlation_id`"),
        (second().causation_id("c-3"), "`/1/metadata/causation_id`"),
        (second().traceparent(TRACEPARENT.replace("4bf", "5bf").parse().unwrap()), "`/1/metadata/traceparent`"),
        (second().field("tenant", "other"), "`/1/metadata/fields/tenant`: \"other\" was expected, \"acme\" came"),
        (second().field("user", "x"), "`/1/metadata/fields`"),
        (event("X.v1"), "X.v1 was expected, and a-1 has B.v1"),
    ];
    for (other, says) in others {
        let mismatch = match_events(&recorded, [event("A.v1"), other, event("C.v1")]).unwrap_err();
        assert!(matches!(&mismatch, Mismatch::Recorded { version, .. } if version.get() == 2), "{mismatch}");
        assert!(mismatch.to_string().contains(says), "{says}: {mismatch}");
    }
}

#[tokio::test]
async fn the_first_version_that_differs_is_named_in_the_line_of_the_test() {
    let recorded = recorded().await;
    for (expected, says) in [
        (&["A.v1", "C.v1"][..], "event 2: C.v1 was expected, and a-1 has B.v1"),
        (&["A.v1", "B.v1"], "event 3: C.v1 is one too many in a-1"),
        (&["A.v1", "B.v1", "C.v1", "D.v1"], "event 4: it is missing, and D.v1 was expected"),
        (&[], "event 1: A.v1 is one too many in a-1"),
    ] {
        let (message, file) = panic_of(|| assert_events_match(&recorded, expected.iter().copied()));
        assert!(message.starts_with(says), "{message}");
        assert!(message.contains("\n--- expected\n+++ actual\n"), "{message}");
        assert!(file.ends_with("tests/testing/records.rs"), "{file}");
    }
    let other_bytes = match_events(&recorded[2..], [event("C.v1").data([0, 254])]).unwrap_err().to_string();
    assert!(other_bytes.contains(r#""00 fe" was expected, "00 ff" came"#), "{other_bytes}");
    assert!(match_events(&[], ["A.v1"]).unwrap_err().to_string().starts_with("event 1: it is missing"));
    assert_events_match(&[], std::iter::empty::<&str>());
}

#[tokio::test]
async fn a_hole_or_a_repetition_is_no_match_whatever_is_expected() {
    let mut recorded = recorded().await;
    let repeated = [recorded[0].clone(), recorded[0].clone()];
    let mismatch = match_events(&repeated, ["A.v1", "A.v1"]).unwrap_err().to_string();
    assert_eq!(mismatch, "event 1: it follows event 1 in a-1, and versions have to follow one another");
    recorded.remove(1);
    assert!(match_events(&recorded, ["A.v1", "C.v1"]).unwrap_err().to_string().starts_with("event 3: it follows"));
    // A page from the middle is none, and neither are the events of two streams in turns.
    assert_events_match(&recorded[1..], ["C.v1"]);
    let store = InMemoryEventStore::new();
    for head in 0..3 {
        for id in ["a-1", "a-2"] {
            let next = StreamFixture::new(id).after(Version::new(head)).events(["A.v1"]);
            assert_eq!(next.appended_to(&store).await.unwrap(), Version::new(head + 1));
        }
    }
    assert_events_match(&store.events(), ["A.v1"; 6]);
}

#[tokio::test]
async fn a_fixture_fills_any_store_in_batches_and_says_where_it_ends() {
    let database = database().await;
    let memory = InMemoryEventStore::new();
    let fixture = StreamFixture::new("numbers-1").events(history(25)).in_batches_of(10);
    assert_eq!(fixture.appended_to(&memory).await.unwrap(), Version::new(25));
    assert_eq!(fixture.appended_to(&*database.store).await.unwrap(), Version::new(25));
    assert_events_match(&read(&memory, "numbers-1").await, history(25));
    assert_events_match(&read(&*database.store, "numbers-1").await, history(25));
    // Three batches, each an append of its own.
    let appends = *memory.appended().borrow();
    assert_eq!(appends, 3);
}

#[tokio::test]
async fn a_fixture_is_refused_by_a_stream_of_another_length() {
    let store = store_with([StreamFixture::new("numbers-1").events(history(2))]).await.unwrap();
    let more = StreamFixture::new("numbers-1").events(["A.v1"]);
    let conflict = more.appended_to(&store).await;
    assert!(matches!(conflict, Err(EventStoreError::Conflict { actual, .. }) if actual.get() == 2), "{conflict:?}");
    assert_eq!(more.after(Version::new(2)).appended_to(&store).await.unwrap(), Version::new(3));
    let twice = StreamFixture::new("a-1").events(["A.v1"]);
    assert!(store_with([twice.clone(), twice]).await.is_err());
    let empty = StreamFixture::new("a-1").appended_to(&store).await.unwrap();
    assert_eq!(empty, Version::EMPTY, "no events are no append");
    assert_eq!(json!(store.streams().len()), json!(1));
    let (message, file) = panic_of(|| drop(StreamFixture::new("a\n-1")));
    assert!(message.contains("no control characters"), "{message}");
    assert!(file.ends_with("tests/testing/records.rs"), "{file}");
}
