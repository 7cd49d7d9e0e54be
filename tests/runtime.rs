//! The flow, with real components over real Postgres: order, durability, containment, swaps, drains.
#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::StreamBatch;
use foldhost::reducer::ReducerFault;
use foldhost::{
    Command, CommandError, CommandReply, CommandRequest, EventStore, ExpectedVersion, Host, InMemoryEventStore, Limits,
    NativeReducer, SnapshotConfig, Store, StreamId, Version,
};
use foldhost_test_support::orders::{add_item, history, place_order};
use foldhost_test_support::{TestDatabase, component, database};

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn request(id: &str, name: &str, payload: &str) -> CommandRequest {
    CommandRequest::new(stream(id), Command::json(name, payload))
}

async fn send(host: &Host, id: &str, name: &str, payload: &str) -> Result<CommandReply, CommandError> {
    host.send(request(id, name, payload)).await
}

async fn host_with(guests: &[&str]) -> (Host, TestDatabase) {
    let database = database().await;
    let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    deploy(&host, guests).await;
    (host, database)
}

async fn deploy(host: &Host, guests: &[&str]) {
    for guest in guests {
        host.deploy(component(guest).to_vec()).await.unwrap();
    }
}

async fn state(host: &Host, id: &str) -> serde_json::Value {
    serde_json::from_str(&host.state(&stream(id), None).await.unwrap().json).unwrap()
}

/// Asks until the answer is yes.
async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asked = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.unwrap_or_else(|_| panic!("never came: {what}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_placed_and_shipped_and_stays_so_for_another_host() {
    let (host, database) = host_with(&["order"]).await;
    let placed = send(&host, "order-1", "PlaceOrder", &place_order()).await.unwrap();
    assert_eq!(placed.version, Version::new(1));
    assert_eq!(placed.events[0].event_type, "OrderPlaced.v1");
    assert_eq!(placed.reducer.generation, Some(1));
    assert_eq!(send(&host, "order-1", "ShipOrder", r#"{"tracking":"1Z"}"#).await.unwrap().version, Version::new(2));
    let rejected = send(&host, "order-1", "CancelOrder", "{}").await.unwrap_err();
    assert!(matches!(&rejected, CommandError::Rejected(no) if no.code == "already-shipped"), "{rejected}");
    let before = state(&host, "order-1").await;
    assert_eq!(before["status"], "Shipped");
    assert!(host.shutdown().await);

    let other = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    assert_eq!(other.warm_up().await.unwrap(), 1, "the reducer came with the database");
    assert_eq!(state(&other, "order-1").await, before);
    let rejected = send(&other, "order-1", "ShipOrder", r#"{"tracking":"2"}"#).await.unwrap_err();
    assert!(matches!(&rejected, CommandError::Rejected(no) if no.code == "already-shipped"), "{rejected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_commands_on_one_stream_from_64_clients_end_as_exactly_two_thousand_events() {
    let (host, database) = host_with(&["counter"]).await;
    let clients: Vec<_> = (0..64)
        .map(|client| {
            let host = host.clone();
            tokio::spawn(async move {
                let mut versions = Vec::new();
                for _ in (client..2_000).step_by(64) {
                    versions.push(send(&host, "counter-hot", "Increment", r#"{"by":1}"#).await.unwrap().version.get());
                }
                assert!(versions.is_sorted(), "a client's own commands keep their order");
                versions
            })
        })
        .collect();
    let mut versions = HashSet::new();
    for client in clients {
        versions.extend(client.await.unwrap());
    }
    assert_eq!(versions.len(), 2_000, "every command has a version of its own");
    let events = database.store.read_stream(&stream("counter-hot"), Version::EMPTY, 5_000).await.unwrap();
    assert_eq!(events.len(), 2_000);
    let commands: HashSet<_> = events.iter().map(|event| event.metadata.command_id.clone().unwrap()).collect();
    assert_eq!(commands.len(), 2_000, "every command is recorded once");
    assert_eq!(host.state(&stream("counter-hot"), None).await.unwrap().version, Version::new(2_000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_senders_that_expect_one_version_exactly_one_is_accepted() {
    let (host, _database) = host_with(&["counter"]).await;
    send(&host, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    let senders: Vec<_> = (0..16)
        .map(|_| {
            let host = host.clone();
            let expected = ExpectedVersion::Exact(Version::new(1));
            let request = CommandRequest { expected, ..request("counter-1", "Increment", r#"{"by":1}"#) };
            tokio::spawn(async move { host.send(request).await })
        })
        .collect();
    let mut accepted = 0;
    for sender in senders {
        match sender.await.unwrap() {
            Ok(reply) => {
                accepted += 1;
                assert_eq!(reply.version, Version::new(2));
            }
            Err(CommandError::Conflict { actual, .. }) => assert_eq!(actual, Version::new(2)),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(accepted, 1);
}

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
async fn a_command_sent_again_under_its_id_is_answered_and_not_done_again() {
    let (host, database) = host_with(&["order"]).await;
    let with_id = |id: &str, name: &str, payload: &str| CommandRequest {
        command_id: Some(id.into()),
        events_as_json: true,
        ..request("order-1", name, payload)
    };
    let place = with_id("place-1", "PlaceOrder", &place_order());
    let first = host.send(place.clone()).await.unwrap();
    assert!(first.events[0].json.as_ref().unwrap().contains("customer-1"));
    assert_eq!(host.send(place.clone()).await.unwrap(), first);
    // Many at once, on another host, after the aggregate went on.
    host.send(with_id("ship-1", "ShipOrder", r#"{"tracking":"1Z"}"#)).await.unwrap();
    let other = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    let again: Vec<_> = (0..16)
        .map(|_| {
            let (other, place) = (other.clone(), place.clone());
            tokio::spawn(async move { other.send(place).await.unwrap() })
        })
        .collect();
    for again in again {
        assert_eq!(again.await.unwrap(), first);
    }
    // A rejection is an outcome too.
    let ship = with_id("ship-2", "ShipOrder", r#"{"tracking":"2"}"#);
    for host in [&host, &other] {
        let rejected = host.send(ship.clone()).await.unwrap_err();
        assert!(matches!(&rejected, CommandError::Rejected(no) if no.code == "already-shipped"), "{rejected}");
    }
    let reused = host.send(with_id("place-1", "ShipOrder", r#"{"tracking":"3"}"#)).await.unwrap_err();
    assert!(matches!(reused, CommandError::IdReused { .. }), "{reused}");
    assert_eq!(database.store.read_stream(&stream("order-1"), Version::EMPTY, 10).await.unwrap().len(), 2);
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
    assert_eq!(database.store.read_stream(&stream("counter-1"), Version::EMPTY, 10).await.unwrap().len(), 1);
}

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
        ("AskEffect", "{}"),
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
    let events = database.store.read_stream(&stream("hostile-1"), Version::EMPTY, 100).await.unwrap();
    assert_eq!(events.len(), 19);
    assert!(events.iter().all(|event| event.event_type == "Fine.v1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_its_reducer_cannot_fold_fails_alone_and_says_at_which_event() {
    let (host, database) = host_with(&["order"]).await;
    let mut events = history(3);
    events[2].event_type = "OrderTeleported.v1".into();
    database.store.append(&[StreamBatch::new(stream("order-bad"), Version::EMPTY, events)]).await.unwrap();
    let fault = send(&host, "order-bad", "AddItem", &add_item()).await.unwrap_err();
    assert!(matches!(fault, CommandError::Fault(ReducerFault::Apply { version: 3, .. })), "{fault}");
    send(&host, "order-good", "PlaceOrder", &place_order()).await.unwrap();
    let at_two = host.state(&stream("order-bad"), Some(Version::new(2))).await.unwrap();
    assert_eq!(at_two.version, Version::new(2));
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
    let status = first.deploy(in_other_bytes("order", 1)).await.unwrap();
    assert_eq!(status.reducer.generation, Some(2));
    for (host, id) in [(&first, "order-1"), (&second, "order-2")] {
        let reply = send(host, id, "AddItem", &add_item()).await.unwrap();
        assert_eq!(reply.reducer, status.reducer, "the sender notices nothing of the swap");
        assert_eq!(reply.version, Version::new(2));
    }
}

/// A custom section does not change what a component does, but it does change its digest.
fn in_other_bytes(guest: &str, note: u8) -> Vec<u8> {
    let mut component = component(guest).to_vec();
    component.extend([0, 6, 4, b'n', b'o', b't', b'e', note]);
    component
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_appends_nothing_follows_a_swap_too() {
    let (first, database) = host_with(&["counter"]).await;
    let second = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    send(&second, "counter-1", "Increment", r#"{"by":1}"#).await.unwrap();
    first.deploy(in_other_bytes("counter", 1)).await.unwrap();
    until("the other host draws states by the new reducer", || async {
        second.state(&stream("counter-1"), None).await.unwrap().reducer.generation == Some(2)
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
        let status = host.deploy(in_other_bytes("counter", swap)).await.unwrap();
        assert_eq!(status.reducer.generation, Some(u64::from(swap) + 2));
        assert!(begun.elapsed() < Duration::from_secs(10), "swap {swap} took {:?}", begun.elapsed());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut accepted = 0;
    for client in clients {
        accepted += client.await.unwrap();
    }
    let mut connection = database.connect().await;
    let recorded: i64 = sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut connection).await.unwrap();
    assert_eq!(recorded, accepted);
    // Every event of a generation comes before every event of the next one, in the order of the commits.
    let backwards: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (
             SELECT (metadata->>'generation')::bigint AS generation,
                    max((metadata->>'generation')::bigint) OVER (ORDER BY transaction_id, global_position) AS highest
             FROM events) e
         WHERE generation < highest",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert_eq!(backwards, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_were_accepted_one_by_one_can_be_loaded_again() {
    let store: Arc<dyn Store> = Arc::new(InMemoryEventStore::new());
    let host = || {
        let host = Host::builder(Arc::clone(&store)).snapshots(SnapshotConfig::never());
        host.limits(Limits { events_per_decision_max: 1, ..Limits::default() }).start().unwrap()
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
    until("the load is on", || async { database.store.read_all(None, 200).await.unwrap().len() >= 100 }).await;
    assert!(host.shutdown().await);
    let mut accepted = 0;
    for client in clients {
        accepted += client.await.unwrap();
    }
    let recorded: i64 =
        sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut database.connect().await).await.unwrap();
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_no_reducer_has_are_told_apart() {
    let (host, _database) = host_with(&["counter"]).await;
    let unknown = send(&host, "invoice-1", "Increment", "{}").await.unwrap_err();
    assert!(matches!(&unknown, CommandError::UnknownCategory { category } if category == "invoice"), "{unknown}");
    let unknown = send(&host, "counter-1", "Explode", "{}").await.unwrap_err();
    assert!(matches!(&unknown, CommandError::UnknownCommand { known, .. } if known.contains(&"Increment".into())));
    let malformed = send(&host, "counter-1", "Increment", r#"{"by":"many"}"#).await.unwrap_err();
    assert!(matches!(malformed, CommandError::Malformed(_)), "{malformed}");
    let large = format!(r#"{{"by":1,"note":"{}"}}"#, "x".repeat(2 << 20));
    assert!(matches!(send(&host, "counter-1", "Increment", &large).await, Err(CommandError::TooLarge(_))));
    assert_eq!(host.entities_len(), 1, "a category that nothing decides for starts no entity");
}
