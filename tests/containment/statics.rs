//! State in statics: no host can see it in one answer, but it stays in the stream's own instance, and the laws find it.

use foldhost::testing::{Law, Mismatch, command, scenario};
use serde_json::json;

use super::*;

fn count(aggregate: &mut dyn Aggregate) -> usize {
    decide(aggregate, "CountInStatic", "{}").unwrap().events.len()
}

#[test]
fn what_an_instance_keeps_in_statics_is_known_to_no_other_and_gone_with_it() {
    let (mut one, mut other) = (aggregate("hostile-1"), aggregate("hostile-2"));
    assert_eq!([count(&mut *one), count(&mut *one), count(&mut *one)], [1, 2, 3]);
    assert_eq!(count(&mut *other), 1);
    let snapshot = one.snapshot().unwrap();
    drop(one);
    assert_eq!(count(&mut *hostile().restore(&stream("hostile-1"), &snapshot).unwrap()), 1);
}

#[test]
fn the_laws_find_a_decision_that_comes_out_otherwise_the_second_time() {
    let counted = scenario(hostile()).run(command("CountInStatic", json!({})));
    assert!(matches!(counted, Err(Mismatch::Law { law: Law::DecideIsDeterministic, .. })), "{counted:?}");
}
