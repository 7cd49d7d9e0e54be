//! Two hosts on one database, and swaps of the logic.

use sqlx::{Executor as _, PgConnection};

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_on_one_stream_decide_again_and_their_senders_notice_nothing() {
    let (first, database) = host_with(&["counter"]).await;
    let second = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>)
        .limits(Limits { conflict_retries_max: 1_000, ..Limits::default() })
        .start()
        .unwrap();
    let first = Host::builder(Arc::clone(first.store()))
        .limits(Limits { conflict_retries_max: 1_000, ..Limits::default() })
        .start()
        .unwrap();
    let senders: Vec<_> = (0..8)
        .map(|sender| {
            let host = if sender % 2 == 0 { first.clone() } else { second.clone() };
            tokio::spawn(async move {
                for _ in 0..25 {
                    send(&host, "counter-shared", "Increment", r#"{"by":1}"#).await.unwrap();
                }
            })
        })
        .collect();
    for sender in senders {
        sender.await.unwrap();
    }
    let view = first.state(&stream("counter-shared"), None).await.unwrap();
    assert_eq!(view.version, Version::new(200));
}

/// A rejection decided on a state that another host has left behind would be a wrong answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_is_never_decided_on_a_state_that_another_host_left_behind() {
    let (first, database) = host_with(&["order"]).await;
    let second = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    let rejected = send(&second, "order-1", "ShipOrder", r#"{"tracking":"1Z"}"#).await.unwrap_err();
    assert!(matches!(&rejected, CommandError::Rejected(no) if no.code == "not-placed"));
    send(&first, "order-1", "PlaceOrder", &place_order()).await.unwrap();
    let shipped = send(&second, "order-1", "ShipOrder", r#"{"tracking":"1Z"}"#).await.unwrap();
    assert_eq!(shipped.version, Version::new(2));
    let rejected = send(&first, "order-1", "AddItem", &add_item()).await.unwrap_err();
    assert!(matches!(&rejected, CommandError::Rejected(no) if no.code == "already-shipped"), "{rejected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_from_many_clients_at_once_on_two_hosts_is_one_command() {
    let (first, database) = host_with(&["counter"]).await;
    let second = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    let clients: Vec<_> = (0..32)
        .map(|client| {
            let host = if client % 2 == 0 { first.clone() } else { second.clone() };
            let command_id = Some("the-one".into());
            let request = CommandRequest { command_id, ..request("counter-1", "Increment", r#"{"by":1}"#) };
            tokio::spawn(async move { host.send(request).await.unwrap() })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.unwrap().version, Version::new(1));
    }
    assert_eq!(database.store.read_stream(&stream("counter-1"), Version::EMPTY, 10.into()).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newly_deployed_reducer_decides_the_next_command_on_every_host() {
    let (first, database) = host_with(&["order"]).await;
    let second = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    for host in [&first, &second] {
        let id = if std::ptr::eq(host, &first) { "order-1" } else { "order-2" };
        let reply = send(host, id, "PlaceOrder", &place_order()).await.unwrap();
        assert_eq!(reply.reducer.generation, Some(1));
    }
    let status = swap_to(&first, in_other_bytes("order", 1)).await;
    assert_eq!(status.reducer.generation, Some(2));
    for (host, id) in [(&first, "order-1"), (&second, "order-2")] {
        let reply = send(host, id, "AddItem", &add_item()).await.unwrap();
        assert_eq!(reply.reducer, status.reducer, "the sender notices nothing of the swap");
        assert_eq!(reply.version, Version::new(2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_appends_nothing_follows_a_swap_too() {
    let (first, database) = host_with(&["counter"]).await;
    let second = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    send(&second, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    swap_to(&first, in_other_bytes("counter", 1)).await;
    until("the other host draws states by the new reducer", || async {
        second.state(&stream("counter-1"), None).await.unwrap().reducer.generation == Some(2)
    })
    .await;
}

/// A component that this host cannot load, of a later contract say, is its category's own trouble.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_that_a_host_cannot_follow_keeps_it_from_following_no_other() {
    let (first, database) = host_with(&["counter", "order"]).await;
    let second = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    send(&second, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    send(&second, "order-1", "PlaceOrder", &place_order()).await.unwrap();
    let counter = database.store.active_reducers(Some("counter")).await.unwrap().remove(0);
    let strange = ReducerDigest::of(b"no component");
    database.store.save_reducer(strange, &counter.descriptor, b"no component", None).await.unwrap();
    database.store.activate(&ActivationChange::to("counter", strange)).await.unwrap();
    swap_to(&first, in_other_bytes("order", 1)).await;
    until("the other host draws orders by the new reducer", || async {
        second.state(&stream("order-1"), None).await.unwrap().reducer.generation == Some(2)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swaps_go_through_under_load_and_no_command_fails() {
    let (host, database) = host_with(&["counter"]).await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let clients: Vec<_> = (0..64)
        .map(|client| {
            let (host, stop) = (host.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut accepted = 0_i64;
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    send(&host, &format!("counter-{client}"), "Increment", r#"{"by":1}"#).await.unwrap();
                    accepted += 1;
                }
                accepted
            })
        })
        .collect();
    for swap in 0..20 {
        let begun = std::time::Instant::now();
        let status = swap_to(&host, in_other_bytes("counter", swap)).await;
        assert_eq!(status.reducer.generation, Some(u64::from(swap) + 2));
        assert!(begun.elapsed() < Duration::from_secs(60), "swap {swap} took {:?}", begun.elapsed());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut accepted = 0;
    for client in clients {
        accepted += client.await.unwrap();
    }
    let mut connection = database.connect().await;
    let recorded: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE stream_id LIKE 'counter-%'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(recorded, accepted);
    // Every event of a generation comes before every event of the next one, in the order of the log.
    let backwards: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (
             SELECT (metadata->>'generation')::bigint AS generation,
                    max((metadata->>'generation')::bigint) OVER (ORDER BY transaction_id, global_position) AS highest
             FROM events WHERE stream_id LIKE 'counter-%') e
         WHERE generation < highest",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(backwards, 0);
    // And none was committed after the next one was activated, which the order of the log does not say.
    let late: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM events e
         JOIN activations a ON a.name = 'counter' AND a.generation = (e.metadata->>'generation')::bigint + 1
         WHERE e.stream_id LIKE 'counter-%'
           AND pg_xact_commit_timestamp(e.transaction_id::xid) > pg_xact_commit_timestamp(a.xmin)",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(late, 0);
}

/// A swap that is not committed yet, done by hand: the host is not told of it.
async fn swap_under_way(mut connection: PgConnection) -> PgConnection {
    for step in [
        "BEGIN",
        "SELECT pg_advisory_xact_lock(hashtextextended('foldhost activation counter', 0))",
        "INSERT INTO activations (name, generation, digest)
         SELECT name, max(generation) + 1, digest FROM activations WHERE name = 'counter' GROUP BY name, digest",
        "UPDATE active_reducers SET generation = generation + 1 WHERE name = 'counter'",
    ] {
        connection.execute(step).await.unwrap();
    }
    connection
}

/// Two operators who swapped every few milliseconds had a slow stream's sender told `contended`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_fenced_by_more_swaps_than_it_may_have_conflicts_is_done_all_the_same() {
    let (host, database) = host_with(&["counter"]).await;
    // One more than it takes: the first two meet the two forms of one append.
    let swaps = Limits::default().conflict_retries_max as u64 + 2;
    let mut watching = database.connect().await;
    let mut until_waiting = async |count: i64| {
        let ask = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'advisory'
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let waiting = async {
            while sqlx::query_scalar::<_, i64>(ask).fetch_one(&mut watching).await.unwrap() != count {
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        assert!(in_time.is_ok(), "{count} do not wait for the swap under way");
    };
    let mut swapping = swap_under_way(database.connect().await).await;
    let sending = tokio::spawn(async move { send(&host, "counter-1", "Increment", r#"{"by":1}"#).await });
    for _ in 1..swaps {
        // The next swap queues up behind the append, so that it is the one that the append's next attempt meets.
        until_waiting(1).await;
        let next = tokio::spawn(swap_under_way(database.connect().await));
        until_waiting(2).await;
        swapping.execute("COMMIT").await.unwrap();
        swapping = next.await.unwrap();
    }
    until_waiting(1).await;
    swapping.execute("COMMIT").await.unwrap();
    let reply = sending.await.unwrap().unwrap();
    assert_eq!((reply.version, reply.reducer.generation), (Version::new(1), Some(swaps + 1)));
}
