//! Streams that take no more events, and streams that nobody can read any more.

use super::*;

fn is_closed(outcome: &AppendOutcome, at: u64) -> bool {
    *outcome == AppendOutcome::Closed { version: Version::new(at) }
}

pub(crate) async fn a_closed_stream_takes_no_more_events(store: Arc<impl Store>) {
    let id = stream("order-1");
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    assert_eq!(store.close_stream(&id, false).await.unwrap(), Version::new(3));
    let read = store.read_stream(&id, Version::EMPTY, 10.into()).await.unwrap();
    assert_eq!(read.iter().map(|event| event.event_type.as_str()).collect::<Vec<_>>(), ["A.v1", "B.v1", STREAM_CLOSED]);
    assert_eq!(read[0].data, b"A", "closing alone erases nothing");
    for expected in [2, 3, 7] {
        let outcomes = store.append_many(&[batch("order-1", expected, &["C"]), batch("cart-1", 0, &[])]).await.unwrap();
        assert!(is_closed(&outcomes[0], 3), "{expected}: {outcomes:?}");
        assert_eq!(outcomes[1], appended(0));
    }
    for expected in [ExpectedVersion::Any, ExpectedVersion::Exists] {
        let error = store.append_events(&id, expected, events(&["C"])).await.unwrap_err();
        assert!(
            matches!(error, EventStoreError::StreamClosed { version, .. } if version == Version::new(3)),
            "{error}"
        );
    }
    let error = store.append_atomic(&[batch("cart-1", 0, &["D"]), batch("order-1", 3, &["C"])]).await.unwrap_err();
    assert!(matches!(error, EventStoreError::StreamClosed { .. }), "{error}");
    assert_eq!(types(&store, "order-1").await.len(), 3);
    assert!(types(&store, "cart-1").await.is_empty());
    let mut page = store.load_events(&id, Version::EMPTY, 10.into()).await.unwrap();
    assert!(page.take_closing(), "the fold is told");
    assert_eq!(page.data, b"AB");
}

pub(crate) async fn closing_twice_changes_nothing(store: Arc<impl Store>) {
    let id = stream("order-1");
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.close_stream(&id, false).await.unwrap(), Version::new(2));
    }
    assert_eq!(types(&store, "order-1").await, ["A.v1", STREAM_CLOSED]);
}

pub(crate) async fn only_a_store_closes_a_stream(store: Arc<impl Store>) {
    let mut forged = batch("order-1", 0, &["A"]);
    forged.events[0].0.event_type = STREAM_CLOSED.into();
    assert!(matches!(store.append_many(&[forged]).await, Err(EventStoreError::InvalidBatch(_))));
}

pub(crate) async fn a_stream_without_events_cannot_be_closed(store: Arc<impl Store>) {
    for erase in [false, true] {
        let error = store.close_stream(&stream("customer-1"), erase).await.unwrap_err();
        assert!(matches!(error, EventStoreError::NotErasable { .. }), "{error}");
    }
}

pub(crate) async fn an_erased_stream_keeps_its_events_and_loses_their_data(store: Arc<impl Store>) {
    let (id, other) = (stream("customer-1"), stream("customer-2"));
    store.append_many(&[batch("customer-1", 0, &["A", "B"]), batch("customer-2", 0, &["C"])]).await.unwrap();
    store.append_many(&[batch("customer-1", 2, &["D"])]).await.unwrap();
    assert_eq!(store.read_stream(&id, Version::EMPTY, 10.into()).await.unwrap()[2].data, b"D", "readable until then");
    assert_eq!(store.close_stream(&id, true).await.unwrap(), Version::new(4));
    assert_eq!(store.close_stream(&id, true).await.unwrap(), Version::new(4), "erasing twice changes nothing");

    let read = store.read_stream(&id, Version::EMPTY, 10.into()).await.unwrap();
    assert_eq!(types(&store, "customer-1").await, ["A.v1", "B.v1", "D.v1", STREAM_CLOSED]);
    assert!(read[..3].iter().all(|event| event.erased && event.data.is_empty()), "{read:?}");
    assert!(!read[3].erased, "the closing event had no data");
    for error in [
        store.load(&id, Some(&SnapshotKey::schema("customer.v1")), 10.into()).await.map(drop).unwrap_err(),
        store.load_events(&id, Version::EMPTY, 10.into()).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, EventStoreError::StreamErased { .. }), "{error}");
    }
    // Readers of the log go on past it, and the neighbours are as they were.
    let all = log(&store, 5).await;
    assert_eq!(all.iter().filter(|(_, event)| event.erased).count(), 3);
    assert_eq!(store.read_stream(&other, Version::EMPTY, 10.into()).await.unwrap()[0].data, b"C");
    assert!(matches!(
        store.append_many(&[batch("customer-1", 4, &["E"])]).await.unwrap()[0],
        AppendOutcome::Closed { .. }
    ));
}

pub(crate) async fn what_is_left_of_an_erased_stream_tells_nothing(store: Arc<impl Store>) {
    let id = stream("customer-1");
    let rejection = Rejection::new("too-young", "Ada Lovelace is 12");
    let rejected = CommandRecord { rejection: Some(rejection), ..record("c-2", 1..1) };
    let first = with_commands(batch("customer-1", 0, &["A"]), vec![record("c-1", 0..1), rejected]);
    store.append_many(&[first]).await.unwrap();
    let kept = Snapshot {
        stream_id: id.clone(),
        version: Version::new(1),
        state_schema: "customer.v1".into(),
        reducer_digest: ReducerDigest::of(b"code"),
        state: b"Ada Lovelace".to_vec(),
    };
    store.save_snapshot(&kept).await.unwrap();
    let key = SnapshotKey::schema("customer.v1");
    let loaded = store.load(&id, Some(&key), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot.unwrap().state.unwrap(), b"Ada Lovelace");
    store.close_stream(&id, true).await.unwrap();
    // One that was on its way while the stream was erased.
    store.save_snapshot(&kept).await.unwrap();
    assert!(matches!(store.load(&id, Some(&key), 10.into()).await, Err(EventStoreError::StreamErased { .. })));
    let found = store.find_commands(&id, &["c-1".into(), "c-2".into()]).await.unwrap();
    assert_eq!(found.len(), 2);
    for command in found {
        assert_eq!(command.fingerprint, [0; 32], "a guess at the payload cannot be proved right");
        assert!(command.rejection.is_none_or(|no| no.code == "too-young" && no.message.is_empty()));
    }
}

/// A batch without events meets no closing event at the primary key: an erasure in the same moment once missed what it
/// remembers.
pub(crate) async fn a_rejection_that_races_with_an_erasure_is_scrubbed_or_not_remembered(store: Arc<impl Store>) {
    for round in 0..40 {
        let id = format!("customer-{round}");
        store.append_many(&[batch(&id, 0, &["A"])]).await.unwrap();
        let rejection = Rejection::new("too-young", "Ada Lovelace is 12");
        let rejected = CommandRecord { rejection: Some(rejection), ..record("c-1", 0..0) };
        let asked = with_commands(batch(&id, 1, &[]), vec![rejected]);
        let writer = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.append_many(&[asked]).await.unwrap()[0] }
        });
        if round % 2 == 0 {
            tokio::task::yield_now().await;
        }
        store.close_stream(&stream(&id), true).await.unwrap();
        let outcome = writer.await.unwrap();
        let found = find(&store, &id, "c-1").await;
        match outcome {
            AppendOutcome::Appended { .. } => {
                let rejection = found.unwrap().rejection.unwrap();
                assert!(rejection.message.is_empty(), "round {round}: {}", rejection.message);
            }
            AppendOutcome::Closed { .. } | AppendOutcome::Conflict { .. } => assert_eq!(found, None, "round {round}"),
            other => panic!("round {round}: {other:?}"),
        }
    }
}

pub(crate) async fn a_stream_that_would_stay_readable_is_not_erased(store: Arc<impl Store>) {
    let id = stream("order-1");
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    let error = store.close_stream(&id, true).await.unwrap_err();
    assert!(matches!(error, EventStoreError::NotErasable { .. }), "{error}");
    assert_eq!(types(&store, "order-1").await, ["A.v1"], "nor is it closed");
    store.close_stream(&id, false).await.unwrap();
    assert!(store.close_stream(&id, true).await.is_err());
}

pub(crate) async fn an_append_that_races_with_the_closing_is_before_it_or_not_at_all(store: Arc<impl Store>) {
    for round in 0..20 {
        let id = format!("customer-{round}");
        store.append_many(&[batch(&id, 0, &["A"])]).await.unwrap();
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let (store, id) = (Arc::clone(&store), id.clone());
            writers.spawn(async move {
                let expected = if writer % 2 == 0 { Version::new(1).into() } else { ExpectedVersion::Any };
                store.append_many(&[StreamBatch::new(stream(&id), expected, events(&["B", "C"]))]).await.unwrap()[0]
            });
        }
        let closed = store.close_stream(&stream(&id), true).await.unwrap();
        let mut appended = 0;
        while let Some(outcome) = writers.join_next().await {
            match outcome.unwrap() {
                AppendOutcome::Appended { version } => {
                    assert!(version < closed, "round {round}");
                    appended += 2;
                }
                AppendOutcome::Conflict { .. } | AppendOutcome::Closed { .. } => {}
                other => panic!("round {round}: {other:?}"),
            }
        }
        assert_eq!(closed, Version::new(2 + appended), "round {round}");
        let read = store.read_stream(&stream(&id), Version::EMPTY, 100.into()).await.unwrap();
        assert_eq!(read.len() as u64, closed.get());
        assert!(read.iter().all(|event| event.erased || event.event_type == STREAM_CLOSED), "round {round}");
    }
}

/// Before the first of their streams is there, too: who asks writes down what comes then.
pub(crate) async fn a_store_knows_which_categories_are_sealed(store: Arc<impl Store>) {
    for _ in 0..2 {
        assert!(store.is_sealed(ERASABLE).await.unwrap());
        for plain in ["cart", "nobody", "", &ERASABLE[1..]] {
            assert!(!store.is_sealed(plain).await.unwrap(), "{plain}");
        }
        let batches = [batch(&format!("{ERASABLE}-1"), 0, &["A"]), batch("cart-1", 0, &["A"])];
        store.append_many(&batches).await.unwrap();
    }
}
