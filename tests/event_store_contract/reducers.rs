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
