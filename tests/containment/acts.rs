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
fn an_event_that_ends_badly_when_it_is_upcast_is_told_in_its_own_place() {
    let good = ordered("apply spin");
    for act in Act::ALL {
        let ends_badly = ordered(&format!("event-upcast {}", act.name()));
        let (answers, took) = timed(|| drawn("event-upcast", &[&ends_badly, &good]).unwrap());
        let told = answers[0].as_ref().unwrap_err();
        assert_presentable(told);
        assert!(told.contains("event-upcast"), "{} came to {told}", act.name());
        assert!(answers[1].is_ok(), "{}: {:?}", act.name(), answers[1]);
        assert!(took < PATIENCE, "{} took {took:?}", act.name());
    }
}

#[test]
fn an_event_that_traps_when_it_is_drawn_hides_no_other() {
    let (good, too_long) = (ordered("apply spin"), measured(hostile::CENTIMETRES_MAX));
    for (call, traps) in [("event-json", ordered("event-json trap")), ("event-upcast", ordered("event-upcast trap"))] {
        let answers = drawn(call, &[&good, &traps, &good]).unwrap();
        assert_eq!((answers[0].is_ok(), answers[1].is_ok(), answers[2].is_ok()), (true, false, true), "{answers:?}");
        assert_presentable(answers[1].as_ref().unwrap_err());
        // A thousand events that each spend all of the fuel would be a hundred seconds.
        let spins = ordered(&format!("{call} spin"));
        let (page, took) = timed(|| drawn(call, &vec![&spins; 1_000]));
        let answers = page.unwrap();
        assert_eq!(answers.len(), 1_000);
        assert!(answers[0].as_ref().unwrap_err().contains("units of fuel"), "{:?}", answers[0]);
        assert!(answers[999].as_ref().unwrap_err().contains("ask for fewer at once"), "{:?}", answers[999]);
        assert!(took < PATIENCE, "{took:?}");
    }
    // An upcaster that panics hides not even its own event.
    assert_eq!(drawn("event-json", &[&too_long]).unwrap(), [Ok(r#"{"centimetres":1844674407370955162}"#.to_owned())]);
    let answers = drawn("event-upcast", &[&measured(30), &too_long, &measured(31)]).unwrap();
    assert_eq!(answers[0], Ok(r#"Measured.v2 {"millimetres":300}"#.to_owned()));
    assert!(answers[1].as_ref().unwrap_err().contains("nothing is 1844674407370955162 cm long"), "{answers:?}");
    assert_eq!(answers[2], Ok(r#"Measured.v2 {"millimetres":310}"#.to_owned()));
}

/// One limit for a page, and a new one where the page has used it up: each of these takes most of it.
#[test]
fn events_that_can_be_drawn_alone_can_be_drawn_in_a_page() {
    for call in ["event-json", "event-upcast"] {
        let lingers = ordered(&format!("{call} linger"));
        let drawn = drawn(call, &[&lingers; 3]).unwrap();
        assert!(drawn.iter().all(Result::is_ok), "{drawn:?}");
    }
}

/// What a page of events takes as JSON is the host's memory, and each of these answers costs the guest next to nothing.
#[test]
fn a_page_of_events_is_not_drawn_without_bounds() {
    for call in ["event-json", "event-upcast"] {
        let shared = ordered(&format!("{call} answer shared"));
        let page = drawn(call, &vec![&shared; 1_000]).unwrap();
        let bytes: usize = page.iter().flatten().map(String::len).sum();
        assert!(bytes < 75 << 20, "{bytes}");
        assert!(page[999].as_ref().unwrap_err().contains("ask for fewer at once"), "{:?}", page[999]);
        let few = drawn(call, &[&shared; 3]).unwrap();
        assert!(few.iter().all(|json| json.as_ref().is_ok_and(|json| json.len() >= 7_000_001)));
    }
}

/// A name that the gate never saw goes into no document and onto no terminal.
#[test]
fn an_event_is_upcast_to_none_that_the_descriptor_does_not_list() {
    let unlisted = ["Undeclared.v1", "Poison\0Type.v1"].map(|event_type| (event_type, &b""[..]));
    for (answer, (event_type, _)) in hostile().events_upcast(&unlisted).unwrap().into_iter().zip(unlisted) {
        let reason = answer.unwrap_err();
        assert_presentable(&reason);
        assert!(reason.contains("broken answer in event-upcast"), "{event_type:?} came to {reason}");
    }
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
