//! What one call into the order guest costs: a decision, one event, an instance. Through the component, and natively.
#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Bencher, Criterion, criterion_group, criterion_main};
use foldhost::reducer::Context;
use foldhost::{Aggregate, Command, NativeReducer, PackedEvents, Reducer, StreamId};
use foldhost_test_support::component_reducer;
use foldhost_test_support::orders::{add_item, history, pages};

const FOLDED: usize = 100;

fn stream() -> StreamId {
    StreamId::new("order-7f3c").unwrap()
}

/// An order of a hundred events, warm.
fn warm(reducer: &dyn Reducer) -> Box<dyn Aggregate> {
    let mut aggregate = reducer.create(&stream()).unwrap();
    for page in pages(&history(FOLDED), FOLDED) {
        aggregate.apply(page).unwrap();
    }
    aggregate
}

fn decide(bencher: &mut Bencher<'_>, reducer: &dyn Reducer) {
    let mut aggregate = warm(reducer);
    let command = Command::json("AddItem", add_item());
    let context = Context {
        stream_id: stream().as_str().to_owned(),
        version: FOLDED as u64,
        command_id: "0198c5f4-7a10-7000-8000-000000000000".to_owned(),
        now_ms: 1_767_225_600_000,
        seed: 7,
    };
    assert_eq!(aggregate.decide(&command, &context).unwrap().events.len(), 1);
    bencher.iter(|| aggregate.decide(&command, &context).unwrap());
}

fn apply_one(bencher: &mut Bencher<'_>, reducer: &dyn Reducer) {
    let mut aggregate = warm(reducer);
    let added = PackedEvents::of(foldhost::Version::new(FOLDED as u64 + 1), &history(2)[1..]).unwrap();
    bencher.iter_batched(|| added.clone(), |page| aggregate.apply(page).unwrap(), BatchSize::SmallInput);
}

/// A new instance of code that is compiled already.
fn cold(bencher: &mut Bencher<'_>, reducer: &dyn Reducer) {
    bencher.iter_with_large_drop(|| reducer.create(&stream()).unwrap());
}

fn restore(bencher: &mut Bencher<'_>, reducer: &dyn Reducer) {
    let snapshot = warm(reducer).snapshot().unwrap();
    bencher.iter_with_large_drop(|| reducer.restore(&stream(), &snapshot).unwrap());
}

type Call = fn(&mut Bencher<'_>, &dyn Reducer);

fn calls(criterion: &mut Criterion) {
    let (native, component) = (NativeReducer::<order::Order>::new(), component_reducer("order"));
    let calls: [(&str, Call); 4] =
        [("decide", decide), ("apply_one_event", apply_one), ("new_instance", cold), ("restore_a_snapshot", restore)];
    for (name, call) in calls {
        let mut group = criterion.benchmark_group(name);
        for (side, reducer) in [("component", &component as &dyn Reducer), ("native", &native)] {
            group.bench_function(side, |bencher| call(bencher, reducer));
        }
        group.finish();
    }
}

criterion_group!(benches, calls);
criterion_main!(benches);
