use super::*;

pub(crate) async fn commands_are_remembered_with_the_events_that_they_led_to(store: Arc<impl Store>) {
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

pub(crate) async fn a_loser_s_commands_are_not_remembered(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    let stale = with_commands(batch("order-1", 0, &["B"]), vec![record("c-1", 0..1)]);
    let stale_without_events = with_commands(batch("order-2", 3, &[]), vec![record("c-1", 0..0)]);
    assert_eq!(store.append_many(&[stale, stale_without_events]).await.unwrap(), [conflict(1), conflict(0)]);
    assert_eq!(find(&store, "order-1", "c-1").await, None);
    assert_eq!(find(&store, "order-2", "c-1").await, None);
}

pub(crate) async fn a_command_that_was_done_before_is_told_and_its_first_outcome_stays(store: Arc<impl Store>) {
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

pub(crate) async fn an_append_under_an_id_is_done_once_and_answered_as_the_first_time(store: Arc<impl Store>) {
    let id = stream("order-1");
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    let once = || store.append_once(&id, Version::new(1).into(), "c-1", events(&["B", "C"]));
    let first = once().await.unwrap();
    assert_eq!(first, (Version::new(2), Version::new(3)));
    store.append_many(&[batch("order-1", 3, &["D"])]).await.unwrap();
    // As after a lost acknowledgement: the version that it expects is long gone.
    assert_eq!(once().await.unwrap(), first);
    let open = store.append_once(&id, ExpectedVersion::Any, "c-1", events(&["B", "C"])).await.unwrap();
    assert_eq!(open, first);
    assert_eq!(types(&store, "order-1").await, ["A.v1", "B.v1", "C.v1", "D.v1"]);
    assert_eq!(
        store.read_stream(&id, Version::new(1), 1.into()).await.unwrap()[0].metadata.command_id.as_deref(),
        Some("c-1")
    );
    let stale = store.append_once(&id, Version::new(1).into(), "c-2", events(&["E"])).await.unwrap_err();
    assert!(matches!(stale, EventStoreError::Conflict { actual, .. } if actual == Version::new(4)), "{stale}");
}

pub(crate) async fn an_id_with_other_events_is_refused(store: Arc<impl Store>) {
    let id = stream("order-1");
    store.append_once(&id, ExpectedVersion::NoStream, "c-1", events(&["A"])).await.unwrap();
    let error = store.append_once(&id, ExpectedVersion::Any, "c-1", events(&["B"])).await.unwrap_err();
    assert!(matches!(error, EventStoreError::CommandIdReused { .. }), "{error}");
    assert!(store.append_once(&id, ExpectedVersion::Any, "c-2", Vec::new()).await.is_err(), "nothing to be remembered");
    assert_eq!(types(&store, "order-1").await, ["A.v1"]);
}

pub(crate) async fn sixteen_appends_under_one_id_at_once_are_one_append(store: Arc<impl Store>) {
    for round in 0..10_u64 {
        let id = format!("order-{round}");
        // Each version of expecting: what is there, anything, and what is there no more once another one was first.
        let expectations = [ExpectedVersion::NoStream, ExpectedVersion::Any, Version::EMPTY.into()];
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..16 {
            let (store, id, expected) = (Arc::clone(&store), stream(&id), expectations[writer % 3]);
            writers.spawn(async move { store.append_once(&id, expected, "c-1", events(&["A", "B"])).await });
        }
        while let Some(answer) = writers.join_next().await {
            assert_eq!(answer.unwrap().unwrap(), (Version::new(1), Version::new(2)), "round {round}");
        }
        assert_eq!(types(&store, &id).await, ["A.v1", "B.v1"], "round {round}");
    }
}

fn journaled(command: CommandRecord, payload: Payload, now_ms: i64) -> CommandRecord {
    CommandRecord { journal: Some(JournalEntry { payload, now_ms }), ..command }
}

pub(crate) async fn the_journal_is_read_in_the_order_of_the_versions(store: Arc<impl Store>) {
    let json = |text: &str| Payload::Json(text.into());
    let rejection = Some(Rejection::new("no", "not today"));
    let commands = vec![
        journaled(record("b", 0..2), json("1"), 10),
        journaled(CommandRecord { rejection, ..record("a", 2..2) }, Payload::Binary(vec![0, 255]), 20),
        record("not-in-it", 2..3),
    ];
    store.append_many(&[with_commands(batch("order-1", 0, &["A", "B", "C"]), commands)]).await.unwrap();
    let late = journaled(record("c", 0..1), json("3"), 30);
    store.append_many(&[with_commands(batch("order-1", 3, &["D"]), vec![late])]).await.unwrap();
    store.append_many(&[with_commands(batch("order-2", 0, &["D"]), vec![record("c", 0..1)])]).await.unwrap();

    let all = store.read_journal(&stream("order-1"), None, 10).await.unwrap();
    let told: Vec<_> = all
        .iter()
        .map(|command| (command.place.command_id.as_str(), command.decided_at().get(), command.now_ms))
        .collect();
    assert_eq!(told, [("a", 2, 20), ("b", 0, 10), ("c", 3, 30)]);
    assert_eq!(all[0].payload, Some(Payload::Binary(vec![0, 255])));
    assert_eq!(all[0].rejection.as_ref().map(|no| no.code.as_ref()), Some("no"));
    assert_eq!((&all[1].payload, all[1].first_version), (&Some(json("1")), Some(Version::new(1))));
    assert_eq!((all[1].name.as_str(), all[1].place.last_version), ("PlaceOrder", Version::new(2)));
    assert_eq!(all[1].reducer_digest, Some(ReducerDigest::of(b"code")));
    let behind = store.read_journal(&stream("order-1"), Some(&all[0].place), 1).await.unwrap();
    assert_eq!(behind, all[1..2]);
    assert!(store.read_journal(&stream("order-2"), None, 10).await.unwrap().is_empty());
}

pub(crate) async fn what_the_journal_holds_of_an_erased_stream_says_nothing(store: Arc<impl Store>) {
    let secret = Payload::Json(r#"{"name":"Ada Lovelace"}"#.into());
    let commands = vec![journaled(record("c-1", 0..1), secret.clone(), 10)];
    store.append_many(&[with_commands(batch("customer-1", 0, &["A"]), commands)]).await.unwrap();
    let id = stream("customer-1");
    assert_eq!(store.read_journal(&id, None, 10).await.unwrap()[0].payload, Some(secret));
    store.close_stream(&id, true).await.unwrap();
    let left = store.read_journal(&id, None, 10).await.unwrap();
    assert_eq!((left.len(), &left[0].payload), (1, &None));
}
