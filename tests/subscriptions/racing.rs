//! Many readers of one name, on two hosts, beside a writer.

use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

const READERS: u64 = 6;
const EVENTS: u64 = 400;

/// What all readers did.
#[derive(Default)]
struct Record {
    /// The readers at work on a batch.
    working: Vec<u64>,
    /// Those of them that were at it when another one began.
    overtaken: Vec<u64>,
    /// The highest version that somebody set out to acknowledge, and the highest that was.
    acknowledging: u64,
    acknowledged: u64,
    takeovers: u64,
    overtakings: u64,
}

pub(super) async fn of_many_readers_exactly_one_is_active_and_no_event_is_skipped(cluster: impl Cluster) {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let record = Arc::new(Mutex::new(Record::default()));
    let hosts = [cluster.host().await, cluster.host().await];
    let readers: Vec<_> = (0..READERS)
        .map(|number| {
            let (host, record) = (Arc::clone(&hosts[number as usize % 2]), Arc::clone(&record));
            let random = StdRng::seed_from_u64(seed.wrapping_add(number));
            tokio::spawn(async move { in_time(compete(host, record, number, random)).await })
        })
        .collect();
    let mut random = StdRng::seed_from_u64(seed);
    let mut placed = 0;
    while placed < EVENTS {
        let count = random.random_range(1..10).min(EVENTS - placed);
        place(&hosts[0], count as usize).await;
        placed += count;
    }
    for reader in readers {
        reader.await.unwrap();
    }
    let record = record.lock().unwrap();
    assert_eq!(record.acknowledged, EVENTS);
    assert!(record.takeovers > 1, "{} takeovers", record.takeovers);
    println!("{} takeovers, {} while the former one was at work", record.takeovers, record.overtakings);
}

/// Reads, acknowledges all or some or nothing, goes with or without a word, and comes back, until all is acknowledged.
async fn compete<S: Store>(host: Arc<S>, record: Arc<Mutex<Record>>, number: u64, mut random: StdRng) {
    while record.lock().unwrap().acknowledged < EVENTS {
        let mut billing = reader(&host, SubscriptionConfig { page: 20.into(), ..leased_for(SHORT) });
        let mut expected = None;
        for _ in 0..random.random_range(1..6) {
            // Not for ever: the others may be done with all there is.
            let Ok(batch) = tokio::time::timeout(SHORT * 3, billing.next()).await else { break };
            let Ok(batch) = batch else {
                assert_lost(&batch);
                expected = None;
                continue;
            };
            work(&mut billing, &batch, &mut expected, &record, number, &mut random).await;
        }
        if random.random_bool(0.5) {
            // Whether or not it still had the lease.
            drop(billing.release().await);
        }
    }
}

async fn work<S: Store>(
    billing: &mut Subscription<S>,
    batch: &[(Cursor, Event)],
    expected: &mut Option<u64>,
    record: &Mutex<Record>,
    number: u64,
    random: &mut StdRng,
) {
    let versions = versions(batch);
    let first = expected.unwrap_or(versions[0]);
    assert!(versions.iter().copied().eq(first..first + versions.len() as u64), "{versions:?} is not from {first} on");
    {
        let mut record = record.lock().unwrap();
        // Without a lease by now, it is itself the one that is overtaken.
        if billing.token().is_some() {
            let others: Vec<_> = record.working.iter().copied().filter(|other| *other != number).collect();
            record.overtakings += others.len() as u64;
            record.overtaken.extend(others);
        }
        record.working.push(number);
        if expected.is_none() {
            record.takeovers += 1;
            let done = record.acknowledging;
            assert!(first <= done + 1, "begins at {first}, and only {done} were done: {versions:?}");
        }
    }
    *expected = versions.last().map(|last| last + 1);
    for _ in 0..random.random_range(0..20) {
        tokio::task::yield_now().await;
    }
    if random.random_bool(0.7) {
        let place = if random.random() { batch.len() - 1 } else { random.random_range(0..batch.len()) };
        let version = versions[place];
        {
            let mut record = record.lock().unwrap();
            record.acknowledging = record.acknowledging.max(version);
        }
        match billing.acknowledge(batch[place].0).await {
            Ok(()) => {
                let mut record = record.lock().unwrap();
                record.acknowledged = record.acknowledged.max(version);
            }
            lost => {
                assert_lost(&lost);
                *expected = None;
            }
        }
    }
    let mut record = record.lock().unwrap();
    record.working.retain(|working| *working != number);
    if record.overtaken.contains(&number) {
        record.overtaken.retain(|overtaken| *overtaken != number);
        // Another one was active while this one worked: so this one was not, and knows.
        assert_eq!(billing.token(), None, "two readers were active at once");
    }
}
