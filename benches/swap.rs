//! Swaps under load, and shadow replay: on a Postgres that syncs every commit.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use foldhost::event_store::StreamBatch;
use foldhost::reducer::ReducerDigest;
use foldhost::runtime::replay_stream;
use foldhost::swap::{ActivateRequest, ActivationPolicy, VerifyRequest};
use foldhost::{Command, CommandRequest, EventStore as _, Host, Store, StreamId, Version};
use foldhost_test_support::orders::{add_item, history, place_order};
use foldhost_test_support::{TestDatabase, component, durable_database, in_other_bytes, ratio};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

const CLIENTS: usize = 64;
/// A disk that stalls for a moment makes the tail of one round, with and without a swap in it.
const ROUNDS: usize = 9;
/// Swaps that are looked at one by one, and the rest between them.
const SWAPS: usize = 100;
const REST: Duration = Duration::from_millis(100);
/// What still counts as the flip behind it.
const BEHIND: Duration = Duration::from_millis(20);
/// The end of a swap, in which commands are kept back: before it, streams prepare for it one by one.
const END: Duration = Duration::from_millis(10);
/// Swaps in a row.
const IN_A_ROW: usize = 1_000;

async fn start(database: &TestDatabase) -> Host {
    let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    host.deploy(component("order").to_vec()).await.unwrap();
    host
}

/// Two components that do the same, kept and compiled.
async fn two(host: &Host) -> [ReducerDigest; 2] {
    let other = host.deploy(in_other_bytes("order", 1)).await.unwrap().digest;
    [other, ReducerDigest::of(&component("order"))]
}

async fn swap(host: &Host, digest: ReducerDigest) {
    let policy = ActivationPolicy::Force("a measurement".into());
    host.activate("order", ActivateRequest { policy, ..ActivateRequest::of(digest) }).await.unwrap();
}

/// 64 clients on streams of their own until `stop`: when each command was sent, and how long it took. None fails.
fn load(host: &Host, round: usize, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<Vec<(Instant, Duration)>>> {
    let client = |client: usize| {
        let (host, stop) = (host.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            let mut took = Vec::new();
            let mut order = 0;
            while !stop.load(Ordering::Relaxed) {
                // A new order now and then: one that grows for good would measure its own length.
                let stream = StreamId::new(&format!("order-{round}-{client}-{order}")).unwrap();
                send(&host, stream.clone(), "PlaceOrder", place_order()).await;
                for _ in 0..50 {
                    let sent = Instant::now();
                    send(&host, stream.clone(), "AddItem", add_item()).await;
                    took.push((sent, sent.elapsed()));
                }
                order += 1;
            }
            took
        })
    };
    (0..CLIENTS).map(client).collect()
}

async fn send(host: &Host, stream: StreamId, name: &str, payload: String) {
    host.send(CommandRequest::new(stream, Command::json(name, payload))).await.unwrap();
}

async fn stopped(
    stop: &AtomicBool,
    clients: Vec<tokio::task::JoinHandle<Vec<(Instant, Duration)>>>,
) -> Vec<(Instant, Duration)> {
    stop.store(true, Ordering::Relaxed);
    let mut all = Vec::new();
    for client in clients {
        all.extend(client.await.unwrap());
    }
    all
}

fn quantile(took: &mut [Duration], of: f64) -> Duration {
    took.sort_unstable();
    took[((took.len() - 1) as f64 * of) as usize]
}

/// Latencies of commands that were under way during a flip, and of all others. By how many milliseconds the p99.9 of the former is the larger
/// one.
async fn flips(host: &Host, digests: [ReducerDigest; 2], round: usize) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(host, round, &stop);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let mut flips = Vec::new();
    for number in 0..SWAPS {
        let begun = Instant::now();
        swap(host, digests[number % 2]).await;
        flips.push((begun, Instant::now() + BEHIND));
        tokio::time::sleep(REST).await;
    }
    let all = stopped(&stop, clients).await;
    let meets = |(sent, took): &(Instant, Duration), before: Option<Duration>| {
        let from = |(from, to): &(Instant, Instant)| before.map_or(*from, |before| (*to - BEHIND - before).max(*from));
        flips.iter().any(|flip| *sent <= flip.1 && *sent + *took >= from(flip))
    };
    let at_the_end: Vec<_> = all.iter().filter(|command| meets(command, Some(END))).copied().collect();
    let (met, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|command| meets(command, None));
    let took = |commands: Vec<(Instant, Duration)>| commands.into_iter().map(|(_, took)| took).collect::<Vec<_>>();
    let (mut met, mut at_the_end, mut others) = (took(met), took(at_the_end), took(others));
    let swapped: Vec<_> = flips.iter().map(|(from, to)| *to - BEHIND - *from).collect();
    let (during, steady) = (quantile(&mut met, 0.999), quantile(&mut others, 0.999));
    println!(
        "round {round}: {SWAPS} swaps under {CLIENTS} clients, no command failed; \
         p50 {:.2?} and p99.9 {during:.2?} of {} commands during flips, {:.2?} of {} at their ends, {:.2?} and {steady:.2?} of {} others; \
         a swap took {:.2?} (median)",
        quantile(&mut met, 0.5),
        met.len(),
        quantile(&mut at_the_end, 0.999),
        at_the_end.len(),
        quantile(&mut others, 0.5),
        others.len(),
        quantile(&mut swapped.clone(), 0.5),
    );
    (during.as_secs_f64() - steady.as_secs_f64()) * 1e3
}

/// Swaps as fast as they go, under the same load.
async fn in_a_row(host: &Host, digests: [ReducerDigest; 2]) {
    let stop = Arc::new(AtomicBool::new(false));
    let clients = load(host, 1_000, &stop);
    let begun = Instant::now();
    for number in 0..IN_A_ROW {
        swap(host, digests[number % 2]).await;
    }
    let elapsed = begun.elapsed();
    let all = stopped(&stop, clients).await;
    let rate = all.len() as f64 / elapsed.as_secs_f64();
    println!("{IN_A_ROW} swaps in a row in {elapsed:.1?}, {rate:.0} commands a second meanwhile, and none failed");
}

/// Fills a category with orders of 50 events.
async fn fill(database: &TestDatabase, streams: std::ops::Range<usize>) {
    let events = history(50);
    for page in streams.collect::<Vec<_>>().chunks(100) {
        let batch = |number: &usize| {
            let stream = StreamId::new(&format!("order-filled-{number:07}")).unwrap();
            StreamBatch::new(stream, Version::EMPTY, events.clone())
        };
        database.store.append_many(&page.iter().map(batch).collect::<Vec<_>>()).await.unwrap();
    }
}

async fn shadow(host: &Host, candidate: ReducerDigest, threads: usize) -> Duration {
    let begun = Instant::now();
    let request = VerifyRequest { threads: Some(threads), ..VerifyRequest::of(candidate) };
    let view = host.verify_to_the_end("order", request).await.unwrap();
    assert!(view.report.failures.is_empty() && view.report.differences.is_empty(), "{:?}", view.report);
    begun.elapsed()
}

/// What `foldhost replay` does to each stream, on as many threads: one reducer, one fold.
async fn plain(host: &Host, threads: usize) -> Duration {
    let begun = Instant::now();
    let (reducer, threads) = (host.reducer("order").await.unwrap(), Arc::new(Semaphore::new(threads)));
    let mut after = None;
    let mut folds = tokio::task::JoinSet::new();
    loop {
        let page = host.store().read_streams("order", after.as_ref(), 1_000).await.unwrap();
        let Some(last) = page.last().cloned() else { break };
        after = Some(last);
        for stream in page {
            let thread = Arc::clone(&threads).acquire_owned().await.unwrap();
            let (store, reducer, limits) = (Arc::clone(host.store()), Arc::clone(&reducer), host.limits().clone());
            let handle = tokio::runtime::Handle::current();
            folds.spawn_blocking(move || {
                let _thread = thread;
                handle.block_on(async { replay_stream(&*store, &*reducer, &stream, &limits).await.unwrap() });
            });
        }
    }
    folds.join_all().await;
    begun.elapsed()
}

/// The process' peak, in kB, since it was last asked.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak = peak.trim().trim_end_matches(" kB").parse().unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    peak
}

fn swaps(_: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let database = durable_database(16).await;
        let host = start(&database).await;
        let digests = two(&host).await;
        let mut above = Vec::new();
        for round in 0..ROUNDS {
            above.push(flips(&host, digests, round).await);
        }
        above.sort_by(f64::total_cmp);
        println!(
            "p99.9 during flips, above that of all others: {:.1} ms (median of {ROUNDS} rounds, {:.1} to {:.1})",
            above[ROUNDS / 2],
            above[0],
            above[ROUNDS - 1]
        );
        in_a_row(&host, digests).await;
        assert!(host.shutdown().await);
    });

    let (database, host, candidate) = runtime.block_on(async {
        let database = durable_database(16).await;
        let host = start(&database).await;
        let [candidate, _] = two(&host).await;
        fill(&database, 0..4_000).await;
        (database, host, candidate)
    });
    let cores = std::thread::available_parallelism().unwrap().get();
    for threads in [1, cores] {
        let ratio = ratio(
            5,
            || runtime.block_on(shadow(&host, candidate, threads)),
            || runtime.block_on(plain(&host, threads)),
        );
        println!("shadow replay / plain replay of 200,000 events in 4,000 streams, {threads} threads = {ratio}");
    }
    let scaling = ratio(
        5,
        || runtime.block_on(shadow(&host, candidate, cores)),
        || runtime.block_on(shadow(&host, candidate, 1)),
    );
    println!("shadow replay on {cores} threads / on one = {scaling}");

    runtime.block_on(fill(&database, 4_000..20_000));
    peak_kb();
    let elapsed = runtime.block_on(shadow(&host, candidate, cores));
    println!(
        "shadow replay of a million events in 20,000 streams: {elapsed:.1?}, peak {} MB of the host's process",
        peak_kb() / 1_000
    );
    runtime.block_on(async {
        assert!(host.shutdown().await);
        database.store.close().await;
    });
}

criterion_group!(benches, swaps);
criterion_main!(benches);
