//! Entities come, make room and go.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entities_beyond_the_limit_make_room_and_lose_nothing() {
    let (_, database) = host_with(&["counter"]).await;
    let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>)
        .limits(Limits { entities_max: 32, ..Limits::default() })
        .start()
        .unwrap();
    for round in 1..=3 {
        for number in 0..100 {
            let reply = send(&host, &format!("counter-{number}"), "Increment", r#"{"by":1}"#).await.unwrap();
            assert_eq!(reply.version, Version::new(round));
        }
    }
    until("room is made", || async { host.entities_len() <= 33 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_entity_leaves_and_the_next_command_finds_its_state() {
    let store = Arc::new(InMemoryEventStore::new());
    let host = Host::builder(store)
        .limits(Limits { entity_idle_max: Duration::from_millis(5), ..Limits::default() })
        .reducer(NativeReducer::<counter::Counter>::new())
        .start()
        .unwrap();
    send(&host, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    until("the entity leaves", || async { host.entities_len() == 0 }).await;
    assert_eq!(send(&host, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap().version, Version::new(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_answers_every_command_that_was_taken_and_takes_no_more() {
    let (host, database) = host_with(&["counter"]).await;
    let clients: Vec<_> = (0..32)
        .map(|client| {
            let host = host.clone();
            tokio::spawn(async move {
                let mut accepted = 0;
                loop {
                    match send(&host, &format!("counter-{}", client % 8), "Increment", r#"{"by":1}"#).await {
                        Ok(_) => accepted += 1,
                        Err(CommandError::ShuttingDown) => return accepted,
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    until("the load is on", || async {
        database.store.read_all(None, &foldhost::LogFilter::default(), 200.into()).await.unwrap().len() >= 100
    })
    .await;
    assert!(host.shutdown().await);
    let mut accepted = 0;
    for client in clients {
        accepted += client.await.unwrap();
    }
    let recorded: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE stream_id LIKE 'counter-%'")
        .fetch_one(&mut database.connect().await)
        .await
        .unwrap();
    assert_eq!(recorded, accepted, "what was acknowledged is recorded, and nothing else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mailbox_that_is_full_says_so_and_takes_commands_again() {
    let store = Arc::new(InMemoryEventStore::new());
    let host = Host::builder(store)
        .limits(Limits { mailbox_commands_max: 2, ..Limits::default() })
        .reducer(NativeReducer::<counter::Counter>::new())
        .start()
        .unwrap();
    let sends = (0..500).map(|_| send(&host, "counter-1", "Increment", r#"{"by":1}"#));
    let outcomes = futures::future::join_all(sends).await;
    let accepted = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(CommandError::Busy { .. }))));
    assert!(accepted < 500, "500 commands at once do not fit into a mailbox of 2");
    let reply = send(&host, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    assert_eq!(reply.version.get() as usize, accepted + 1);
}

/// Each mailbox has room, and all of them together have not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_beyond_the_memory_of_the_host_are_told_so_and_the_memory_comes_back() {
    let payload = r#"{"by":1}"#;
    let host = Host::builder(Arc::new(InMemoryEventStore::new()))
        .limits(Limits { queued_command_bytes_max: 3 * payload.len(), ..Limits::default() })
        .reducer(NativeReducer::<counter::Counter>::new())
        .start()
        .unwrap();
    for _ in 0..3 {
        let ids: Vec<_> = (0..500).map(|number| format!("counter-{number}")).collect();
        let outcomes = futures::future::join_all(ids.iter().map(|id| send(&host, id, "Increment", payload))).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Ok(_) | Err(CommandError::Overloaded { .. }))));
        assert!(outcomes.iter().any(Result::is_ok), "three fit at any time");
        assert!(outcomes.iter().any(Result::is_err), "500 at once do not");
    }
    for number in 0..10 {
        send(&host, &format!("counter-{number}"), "Increment", payload).await.unwrap();
    }
}
