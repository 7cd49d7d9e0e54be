//! `#[derive(Command)]`: names and payloads of every form of variant.

#![allow(clippy::unwrap_used)]

use foldhost_sdk::{Command, CommandError};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    from_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Command)]
enum LampCommand {
    SwitchOn { brightness: u8, window: Option<Window> },
    Schedule(Window),
    Mix(u8, u8),
    SwitchOff,
}

fn one_of_each() -> Vec<LampCommand> {
    vec![
        LampCommand::SwitchOn { brightness: 9, window: Some(Window { from_ms: -5 }) },
        LampCommand::Schedule(Window { from_ms: 7 }),
        LampCommand::Mix(1, 2),
        LampCommand::SwitchOff,
    ]
}

#[test]
fn a_command_is_named_like_its_variant() {
    assert_eq!(LampCommand::NAMES, ["SwitchOn", "Schedule", "Mix", "SwitchOff"]);
    assert_eq!(one_of_each().iter().map(Command::name).collect::<Vec<_>>(), LampCommand::NAMES);
}

#[test]
fn every_form_of_variant_is_read_back_as_it_was() {
    for command in one_of_each() {
        let name = command.name();
        assert_eq!(LampCommand::from_json(name, &command.to_json().unwrap()), Ok(command.clone()));
        assert_eq!(LampCommand::from_binary(name, &command.to_binary().unwrap()), Ok(command));
    }
}

#[test]
fn the_payload_is_an_object_of_the_fields() {
    let json: Vec<String> = one_of_each().iter().map(|command| command.to_json().unwrap()).collect();
    assert_eq!(json, [r#"{"brightness":9,"window":{"from_ms":-5}}"#, r#"{"from_ms":7}"#, "[1,2]", "{}"]);
}

#[test]
fn a_command_without_fields_needs_no_payload() {
    for nothing in ["", "  \n", "{}", " null ", "{ }"] {
        assert_eq!(LampCommand::from_json("SwitchOff", nothing), Ok(LampCommand::SwitchOff), "{nothing:?}");
    }
    assert_eq!(LampCommand::from_binary("SwitchOff", &[]), Ok(LampCommand::SwitchOff));
}

#[track_caller]
fn malformed(name: &str, json: &str) -> String {
    match LampCommand::from_json(name, json) {
        Err(CommandError::Malformed { name: named, message }) if named == name => message,
        other => panic!("expected a malformed payload, got {other:?}"),
    }
}

#[test]
fn unknown_missing_and_mistyped_fields_are_refused_and_named() {
    assert!(malformed("SwitchOn", r#"{"brightness": 1, "hue": 2}"#).contains("hue"));
    assert!(malformed("SwitchOn", r#"{"brightness": 1, "window": {"from_ms": 1, "to_ms": 2}}"#).contains("to_ms"));
    assert!(malformed("SwitchOn", "").contains("brightness"));
    assert!(malformed("SwitchOn", r#"{"brightness": 256}"#).contains("256"));
    assert!(malformed("SwitchOff", r#"{"fast": true}"#).contains("fast"));
}

#[test]
fn what_is_no_object_is_refused() {
    assert!(malformed("SwitchOn", "[1, null]").contains("array"), "fields by position would be read in silence");
    assert!(malformed("SwitchOff", "[]").contains("array"));
    for broken in ["{", "{} {}", "1", r#""SwitchOff""#, "\u{1}"] {
        malformed("SwitchOff", broken);
    }
}

#[test]
fn bytes_of_another_shape_are_refused() {
    assert!(matches!(LampCommand::from_binary("Mix", &[1]), Err(CommandError::Malformed { .. })));
    assert!(matches!(LampCommand::from_binary("Mix", &[1, 2, 3]), Err(CommandError::Malformed { .. })));
}

#[test]
fn an_unknown_command_is_refused_with_those_that_are_known() {
    for error in [LampCommand::from_json("Explode", "{}"), LampCommand::from_binary("Explode", &[])] {
        let error = error.unwrap_err();
        assert!(matches!(&error, CommandError::Unknown { name, .. } if name == "Explode"));
        assert!(error.to_string().contains("SwitchOn, Schedule, Mix, SwitchOff"), "{error}");
    }
}
