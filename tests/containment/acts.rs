//! What any call can do instead of its work, in each of them.

use super::*;

/// Whether a fault is the one that an act has to come to.
fn is_of(act: Act, fault: &ReducerFault) -> bool {
    let trapped = |says: &str| matches!(fault, ReducerFault::Trap { reason, .. } if reason.contains(says));
    match act {
        Act::Scatter => matches!(fault, ReducerFault::TimeExhausted { ms: 800, .. }),
        act if ENDLESS.contains(&act) => matches!(fault, ReducerFault::FuelExhausted { .. }),
        Act::GrowMemory => matches!(fault, ReducerFault::MemoryExhausted { .. }),
        Act::HoardHandles => trapped("handle"),
        Act::Recurse => trapped("call stack exhausted"),
        Act::Panic => trapped("as commanded"),
        Act::PanicAtLength => trapped("at length at length"),
        Act::PanicInControlCharacters => trapped("second"),
        // The record is nonsense, so nothing but the trap is told.
        Act::Trap | Act::ForgePanicNowhere | Act::ForgePanicHuge => trapped(""),
        _ => false,
    }
}

fn every_call_survives(acts: impl Iterator<Item = Act>) {
    let mut neighbour = Neighbour::new();
    for (act, call) in acts.flat_map(|act| calls().map(move |call| (act, call))) {
        let misdeed = format!("{} {}", call.name(), act.name());
        let (came, took) = timed(|| provoke(call, act.name()));
        let fault = presentable(came.expect_err(&misdeed));
        assert!(is_of(act, &fault), "{misdeed} came to {fault:?}");
        assert_eq!(call_of(&fault), Some(call.name()), "{misdeed} came to {fault:?}");
        assert!(took < PATIENCE, "{misdeed} took {took:?}");
        neighbour.goes_on();
    }
}

#[test]
fn what_never_ends_is_ended_by_its_fuel_in_every_call() {
    every_call_survives(ENDLESS.into_iter());
}

#[test]
fn what_ends_badly_is_told_by_its_kind_in_every_call() {
    every_call_survives(Act::ALL.iter().copied().filter(|act| !ENDLESS.contains(act)));
}

#[test]
fn an_event_that_traps_when_it_is_drawn_hides_no_other() {
    let (good, traps) = (ordered("apply spin"), ordered("event-json trap"));
    let answers = hostile().events_json(&[
        (&good.event_type, &good.data),
        (&traps.event_type, &traps.data),
        (&good.event_type, &good.data),
    ]);
    let answers = answers.unwrap();
    assert_eq!((answers[0].is_ok(), answers[1].is_ok(), answers[2].is_ok()), (true, false, true), "{answers:?}");
    assert_presentable(answers[1].as_ref().unwrap_err());
    // A thousand events that each spend all of the fuel would be a hundred seconds.
    let spins = ordered("event-json spin");
    let page = vec![(spins.event_type.as_str(), spins.data.as_slice()); 1_000];
    let (drawn, took) = timed(|| hostile().events_json(&page));
    assert!(matches!(drawn, Err(ReducerFault::FuelExhausted { .. })), "{drawn:?}");
    assert!(took < PATIENCE, "{took:?}");
}

/// What a page of events takes as JSON is the host's memory, and each of these answers costs the guest next to nothing.
#[test]
fn a_page_of_events_is_not_drawn_without_bounds() {
    let shared = ordered("event-json answer shared");
    let page = vec![(shared.event_type.as_str(), shared.data.as_slice()); 1_000];
    let drawn = hostile().events_json(&page);
    assert!(
        matches!(drawn, Err(ReducerFault::BrokenAnswer { call: "event-json", .. })),
        "{:?}",
        drawn.map(|all| all.len())
    );
    let few = hostile().events_json(&page[..3]).unwrap();
    assert!(few.iter().all(|json| json.as_ref().is_ok_and(|json| json.len() == 7_000_001)));
}

/// A handle takes the host's memory, beside all that an instance is counted for.
#[test]
fn a_reducer_holds_a_few_handles_and_no_hoard() {
    let mut aggregate = aggregate("hostile-1");
    let hoarded = decide(&mut *aggregate, "Misbehave", r#"{"misdeed":"decide hoard-handles"}"#);
    assert!(matches!(hoarded, Err(DecideError::Fault(_))), "{hoarded:?}");
    // One takes about a thousand units to make.
    let spent = aggregate.fuel_spent().unwrap();
    assert!(spent < 200_000, "{spent}");
}

/// How long a call lasts until it is ended, by what it does.
#[test]
#[ignore = "a measurement: cargo test -p foldhost --test containment -- --ignored --nocapture the_fuel_of_a_call"]
fn the_fuel_of_a_call_lasts_so_long() {
    for act in ENDLESS {
        let mut took: Vec<_> = (0..5).map(|_| timed(|| provoke(Call::Decide, act.name())).1).collect();
        took.sort();
        println!("{:16} median {:?}, longest {:?}", act.name(), took[2], took[4]);
    }
}
