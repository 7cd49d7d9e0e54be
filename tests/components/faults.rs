//! What a guest's end says: the panic's words, where they were, and nothing of the guest's choosing beyond that.

use std::path::Path;

use foldhost::build::{BuildOptions, build};

use super::*;

#[test]
fn a_panic_comes_out_with_its_message_file_and_line() {
    let ReducerFault::Trap { call: "decide", reason } = fault(&component_reducer("hostile"), "Panic", "{}") else {
        panic!("a panic is a trap")
    };
    let (at, message) = reason.strip_prefix("panicked at ").unwrap().split_once(": ").unwrap();
    let [column, line, file] = at.rsplitn(3, ':').collect::<Vec<_>>()[..] else { panic!("{at}") };
    let source = std::fs::read_to_string(wit::repository().join("guests/hostile/src/acts.rs")).unwrap();
    assert_eq!(Path::new(file).file_name().unwrap(), "acts.rs", "{reason}");
    let line = source.lines().nth(line.parse::<usize>().unwrap() - 1).unwrap();
    assert!(line[column.parse::<usize>().unwrap() - 1..].starts_with("panic!("), "{line}");
    assert!(message.starts_with("as commanded, after 0 events"), "{reason}");
}

#[test]
fn an_instance_says_what_the_panic_before_the_trap_said_and_the_next_one_starts_without_it() {
    let guest = component_reducer("hostile");
    for _ in 0..2 {
        let mut aggregate = guest.create(&stream("hostile-1")).unwrap();
        assert!(decide(&mut *aggregate, "Panic", "{}").is_err());
        let ReducerFault::Trap { reason, .. } = fault(&guest, "Recurse", "{}") else { panic!("a trap") };
        assert!(!reason.contains("panicked"), "{reason}");
    }
}

#[test]
fn a_trap_without_a_panic_names_the_functions_where_it_was() {
    let guest = component_reducer("hostile");
    let ReducerFault::Trap { reason, .. } = fault(&guest, "Recurse", "{}") else { panic!("a trap") };
    assert!(reason.ends_with(", in hostile::acts::recurse"), "{reason}");
    assert!(reason.contains("call stack exhausted"), "{reason}");
    let spent = fault(&guest, "Spin", "{}");
    assert!(spent.to_string().contains("in decide, in "), "{spent}");
    assert!(
        matches!(&spent, ReducerFault::FuelExhausted { place: Some(place), .. } if place.contains("hostile")),
        "{spent}"
    );
    let grown = fault(&guest, "GrowMemory", "{}");
    assert!(matches!(&grown, ReducerFault::MemoryExhausted { place: Some(_), .. }), "{grown}");
}

#[test]
fn a_panic_natively_is_a_trap_too() {
    let native = NativeReducer::<hostile::Hostile>::new();
    let ReducerFault::Trap { reason, .. } = fault(&native, "Panic", "{}") else { panic!("a trap") };
    assert!(reason.contains("as commanded, after 0 events"), "{reason}");
}

#[test]
fn a_component_with_line_tables_names_files_and_lines() {
    let dir = wit::repository().join("guests/hostile");
    let out = tempfile::tempdir().unwrap();
    let options =
        BuildOptions { debug_info: true, out: Some(out.path().join("hostile.wasm")), ..BuildOptions::new(dir) };
    let bytes = build(&options).unwrap().component;
    let guest = ComponentReducer::load(&engine(&Limits::default()), &bytes).unwrap();
    let ReducerFault::Trap { reason, .. } = fault(&guest, "Recurse", "{}") else { panic!("a trap") };
    let source = std::fs::read_to_string(wit::repository().join("guests/hostile/src/acts.rs")).unwrap();
    let (_, at) = reason.split_once(", in hostile::acts::recurse (").unwrap_or_else(|| panic!("{reason}"));
    let (file, line) = at.split_once(')').unwrap().0.rsplit_once(':').unwrap();
    assert!(file.ends_with("acts.rs"), "{reason}");
    let function = source.lines().position(|line| line.contains("fn recurse(")).unwrap() + 1;
    assert!((function..function + 5).contains(&line.parse().unwrap()), "{reason}");
    // Where the language's own code was compiled into it, it is the author's line before that.
    let spent = fault(&guest, "Spin", "{}").to_string();
    assert!(spent.contains(" (guests/hostile/src/"), "{spent}");
    let debug_bytes_max = Limits { component_debug_bytes_max: 1_000, ..Limits::default() };
    let refused = ComponentReducer::load(&engine(&debug_bytes_max), &bytes).unwrap_err();
    assert!(refused.to_string().contains("component_debug_bytes_max"), "{refused}");
}

#[test]
fn what_is_no_json_does_not_pass_for_a_state_or_an_event() {
    let guest = component_reducer("hostile");
    let order = |misdeed: &str| {
        let mut aggregate = guest.create(&stream("hostile-1")).unwrap();
        let decision = decide(&mut *aggregate, "Record", &format!(r#"{{"misdeed":"{misdeed}"}}"#)).unwrap();
        (aggregate, decision.events)
    };
    let is_no_json =
        |fault: &ReducerFault| matches!(fault, ReducerFault::BrokenAnswer { reason, .. } if reason.contains("no JSON"));
    let (mut aggregate, events) = order("state-json answer control-characters");
    aggregate.apply(PackedEvents::of(Version::new(1), &events).unwrap()).unwrap();
    assert!(is_no_json(&aggregate.state_json().unwrap_err()));
    let (mut aggregate, events) = order("event-json answer empty");
    let drawn = aggregate.events_json(&[&events[0]]).unwrap().remove(0);
    assert!(drawn.unwrap_err().contains("no JSON"));
    let drawn = guest.events_json(&[(&events[0].event_type, &events[0].data)]).unwrap().remove(0);
    assert!(drawn.unwrap_err().contains("no JSON"));
}
