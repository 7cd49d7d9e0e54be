//! Instances that have more than one aggregate.

use super::*;

/// The state after all of these events, and the fuel of the last call.
fn folded(aggregate: &mut dyn Aggregate, events: &[PackedEvents]) -> (String, Option<u64>) {
    for page in events {
        aggregate.apply(page.clone()).unwrap();
    }
    (aggregate.state_json().unwrap(), aggregate.fuel_spent())
}

#[test]
fn an_aggregate_that_begins_again_holds_nothing_of_the_stream_before() {
    let native = NativeReducer::<order::Order>::new();
    let long = pages(&history(300), 100);
    for reducer in [&component_reducer("order") as &dyn Reducer, &native] {
        let begin = |id: &str| reducer.create(&stream(id)).unwrap();
        let mut again = begin("order-1");
        folded(&mut *again, &long);
        again.begin_again(&stream("order-2")).unwrap();
        assert_eq!(again.state_json().unwrap(), begin("order-2").state_json().unwrap());
        let short = pages(&history(7), 3);
        assert_eq!(folded(&mut *again, &short).0, folded(&mut *begin("order-2"), &short).0);
    }
}

/// A handle that was not given back would be one of the handles that an instance may have, and its state would be kept.
#[test]
fn an_instance_that_has_thousands_of_aggregates_one_after_the_other_does_not_grow() {
    let reducer = component_reducer("order");
    let events = pages(&history(50), 50);
    let mut aggregate = reducer.create(&stream("order-0")).unwrap();
    let fold = |aggregate: &mut dyn Aggregate, number: usize| {
        aggregate.begin_again(&stream(&format!("order-{number}"))).unwrap();
        folded(aggregate, &events).0
    };
    let (state, bytes) = (fold(&mut *aggregate, 1), aggregate.memory_bytes());
    for number in 2..5_000 {
        assert_eq!(fold(&mut *aggregate, number), state);
    }
    assert_eq!(aggregate.memory_bytes(), bytes);
}
