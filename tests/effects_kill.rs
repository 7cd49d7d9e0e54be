//! Hosts that are killed with -9 while orders are placed, paid and cancelled, and a payment service that fails and goes down: every
//! order ends paid or cancelled, and the service's ledger has what the events say.
//!
//! `FOLDHOST_KILLS` says how often, 8 times without it; `scripts/kill-test` does it 200 times. `FOLDHOST_TEST_SEED` repeats what the
//! customers and the payment service try and when hosts are killed; who is how far by then is the machine's own choice.
#![allow(clippy::unwrap_used, missing_docs)]

mod effects_kill {
    pub(super) mod customers;
    pub(super) mod hosts;
    pub(super) mod report;
    pub(super) mod till;
    pub(super) mod verdict;
    mod verdict_tests;
}

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use effects_kill::customers::{Customer, Order};
use effects_kill::hosts::{Hosts, foldhost};
use effects_kill::report::Report;
use effects_kill::till::Till;
use effects_kill::verdict::{Ending, judge};
use foldhost::EventStore as _;
use foldhost::event_store::{Cursor, EffectFilter, EffectStatus, LogFilter, OutboxStore as _};
use foldhost_sdk::Event as _;
use foldhost_test_support::{TestDatabase, component, database};
use order::OrderEvent;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Customers who order at once.
const CUSTOMERS: u64 = 4;
/// How long the effects that are left may take, of which the last is a timer of [`customers::WITHIN_MS_MAX`](effects_kill::customers).
const SETTLING_MAX: Duration = Duration::from_secs(120);

/// Leases end soon, and attempts are made until one succeeds: what is tested is not how soon an effect is given up.
const LIMITS: &str = "
[effects]
lease_seconds = 1
poll_ms = 50

[effects.kinds.http]
attempts_max = 1_000
attempt_ms_max = 2_000
backoff_ms_min = 20
backoff_ms_max = 200
breaker_failures_max = 50

[effects.kinds.dispatch]
attempts_max = 1_000
backoff_ms_min = 20
backoff_ms_max = 200
";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_killed_at_random_points_leave_every_order_paid_or_cancelled_as_the_ledger_says() {
    let (kills, seed) = (setting("FOLDHOST_KILLS", || 8), setting("FOLDHOST_TEST_SEED", || fastrand::u32(..).into()));
    println!("FOLDHOST_KILLS={kills} FOLDHOST_TEST_SEED={seed}");
    rustls::crypto::ring::default_provider().install_default().ok();
    let dir = tempfile::tempdir().unwrap();
    let database = database().await;
    let mut till = Till::open(dir.path().join("ledger.jsonl"), seed).await;
    let mut hosts = Hosts::new(&database.url, dir.path(), LIMITS);
    hosts.start(0);
    deploy(&hosts.listens(0).await, &till, dir.path());

    let closing = CancellationToken::new();
    let mut customers = JoinSet::new();
    for number in 0..CUSTOMERS {
        let customer = Customer::new(number, seed, hosts.urls(), till.url());
        customers.spawn(customer.order_until(closing.clone()));
    }
    let began = Instant::now();
    let listening = kill(&mut hosts, &mut till, kills, seed).await;
    closing.cancel();
    let orders: Vec<_> = customers.join_all().await.into_iter().flatten().collect();
    let (placed, since) = (orders.len(), began.elapsed());
    println!("{placed} orders through {kills} kills in {since:.1?}, {listening} of them of hosts that listened");
    settle(&database).await;
    hosts.stop().await;
    check(&database, &till, &orders, seed).await;
    if kills >= 8 {
        assert!(listening * 2 >= kills, "most hosts were killed before they did anything");
        assert!(placed >= 40, "{placed} orders show little");
    }
    till.close().await;
}

/// A setting of the environment, or what stands in for it.
fn setting(name: &str, default: impl FnOnce() -> u64) -> u64 {
    env::var(name).map_or_else(|_| default(), |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// With the rule that its effects may ask the payment service.
fn deploy(url: &str, till: &Till, dir: &Path) {
    let file = dir.join("order.wasm");
    std::fs::write(&file, component("order")).unwrap();
    let mut command: Command = foldhost();
    let deployed = command.args(["deploy", "--allow", &till.url(), "--url", url]).arg(file).output().unwrap();
    assert!(deployed.status.success(), "{}", String::from_utf8_lossy(&deployed.stderr));
}

/// Kills one host after another at points of chance, and has the payment service go down now and then. Up to two hosts run at
/// once; the first is started again at once, the second when chance will have it. Gives how many of the killed ones listened.
async fn kill(hosts: &mut Hosts, till: &mut Till, kills: u64, seed: u64) -> u64 {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut listening = 0;
    for _ in 0..kills {
        if !hosts.is_started(1) && chance.u8(0..10) < 4 {
            hosts.start(1);
        }
        let victim = usize::from(hosts.is_started(1) && chance.bool());
        // Some are killed while they start; the others may do something first, however slow the machine is.
        let alive_ms = if chance.u8(0..10) < 2 {
            chance.u64(0..250)
        } else {
            hosts.listens(victim).await;
            chance.u64(0..1_200)
        };
        tokio::time::sleep(Duration::from_millis(alive_ms)).await;
        if chance.u8(0..10) == 0 {
            till.go_down_for(Duration::from_millis(chance.u64(0..400))).await;
        }
        listening += u64::from(hosts.kill(victim).await);
        if victim == 0 {
            hosts.start(0);
        }
    }
    listening
}

/// Waits until nothing is left to be done. An effect is over after its outcome was told, and what is decided then has its effects
/// in the same transaction; so there is no moment without any in between.
async fn settle(database: &TestDatabase) {
    let pending = EffectFilter { status: Some(EffectStatus::Pending), ..EffectFilter::default() };
    let mut pause = tokio::time::interval(Duration::from_millis(50));
    let began = Instant::now();
    loop {
        pause.tick().await;
        let left = database.store.effects(&pending, 20).await.unwrap();
        if left.is_empty() {
            println!("all effects are over after another {:.1?}", began.elapsed());
            return;
        }
        assert!(began.elapsed() < SETTLING_MAX, "still pending: {left:#?}");
    }
}

/// Holds what customers were told against what was recorded and what was booked.
async fn check(database: &TestDatabase, till: &Till, orders: &[Order], seed: u64) {
    let (mut recorded, mut booked) = (recorded(database).await, till.entries_by_order());
    let mut report = Report::new(database, seed);
    let mut endings: BTreeMap<Ending, usize> = BTreeMap::new();
    for order in orders {
        let events = recorded.remove(order.stream_id()).unwrap_or_default();
        let entries = booked.remove(&order.order_id).unwrap_or_default();
        match judge(order, &events, &entries) {
            Ok(ending) => *endings.entry(ending).or_default() += 1,
            Err(reason) => report.add(order, &reason, &events, &entries).await,
        }
    }
    report.is_empty_or_panics();
    assert!(recorded.is_empty(), "nobody placed these: {:?}", recorded.keys());
    assert!(booked.is_empty(), "nobody placed what these were booked for: {:?}", booked.keys());
    let dead = EffectFilter { status: Some(EffectStatus::Dead), ..EffectFilter::default() };
    assert_eq!(database.store.effects(&dead, 20).await.unwrap(), [], "FOLDHOST_TEST_SEED={seed}");
    println!("{endings:?}");
    if orders.len() >= 300 {
        assert_eq!(
            endings.len(),
            Ending::ALL.len(),
            "FOLDHOST_TEST_SEED={seed}: orders ended in few ways: {endings:?}"
        );
    }
}

/// The events of all orders, by their streams.
async fn recorded(database: &TestDatabase) -> BTreeMap<String, Vec<OrderEvent>> {
    let (mut recorded, mut after): (BTreeMap<_, Vec<_>>, Option<Cursor>) = (BTreeMap::new(), None);
    let orders = LogFilter { category: Some("order".into()), ..LogFilter::default() };
    loop {
        let page = database.store.read_all(after, &orders, 1_000.into()).await.unwrap();
        let Some((last, _)) = page.last() else { return recorded };
        after = Some(*last);
        for (_, event) in page {
            let decoded = OrderEvent::from_bytes(&event.event_type, &event.data).unwrap();
            recorded.entry(event.stream_id.as_str().to_owned()).or_default().push(decoded);
        }
    }
}
