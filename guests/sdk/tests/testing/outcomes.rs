//! What is expected, and what came.

use foldhost_sdk::testing::{Case, Mismatch, Outcome, Then, case, given};
use foldhost_sdk::{Context, Effect, LogLevel};

use super::door::{Door, DoorCommand, DoorEvent, DoorState, alarm, lock, locked, opened};
use super::panic_of;

/// A door that was opened once and is locked now.
fn locking() -> Outcome<Door> {
    given::<Door>([opened(1)]).when(lock())
}

fn state(opened: u32, is_locked: bool) -> DoorState {
    DoorState { opened, is_locked }
}

#[test]
fn each_expectation_holds_on_what_came() {
    locking()
        .then_events([locked()])
        .then_effects([alarm()])
        .then_log([(LogLevel::Info, "locked up")])
        .then_state(state(1, true));
    given::<Door>([locked()]).when(DoorCommand::Open).then_rejected("locked").then_state(state(0, true));
    given::<Door>([]).when(DoorCommand::Look).then_nothing().then_no_events().then_log([]).then_state(state(0, false));
    assert_eq!(locking().events(), [locked()]);
    assert_eq!(locking().state(), &state(1, true));
    assert!(given::<Door>([locked()]).when(DoorCommand::Open).decided().is_err());
}

/// A check, and what its panic has to say.
type Failing = (fn(), &'static str);

#[test]
fn each_expectation_fails_on_anything_else_with_the_test_in_a_sentence_and_a_diff() {
    let failing: [Failing; 11] = [
        (
            || {
                locking().then_events([opened(1)]);
            },
            "expected: the event Opened.v1\nactual:   the event Locked.v1, and one effect, and one log line\n--- expected",
        ),
        (
            || {
                locking().then_events([DoorEvent::Locked { by: "you".into() }]);
            },
            "\n-        by: \"you\",\n+        by: \"me\",\n",
        ),
        (
            || {
                locking().then_no_events();
            },
            "expected: no events",
        ),
        (
            || {
                locking().then_nothing();
            },
            "expected: no events",
        ),
        (
            || {
                locking().then_rejected("locked");
            },
            "expected: a rejection with the code `locked`",
        ),
        (
            || {
                locking().then_state(state(2, true));
            },
            "\n-    opened: 2,\n+    opened: 1,\n",
        ),
        (
            || {
                locking().then_effects([Effect::delay(60_000)]);
            },
            "\n-        reply_to: None,\n+        reply_to: Some(",
        ),
        (
            || {
                locking().then_effects([]);
            },
            "expected: no effects",
        ),
        (
            || {
                locking().then_log([(LogLevel::Warn, "locked up")]);
            },
            "\n-        level: Warn,\n+        level: Info,\n",
        ),
        (
            || {
                locking().then_log([]);
            },
            "expected: no log lines",
        ),
        (
            || {
                given::<Door>([locked()]).when(DoorCommand::Open).then_no_events();
            },
            "actual:   the rejection `locked`: the door is locked",
        ),
    ];
    for (check, says) in failing {
        let message = panic_of(check);
        assert!(message.contains(says), "{says}\n{message}");
        assert!(message.starts_with("door-1, given the event "), "{message}");
    }
    let message = panic_of(failing[0].0);
    assert!(message.starts_with("door-1, given the event Opened.v1, when Lock {\"by\":\"me\"}\n"), "{message}");
    for refused in [Then::Effects(vec![]), Then::Log(vec![]), Then::Rejected("other".into())] {
        assert!(given::<Door>([locked()]).when(DoorCommand::Open).check(&refused).is_err(), "{refused:?}");
    }
}

#[test]
fn the_circumstances_are_those_that_were_set() {
    let told = |stream_id: &str, version, command_id: &str, now_ms, seed| {
        let (stream_id, command_id) = (stream_id.to_owned(), command_id.to_owned());
        DoorEvent::Told { stream_id, version, command_id, now_ms, seed }
    };
    let Context { stream_id, command_id, now_ms, seed, .. } = Context::for_test("door-1");
    given::<Door>([]).when(DoorCommand::Tell).then_events([told(&stream_id, 0, &command_id, now_ms, seed)]);
    given::<Door>([opened(1)])
        .and([locked()])
        .stream("door-x")
        .at(5)
        .command_id("c-7")
        .seed(9)
        .when(DoorCommand::Tell)
        .then_events([told("door-x", 2, "c-7", 5, 9)]);
    let begun = case::<Door>("told").stream("door-x").at(5).command_id("c-7").seed(9).given([locked()]);
    begun.when(DoorCommand::Tell).then_events([told("door-x", 1, "c-7", 5, 9)]).run();
}

#[test]
fn given_commands_leave_their_events_at_the_time_that_was_set_before_them() {
    let begun =
        given::<Door>([opened(1)]).at(2).commands([DoorCommand::Open, DoorCommand::Look, DoorCommand::Open]).at(3);
    begun.when(DoorCommand::Open).then_events([opened(3)]).then_state(state(4, false));
    let message = panic_of(|| drop(given::<Door>([]).commands([lock(), DoorCommand::Open])));
    assert_eq!(message, "door-1, given the command Open: locked: the door is locked");
}

#[test]
fn a_panic_is_in_the_line_of_the_test() {
    use std::sync::mpsc::channel;
    let (sender, receiver) = channel();
    let usual = std::panic::take_hook();
    let this_test = std::thread::current().id();
    std::panic::set_hook(Box::new(move |info| {
        if std::thread::current().id() == this_test {
            drop(sender.send(info.location().map(|location| (location.file().to_owned(), location.line()))));
        }
        usual(info);
    }));
    let line = line!() + 1;
    panic_of(|| _ = locking().then_no_events());
    let (file, panicked_at) = receiver.recv().unwrap().unwrap();
    assert!(file.ends_with("tests/testing/outcomes.rs"), "{file}");
    assert_eq!(panicked_at, line);
}

fn cases() -> Vec<Case<Door>> {
    vec![
        case("a door opens").at(7).when(DoorCommand::Open).then_events([opened(7)]).then_state(state(1, false)),
        case("a locked door stays shut").given([locked()]).when(DoorCommand::Open).then_rejected("locked"),
        case("a locked door stays shut, whoever locked it")
            .given_commands([lock()])
            .when(DoorCommand::Open)
            .then_rejected("locked"),
        case("a look changes nothing").when(DoorCommand::Look).then_nothing().then_log([]),
        case("locking up sets the alarm")
            .when(lock())
            .then_effects([alarm()])
            .then_log([(LogLevel::Info, "locked up")]),
    ]
}

#[test]
fn a_table_of_cases_runs() {
    cases().iter().for_each(Case::run);
}

#[test]
fn a_case_that_fails_panics_with_its_name_and_its_line() {
    let line = line!() + 1;
    let wrong = case::<Door>("a locked door opens").given([locked()]).when(DoorCommand::Open).then_events([opened(0)]);
    assert!(matches!(wrong.check(), Err(Mismatch::Outcome { .. })));
    let message = panic_of(|| wrong.run());
    assert!(message.starts_with("a locked door opens ("), "{message}");
    assert!(message.contains(&format!("outcomes.rs:{line}:")), "{message}");
    assert!(message.contains("expected: the event Opened.v1\nactual:   the rejection `locked`"), "{message}");
}

#[test]
fn a_case_has_to_hold_in_all_that_it_expects_and_expects_something() {
    let opening = || case::<Door>("a door opens").at(7).when(DoorCommand::Open).then_events([opened(7)]);
    assert_eq!(opening().check(), Ok(()));
    assert!(opening().then_state(state(2, false)).check().is_err());
    assert!(
        case::<Door>("nothing").when(DoorCommand::Look).check().unwrap_err().to_string().contains("expects nothing")
    );
}
