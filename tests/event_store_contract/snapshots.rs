use super::*;

fn snapshot(id: &str, version: u64, schema: &str, state: &[u8]) -> Snapshot {
    Snapshot {
        stream_id: stream(id),
        version: Version::new(version),
        state_schema: schema.into(),
        reducer_digest: ReducerDigest::of(b"code"),
        state: state.to_vec(),
    }
}

pub(crate) async fn a_load_brings_the_snapshot_and_the_tail_behind_it(store: Arc<impl Store>) {
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

pub(crate) async fn a_snapshot_of_another_schema_is_passed_over(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"old")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v2")), 10.into()).await.unwrap();
    assert_eq!((loaded.snapshot, loaded.tail.len()), (None, 2));
    // Beside it: the former is for the way back.
    store.save_snapshot(&snapshot("order-1", 1, "order.v2", b"new")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v2")), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot, Some(StoredSnapshot { version: Version::new(1), state: Ok(b"new".to_vec()) }));
    assert_eq!(loaded.tail.data, b"B");
}

pub(crate) async fn a_snapshot_beyond_the_head_is_passed_over_and_replaced(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 3, "order.v1", b"foreign")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!((loaded.snapshot, loaded.tail.len()), (None, 2));
    // From before a recovery to an earlier moment: no newer one would ever come, so an older one has to take its place.
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"own")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot, Some(StoredSnapshot { version: Version::new(2), state: Ok(b"own".to_vec()) }));
}

pub(crate) async fn a_snapshot_of_other_code_is_passed_over_by_who_reads_only_his_own(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"state")).await.unwrap();
    for (digest, found) in [(b"code".as_slice(), true), (b"other code", false)] {
        let key = SnapshotKey { reducer_digest: Some(ReducerDigest::of(digest)), ..SnapshotKey::schema("order.v1") };
        let loaded = store.load(&stream("order-1"), Some(&key), 10.into()).await.unwrap();
        assert_eq!((loaded.snapshot.is_some(), loaded.tail.len()), (found, if found { 0 } else { 2 }));
    }
}

pub(crate) async fn a_load_without_snapshots_begins_at_the_first_event(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"state")).await.unwrap();
    let loaded = store.load(&stream("order-1"), None, 10.into()).await.unwrap();
    assert_eq!((loaded.snapshot, loaded.tail.first_version, loaded.tail.len()), (None, 1, 2));
}

pub(crate) async fn a_newer_snapshot_is_never_replaced_by_an_older_one(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"newer")).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 1, "order.v1", b"older")).await.unwrap();
    let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
    assert_eq!(loaded.snapshot.unwrap().state, Ok(b"newer".to_vec()));
}

pub(crate) async fn a_stream_has_a_snapshot_for_each_schema(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B", "C"])]).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 2, "order.v1", b"former")).await.unwrap();
    store.save_snapshot(&snapshot("order-1", 3, "order.v2", b"present")).await.unwrap();
    for (schema, version, state) in [("order.v1", 2, &b"former"[..]), ("order.v2", 3, b"present")] {
        let loaded = store.load(&stream("order-1"), Some(&SnapshotKey::schema(schema)), 10.into()).await.unwrap();
        let kept = StoredSnapshot { version: Version::new(version), state: Ok(state.to_vec()) };
        assert_eq!(loaded.snapshot, Some(kept), "{schema}");
    }
}

pub(crate) async fn streams_without_a_snapshot_of_a_schema_are_found_and_former_ones_pruned(store: Arc<impl Store>) {
    for id in ["order-1", "order-2", "order-3", "orders-1"] {
        store.append_many(&[batch(id, 0, &["A"])]).await.unwrap();
        store.save_snapshot(&snapshot(id, 1, "order.v1", b"former")).await.unwrap();
    }
    let missing = async |after: Option<&str>, most| {
        let after = after.map(stream);
        let found = store.streams_without_snapshot("order", "order.v2", after.as_ref(), most).await.unwrap();
        found.into_iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(missing(None, 10).await, ["order-1", "order-2", "order-3"]);
    assert_eq!(missing(None, 2).await, ["order-1", "order-2"]);
    assert_eq!(missing(Some("order-2"), 10).await, ["order-3"]);
    let present = ["order.v2".to_owned()];
    assert_eq!(store.prune_snapshots("order", &present, 10).await.unwrap(), 0, "none has another to go by");
    for id in ["order-1", "order-3"] {
        store.save_snapshot(&snapshot(id, 1, "order.v2", b"present")).await.unwrap();
    }
    assert_eq!(missing(None, 10).await, ["order-2"]);
    assert_eq!(store.prune_snapshots("order", &present, 1).await.unwrap(), 1);
    assert_eq!(store.prune_snapshots("order", &present, 10).await.unwrap(), 1);
    let former = async |id: &str| {
        let loaded = store.load(&stream(id), Some(&SnapshotKey::schema("order.v1")), 10.into()).await.unwrap();
        loaded.snapshot.is_some()
    };
    assert!(!former("order-1").await && !former("order-3").await);
    assert!(former("order-2").await && former("orders-1").await, "the only one it has, and another category's");
}
