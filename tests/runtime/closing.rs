//! Streams that are closed or erased while hosts hold them.

use super::*;

fn counters(store: &Arc<InMemoryEventStore>) -> Host {
    let store = Arc::clone(store) as Arc<dyn Store>;
    Host::builder(store).reducer(NativeReducer::<counter::Counter>::new()).start().unwrap()
}

fn increment(id: &str) -> CommandRequest {
    let request = request("counter-1", "Increment", r#"{"by":1}"#);
    CommandRequest { command_id: Some(id.into()), ..request }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_on_a_closed_stream_is_told_so_by_every_host() {
    let (warm, database) = host_with(&["counter"]).await;
    let cold = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    send(&warm, "counter-1", "Increment", r#"{"by":5}"#).await.unwrap();
    // Through the store: the warm host is told nothing, and finds out by its append.
    database.store.close_stream(&stream("counter-1"), false).await.unwrap();
    for host in [&warm, &warm, &cold] {
        let error = send(host, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap_err();
        assert!(
            matches!(&error, CommandError::StreamClosed { version, .. } if *version == Version::new(2)),
            "{error:?}"
        );
    }
    for host in [warm, cold] {
        let view = host.state(&stream("counter-1"), None).await.unwrap();
        assert_eq!((view.version, view.json.contains('5')), (Version::new(2), true), "{view:?}");
        assert_eq!(host.state(&stream("counter-1"), Some(Version::new(1))).await.unwrap().version, Version::new(1));
        assert_eq!(send(&host, "counter-2", "Increment", r#"{"by":1}"#).await.unwrap().events.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_a_command_on_a_closed_stream_is_answered_as_the_first_time() {
    let store = Arc::new(InMemoryEventStore::new());
    let first = counters(&store).send(increment("c-1")).await.unwrap();
    store.close_stream(&stream("counter-1"), false).await.unwrap();
    // By a host that has nothing warm.
    let host = counters(&store);
    assert_eq!(host.send(increment("c-1")).await.unwrap(), first);
    assert!(matches!(host.send(increment("c-2")).await, Err(CommandError::StreamClosed { .. })));
    let other = CommandRequest { command_id: Some("c-1".into()), ..request("counter-1", "Increment", r#"{"by":2}"#) };
    assert!(host.send(other).await.is_err(), "the id stands for another command");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_sender_says_of_its_command_stands_beside_the_events() {
    let store = Arc::new(InMemoryEventStore::new());
    let host = counters(&store);
    let mut request = increment("c-1");
    request.metadata.correlation_id = Some("r-1".into());
    request.metadata.fields.insert("tenant".into(), "acme".into());
    host.send(request).await.unwrap();
    let metadata = store.events().pop().unwrap().metadata;
    assert_eq!(metadata.command_id.as_deref(), Some("c-1"));
    assert_eq!(metadata.correlation_id.as_deref(), Some("r-1"));
    assert_eq!(metadata.fields["tenant"], "acme");
    assert_eq!(metadata.reducer_digest, Some(host.reducer("counter").await.unwrap().digest()));
    let mut poisoned = increment("c-2");
    poisoned.metadata.fields.insert("tenant".into(), "\0".into());
    assert!(matches!(host.send(poisoned).await, Err(CommandError::Metadata(_))));
    assert_eq!(store.events_len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn snapshots_follow_the_policy_of_each_reducer() {
    let store = Arc::new(InMemoryEventStore::new());
    let host = |counter, default| {
        Host::builder(Arc::clone(&store) as Arc<dyn Store>)
            .snapshots(default)
            .snapshots_of("counter", counter)
            .reducer(NativeReducer::<counter::Counter>::new())
            .reducer(NativeReducer::<order::Order>::new())
            .start()
            .unwrap()
    };
    let first = host(SnapshotConfig::every(2), SnapshotConfig::never());
    for _ in 0..5 {
        send(&first, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    }
    send(&first, "order-1", "PlaceOrder", &place_order()).await.unwrap();
    send(&first, "order-1", "AddItem", &add_item()).await.unwrap();
    assert!(first.shutdown().await);
    assert_eq!(store.snapshot(&stream("counter-1")).unwrap().version, Version::new(4));
    assert_eq!(store.snapshot(&stream("order-1")), None);

    // Whatever the first command costs is enough here, and not enough there.
    let (nothing, much) = (Duration::from_nanos(1), Duration::from_secs(3_600));
    let by_cost = host(SnapshotConfig::by_replay_cost(much), SnapshotConfig::by_replay_cost(nothing));
    for _ in 0..5 {
        send(&by_cost, "counter-2", "Increment", r#"{"by":1}"#).await.unwrap();
    }
    send(&by_cost, "order-2", "PlaceOrder", &place_order()).await.unwrap();
    assert!(by_cost.shutdown().await);
    assert_eq!(store.snapshot(&stream("counter-2")), None);
    assert_eq!(store.snapshot(&stream("order-2")).unwrap().version, Version::new(1));
}

/// Also when it comes together with others whose append finds out that the stream is closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_beside_a_new_command_on_a_closed_stream_is_answered_as_the_first_time() {
    let store = Arc::new(InMemoryEventStore::new());
    let host = counters(&store);
    let first = host.send(increment("c-1")).await.unwrap();
    store.close_stream(&stream("counter-1"), false).await.unwrap();
    let new = async { send(&host, "counter-1", "Increment", r#"{"by":1}"#).await };
    let (retried, new) = tokio::join!(host.send(increment("c-1")), new);
    assert_eq!(retried.unwrap(), first);
    assert!(matches!(new, Err(CommandError::StreamClosed { .. })), "{new:?}");
}
