//! One host: orders, races, retries, and what is refused.

use super::*;

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
    let events = database.store.read_stream(&stream("counter-hot"), Version::EMPTY, 5_000.into()).await.unwrap();
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
    assert_eq!(database.store.read_stream(&stream("order-1"), Version::EMPTY, 10.into()).await.unwrap().len(), 2);
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
