//! Streams that chance built.

use foldhost_sdk::testing::Law;
use foldhost_sdk::testing::Testable;
use foldhost_sdk::testing::proptest::{History, histories};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{TestError, TestRunner};

use super::door::{Door, DoorCommand, lock};
use super::laws::{Cuts, Forgets, TagCommand, Unordered, tag};

fn runner() -> TestRunner {
    TestRunner::new_with_rng(
        ProptestConfig { failure_persistence: None, ..ProptestConfig::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    )
}

fn doors() -> impl Strategy<Value = History<Door>> {
    let commands = prop_oneof![6 => Just(DoorCommand::Open), 1 => Just(lock()), 2 => Just(DoorCommand::Tell)];
    histories(commands, 0..30)
}

#[test]
fn a_history_is_what_its_commands_came_to() {
    let ran = runner().run(&doors(), |history| {
        history.check_laws()?;
        prop_assert_eq!(history.events().count(), history.recorded().len());
        let opened =
            history.steps().iter().filter(|step| matches!(step.command, DoorCommand::Open) && step.decided.is_ok());
        prop_assert_eq!(history.state().opened as usize, opened.count());
        let mut version = 0;
        let mut now_ms = i64::MIN;
        for (step, follower) in history.steps().iter().zip(history.steps().iter().skip(1)) {
            prop_assert_eq!(step.after(), follower.before());
            prop_assert_eq!(step.context.version, version);
            prop_assert!(step.context.now_ms >= now_ms);
            version += step.events().len() as u64;
            now_ms = step.context.now_ms;
        }
        if let Some(last) = history.steps().last() {
            prop_assert_eq!(last.after(), history.state());
        }
        Ok(())
    });
    assert!(ran.is_ok(), "{ran:?}");
}

#[test]
fn a_property_that_does_not_hold_is_shown_on_the_shortest_history() {
    let ran = runner().run(&doors(), |history| {
        prop_assert!(!history.state().is_locked);
        Ok(())
    });
    let Err(TestError::Fail(_, shortest)) = ran else { panic!("it holds") };
    assert_eq!(shortest.steps().len(), 1, "{shortest:?}");
    assert!(format!("{shortest:?}").contains("Lock {\"by\":\"me\"} -> [Locked { by: \"me\" }]"), "{shortest:?}");
}

/// The law that `check_laws` finds broken, on the shortest history.
fn broken<R: Testable<Command = TagCommand>>() -> (Law, usize) {
    let names = "[ab]{1,2}".prop_map(tag);
    let ran = runner().run(&histories::<R>(names, 0..60), |history| Ok(history.check_laws()?));
    let Err(TestError::Fail(_, shortest)) = ran else { panic!("no law is broken: {ran:?}") };
    (shortest.check_laws().unwrap_err().law, shortest.steps().len().max(shortest.recorded().len()))
}

#[test]
fn a_reducer_that_breaks_a_law_is_caught() {
    assert_eq!(broken::<Forgets>(), (Law::SnapshotsKeepTheState, 2));
    // Not the shortest: two names are in the same order half of the time, thirty are never.
    let many = histories::<Unordered>("[a-z]{4}".prop_map(tag), 30..60).new_tree(&mut runner()).unwrap().current();
    assert_eq!(many.check_laws().unwrap_err().law, Law::ReplayIsDeterministic);
    assert_eq!(broken::<Cuts>(), (Law::EventsAreReadBack, 0), "a history ends before what breaks it");
}
