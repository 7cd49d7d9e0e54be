//! What a guest, or a record, can do wrong; snapshots.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_guest_does_stays_in_its_stream() {
    let (host, database) = host_with(&["hostile", "order"]).await;
    send(&host, "hostile-1", "Ok", "{}").await.unwrap();
    for (name, payload) in [
        ("Spin", "{}"),
        ("Panic", "{}"),
        ("GrowMemory", "{}"),
        ("Recurse", "{}"),
        ("HugeEvent", r#"{"bytes":2000000}"#),
        ("LieAboutType", "{}"),
        ("PoisonType", "{}"),
        ("PoisonApply", "{}"),
    ] {
        // In one mailbox with good commands before and behind it: they are decided on each other's state all the same.
        let before = send(&host, "hostile-1", "Ok", "{}");
        let misdeed = send(&host, "hostile-1", name, payload);
        let behind = send(&host, "hostile-1", "Ok", "{}");
        let (before, misdeed, behind) = tokio::join!(before, misdeed, behind);
        assert!(matches!(misdeed, Err(CommandError::Fault(_))), "{name}: {misdeed:?}");
        assert_eq!(before.unwrap().version.next(), behind.unwrap().version, "{name} left no event");
    }
    send(&host, "order-1", "PlaceOrder", &place_order()).await.unwrap();
    let events = database.store.read_stream(&stream("hostile-1"), Version::EMPTY, 100.into()).await.unwrap();
    assert_eq!(events.len(), 17);
    assert!(events.iter().all(|event| event.event_type == "Fine.v1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_its_reducer_cannot_fold_fails_alone_and_says_at_which_event() {
    let (host, database) = host_with(&["order"]).await;
    let mut events = history(3);
    events[2].event_type = "OrderTeleported.v1".into();
    database.store.append_many(&[StreamBatch::new(stream("order-bad"), Version::EMPTY, events)]).await.unwrap();
    let fault = send(&host, "order-bad", "AddItem", &add_item()).await.unwrap_err();
    let CommandError::Fault(failure) = fault else { panic!("{fault}") };
    assert!(matches!(failure.fault, ReducerFault::Apply { version: 3, .. }), "{failure}");
    // Whoever has to mend it learns what was asked of whom.
    assert_eq!((failure.command.as_deref(), failure.stream_id.as_ref()), (Some("AddItem"), Some(&stream("order-bad"))));
    send(&host, "order-good", "PlaceOrder", &place_order()).await.unwrap();
    let at_two = host.state(&stream("order-bad"), Some(Version::new(2))).await.unwrap();
    assert_eq!(at_two.version, Version::new(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_accepted_one_by_one_can_be_loaded_again() {
    let store: Arc<dyn Store> = Arc::new(InMemoryEventStore::new());
    let host = || {
        let host = Host::builder(Arc::clone(&store)).snapshots(SnapshotConfig::never());
        let reducer = ReducerLimits { events_per_decision_max: 1, ..ReducerLimits::default() };
        host.limits(Limits { reducer, ..Limits::default() }).start().unwrap()
    };
    let first = host();
    deploy(&first, &["hostile"]).await;
    // Together they are more than an instance's memory, so one page is too much for one call.
    for _ in 0..80 {
        send(&first, "hostile-1", "HugeEvent", r#"{"bytes":1000000}"#).await.unwrap();
    }
    assert!(first.shutdown().await);
    let second = host();
    assert_eq!(send(&second, "hostile-1", "Ok", "{}").await.unwrap().version, Version::new(81));
    assert_eq!(second.state(&stream("hostile-1"), Some(Version::new(80))).await.unwrap().version, Version::new(80));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_are_written_when_due_and_loads_begin_with_them() {
    let store = Arc::new(InMemoryEventStore::new());
    let host = Host::builder(Arc::clone(&store) as Arc<dyn Store>)
        .snapshots(SnapshotConfig::every(10))
        .reducer(NativeReducer::<counter::Counter>::new())
        .start()
        .unwrap();
    for _ in 0..25 {
        send(&host, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    }
    assert!(host.shutdown().await, "a shutdown writes the snapshots that wait");
    assert_eq!(store.snapshot(&stream("counter-1")).unwrap().version, Version::new(20));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_corrupt_snapshot_costs_time_and_never_a_wrong_version() {
    let (host, database) = host_with(&["counter"]).await;
    for _ in 0..120 {
        send(&host, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    }
    let whole = state(&host, "counter-1").await;
    assert!(host.shutdown().await);
    let mut connection = database.connect().await;
    let spoiled = sqlx::query("UPDATE snapshots SET state_data = '\\xffffffffffffffffffff'")
        .execute(&mut connection)
        .await
        .unwrap();
    assert_eq!(spoiled.rows_affected(), 1);
    let other = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    assert_eq!(state(&other, "counter-1").await, whole);
    let reply = send(&other, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    assert_eq!(reply.version, Version::new(121));
}
