//! The bounds on a reducer: for all, and for one by its name.

use foldhost::{LimitsError, ReducerLimits, ReducerOverrides};

use super::*;
use crate::rules::PLACE;

fn reducer(name: &str, reducer: ReducerLimits) -> ComponentReducer {
    ComponentReducer::load(&engine(&Limits { reducer, ..Limits::default() }), &component(name)).unwrap()
}

fn broken(fault: &ReducerFault) -> &str {
    let ReducerFault::BrokenAnswer { reason, .. } = fault else { panic!("{fault}") };
    reason
}

#[test]
fn limits_are_read_from_toml_and_what_one_reducer_has_for_itself_goes_before_what_all_have() {
    let limits: Limits = toml::from_str(
        "mailbox_commands_max = 7
         drain_seconds_max = 3
         [reducer]
         fuel_per_call_max = 5_000
         memory_bytes_max = 2_000_000
         [reducers.order]
         memory_bytes_max = 3_000_000",
    )
    .unwrap();
    assert_eq!((limits.mailbox_commands_max, limits.drain_max.as_secs()), (7, 3));
    assert_eq!(limits.commands_per_batch_max, Limits::default().commands_per_batch_max);
    let order = limits.of("order");
    assert_eq!((order.fuel_per_call_max, order.memory_bytes_max), (5_000, 3_000_000));
    assert_eq!(limits.of("counter"), limits.reducer);
    assert_eq!(limits.validate(), Ok(()));
    for unknown in ["mailbox_max = 1", "[reducer]\nfuel = 1", "[reducers.order]\nfuel = 1"] {
        assert!(toml::from_str::<Limits>(unknown).unwrap_err().to_string().contains("unknown field"), "{unknown}");
    }
}

#[test]
fn a_limit_that_makes_no_sense_is_named_as_it_is_written() {
    let refused = |text: &str| toml::from_str::<Limits>(text).unwrap().validate().unwrap_err().to_string();
    assert_eq!(refused("entities_max = 0"), "entities_max is 0, and it has to be at least 1");
    assert_eq!(
        refused("[reducer]\nstack_bytes_max = 2_000_000"),
        "reducer.stack_bytes_max is 2000000, and it can be at most 1048576"
    );
    assert_eq!(
        refused("[reducers.order]\nfuel_per_call_max = 0"),
        "reducers.order.fuel_per_call_max is 0, and it has to be at least 1000"
    );
    // It was a panic of every command.
    assert_eq!(
        refused("mailbox_commands_max = 9223372036854775807"),
        "mailbox_commands_max is 9223372036854775807, and it can be at most 1048576"
    );
    assert!(refused("entity_idle_seconds_max = 9223372036854775807").contains("it can be at most 31536000"));
    let limits = Limits { mailbox_commands_max: 0, ..Limits::default() };
    let error = GuestEngine::new(&limits).unwrap_err();
    assert!(error.to_string().starts_with("mailbox_commands_max is 0"), "{error}");
    assert!(matches!(limits.validate(), Err(LimitsError::TooSmall { .. })));
}

#[test]
fn one_reducer_can_have_other_limits_than_the_rest() {
    let tight = ReducerOverrides { event_bytes_max: Some(1), ..Default::default() };
    let engine = engine(&Limits { reducers: [("order".into(), tight)].into(), ..Limits::default() });
    let order = ComponentReducer::load(&engine, &component("order")).unwrap();
    let counter = ComponentReducer::load(&engine, &component("counter")).unwrap();
    let mut run = Run::of(&order);
    let refused = run.send(PLACE.0, PLACE.1);
    let Err(DecideError::Fault(fault)) = &refused else { panic!("{refused:?}") };
    assert!(broken(fault).contains("event_bytes_max"), "{fault}");
    let mut count = counter.create(&stream("counter-1")).unwrap();
    assert_eq!(decide(&mut *count, "Increment", r#"{"by":1}"#).unwrap().events.len(), 1);
}

/// It would else be in use, and none of its streams would begin.
#[test]
fn a_reducer_that_cannot_say_what_it_is_under_its_own_limits_is_refused() {
    let tight = ReducerOverrides { fuel_per_call_max: Some(1_000), ..Default::default() };
    let engine = engine(&Limits { reducers: [("order".into(), tight)].into(), ..Limits::default() });
    let refused = ComponentReducer::load(&engine, &component("order")).unwrap_err().to_string();
    assert!(refused.contains("all of its 1000 units of fuel in describe"), "{refused}");
}

#[test]
fn a_reducer_with_a_stack_of_its_own_recurses_as_deep_as_that() {
    let spent = |stack_bytes_max| {
        let own = ReducerOverrides { stack_bytes_max: Some(stack_bytes_max), ..Default::default() };
        let engine = engine(&Limits { reducers: [("hostile".into(), own)].into(), ..Limits::default() });
        let hostile = ComponentReducer::load(&engine, &component("hostile")).unwrap();
        let mut aggregate = hostile.create(&stream("hostile-1")).unwrap();
        let fault = decide(&mut *aggregate, "Recurse", "{}").unwrap_err();
        (aggregate.fuel_spent().unwrap(), fault.to_string())
    };
    // In the larger one it is the part of the stack in the guest's own memory that ends first.
    let ((small, fault), (large, _)) = (spent(64 << 10), spent(1 << 20));
    assert!(fault.contains("call stack exhausted, in hostile::acts::recurse"), "{fault}");
    assert!(4 * small < large, "a call a level: {small} units of fuel in 64 KiB, and {large} in 1 MiB");
}

#[test]
fn every_answer_has_its_bound() {
    let order = |limits| reducer("order", limits);
    let placed = |reducer: &ComponentReducer| {
        let mut run = Run::of(reducer);
        run.send(PLACE.0, PLACE.1).map(|_| run)
    };
    let fault = |refused: Result<Run, DecideError>| match refused.map(|_| ()) {
        Err(DecideError::Fault(fault)) => fault,
        other => panic!("{other:?}"),
    };
    let refused = fault(placed(&order(ReducerLimits { event_bytes_max: 5, ..Default::default() })));
    assert!(broken(&refused).ends_with("and 5 are allowed (event_bytes_max)"), "{refused}");
    let refused = placed(&order(ReducerLimits { snapshot_bytes_max: 5, ..Default::default() }));
    let refused = refused.unwrap().aggregate.snapshot().unwrap_err();
    assert!(broken(&refused).ends_with("and 5 are allowed (snapshot_bytes_max)"), "{refused}");
    let short = order(ReducerLimits { json_bytes_max: 5, ..Default::default() });
    let refused = placed(&short).unwrap().aggregate.state_json().unwrap_err();
    assert!(broken(&refused).ends_with("and 5 are allowed (json_bytes_max)"), "{refused}");
    let event = &history(1)[0];
    let drawn = short.events_json(&[(&event.event_type, &event.data)]).unwrap().remove(0);
    assert!(drawn.unwrap_err().contains("json_bytes_max"));
    let hostile = reducer("hostile", ReducerLimits { events_per_decision_max: 2, ..Default::default() });
    let refused = super::fault(&hostile, "ManyEvents", r#"{"count":3}"#);
    assert_eq!(broken(&refused), "3 events, and 2 are allowed (events_per_decision_max)");
    let mut aggregate = hostile.create(&stream("hostile-1")).unwrap();
    assert_eq!(decide(&mut *aggregate, "ManyEvents", r#"{"count":2}"#).unwrap().events.len(), 2);
}

#[test]
fn what_a_reducer_says_of_a_failure_is_cut() {
    let short = reducer("order", ReducerLimits { rejection_bytes_max: 16, ..Default::default() });
    let mut run = Run::of(&short);
    let Err(DecideError::Rejected(rejection)) = run.send("ShipOrder", r#"{"tracking":"1Z999"}"#) else {
        panic!("nothing was placed")
    };
    assert_eq!((rejection.code.as_ref(), rejection.message.len()), ("not-placed", 16));
    let Err(DecideError::Malformed(reason)) = run.send("PlaceOrder", "{") else { panic!("no JSON") };
    assert_eq!(reason.len(), 16);
}

#[test]
fn memory_that_a_component_begins_with_is_held_to_its_limit() {
    let limits =
        Limits { reducer: ReducerLimits { memory_bytes_max: 64 << 10, ..Default::default() }, ..Limits::default() };
    let refused = ComponentReducer::load(&engine(&limits), &component("order")).unwrap_err();
    assert!(refused.to_string().contains("memory_bytes_max"), "{refused}");
    let own = ReducerOverrides { memory_bytes_max: Some(64 << 10), ..Default::default() };
    let limits = Limits { reducers: [("order".into(), own)].into(), ..Limits::default() };
    let refused = ComponentReducer::load(&engine(&limits), &component("order")).unwrap_err();
    assert!(refused.to_string().contains("memory_bytes_max"), "{refused}");
}

/// It was refused under the limit of all, which its own is there to raise.
#[test]
fn memory_that_one_reducer_may_begin_with_is_its_own_whatever_all_others_may() {
    let all = ReducerLimits { memory_bytes_max: 64 << 10, ..Default::default() };
    let own = ReducerOverrides { memory_bytes_max: Some(16 << 20), ..Default::default() };
    let engine = engine(&Limits { reducer: all, reducers: [("order".into(), own)].into(), ..Limits::default() });
    let order = ComponentReducer::load(&engine, &component("order")).unwrap();
    assert!(Run::of(&order).send(PLACE.0, PLACE.1).is_ok());
    let refused = ComponentReducer::load(&engine, &component("counter")).unwrap_err().to_string();
    assert!(refused.contains("and 65536 are allowed (memory_bytes_max)"), "{refused}");
}

#[test]
fn the_documentation_has_a_row_for_every_limit() {
    let text = std::fs::read_to_string(wit::repository().join("docs/limits.md")).unwrap();
    for unknown in
        ["unknown = 1", "[reducer]\nunknown = 1", "[effects]\nunknown = 1", "[effects.kinds.http]\nunknown = 1"]
    {
        // What serde expected instead are the names of all.
        let expected = toml::from_str::<Limits>(unknown).unwrap_err().message().to_owned();
        let names: Vec<_> = expected.split('`').skip(3).step_by(2).collect();
        assert!(names.len() > 5, "{expected}");
        let is_table = |name: &&str| matches!(*name, "reducer" | "reducers" | "effects" | "kinds");
        for name in names.into_iter().filter(|name| !is_table(name)) {
            assert!(text.contains(&format!("\n| `{name}` | ")), "{name} is not in docs/limits.md");
        }
    }
}
