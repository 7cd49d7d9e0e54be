//! Decisions of the right form that are wrong: too much, shared, circular, or a lie.

use super::*;

#[test]
fn a_decision_that_is_too_large_or_a_lie_is_a_broken_answer() {
    let mut neighbour = Neighbour::new();
    for (misdeed, says) in [
        ("unknown-version", "Fine.v99"),
        ("old-version", "Old.v1"),
        ("shared-megabyte", "too much data"),
        ("million-events", "too much data"),
        ("effect-of-itself", "effect 0 names effect 0"),
        ("effect-forward", "effect 0 names effect 1"),
        ("effect-shared", "already has a parent"),
        ("effect-missing", "effect 0 names effect 7"),
        ("effects-deep", "deeper than 32 levels"),
        ("effects-many", "10001 effects"),
        ("effect-wide", ""),
    ] {
        let (fault, took) = timed(|| fault_of(&format!("decide {misdeed}")));
        let is_it = matches!(&fault, ReducerFault::BrokenAnswer { call: "decide", reason } if reason.contains(says));
        assert!(is_it, "{misdeed} came to {fault:?}");
        assert!(took < PATIENCE, "{misdeed} took {took:?}");
        neighbour.goes_on();
    }
}

#[test]
fn an_event_or_a_decision_beyond_the_limits_is_refused_by_the_limit_s_name() {
    let mut neighbour = Neighbour::new();
    for (name, payload, says) in [
        ("HugeEvent", r#"{"bytes":1048577}"#, "event_bytes_max"),
        ("ManyEvents", r#"{"count":1001}"#, "events_per_decision_max"),
    ] {
        match decide(&mut *aggregate("hostile-1"), name, payload) {
            Err(DecideError::Fault(fault)) => assert!(presentable(fault.clone()).to_string().contains(says), "{fault}"),
            other => panic!("{name} came to {other:?}"),
        }
        neighbour.goes_on();
    }
    // And up to the limits all is well.
    assert_eq!(decide(&mut *aggregate("hostile-1"), "HugeEvent", r#"{"bytes":1048576}"#).unwrap().events.len(), 1);
    assert_eq!(decide(&mut *aggregate("hostile-1"), "ManyEvents", r#"{"count":1000}"#).unwrap().events.len(), 1_000);
}

#[test]
fn an_apply_that_blames_an_event_outside_of_its_page_is_a_broken_answer() {
    for misdeed in ["apply version-beyond-page", "apply version-before-page"] {
        let fault = presentable(with_events(&[fine(), ordered(misdeed)]).err().unwrap());
        assert!(matches!(fault, ReducerFault::BrokenAnswer { call: "apply", .. }), "{misdeed} came to {fault:?}");
    }
    Neighbour::new().goes_on();
}

/// The host has a component's memory freed, and asks it for memory: that is the component's code too.
#[test]
fn an_allocator_that_misbehaves_is_bounded_like_a_call() {
    let mut neighbour = Neighbour::new();
    let frees = fault_of("decide free-without-end");
    assert!(matches!(frees, ReducerFault::FuelExhausted { call: "decide", .. }), "{frees:?}");
    neighbour.goes_on();
    for misdeed in ["allocate-without-end", "allocate-nowhere"] {
        let mut aggregate = aggregate("hostile-1");
        let order = format!(r#"{{"misdeed":"decide {misdeed}"}}"#);
        let decision = decide(&mut *aggregate, "Misbehave", &order).unwrap();
        let fault = presentable(aggregate.apply(page(&decision.events)).unwrap_err());
        let is_it = match misdeed {
            "allocate-nowhere" => matches!(fault, ReducerFault::BrokenAnswer { call: "apply", .. }),
            _ => matches!(fault, ReducerFault::FuelExhausted { call: "apply", .. }),
        };
        assert!(is_it, "{misdeed} came to {fault:?}");
        neighbour.goes_on();
    }
}
