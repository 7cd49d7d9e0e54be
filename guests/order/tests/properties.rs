//! What holds on every order that any commands can lead to.
//!
//! A failure prints the shortest history that it found; its seed is kept in `properties.regressions`, which is tried first from
//! then on.

use std::collections::BTreeSet;
use std::sync::Mutex;

use foldhost_sdk::Event as _;
use order::strategies::orders;
use order::{Money, Order, OrderEvent, OrderState, OrderStatus};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

fn config() -> ProptestConfig {
    let seeds = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/properties.regressions"));
    ProptestConfig { cases: 512, failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::default() }
}

/// What the lines come to, or none beyond 64 bits.
fn sum_of_lines(state: &OrderState) -> Option<Money> {
    state
        .items
        .iter()
        .try_fold(Money::ZERO, |total, line| total.checked_add(line.unit_price.checked_mul(line.quantity)?))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_total_is_never_negative_and_is_the_sum_of_the_lines(history in orders()) {
        for step in history.steps() {
            let state = step.after();
            prop_assert!(state.total >= Money::ZERO);
            prop_assert_eq!(sum_of_lines(state), Some(state.total));
        }
    }

    #[test]
    fn a_shipped_or_cancelled_order_never_changes(history in orders()) {
        for step in history.steps() {
            let code = match step.before().status {
                OrderStatus::Shipped => "already-shipped",
                OrderStatus::Cancelled => "already-cancelled",
                OrderStatus::Draft | OrderStatus::Placed => continue,
            };
            prop_assert_eq!(step.decided.as_ref().map_err(|no| &*no.code), Err(code));
            prop_assert_eq!(step.before(), step.after());
        }
    }

    #[test]
    fn replay_is_deterministic_and_a_snapshot_with_its_tail_is_the_whole(history in orders()) {
        history.check_laws()?;
    }

    #[test]
    fn only_events_of_the_newest_versions_are_emitted(history in orders()) {
        for event in history.events() {
            prop_assert!(OrderEvent::WRITES.contains(&event.event_type()), "{}", event.event_type());
        }
    }

    #[test]
    fn a_command_records_one_event_or_is_rejected(history in orders()) {
        for step in history.steps() {
            prop_assert_eq!(step.events().len(), usize::from(step.decided.is_ok()));
        }
    }
}

/// Properties of orders that nobody ships hold easily. So the orders that chance built have to come to every status, and their
/// commands to most of the rules.
#[test]
fn chance_leads_orders_to_every_status_and_to_most_of_the_rules() {
    let (statuses, codes) = (Mutex::new(BTreeSet::new()), Mutex::new(BTreeSet::new()));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let ran = runner.run(&orders(), |history| {
        for step in history.steps() {
            statuses
                .lock()
                .map_err(|error| TestCaseError::fail(error.to_string()))?
                .insert(format!("{:?}", step.after().status));
            if let Err(no) = &step.decided {
                codes.lock().map_err(|error| TestCaseError::fail(error.to_string()))?.insert(no.code.clone());
            }
        }
        Ok(())
    });
    assert!(ran.is_ok(), "{ran:?}");
    assert_eq!(statuses.into_inner().map(|statuses| statuses.len()).ok(), Some(4));
    let codes = codes.into_inner().unwrap_or_default();
    assert!(codes.len() >= 10, "only {codes:?}");
}

#[test]
fn a_history_is_shown_command_by_command() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let longest = (0..50).filter_map(|_| orders().new_tree(&mut runner).ok()).map(|tree| tree.current());
    let longest = longest.max_by_key(|history| history.recorded().len());
    let shown = longest.map(|history| format!("{history:?}")).unwrap_or_default();
    assert!(shown.contains(&format!("{}-1 with ", <Order as foldhost_sdk::Reducer>::NAME)), "{shown}");
    assert!(shown.contains(": PlaceOrder {\"customer_id\":") && shown.contains("-> [OrderPlaced {"), "{shown}");
    assert!(shown.contains("-> rejected, already-placed: "), "{shown}");
}
