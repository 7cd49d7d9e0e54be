//! What a call costs, as a figure that does not vary.

use super::*;
use crate::rules::{ADD, PLACE, SHIP};

/// The fuel of each call of one order's life.
fn life(reducer: &dyn Reducer) -> Vec<u64> {
    let mut run = Run::of(reducer);
    let mut spent = vec![run.aggregate.fuel_spent().unwrap()];
    for (name, payload) in [PLACE, ADD, SHIP, ADD] {
        let command = Command::json(name, payload);
        if let Ok(decision) = run.aggregate.decide(&command, &context("order-1", run.version)) {
            spent.push(run.aggregate.fuel_spent().unwrap());
            run.aggregate.apply(PackedEvents::of(Version::new(run.version + 1), &decision.events).unwrap()).unwrap();
            run.version += decision.events.len() as u64;
        }
        spent.push(run.aggregate.fuel_spent().unwrap());
    }
    run.aggregate.snapshot().unwrap();
    spent.push(run.aggregate.fuel_spent().unwrap());
    run.aggregate.state_json().unwrap();
    spent.push(run.aggregate.fuel_spent().unwrap());
    spent
}

#[test]
fn the_same_calls_spend_the_same_fuel_on_every_instance() {
    let guest = component_reducer("order");
    let first = life(&guest);
    assert!(first.iter().all(|fuel| *fuel > 0), "{first:?}");
    // Other instances, of this component and of another one, alive and busy meanwhile.
    let other = component_reducer("counter");
    let mut neighbours = [guest.create(&stream("order-2")).unwrap(), other.create(&stream("counter-1")).unwrap()];
    for page in pages(&history(300), 100) {
        neighbours[0].apply(page).unwrap();
    }
    assert_eq!(life(&guest), first);
    // Nor does it matter which engine compiled it, and when.
    let anew = ComponentReducer::load(&engine(&Limits::default()), &component("order")).unwrap();
    assert_eq!(life(&anew), first);
}

#[test]
fn fuel_is_counted_call_by_call() {
    let guest = component_reducer("order");
    let mut aggregate = guest.create(&stream("order-1")).unwrap();
    let pages = pages(&history(400), 200);
    let [short, long] = [50, 200].map(|len| {
        let mut aggregate = guest.create(&stream("order-1")).unwrap();
        aggregate.apply(PackedEvents::of(Version::new(1), &history(400)[..len]).unwrap()).unwrap();
        aggregate.fuel_spent().unwrap()
    });
    assert!(2 * short < long && long < 8 * short, "50 events spend {short}, and 200 spend {long}");
    for page in pages {
        aggregate.apply(page).unwrap();
    }
    let second = aggregate.fuel_spent().unwrap();
    assert!(second < 2 * long, "the second page alone spends {second}, and the first spent {long}");
    let native = NativeReducer::<order::Order>::new().create(&stream("order-1")).unwrap();
    assert_eq!(native.fuel_spent(), None, "native code counts nothing");
}
