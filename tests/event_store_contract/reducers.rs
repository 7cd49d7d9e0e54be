use super::*;

fn fenced(id: &str, expected: u64, generation: u64) -> StreamBatch {
    let fence = Some(Fence { reducer: "order".into(), generation });
    StreamBatch { fence, ..batch(id, expected, &["A"]) }
}

pub(crate) async fn an_append_under_a_former_generation_is_fenced(store: Arc<impl Store>) {
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

pub(crate) async fn activations_count_generations(store: Arc<impl Store>) {
    assert!(store.active_reducers(None).await.unwrap().is_empty());
    assert!(store.activate(&ActivationChange::to("order", ReducerDigest::of(b"never kept"))).await.is_err());
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

pub(crate) async fn a_change_that_was_decided_on_another_generation_is_outrun(store: Arc<impl Store>) {
    for component in [b"one", b"two"] {
        store.save_reducer(ReducerDigest::of(component), &descriptor("order"), component, None).await.unwrap();
    }
    let change = |component: &[u8], expected| ActivationChange {
        expected_generation: Some(expected),
        ..ActivationChange::to("order", ReducerDigest::of(component))
    };
    let outrun = |result: Result<_, EventStoreError>| match result {
        Err(EventStoreError::Outrun { expected, active, .. }) => (expected, active),
        other => panic!("{other:?}"),
    };
    assert_eq!(outrun(store.activate(&change(b"one", 1)).await), (1, 0));
    // Two who have seen the same: one of them is told.
    let (one, two) = (change(b"one", 0), change(b"two", 0));
    let both = tokio::join!(store.activate(&one), store.activate(&two));
    let (won, lost) = if both.0.is_ok() { (both.0, both.1) } else { (both.1, both.0) };
    assert_eq!((won.unwrap().generation, outrun(lost)), (1, (0, 1)));
    assert_eq!(store.activations("order", None, 10).await.unwrap().len(), 1);
}

/// What was looked at before is not what there is when appends wait: the store looks once more.
pub(crate) async fn an_activation_is_refused_by_events_that_may_not_be_there(store: Arc<impl Store>) {
    for component in [b"one", b"two"] {
        store.save_reducer(ReducerDigest::of(component), &descriptor("order"), component, None).await.unwrap();
    }
    activate(&store, "order", b"one").await;
    store.append_many(&[batch("order-1", 0, &["A", "A"]), batch("cart-1", 0, &["A", "B"])]).await.unwrap();
    let change = |unread| ActivationChange { unread, ..ActivationChange::to("order", ReducerDigest::of(b"two")) };
    let unread = ["A.v1", "B.v1"].map(str::to_owned);
    let refused = store.activate(&change(&unread)).await.unwrap_err();
    let EventStoreError::Unread { name, events } = &refused else { panic!("{refused}") };
    assert_eq!((name.as_str(), &events[..]), ("order", &[EventCount { event_type: "A.v1".into(), count: 2 }][..]));
    assert_eq!(store.active_reducers(Some("order")).await.unwrap()[0].digest, ReducerDigest::of(b"one"));
    assert_eq!(store.activate(&change(&unread[1..])).await.unwrap().generation, 2);
}

pub(crate) async fn a_change_that_is_only_begun_changes_nothing_and_holds_no_append_up(store: Arc<impl Store>) {
    for component in [b"one", b"two"] {
        store.save_reducer(ReducerDigest::of(component), &descriptor("order"), component, None).await.unwrap();
    }
    assert_eq!(activate(&store, "order", b"one").await, 1);
    let unread = ["B.v1".to_owned()];
    let change = ActivationChange {
        unread: &unread,
        expected_generation: Some(1),
        ..ActivationChange::to("order", ReducerDigest::of(b"two"))
    };
    let begun = store.begin_activation(&change).await.unwrap();
    assert_eq!(store.append_many(&[fenced("order-1", 0, 1)]).await.unwrap(), [appended(1)]);
    // Dropped, it never was.
    drop(begun);
    assert_eq!(store.activations("order", None, 10).await.unwrap().len(), 1);
    // What is appended behind its beginning is seen where it is committed.
    let begun = store.begin_activation(&change).await.unwrap();
    store.append_many(&[batch("order-2", 0, &["B"])]).await.unwrap();
    let refused = begun.commit().await.unwrap_err();
    assert!(matches!(refused, EventStoreError::Unread { .. }), "{refused}");
    assert_eq!(store.append_many(&[fenced("order-1", 1, 1)]).await.unwrap(), [appended(2)]);
    let change = ActivationChange { unread: &[], ..change };
    let begun = store.begin_activation(&change).await.unwrap();
    assert_eq!(store.append_many(&[fenced("order-1", 2, 1)]).await.unwrap(), [appended(3)]);
    let made = begun.commit().await.unwrap();
    assert_eq!(store.active_reducers(Some("order")).await.unwrap(), [made]);
    assert_eq!(store.append_many(&[fenced("order-1", 3, 1)]).await.unwrap(), [AppendOutcome::Fenced]);
}

pub(crate) async fn an_activation_keeps_who_made_it_and_why(store: Arc<impl Store>) {
    let digest = ReducerDigest::of(b"one");
    store.save_reducer(digest, &descriptor("order"), b"one", Some("ada")).await.unwrap();
    let note = ActivationNote {
        kind: ActivationKind::RolledBack,
        by: Some("ada".into()),
        reason: Some("totals are off".into()),
        policy: Some(serde_json::json!({ "force": true })),
        verification_id: Some(Uuid::now_v7()),
    };
    let change = ActivationChange { journal: Some(true), note: note.clone(), ..ActivationChange::to("order", digest) };
    let made = store.activate(&change).await.unwrap();
    assert_eq!((&made.note, made.journal), (&note, true));
    assert_eq!(store.active_reducers(Some("order")).await.unwrap(), std::slice::from_ref(&made));
    assert_eq!(store.activations("order", None, 10).await.unwrap(), [made]);
    // The journal stays as it was until somebody says otherwise.
    let rules = EffectRules { rate_per_second_max: Some(5), ..EffectRules::default() };
    let change = ActivationChange { rules: Some(&rules), ..ActivationChange::to("order", digest) };
    assert!(store.activate(&change).await.unwrap().journal);
    let off = ActivationChange { journal: Some(false), ..ActivationChange::to("order", digest) };
    let off = store.activate(&off).await.unwrap();
    assert_eq!((off.generation, off.journal, off.effects), (3, false, rules));
    let below = store.activations("order", Some(3), 1).await.unwrap();
    assert_eq!(below.iter().map(|made| made.generation).collect::<Vec<_>>(), [2]);
}

pub(crate) async fn a_generation_may_have_a_canary(store: Arc<impl Store>) {
    activate(&store, "order", b"one").await;
    let (one, two) = (ReducerDigest::of(b"one"), ReducerDigest::of(b"two"));
    store.save_reducer(two, &descriptor("order"), b"two", None).await.unwrap();
    let share = Share::new(500).unwrap();
    let change = ActivationChange { canary: Some((two, share)), ..ActivationChange::to("order", one) };
    let made = store.activate(&change).await.unwrap();
    let canary = made.canary.clone().unwrap();
    assert_eq!((made.generation, made.digest, canary.digest, canary.share), (2, one, two, share));
    assert_eq!(canary.descriptor, descriptor("order"));
    assert_eq!(store.activate(&change).await.unwrap(), made, "the same again changes nothing");
    let more = ActivationChange { canary: Some((two, Share::new(501).unwrap())), ..ActivationChange::to("order", one) };
    assert_eq!(store.activate(&more).await.unwrap().generation, 3);
    assert_eq!(store.append_many(&[fenced("order-1", 0, 2)]).await.unwrap(), [AppendOutcome::Fenced]);
    let none = store.activate(&ActivationChange::to("order", one)).await.unwrap();
    assert_eq!((none.generation, none.canary), (4, None));
}

pub(crate) async fn what_is_done_to_a_reducer_is_told_by_its_history(store: Arc<impl Store>) {
    activate(&store, "order", b"one").await;
    let two = ReducerDigest::of(b"two");
    assert!(store.save_reducer(two, &descriptor("order"), b"two", Some("ada")).await.unwrap());
    assert!(!store.save_reducer(two, &descriptor("order"), b"two", Some("bob")).await.unwrap(), "it is kept already");
    let note = ActivationNote { by: Some("ada".into()), reason: Some("why not".into()), ..ActivationNote::default() };
    store.activate(&ActivationChange { note, ..ActivationChange::to("order", two) }).await.unwrap();
    store.activate(&ActivationChange::to("order", two)).await.unwrap();
    let history = store.read_stream(&history_stream("order").unwrap(), Version::EMPTY, 100.into()).await.unwrap();
    let types: Vec<_> = history.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(types, ["ReducerDeployed.v1", "ReducerActivated.v1", "ReducerDeployed.v1", "ReducerActivated.v1"]);
    let said = |place: usize| serde_json::from_slice::<serde_json::Value>(&history[place].data).unwrap();
    assert_eq!((&said(2)["by"], &said(2)["digest"]), (&"ada".into(), &two.to_string().into()));
    assert_eq!((&said(3)["generation"], &said(3)["by"]), (&2.into(), &"ada".into()));
    assert_eq!((&said(3)["reason"], &said(3)["before"]["generation"]), (&"why not".into(), &1.into()));
    let first = store.read_stream(&history_stream("cart").unwrap(), Version::EMPTY, 100.into()).await.unwrap();
    assert!(first.is_empty(), "each name has its own");
}

pub(crate) async fn components_are_listed_the_newest_first(store: Arc<impl Store>) {
    for (name, component) in [("order", &b"one"[..]), ("cart", b"other"), ("order", b"three")] {
        store.save_reducer(ReducerDigest::of(component), &descriptor(name), component, Some("ada")).await.unwrap();
    }
    let kept = store.reducers("order", 10).await.unwrap();
    let digests: Vec<_> = kept.iter().map(|kept| kept.digest).collect();
    assert_eq!(digests, [ReducerDigest::of(b"three"), ReducerDigest::of(b"one")]);
    assert_eq!((kept[0].bytes, kept[0].deployed_by.as_deref()), (5, Some("ada")));
    assert_eq!(store.reducers("order", 1).await.unwrap(), kept[..1]);
    assert_eq!(store.reducer(ReducerDigest::of(b"one")).await.unwrap().as_ref(), Some(&kept[1]));
    assert_eq!(store.reducer(ReducerDigest::of(b"none")).await.unwrap(), None);
}

pub(crate) async fn events_are_counted_by_type_within_a_category(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B", "A"]), batch("cart-1", 0, &["A", "C"])]).await.unwrap();
    store.close_stream(&stream("order-1"), false).await.unwrap();
    let types = ["A.v1", "C.v1", "D.v1"].map(str::to_owned);
    let count = |event_type: &str, count| EventCount { event_type: event_type.into(), count };
    assert_eq!(store.count_events("order", &types).await.unwrap(), [count("A.v1", 2)]);
    assert_eq!(store.count_events("cart", &types).await.unwrap(), [count("A.v1", 1), count("C.v1", 1)]);
    assert!(store.count_events("none", &types).await.unwrap().is_empty());
}

/// Whoever comes late looks for himself, so what was said before it listened is said again until it is heard.
pub(crate) async fn news_of_reducers_reach_who_listens(store: Arc<impl Store>) {
    let mut news = store.news();
    let digest = ReducerDigest::of(b"one");
    let heard = async {
        loop {
            store.announce(digest).await.unwrap();
            if let Ok(heard) = tokio::time::timeout(Duration::from_millis(50), news.recv()).await {
                return heard.unwrap();
            }
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(20), heard).await;
    let heard = heard.unwrap_or_else(|_| panic!("nothing is heard"));
    assert_eq!(heard, ReducerNews::Candidate(digest));
    activate(&store, "order", b"two").await;
    let activated = async { while news.recv().await.unwrap() != ReducerNews::Activated("order".into()) {} };
    let told = tokio::time::timeout(Duration::from_secs(20), activated).await;
    told.unwrap_or_else(|_| panic!("the activation is not heard"));
}
