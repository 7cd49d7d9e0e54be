//! Every kind of misdeed, against a host with streams: the sender is told by a typed error, nothing is appended, and the stream
//! and its neighbours go on. What each call of a component can do wrong by itself is in tests/containment.

use std::time::Instant;

use super::*;
use foldhost::SerializedEvent;
use foldhost::runtime::ReadError;

/// Ten times what a call may keep a processor, for a machine that has much else to do; loading is tried twice. That a call ends
/// within a second of its thread's own time is held in tests/containment.
const PATIENCE: Duration = Duration::from_secs(20);

/// Events that tell of the component's deployment and activation.
const HISTORY: usize = 2;

async fn hostile_host() -> (Host, Arc<InMemoryEventStore>) {
    let store = Arc::new(InMemoryEventStore::new());
    let host = Host::builder(Arc::clone(&store) as Arc<dyn Store>).start().unwrap();
    deploy(&host, &["hostile"]).await;
    (host, store)
}

fn misbehave(misdeed: &str) -> (&'static str, String) {
    ("Misbehave", format!(r#"{{"misdeed":"{misdeed}"}}"#))
}

fn record(misdeed: &str) -> (&'static str, String) {
    ("Record", format!(r#"{{"misdeed":"{misdeed}"}}"#))
}

/// As it stands in a stream that was written before its reducer went bad.
async fn write(store: &InMemoryEventStore, id: &str, misdeeds: &[&str]) {
    let event = |misdeed: &&str| SerializedEvent { event_type: "Ordered.v1".into(), data: (*misdeed).into() };
    let events = misdeeds.iter().map(event).collect();
    store.append_many(&[StreamBatch::new(stream(id), Version::EMPTY, events)]).await.unwrap();
}

/// The kind of a fault, as the API's problem codes tell it.
fn kind(fault: &ReducerFault) -> &'static str {
    match fault {
        ReducerFault::Trap { .. } => "trap",
        ReducerFault::FuelExhausted { .. } => "fuel",
        ReducerFault::TimeExhausted { .. } => "time",
        ReducerFault::MemoryExhausted { .. } => "memory",
        ReducerFault::BrokenAnswer { .. } => "broken",
        ReducerFault::Apply { .. } => "apply",
        ReducerFault::Snapshot(_) => "snapshot",
        ReducerFault::Start(_) => "start",
        ReducerFault::Unsupported { .. } => "unsupported",
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_misdeed_costs_its_own_command_and_nothing_else() {
    let (host, store) = hostile_host().await;
    let (broken, fuel) = (["broken"].as_slice(), ["fuel"].as_slice());
    let misdeeds = [
        (misbehave("decide spin"), fuel),
        (misbehave("decide grow-by-nothing"), fuel),
        (misbehave("decide scatter"), &["time"]),
        (misbehave("decide free-without-end"), fuel),
        (misbehave("decide allocate-without-end"), fuel),
        (misbehave("decide allocate-nowhere"), broken),
        (misbehave("decide trap"), &["trap"]),
        (misbehave("decide panic-in-control-characters"), &["trap"]),
        (misbehave("decide forge-panic-nowhere"), &["trap"]),
        (misbehave("decide recurse"), &["trap"]),
        (misbehave("decide grow-memory"), &["memory"]),
        (misbehave("decide log invalid-utf8"), broken),
        (misbehave("decide event-type invalid-utf8"), broken),
        (misbehave("decide event-type control-characters"), broken),
        (misbehave("decide reject-message invalid-utf8"), broken),
        (misbehave("decide shared-megabyte"), broken),
        (misbehave("decide million-events"), broken),
        (misbehave("decide unknown-version"), broken),
        (misbehave("decide old-version"), broken),
        (misbehave("decide effect-of-itself"), broken),
        (misbehave("decide effects-deep"), broken),
        (misbehave("decide effects-many"), broken),
        (record("apply spin"), fuel),
        (record("apply trap"), &["trap"]),
        (record("apply grow-memory"), &["memory"]),
        (record("apply refuse invalid-utf8"), broken),
        (record("apply refuse control-characters"), &["apply"]),
        (record("apply version-beyond-page"), broken),
        (record("apply version-before-page"), broken),
    ];
    for (version, ((name, payload), kinds)) in (1..).zip(&misdeeds) {
        let begun = Instant::now();
        match send(&host, "hostile-1", name, payload).await {
            Err(CommandError::Fault(failure)) => {
                assert!(kinds.contains(&kind(&failure.fault)), "{payload} came to {failure:?}");
            }
            other => panic!("{payload} came to {other:?}"),
        }
        assert!(begun.elapsed() < PATIENCE, "{payload} took {:?}", begun.elapsed());
        for id in ["hostile-1", "hostile-neighbour"] {
            let next = send(&host, id, "Ok", "{}").await;
            assert_eq!(next.unwrap().version, Version::new(version), "{payload} left no event");
        }
    }
    assert_eq!(store.events_len() - HISTORY, 2 * misdeeds.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_cannot_be_begun_says_so_to_each_command() {
    let (host, store) = hostile_host().await;
    for act in ["spin", "trap", "grow-memory"] {
        let id = format!("hostile-constructor.{act}");
        for _ in 0..2 {
            let begun = Instant::now();
            let answer = send(&host, &id, "Ok", "{}").await;
            assert!(matches!(answer, Err(CommandError::Fault(_))), "{act} came to {answer:?}");
            assert!(begun.elapsed() < PATIENCE, "{act} took {:?}", begun.elapsed());
        }
        send(&host, "hostile-neighbour", "Ok", "{}").await.unwrap();
    }
    assert_eq!(store.events_len() - HISTORY, 3, "the neighbour's");
}

/// The record is good, and no reducer that is to come need mind it; this one cannot fold it, and says so as long as it decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_event_that_its_reducer_cannot_apply_is_told_to_each_command_and_reader() {
    let (host, store) = hostile_host().await;
    for (act, expected) in [("spin", "fuel"), ("trap", "trap"), ("grow-memory", "memory"), ("refuse long", "apply")] {
        let id = format!("hostile-{}", act.replace(' ', "-"));
        write(&store, &id, &["snapshot trap", &format!("apply {act}"), "decide spin"]).await;
        let begun = Instant::now();
        match send(&host, &id, "Ok", "{}").await {
            Err(CommandError::Fault(failure)) => {
                assert_eq!(kind(&failure.fault), expected, "{act} came to {failure:?}");
            }
            other => panic!("{act} came to {other:?}"),
        }
        assert!(begun.elapsed() < PATIENCE, "{act} took {:?}", begun.elapsed());
        let read = host.state(&stream(&id), None).await;
        assert!(matches!(read, Err(ReadError::Command(CommandError::Fault(_)))), "{act} came to {read:?}");
        assert_eq!(host.state(&stream(&id), Some(Version::new(1))).await.unwrap().version, Version::new(1));
        let events = store.read_stream(&stream(&id), Version::EMPTY, 10.into()).await.unwrap();
        assert_eq!(events.len(), 3, "nothing was appended");
        send(&host, "hostile-neighbour", "Ok", "{}").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_that_cannot_be_drawn_keeps_no_command_from_its_stream() {
    let (host, store) = hostile_host().await;
    for how in ["spin", "trap", "answer huge", "answer invalid-utf8"] {
        let id = format!("hostile-{}", how.replace(' ', "-"));
        write(&store, &id, &[&format!("state-json {how}")]).await;
        let read = host.state(&stream(&id), None).await;
        assert!(matches!(read, Err(ReadError::Command(CommandError::Fault(_)))), "{how} came to {read:?}");
        assert_eq!(send(&host, &id, "Ok", "{}").await.unwrap().version, Version::new(2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_that_cannot_be_taken_or_read_costs_no_command() {
    let store = Arc::new(InMemoryEventStore::new());
    let start = || {
        let host = Host::builder(Arc::clone(&store) as Arc<dyn Store>).snapshots(SnapshotConfig::every(5));
        host.start().unwrap()
    };
    let host = start();
    deploy(&host, &["hostile"]).await;
    for how in ["spin", "trap", "answer huge", "answer out-of-bounds"] {
        let id = format!("hostile-{}", how.replace(' ', "-"));
        write(&store, &id, &[&format!("snapshot {how}")]).await;
        for version in 2..=12 {
            assert_eq!(send(&host, &id, "Ok", "{}").await.unwrap().version, Version::new(version), "{how}");
        }
        assert!(store.snapshot(&stream(&id)).is_none(), "{how}");
    }
    for act in ["spin", "trap", "refuse.huge"] {
        let id = format!("hostile-restore.{act}");
        for _ in 0..6 {
            send(&host, &id, "Ok", "{}").await.unwrap();
        }
    }
    assert!(host.shutdown().await, "the snapshots that wait are written");
    let other = start();
    for act in ["spin", "trap", "refuse.huge"] {
        let id = format!("hostile-restore.{act}");
        assert!(store.snapshot(&stream(&id)).is_some(), "there is one to fail at");
        assert_eq!(send(&other, &id, "Ok", "{}").await.unwrap().version, Version::new(7), "{act}");
    }
}

/// How long a neighbour waits for each of its commands, one after the other, while `disturb` is under way.
async fn latencies(host: &Host, disturb: impl Future<Output = ()> + Send + 'static) -> Vec<Duration> {
    let disturbance = tokio::spawn(disturb);
    let mut took = Vec::new();
    while took.len() < 300 && (took.len() < 20 || !disturbance.is_finished()) {
        let begun = Instant::now();
        send(host, "hostile-neighbour", "Ok", "{}").await.unwrap();
        took.push(begun.elapsed());
    }
    disturbance.await.unwrap();
    took.sort();
    took
}

/// What misdeeds that are contained cost others all the same: they run on the threads that everybody uses.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement: cargo test -p foldhost --test runtime -- --ignored --nocapture what_a_neighbour_waits"]
async fn what_a_neighbour_waits_while_others_misbehave() {
    let (host, store) = hostile_host().await;
    send(&host, "hostile-neighbour", "Ok", "{}").await.unwrap();
    let print = |what: &str, took: &[Duration]| {
        let at = |share: usize| took[(took.len() - 1) * share / 100];
        println!("{what:44} {:4} commands: median {:?}, 99% {:?}, longest {:?}", took.len(), at(50), at(99), at(100));
    };
    print("nothing else", &latencies(&host, async {}).await);
    for (misdeed, streams, rounds) in
        [("decide spin", 1, 100), ("decide spin", 8, 50), ("decide copy", 8, 50), ("decide scatter", 8, 2)]
    {
        let misdeeds = (0..streams).map(|stream| {
            let host = host.clone();
            tokio::spawn(async move {
                for _ in 0..rounds {
                    let (name, payload) = misbehave(misdeed);
                    assert!(send(&host, &format!("hostile-{stream}"), name, &payload).await.is_err());
                }
            })
        });
        let misdeeds: Vec<_> = misdeeds.collect();
        let disturb = async {
            misdeeds
                .into_iter()
                .map(|task| async { task.await.unwrap() })
                .collect::<futures::future::JoinAll<_>>()
                .await;
        };
        print(&format!("{misdeed} in {streams} streams"), &latencies(&host, disturb).await);
    }
    for (misdeed, events) in [("apply spin", 1), ("apply linger", 200)] {
        write(&store, &format!("hostile-{events}-events"), &vec![misdeed; events]).await;
        let loading = host.clone();
        let disturb = async move {
            let begun = Instant::now();
            let answer = send(&loading, &format!("hostile-{events}-events"), "Ok", "{}").await;
            println!("{events} events that each {misdeed} were loaded in {:?}: {}", begun.elapsed(), answer.is_ok());
        };
        print(&format!("loading {events} events, {misdeed}"), &latencies(&host, disturb).await);
    }
}
