//! Scenarios of the guests: one table of cases, natively and through the component.

use counter::{Counter, CounterCommand, CounterEvent};
use foldhost::reducer::Context;
use foldhost::testing::{
    Mismatch, NOW_MS, StreamFixture, Then, command, encode, encode_command, event, scenario, store_with, stream,
};
use foldhost::{Command, EventStore, NativeReducer, Version};
use foldhost_sdk::prelude::*;
use order::Order;
use serde_json::json;

use super::{both, panic_of};

fn place() -> foldhost::Command {
    let items = json!([{"sku": "A", "quantity": 2, "unit_price": 1_000}]);
    command("PlaceOrder", json!({"customer_id": "c-1", "items": items}))
}

fn add(quantity: u32) -> foldhost::Command {
    command("AddItem", json!({"item": {"sku": "B", "quantity": quantity, "unit_price": 500}}))
}

fn ship() -> foldhost::Command {
    command("ShipOrder", json!({"tracking": "1Z"}))
}

#[test]
fn one_table_of_cases_runs_natively_and_through_the_component() {
    let item = json!({"sku": "B", "quantity": 1, "unit_price": 500});
    let cases: [(&[Command], Command, &[Then]); 6] = [
        (
            &[place()],
            add(1),
            &[
                Then::events([("ItemAdded.v1", json!({"item": item, "total": 2_500, "added_at_ms": NOW_MS}))]),
                Then::StateContains(json!({"status": "Placed", "total": 2_500})),
            ],
        ),
        (&[place(), add(3)], ship(), &[Then::events(["OrderShipped.v1"])]),
        (&[], ship(), &[Then::rejected("not-placed"), Then::StateContains(json!({"status": "Draft"}))]),
        (&[place(), ship()], add(1), &[Then::rejected("already-shipped")]),
        (&[place()], add(0), &[Then::rejected("invalid-quantity")]),
        (&[place()], command("Dance", json!({})), &[Then::Malformed]),
    ];
    for reducer in both::<Order>("order") {
        for (given, command, then) in &cases {
            let outcome = scenario(&*reducer).given_commands(given.iter().cloned()).when(command.clone());
            for then in *then {
                outcome.then(then);
            }
        }
    }
}

#[test]
fn typed_events_and_commands_stand_for_their_bytes() {
    for reducer in both::<Counter>("counter") {
        scenario(&*reducer)
            .given([encode(&CounterEvent::Incremented { by: 2 })])
            .when(encode_command(&CounterCommand::Increment { by: 40 }))
            .then_events([encode(&CounterEvent::Incremented { by: 40 })])
            .then_state(json!({"value": 42}));
    }
}

#[test]
fn events_and_commands_are_given_in_the_order_in_which_they_stand() {
    let counter = NativeReducer::<Counter>::new();
    let begun = scenario(&counter)
        .given([encode(&CounterEvent::Incremented { by: 5 })])
        .given_commands([command("Reset", json!({})), command("Increment", json!({"by": 1}))])
        .given([("Incremented.v1", vec![2])]);
    let types: Vec<_> = begun.history().unwrap().into_iter().map(|event| event.event_type).collect();
    assert_eq!(types, ["Incremented.v1", "Reset.v1", "Incremented.v1", "Incremented.v1"]);
    begun.when(command("Increment", json!({"by": 1}))).then_state(json!({"value": 4}));
}

#[test]
fn a_scenario_that_cannot_begin_says_which_part_of_its_past_is_at_fault() {
    let counter = NativeReducer::<Counter>::new();
    let reset = || command("Reset", json!({}));
    let unreadable = scenario(&counter).given([event("Incremented.v1").data([1]), event("Incremented.v1")]);
    let Err(Mismatch::Given(reason)) = unreadable.run(reset()) else { panic!("it began") };
    assert!(reason.contains("cannot apply event 2"), "{reason}");

    let rejected = scenario(&counter).given_commands([command("Increment", json!({"by": 0}))]);
    let Err(Mismatch::Given(reason)) = rejected.run(reset()) else { panic!("it began") };
    assert!(reason.contains("given command Increment: nothing-to-add"), "{reason}");

    let (message, file) = panic_of(|| drop(rejected.when(reset())));
    assert!(message.starts_with("counter-1, when Reset\nthe scenario cannot begin: given command"), "{message}");
    assert!(file.ends_with("tests/testing/scenarios.rs"), "{file}");
}

/// Records what it is told.
struct Echo;

#[derive(Command)]
enum EchoCommand {
    Speak,
}

#[derive(Event)]
enum EchoEvent {
    Heard { stream_id: String, version: u64, command_id: String, now_ms: i64, seed: u64 },
}

impl Reducer for Echo {
    const NAME: &'static str = "echo";
    const STATE_SCHEMA: &'static str = "echo.v1";
    type State = u64;
    type Command = EchoCommand;
    type Event = EchoEvent;

    fn decide(_: &u64, EchoCommand::Speak: EchoCommand, context: &Context) -> Result<Decision<EchoEvent>, Rejection> {
        let Context { stream_id, version, command_id, now_ms, seed } = context.clone();
        Ok(Decision::event(EchoEvent::Heard { stream_id, version, command_id, now_ms, seed }))
    }

    fn apply(state: &mut u64, _: EchoEvent) {
        *state += 1;
    }
}

#[test]
fn the_circumstances_are_those_of_the_scenario() {
    let echo = NativeReducer::<Echo>::new();
    let speak = || command("Speak", json!({}));
    let heard = |stream_id: &str, version: u64, command_id: &str, now_ms: i64, seed: u64| {
        encode(&EchoEvent::Heard { stream_id: stream_id.into(), version, command_id: command_id.into(), now_ms, seed })
    };
    let Context { stream_id, version, command_id, now_ms, seed } = Context::for_test("echo-1");
    assert_eq!(now_ms, NOW_MS, "the clock is the SDK's");
    scenario(&echo).when(speak()).then_events([heard(&stream_id, version, &command_id, now_ms, seed)]);

    let begun = scenario(&echo).stream("echo-x").seed(9).at(1_000).given_commands([speak()]).at(2_000);
    assert_eq!(begun.history().unwrap(), [heard("echo-x", 0, "given-1", 1_000, 9)]);
    begun.command_id("c-7").when(speak()).then_events([heard("echo-x", 1, "c-7", 2_000, 9)]);

    let (message, file) = panic_of(|| drop(scenario(&echo).stream("echo")));
    assert!(message.contains("a stream id is category-id"), "{message}");
    assert!(file.ends_with("tests/testing/scenarios.rs"), "{file}");
}

#[tokio::test]
async fn the_history_of_a_scenario_can_be_appended_to_a_store() {
    let order = NativeReducer::<Order>::new();
    let history = scenario(&order).given_commands([place(), add(1)]).history().unwrap();
    let store = store_with([StreamFixture::new("order-1").events(history)]).await.unwrap();
    let loaded = store.load_events(&stream("order-1"), Version::EMPTY, 10.into()).await.unwrap();
    assert_eq!(loaded.event_types, ["OrderPlaced.v1", "ItemAdded.v1"]);
}
