use serde_json::{Map, json};

use super::*;

pub(crate) async fn metadata_comes_back_as_it_was_recorded(store: Arc<impl Store>) {
    let metadata = EventMetadata {
        command_id: Some("c-1".into()),
        correlation_id: Some("r-1".into()),
        causation_id: Some("m-1".into()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap()),
        generation: None,
        reducer_digest: Some(ReducerDigest::of(b"native")),
        fields: Map::from_iter([("tenant".into(), json!("acme")), ("deep".into(), json!({"a": [1, null, "é\u{1}"]}))]),
    };
    let mut batch = batch("order-1", 0, &["A", "B", "C"]);
    batch.events[0].1 = metadata.clone();
    batch.events[2].1 = metadata.clone();
    store.append_many(&[batch]).await.unwrap();
    let read = store.read_stream(&stream("order-1"), Version::EMPTY, 10.into()).await.unwrap();
    assert_eq!(read[0].metadata, metadata);
    assert_eq!(read[1].metadata, EventMetadata::default());
    assert_eq!(read[2].metadata, metadata);
    assert_eq!(log(&store, 3).await[0].1.metadata, metadata);
}

pub(crate) async fn an_event_names_the_code_of_its_generation(store: Arc<impl Store>) {
    let digests = [b"one".as_slice(), b"two"].map(ReducerDigest::of);
    for (component, generation) in [(b"one".as_slice(), 1), (b"two", 2)] {
        assert_eq!(activate(&store, "order", component).await, generation);
        let mut batch = batch("order-1", generation - 1, &["A"]);
        batch.events[0].1.generation = Some(generation);
        store.append_many(&[batch]).await.unwrap();
        // Twice: the second time it is known already.
        for _ in 0..2 {
            let read = store.read_stream(&stream("order-1"), Version::EMPTY, 10.into()).await.unwrap();
            let named: Vec<_> = read.iter().map(|event| event.metadata.reducer_digest.unwrap()).collect();
            assert_eq!(named, digests[..generation as usize]);
        }
    }
}

pub(crate) async fn metadata_that_no_store_could_take_is_refused(store: Arc<impl Store>) {
    let field = |value| EventMetadata { fields: Map::from_iter([("a".into(), value)]), ..Default::default() };
    for metadata in [
        field(json!("\0")),
        field(json!("x".repeat(20_000))),
        EventMetadata { correlation_id: Some("a\nb".into()), ..Default::default() },
        EventMetadata { causation_id: Some(String::new()), ..Default::default() },
    ] {
        let mut poisoned = batch("order-2", 0, &["B", "C"]);
        poisoned.events[1].1 = metadata;
        let error = store.append_many(&[batch("order-1", 0, &["A"]), poisoned]).await.unwrap_err();
        assert!(matches!(error, EventStoreError::InvalidBatch(_)), "{error}");
    }
    assert!(types(&store, "order-1").await.is_empty());
}
