//! Plans followed to their end, in every order and through crashes.
#![allow(clippy::unwrap_used)]

use foldhost_sdk::{Effect, EffectFailure, EffectKind, EffectOutcome};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::effects::body::Node;

const NO_LIMIT: usize = usize::MAX;

fn body(effect: Effect) -> EffectBody {
    let nodes = foldhost_sdk::flatten(vec![effect]).into_iter().map(Node::from).collect();
    EffectBody { nodes, command_id: "c".into(), correlation_id: None, traceparent: None }
}

fn plan(effect: Effect) -> Plan {
    Plan::new(body(effect), None, 0, NO_LIMIT).unwrap()
}

/// As another host finds it in the outbox.
fn restored(plan: &Plan) -> Plan {
    Plan::new(plan.body.clone(), Some(&plan.progress()), 0, NO_LIMIT).unwrap()
}

fn leaf(kind: &str) -> Effect {
    Effect::new(EffectKind::Custom { kind: kind.into(), payload: foldhost_sdk::OwnedPayload::Json("{}".into()) })
}

fn group(parallel: bool, parts: Vec<Effect>) -> Effect {
    Effect::new(if parallel { EffectKind::Parallel(parts) } else { EffectKind::Sequential(parts) })
}

fn failed(code: &str) -> EffectOutcome {
    EffectOutcome::Failed(EffectFailure { code: code.into(), message: "for the test".into() })
}

#[test]
fn a_leaf_runs_tells_and_is_done() {
    let mut plan = plan(leaf("a").reply_to("Heard"));
    assert_eq!(plan.next(0), Next::Now(vec![Step::Run(0)]));
    plan.finish(0, EffectOutcome::Custom("1".into()), 0);
    assert_eq!(plan.next(0), Next::Now(vec![Step::Tell(0)]));
    assert_eq!(plan.reply(0).unwrap(), ("Heard".into(), r#"{"outcome":{"custom":"1"}}"#.into()));
    plan.told(0, None);
    assert_eq!(plan.next(0), Next::Over { status: EffectStatus::Done, error: None });
}

#[test]
fn a_timer_is_due_in_its_time_counts_from_the_append_and_has_nothing_to_tell() {
    let mut plan = Plan::new(body(Effect::delay(500).reply_to("Expire")), None, 1_000, NO_LIMIT).unwrap();
    assert_eq!(plan.next(1_499), Next::Later { due_ms: 1_500, step: Step::Run(0) });
    assert_eq!(plan.next(9_000), Next::Now(vec![Step::Tell(0)]), "after a downtime it is caught up with");
    assert_eq!(plan.reply(0).unwrap(), ("Expire".into(), "{}".into()));
}

#[test]
fn steps_begin_when_the_one_before_them_is_over_and_a_delay_between_them_counts_from_there() {
    let mut plan = plan(group(false, vec![leaf("a"), Effect::delay(100), leaf("b")]));
    assert_eq!(plan.next(0), Next::Now(vec![Step::Run(0)]));
    plan.finish(0, EffectOutcome::Done, 40);
    assert_eq!(plan.next(40), Next::Later { due_ms: 140, step: Step::Run(1) });
    assert_eq!(plan.next(140), Next::Now(vec![Step::Run(2)]));
}

#[test]
fn what_follows_a_step_waits_until_the_stream_knows_of_it() {
    let mut plan = plan(group(false, vec![leaf("a").reply_to("First"), leaf("b")]));
    plan.next(0);
    plan.finish(0, EffectOutcome::Done, 0);
    assert_eq!(plan.next(0), Next::Now(vec![Step::Tell(0)]));
    plan.told(0, None);
    assert_eq!(plan.next(0), Next::Now(vec![Step::Run(1)]));
}

#[test]
fn a_failure_ends_a_sequence_and_the_reply_around_it_tells_how_far_it_came() {
    let mut plan = plan(group(false, vec![leaf("a"), leaf("b"), leaf("c")]).reply_to("Heard"));
    plan.next(0);
    plan.finish(0, EffectOutcome::Done, 0);
    plan.next(0);
    plan.finish(1, failed("no"), 0);
    assert_eq!(plan.next(0), Next::Now(vec![Step::Tell(3)]));
    let told = r#"{"outcome":{"all":["done",{"failed":{"code":"no","message":"for the test"}}]}}"#;
    assert_eq!(plan.reply(3).unwrap().1, told);
    plan.told(3, None);
    let error = Some("no: for the test".into());
    assert_eq!(plan.next(0), Next::Over { status: EffectStatus::Failed, error });
}

#[test]
fn a_failure_that_nobody_is_told_of_is_a_dead_letter() {
    let mut plan = plan(group(true, vec![leaf("a").reply_to("Heard"), leaf("b")]));
    assert_eq!(plan.next(0), Next::Now(vec![Step::Run(0), Step::Run(1)]));
    plan.finish(0, failed("told"), 0);
    plan.finish(1, failed("untold"), 0);
    assert_eq!(plan.next(0), Next::Now(vec![Step::Tell(0)]));
    plan.told(0, None);
    let error = Some("untold: for the test".into());
    assert_eq!(plan.next(0), Next::Over { status: EffectStatus::Dead, error });
}

#[test]
fn an_outcome_that_cannot_be_told_is_a_dead_letter_and_is_told_when_it_is_run_again() {
    let mut plan = plan(leaf("a").reply_to("Heard"));
    plan.next(0);
    plan.finish(0, EffectOutcome::Custom("1".into()), 0);
    plan.told(0, Some("no such command".into()));
    let over = Next::Over { status: EffectStatus::Dead, error: Some("no such command".into()) };
    assert_eq!(plan.next(0), over);
    let mut plan = restored(&plan);
    assert_eq!(plan.next(0), over);
    plan.reopen(7);
    assert_eq!(plan.next(7), Next::Now(vec![Step::Tell(0)]), "it is not done again, since it was done");
    assert!(plan.reply(0).unwrap().1.contains(r#"{"custom":"1"}"#));
}

#[test]
fn a_dead_letter_that_is_run_again_does_anew_what_failed_and_nothing_else() {
    let mut plan = plan(group(false, vec![leaf("a"), group(true, vec![leaf("b"), leaf("c")]), leaf("d")]));
    plan.next(0);
    plan.finish(0, EffectOutcome::Done, 0);
    assert_eq!(plan.next(0), Next::Now(vec![Step::Run(1), Step::Run(2)]));
    plan.finish(1, failed("no"), 0);
    plan.finish(2, EffectOutcome::Done, 0);
    assert!(matches!(plan.next(0), Next::Over { status: EffectStatus::Dead, .. }));
    let mut plan = restored(&plan);
    plan.reopen(9);
    assert_eq!(plan.next(9), Next::Now(vec![Step::Run(1)]));
    plan.finish(1, EffectOutcome::Done, 9);
    assert_eq!(plan.next(9), Next::Now(vec![Step::Run(4)]));
    plan.finish(4, EffectOutcome::Done, 9);
    assert_eq!(plan.next(9), Next::Over { status: EffectStatus::Done, error: None });
}

#[test]
fn what_is_tried_again_waits_and_its_attempts_are_counted_since_the_first() {
    let mut plan = plan(leaf("a"));
    plan.next(10);
    plan.put_off(Step::Run(0), 20);
    assert_eq!(plan.tries(Step::Run(0)), Tries::default(), "what was not tried does not count");
    plan.again(Step::Run(0), 30, 10);
    plan.again(Step::Run(0), 50, 30);
    assert_eq!(plan.next(40), Next::Later { due_ms: 50, step: Step::Run(0) });
    assert_eq!(restored(&plan).tries(Step::Run(0)), Tries { failed: 2, since_ms: Some(10) });
}

#[test]
fn nothing_is_nothing_at_once() {
    assert_eq!(plan(Effect::none()).next(0), Next::Over { status: EffectStatus::Done, error: None });
    let mut told = plan(Effect::none().reply_to("Heard"));
    assert_eq!(told.next(0), Next::Now(vec![Step::Tell(0)]));
}

#[test]
fn outcomes_that_are_too_much_for_one_command_are_told_as_such_and_the_effect_goes_on() {
    let parts = vec![leaf("a"), leaf("b"), leaf("c")];
    let mut plan = Plan::new(body(group(false, parts).reply_to("Heard")), None, 0, 1_000).unwrap();
    for node in 0..3 {
        assert_eq!(plan.next(0), Next::Now(vec![Step::Run(node)]));
        plan.finish(node, EffectOutcome::Custom("x".repeat(600)), 0);
    }
    assert_eq!(plan.next(0), Next::Now(vec![Step::Tell(3)]));
    let (_, payload) = plan.reply(3).unwrap();
    assert!(payload.contains("outcome-too-large") && payload.len() < 2_000, "{payload}");
    plan.told(3, None);
    assert_eq!(plan.next(0), Next::Over { status: EffectStatus::Done, error: None });
}

#[test]
fn outcomes_that_nobody_waits_for_are_not_kept() {
    let mut plan = plan(group(true, vec![leaf("a"), leaf("b")]));
    plan.next(0);
    plan.finish(0, EffectOutcome::Custom("x".repeat(100_000)), 0);
    assert!(plan.progress().len() < 300);
}

/// A tree of so many leaves at most, some of which reply.
fn tree(random: &mut StdRng, leaves: &mut usize, depth: usize) -> Effect {
    let effect = if depth == 0 || random.random_bool(0.4) || *leaves == 0 {
        *leaves = leaves.saturating_sub(1);
        if random.random_bool(0.2) { Effect::delay(random.random_range(0..50)) } else { leaf("a") }
    } else {
        let count = random.random_range(0..4);
        let parallel = random.random_bool(0.5);
        group(parallel, (0..count).map(|_| tree(random, leaves, depth - 1)).collect())
    };
    if random.random_bool(0.3) { effect.reply_to("Heard") } else { effect }
}

/// What must come before what: every part of a step of a sequence before every part of the next.
fn before(plan: &Plan, node: u32) -> Vec<(u32, u32)> {
    let parts = |node: u32| {
        let mut parts = vec![node];
        let mut at = 0;
        while at < parts.len() {
            parts.extend_from_slice(children(plan.kind(parts[at])));
            at += 1;
        }
        parts
    };
    let mut pairs = Vec::new();
    if let FlatEffectKind::Sequential(steps) = plan.kind(node) {
        for two in steps.windows(2) {
            let (first, second) = (parts(two[0]), parts(two[1]));
            pairs.extend(first.iter().flat_map(|first| second.iter().map(move |second| (*first, *second))));
        }
    }
    pairs.extend(children(plan.kind(node)).to_vec().into_iter().flat_map(|child| before(plan, child)));
    pairs
}

/// Followed by a host that dies time and again: what it did since it recorded something is done again, and never behind what
/// comes after it.
#[test]
fn any_effect_comes_to_its_end_through_any_crashes_and_keeps_the_order_of_its_sequences() {
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..500 {
        let mut plan = plan(tree(&mut random, &mut 12, 4));
        let order = before(&plan, plan.root());
        let (mut recorded, mut now_ms, mut is_recorded) = (plan.clone(), 0, true);
        let mut done: Vec<u32> = Vec::new();
        let mut rounds = 0;
        let status = loop {
            rounds += 1;
            assert!(rounds < 10_000, "seed {seed}: it does not end: {plan:?}");
            now_ms += random.random_range(0..3);
            match plan.next(now_ms) {
                Next::Over { status, .. } => break status,
                Next::Later { due_ms, .. } => now_ms = due_ms,
                Next::Now(steps) => {
                    if steps.iter().any(|step| matches!(step, Step::Run(_))) && !is_recorded {
                        recorded = restored(&plan);
                    }
                    for step in steps {
                        match step {
                            Step::Run(node) if random.random_bool(0.1) => {
                                plan.again(Step::Run(node), now_ms + 5, now_ms);
                            }
                            Step::Run(node) => {
                                done.push(node);
                                let ok = random.random_bool(0.9);
                                plan.finish(node, if ok { EffectOutcome::Done } else { failed("no") }, now_ms);
                            }
                            Step::Tell(node) => plan.told(node, None),
                        }
                    }
                    is_recorded = false;
                    if random.random_bool(0.2) {
                        (plan, is_recorded) = (recorded.clone(), true);
                    }
                }
            }
        };
        assert_ne!(status, EffectStatus::Pending);
        for (first, second) in order {
            let last_first = done.iter().rposition(|node| *node == first);
            let first_second = done.iter().position(|node| *node == second);
            if let (Some(first_at), Some(second_at)) = (last_first, first_second) {
                assert!(first_at < second_at, "seed {seed}: {first} was done behind {second}: {done:?} of {plan:?}");
            }
        }
    }
}
