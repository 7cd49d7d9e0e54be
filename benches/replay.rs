//! Folding recorded order events through the component, and natively: 100,000 in pages of 1,000 as a load does, in pages of other
//! sizes, and events of other sizes.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use foldhost::{NativeReducer, PackedEvents, Reducer, SerializedEvent, StreamId};
use foldhost_test_support::orders::{distinct_history, history, pages, serialize};
use foldhost_test_support::{component_reducer, ratio};
use order::OrderEvent;

const EVENTS: usize = 100_000;

/// Folds 100,000 events, and looks that it came to something.
fn fold(reducer: &dyn Reducer, pages: &[PackedEvents]) -> Duration {
    fold_to(reducer, pages, "\"Placed\"")
}

fn fold_any(reducer: &dyn Reducer, pages: &[PackedEvents]) -> Duration {
    fold_to(reducer, pages, "\"status\"")
}

/// Folds all pages into a new aggregate. The pages are copied before the clock starts: each fold takes its own away.
fn fold_to(reducer: &dyn Reducer, pages: &[PackedEvents], state: &str) -> Duration {
    let (stream, pages) = (StreamId::new("order-7f3c").unwrap(), pages.to_vec());
    let started = Instant::now();
    let mut aggregate = reducer.create(&stream).unwrap();
    for page in pages {
        aggregate.apply(page).unwrap();
    }
    let elapsed = started.elapsed();
    assert!(aggregate.state_json().unwrap().contains(state));
    elapsed
}

/// Events by their size: lists of more and more lines, each of which is decoded, and text, which is one copy.
fn sizes() -> Vec<(String, SerializedEvent)> {
    let lists = [1, 10, 100, 1_000];
    let lists = lists.map(|lines| (format!("a list of {lines}"), distinct_history(lines).remove(0)));
    let texts = [10, 100, 1_000, 10_000, 100_000].map(|len| {
        let cancelled =
            OrderEvent::OrderCancelled { reason: Some("x".repeat(len)), cancelled_at_ms: 1_767_225_600_000 };
        ("text".to_owned(), serialize(&cancelled))
    });
    lists.into_iter().chain(texts).collect()
}

fn replay(criterion: &mut Criterion) {
    let (native, component) = (NativeReducer::<order::Order>::new(), component_reducer("order"));
    let history = history(EVENTS);
    for page_len in [1_000, 256, 64, 16, 4, 1] {
        let pages = pages(&history, page_len);
        let ratio = ratio(15, || fold(&component, &pages), || fold(&native, &pages));
        println!("replay, pages of {page_len}: component / native = {ratio}");
    }
    for (what, event) in sizes() {
        // As many as make a few megabytes, in pages of 1,000 or of a megabyte, whichever comes first.
        let events = vec![event.clone(); ((4 << 20) / event.data.len()).clamp(500, EVENTS)];
        let pages = pages(&events, ((1 << 20) / event.data.len()).clamp(1, 1_000));
        let ratio = ratio(15, || fold_any(&component, &pages), || fold_any(&native, &pages));
        println!("replay, events of {} bytes, {what}: component / native = {ratio}", event.data.len());
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
