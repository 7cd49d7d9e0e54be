//! Texts that are no good, wherever an answer has one.

use super::*;

fn is_broken(fault: &ReducerFault, call: &str) -> bool {
    matches!(fault, ReducerFault::BrokenAnswer { call: named, .. } if *named == call)
}

/// Bytes that the host cannot take as text, and texts that it does not want to hold.
const REFUSED: [&str; 3] = ["huge", "invalid-utf8", "out-of-bounds"];

#[test]
fn a_text_that_is_none_is_a_broken_answer_of_the_call_that_gave_it() {
    let mut neighbour = Neighbour::new();
    for call in [Call::StateJson, Call::EventJson] {
        for (place, text) in ["answer", "refuse"].iter().flat_map(|place| REFUSED.map(|text| (place, text))) {
            if call == Call::StateJson && *place == "refuse" {
                continue;
            }
            let fault = presentable(provoke(call, &format!("{place} {text}")).unwrap_err());
            assert!(is_broken(&fault, call.name()), "{} {place} {text} came to {fault:?}", call.name());
            neighbour.goes_on();
            let event = ordered(&format!("event-upcast {place} {text}"));
            let answer = drawn("event-upcast", &[&event]).unwrap().remove(0).unwrap_err();
            assert_presentable(&answer);
            assert!(answer.contains("broken answer in event-upcast"), "{place} {text} came to {answer}");
        }
    }
    for (call, place, text) in [
        (Call::Snapshot, "answer", "huge"),
        (Call::Snapshot, "answer", "out-of-bounds"),
        (Call::EventFromJson, "answer", "huge"),
        (Call::EventFromJson, "refuse", "invalid-utf8"),
        (Call::Restore, "refuse", "huge"),
        (Call::Restore, "refuse", "invalid-utf8"),
        (Call::Restore, "refuse", "out-of-bounds"),
        (Call::Apply, "refuse", "huge"),
        (Call::Apply, "refuse", "invalid-utf8"),
        (Call::Apply, "refuse", "out-of-bounds"),
    ] {
        let fault = presentable(provoke(call, &format!("{place} {text}")).unwrap_err());
        assert!(is_broken(&fault, call.name()), "{} {place} {text} came to {fault:?}", call.name());
        neighbour.goes_on();
    }
}

#[test]
fn in_every_place_of_a_decision_a_text_that_is_none_is_a_broken_answer() {
    let mut neighbour = Neighbour::new();
    for place in ["event-type", "reject-code", "reject-message", "malformed", "faulty", "log"] {
        for text in REFUSED {
            let fault = fault_of(&format!("decide {place} {text}"));
            assert!(is_broken(&fault, "decide"), "{place} {text} came to {fault:?}");
            neighbour.goes_on();
        }
    }
}

#[test]
fn what_a_reducer_says_of_a_failure_is_cut_short_and_stays_in_its_line() {
    for text in ["long", "control-characters"] {
        let fault = presentable(provoke(Call::Apply, &format!("refuse {text}")).unwrap_err());
        assert!(matches!(fault, ReducerFault::Apply { version: 1, .. }), "{fault:?}");
        let fault = presentable(provoke(Call::Restore, &format!("refuse {text}")).unwrap_err());
        assert!(matches!(fault, ReducerFault::Snapshot(_)), "{fault:?}");
        assert!(is_broken(&fault_of(&format!("decide faulty {text}")), "decide"));
        match misbehave(&format!("decide malformed {text}")) {
            Err(DecideError::Malformed(reason)) => assert_presentable(&reason),
            other => panic!("{text} came to {other:?}"),
        }
        for event in [ordered(&format!("event-json refuse {text}")), ordered(&format!("event-upcast refuse {text}"))] {
            let drawn = [
                aggregate("hostile-1").events_json(&[&event]).unwrap().remove(0),
                hostile().events_json(&[(&event.event_type, &event.data)]).unwrap().remove(0),
                hostile()
                    .events_upcast(&[(&event.event_type, &event.data)])
                    .unwrap()
                    .remove(0)
                    .map(|upcast| upcast.json),
            ];
            for refusal in drawn.into_iter().filter_map(Result::err) {
                assert_presentable(&refusal);
            }
        }
        let refused = hostile().event_from_json("Ordered.v1", &format!("event-from-json refuse {text}"));
        assert_presentable(&refused.unwrap().unwrap_err());
    }
}

/// A rejection is for its sender, in the words of the rule: line breaks are its own affair, but no store keeps a NUL, and a
/// terminal obeys the rest.
#[test]
fn a_rejection_is_cut_short_and_moves_no_terminal() {
    for text in ["long", "control-characters"] {
        match misbehave(&format!("decide reject-message {text}")) {
            Err(DecideError::Rejected(no)) => {
                assert!(no.message.len() <= 4 << 10, "{text}: {} bytes", no.message.len());
                assert!(!no.message.chars().any(|c| c.is_control() && c != '\n'), "{:?}", no.message);
            }
            other => panic!("{text} came to {other:?}"),
        }
    }
}

#[test]
fn a_rejection_s_code_is_one_or_a_broken_answer() {
    for text in ["long", "control-characters", "empty"] {
        let fault = fault_of(&format!("decide reject-code {text}"));
        assert!(is_broken(&fault, "decide"), "{text} came to {fault:?}");
    }
}

#[test]
fn lines_for_the_log_are_bounded_in_number_and_length_and_stay_lines() {
    for misdeed in ["decide log long", "decide log control-characters", "decide many-log-lines"] {
        // So many lines may be too much for an answer; what is taken of them is bounded all the same.
        let log = match misbehave(misdeed) {
            Ok(decision) => decision.log,
            Err(DecideError::Fault(fault)) if misdeed.ends_with("lines") => {
                assert!(is_broken(&fault, "decide"), "{fault:?}");
                continue;
            }
            other => panic!("{misdeed} came to {other:?}"),
        };
        assert!(!log.is_empty() && log.len() <= 101, "{misdeed}: {} lines", log.len());
        for (_, line) in &log {
            assert_presentable(line);
        }
    }
}
