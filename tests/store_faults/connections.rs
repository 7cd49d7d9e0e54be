//! Connections that are cut, again and again, at any moment.

use std::sync::Arc;

use foldhost::{Command, CommandRequest, Host, Store, Version};
use foldhost_test_support::{TestDatabase, component, database};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::{CUT_ALL, number, random, stream, writers};

/// Cuts all connections of the database until all appends but the last few are acknowledged: each time after a few more of
/// them, so that it strikes while others are under way. Returns how many connections were cut.
async fn cut_again_and_again(database: &TestDatabase, ledger: &Ledger, appends: usize, random: &mut StdRng) -> i64 {
    let mut connection = database.connect().await;
    let mut cut = 0;
    loop {
        let next = ledger.count() + random.random_range(1..=15);
        if next > appends {
            return cut;
        }
        ledger.until(next).await;
        for _ in 0..random.random_range(0..20) {
            tokio::task::yield_now().await;
        }
        cut += number(&mut connection, CUT_ALL).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_whose_connections_are_cut_notice_nothing() {
    let mut random = random("writers_whose_connections_are_cut_notice_nothing");
    let database = database().await;
    let ledger = Arc::new(Ledger::new());
    let writers = writers::start(&database.store, &ledger, &mut random, 16, 60);
    let (cut, ()) =
        tokio::join!(cut_again_and_again(&database, &ledger, 16 * 60, &mut random), writers::finish(writers));
    println!("{cut} connections were cut");
    assert!(cut >= 100, "only {cut} connections were cut");
    ledger.check(&mut database.connect().await, "command_id", writers::events_each).await;
}

/// Sends increments to a host, with an id of the sender's and without, and enters what was answered.
async fn send(host: Host, ledger: Arc<Ledger>, sender: usize, commands: usize, mut random: StdRng) {
    for command in 0..commands {
        let id = format!("{sender}-{command}");
        let stream_id = format!("counter-{}", random.random_range(0..4));
        let increment = Command::json("Increment", r#"{"by":1}"#);
        let mut request = CommandRequest::new(stream(&stream_id), increment);
        if random.random() {
            request.command_id = Some(id.clone());
        }
        request.metadata.correlation_id = Some(id.clone());
        let reply = host.send(request).await.unwrap_or_else(|error| panic!("{id}: {error}"));
        assert_eq!(reply.events.len(), 1);
        ledger.acknowledge(&stream_id, &id, reply.version, reply.version);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_of_commands_notice_nothing_when_the_host_s_connections_are_cut() {
    let mut random = random("senders_of_commands_notice_nothing_when_the_host_s_connections_are_cut");
    let database = database().await;
    let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    host.deploy(component("counter").to_vec()).await.unwrap();
    let ledger = Arc::new(Ledger::new());
    let mut senders = JoinSet::new();
    for sender in 0..16 {
        let random = StdRng::seed_from_u64(random.random());
        senders.spawn(send(host.clone(), Arc::clone(&ledger), sender, 60, random));
    }
    let (cut, ()) =
        tokio::join!(cut_again_and_again(&database, &ledger, 16 * 60, &mut random), writers::finish(senders));
    println!("{cut} connections were cut");
    assert!(cut >= 50, "only {cut} connections were cut");
    let mut connection = database.connect().await;
    assert_eq!(
        number(&mut connection, "SELECT count(*) FROM events WHERE stream_id LIKE 'counter-%'").await,
        16 * 60,
        "each command has one event"
    );
    let each = "SELECT count(DISTINCT metadata->>'correlation_id') FROM events WHERE stream_id LIKE 'counter-%'";
    assert_eq!(number(&mut connection, each).await, 16 * 60, "no command was done twice");
    ledger.check(&mut connection, "correlation_id", |_| 1).await;
    let mut counted = 0;
    for id in 0..4 {
        let state = host.state(&stream(&format!("counter-{id}")), None).await.unwrap();
        let value: serde_json::Value = serde_json::from_str(&state.json).unwrap();
        assert_eq!(Version::new(value["value"].as_u64().unwrap()), state.version, "the state is that of its version");
        counted += state.version.get();
    }
    assert_eq!(counted, 16 * 60);
}
