use super::*;

pub(crate) async fn appended_events_come_back_as_they_were(store: Arc<impl Store>) {
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

pub(crate) async fn a_stale_append_is_a_conflict_and_leaves_nothing(store: Arc<impl Store>) {
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

pub(crate) async fn an_append_beyond_the_head_is_a_conflict_and_leaves_no_hole(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["Placed"])]).await.unwrap();
    assert_eq!(store.append_many(&[batch("order-1", 5, &["Late"])]).await.unwrap(), [conflict(1)]);
    assert_eq!(store.append_many(&[batch("order-2", 1, &["Late"])]).await.unwrap(), [conflict(0)]);
    assert_eq!(types(&store, "order-1").await, ["Placed.v1"]);
    assert!(types(&store, "order-2").await.is_empty());
}

pub(crate) async fn each_stream_of_an_append_wins_or_loses_alone(store: Arc<impl Store>) {
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

pub(crate) async fn a_stream_twice_in_one_append_is_refused_whole(store: Arc<impl Store>) {
    let twice = [batch("order-1", 0, &["A"]), batch("order-2", 0, &["B"]), batch("order-1", 1, &["C"])];
    assert!(matches!(store.append_many(&twice).await, Err(EventStoreError::InvalidBatch(_))));
    assert!(types(&store, "order-1").await.is_empty());
    assert!(types(&store, "order-2").await.is_empty());
}

pub(crate) async fn a_nul_byte_is_refused_before_the_store_sees_it(store: Arc<impl Store>) {
    let poisoned = [batch("order-1", 0, &["A"]), batch("order-2", 0, &["B\0"])];
    assert!(matches!(store.append_many(&poisoned).await, Err(EventStoreError::InvalidBatch(_))));
    assert!(types(&store, "order-1").await.is_empty());
}

pub(crate) async fn a_batch_without_events_asks_whether_the_version_still_holds(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    let asked = [batch("order-1", 2, &[]), batch("order-2", 0, &[])];
    assert_eq!(store.append_many(&asked).await.unwrap(), [appended(2), appended(0)]);
    let asked = [batch("order-1", 1, &[]), batch("order-2", 1, &[])];
    assert_eq!(store.append_many(&asked).await.unwrap(), [conflict(2), conflict(0)]);
    assert!(store.append_many(&[]).await.unwrap().is_empty());
}

pub(crate) async fn sixteen_writers_race_for_one_version_and_exactly_one_wins(store: Arc<impl Store>) {
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

pub(crate) async fn a_batch_of_a_thousand_events_is_one_append(store: Arc<impl Store>) {
    let texts: Vec<_> = (0..1_000).map(|number| format!("N{number}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    assert_eq!(store.append_many(&[batch("order-1", 0, &texts)]).await.unwrap(), [appended(1_000)]);
    assert_eq!(types(&store, "order-1").await[999], "N999.v1");
}

pub(crate) async fn an_atomic_append_takes_all_batches_or_none(store: Arc<impl Store>) {
    let all = [batch("order-1", 0, &["A", "B"]), batch("cart-1", 0, &["C"]), batch("order-2", 0, &[])];
    assert_eq!(store.append_atomic(&all).await.unwrap(), [2, 1, 0].map(Version::new));
    let stale = [batch("order-3", 0, &["D"]), batch("cart-1", 0, &["Stale"]), batch("order-1", 2, &["E"])];
    let error = store.append_atomic(&stale).await.unwrap_err();
    assert!(
        matches!(&error, EventStoreError::Conflict { stream_id, expected, actual }
            if stream_id.as_str() == "cart-1"
                && *expected == ExpectedVersion::Exact(Version::EMPTY)
                && *actual == Version::new(1)),
        "{error}"
    );
    assert_eq!(types(&store, "order-1").await, ["A.v1", "B.v1"]);
    assert!(types(&store, "order-3").await.is_empty());
    assert!(store.append_atomic(&[]).await.unwrap().is_empty());
}

pub(crate) async fn an_atomic_append_names_the_first_stream_that_lost(store: Arc<impl Store>) {
    activate(&store, "order", b"first").await;
    store.append_many(&[batch("cart-1", 0, &["A"])]).await.unwrap();
    let fence = Some(Fence { reducer: "order".into(), generation: 7 });
    let fenced = StreamBatch { fence, ..batch("order-1", 0, &["B"]) };
    let error = store.append_atomic(&[batch("cart-2", 0, &["C"]), fenced.clone()]).await.unwrap_err();
    assert!(matches!(&error, EventStoreError::Fenced { stream_id } if stream_id.as_str() == "order-1"), "{error}");
    let error = store.append_atomic(&[batch("cart-1", 3, &["D"]), fenced]).await.unwrap_err();
    assert!(matches!(error, EventStoreError::Conflict { .. }), "{error}");
    assert!(types(&store, "cart-2").await.is_empty());
}

pub(crate) async fn a_batch_that_a_table_would_refuse_is_refused_before(store: Arc<impl Store>) {
    let rejection = Some(Rejection::new("no", "no"));
    let mut long = batch("order-2", 0, &["B"]);
    long.events[0].0.event_type = "x".repeat(256);
    for poisoned in [
        with_commands(batch("order-2", 0, &["B"]), vec![CommandRecord { rejection, ..record("c-1", 0..1) }]),
        with_commands(batch("order-2", 0, &["B"]), vec![record("c-1", 0..1), record("c-1", 1..1)]),
        with_commands(batch("order-2", 0, &["B"]), vec![record("c-1", 0..2)]),
        long,
    ] {
        let error = store.append_many(&[batch("order-1", 0, &["A"]), poisoned]).await.unwrap_err();
        assert!(matches!(error, EventStoreError::InvalidBatch(_)), "{error}");
    }
    assert!(types(&store, "order-1").await.is_empty());
}
