//! Folding 100,000 recorded order events, in pages of 1,000 as a load does: through the component, and natively.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foldhost::{NativeReducer, PackedEvents, Reducer, StreamId};
use foldhost_test_support::orders::{history, pages};
use foldhost_test_support::{component_reducer, ratio};

const EVENTS: usize = 100_000;

/// Folds all pages into a new aggregate. The pages are copied before the clock starts: each fold takes its own away.
fn fold(reducer: &dyn Reducer, pages: &[PackedEvents]) -> Duration {
    let (stream, pages) = (StreamId::new("order-7f3c").unwrap(), pages.to_vec());
    let started = Instant::now();
    let mut aggregate = reducer.create(&stream).unwrap();
    for page in pages {
        aggregate.apply(page).unwrap();
    }
    let elapsed = started.elapsed();
    assert!(aggregate.state_json().unwrap().contains("\"Placed\""));
    elapsed
}

fn replay(criterion: &mut Criterion) {
    let (native, component) = (NativeReducer::<order::Order>::new(), component_reducer("order"));
    let history = history(EVENTS);
    for page_len in [1_000, 256, 1] {
        let pages = pages(&history, page_len);
        let ratio = ratio(15, || fold(&component, &pages), || fold(&native, &pages));
        println!("replay, pages of {page_len}: component / native = {ratio}");
    }
    let pages = pages(&history, 1_000);
    let mut group = criterion.benchmark_group("replay_100_000_order_events");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(20);
    for (side, reducer) in [("component", &component as &dyn Reducer), ("native", &native)] {
        group.bench_function(side, |bencher| {
            bencher.iter_custom(|rounds| (0..rounds).map(|_| fold(reducer, &pages)).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
