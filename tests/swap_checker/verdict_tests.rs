//! The judge judged: it lets a right history through, and none that is forged in one place.

use foldhost::event_store::Share;
use uuid::Uuid;

use super::forged::{Forged, SHARE, accepted, by, code, event, generation, remembered, right, stream, tells};
use super::record::{Answer, Recorded, Remembered, Tells};
use super::verdict::judge;

/// Forges the right history in one place, and takes what the judge says of it.
fn says(forge: impl FnOnce(&mut Forged)) -> String {
    let mut forged = right();
    forge(&mut forged);
    let Forged { sent, told, history } = forged;
    judge(&sent, &told, &history).expect_err("a forged history was let through")
}

#[track_caller]
fn rejected(because: &str, forge: impl FnOnce(&mut Forged)) {
    let reason = says(forge);
    assert!(reason.contains(because), "{because:?} was expected, {reason:?} came");
}

#[test]
fn a_right_history_is_let_through() {
    let Forged { sent, told, history } = right();
    assert_eq!(judge(&sent, &told, &history), Ok(()));
    let share = Share::new(SHARE).unwrap();
    assert!(share.holds(&stream("counter-2")) && !share.holds(&stream("counter-1")));
}

#[test]
fn an_event_of_a_generation_outside_of_its_time_is_found() {
    // The last of generation 1 behind the beginning of generation 2: what the fence is there for.
    rejected("while generation 2 of counter decides, generation 1 has", |forged| {
        let begin = forged.begin(2);
        let late = forged.history.events.remove(3);
        forged.history.events.insert(begin, late);
    });
    rejected("while generation 2 of counter decides, generation 3 has", |forged| {
        let begin = forged.begin(3);
        let early = forged.history.events.remove(begin + 1);
        forged.history.events.insert(begin, early);
    });
    rejected("while generation 3 of counter decides, generation 2 has", |forged| {
        forged.event("e").decided_by = Some(by(2, "candidate"));
        let answer = accepted(3, by(2, "candidate"));
        *forged.sent("e").answers.last_mut().unwrap() = answer;
    });
    rejected("no generation decided", |forged| forged.event("d").decided_by = None);
}

#[test]
fn an_event_that_was_committed_outside_of_its_generation_is_found_whatever_the_order_of_the_log() {
    rejected("committed 1 us after the next generation was activated", |forged| forged.event("b").committed_us = 7);
    rejected("committed 2 us before its generation was activated", |forged| forged.event("e").committed_us = 8);
    rejected("nobody knows when the generation", |forged| {
        forged.history.activated_us.remove(&("counter".into(), 3));
    });
    // In the same microsecond either may have been the first.
    let mut same = right();
    same.event("b").committed_us = 6;
    same.event("e").committed_us = 10;
    assert_eq!(judge(&same.sent, &same.told, &same.history), Ok(()));
}

#[test]
fn an_event_that_another_component_was_to_decide_is_found() {
    rejected("another component was to decide", |forged| forged.event("c").decided_by = Some(by(2, "first")));
    rejected("another component was to decide", |forged| forged.event("d").decided_by = Some(by(2, "candidate")));
    rejected("another component was to decide", |forged| forged.event("a").decided_by = Some(by(1, "candidate")));
    rejected("another component was to decide", |forged| forged.memory("g").decided_by = by(3, "first"));
}

#[test]
fn a_hole_or_a_double_in_a_stream_is_found() {
    rejected("event 3 of counter-1 follows event 1", |forged| {
        forged.history.events.retain(|event| event.tag.as_deref() != Some("d"));
    });
    rejected("event 3 of counter-1 follows event 3", |forged| {
        let double = forged.event("f").clone();
        forged.history.events.push(double);
    });
    rejected("event 2 of counter-2 follows event 0", |forged| {
        forged.history.events.retain(|event| event.tag.as_deref() != Some("a"));
    });
    rejected("of $reducers-counter follows", |forged| {
        let begin = forged.begin(1);
        forged.history.events.remove(begin);
    });
}

#[test]
fn a_command_that_is_not_recorded_as_it_was_told_is_found() {
    rejected("its events are not those that it was told", |forged| {
        forged.history.events.retain(|event| event.tag.as_deref() != Some("f"));
        forged.forget("f");
    });
    rejected("it is recorded more than once", |forged| {
        let again = Recorded { version: 4, command_id: Some("another".into()), ..forged.event("f").clone() };
        forged.history.events.push(again);
    });
    // Nobody knows whether it was done: once is as right as not at all, and twice is wrong.
    rejected("it is recorded more than once", |forged| {
        let last = by(3, "candidate");
        for version in [4, 5] {
            forged.history.events.push(event("counter-1", version, "j", last));
            forged.forget("j");
            forged.history.remembered.push(remembered("counter-1", "j", version, last, true));
        }
    });
    rejected("it was not accepted, and is recorded", |forged| {
        forged.history.events.push(event("counter-1", 4, "g", by(3, "candidate")));
    });
    for tag in ["h", "i"] {
        rejected("it was not accepted, and is recorded", |forged| {
            forged.history.events.push(event("counter-1", 4, tag, by(3, "candidate")));
        });
    }
    rejected("told another version", |forged| {
        let Some(Answer::Accepted(accepted)) = forged.sent("a").answers.first_mut() else { unreachable!() };
        accepted.version = 2;
    });
    rejected("told that somebody else decided", |forged| forged.sent("c").answers = vec![accepted(2, by(2, "first"))]);
    rejected("nobody sent z", |forged| {
        forged.history.events.push(event("counter-1", 4, "z", by(3, "candidate")));
    });
    rejected("nobody sent", |forged| forged.event("a").tag = None);
}

#[test]
fn an_answer_that_changes_or_that_no_swap_explains_is_found() {
    let first = by(1, "first");
    rejected("it was told something else", |forged| forged.sent("b").answers.push(accepted(2, first)));
    rejected("it was told something else", |forged| forged.sent("b").answers.push(Answer::Conflict));
    rejected("it was told something else", |forged| forged.sent("g").answers.push(Answer::Rejected("other".into())));
    rejected("its sender was told a trap", |forged| forged.sent("d").answers.push(Answer::Failed("a trap".into())));
    rejected("an operator was told a trap", |forged| forged.told.failures.push("a trap".into()));
}

#[test]
fn a_command_that_is_not_remembered_as_it_was_told_is_found() {
    rejected("it has an id, and is not remembered", |forged| forged.forget("b"));
    rejected("its rejection is not remembered", |forged| forged.forget("g"));
    rejected("its rejection is not remembered", |forged| forged.memory("g").rejection = Some("other".into()));
    rejected("it was in conflict, and is remembered", |forged| {
        let memory = Remembered { first_version: None, ..remembered("counter-1", "h", 3, by(3, "candidate"), true) };
        forged.history.remembered.push(memory);
    });
    rejected("remembered as something else", |forged| forged.memory("b").last_version = 2);
    rejected("remembered as something else", |forged| forged.memory("f").first_version = Some(2));
    rejected("it is not in the journal", |forged| forged.forget("f"));
    rejected("or the other way round", |forged| forged.memory("f").in_journal = false);
    rejected("or the other way round", |forged| forged.memory("b").in_journal = true);
    rejected("twice remembered", |forged| {
        let twice = forged.memory("b").clone();
        forged.history.remembered.push(twice);
    });
    rejected("nobody sent it, or its events are not there", |forged| {
        forged.history.remembered.push(remembered("counter-1", "z", 3, by(3, "candidate"), true));
    });
}

#[test]
fn a_hole_in_the_generations_or_a_history_that_tells_otherwise_is_found() {
    rejected("stands where 2 should", |forged| {
        forged.history.activations.remove(1);
    });
    rejected("is active, and", |forged| {
        forged.history.active.insert("counter".into(), (2, code("first")));
    });
    rejected("is active, and", |forged| forged.history.active.clear());
    rejected("was never activated", |forged| {
        forged.history.active.insert("order".into(), (1, code("order")));
    });
    rejected("the history of counter tells", |forged| {
        let begin = forged.begin(3);
        let Some(Tells::Generation { generation, .. }) = &mut forged.history.events[begin].tells else {
            unreachable!()
        };
        generation.digest = code("first");
    });
    rejected("before", |forged| {
        let begin = forged.begin(3);
        let Some(Tells::Generation { before, .. }) = &mut forged.history.events[begin].tells else { unreachable!() };
        *before = Some(1);
    });
    rejected("which is not there", |forged| forged.told.swaps.push(generation(4)));
}

#[test]
fn a_component_or_a_verification_that_the_history_does_not_tell_is_found() {
    rejected("the history tells 0 times of Deployed", |forged| {
        forged.history.kept.push(("counter".into(), code("third")));
    });
    rejected("the history tells 0 times of Verified", |forged| {
        forged.history.verified.push((Uuid::from_u128(8), "passed".into()));
    });
    rejected("the history tells 2 times of Verified", |forged| {
        let verified = Tells::Verified(Uuid::from_u128(7), "passed".into());
        forged.history.events.push(tells(7, verified));
    });
    rejected("which is not there", |forged| {
        forged.history.kept.pop();
    });
    rejected("and is not kept", |forged| forged.told.deployed.push(("counter".into(), code("third"))));
}
