//! What holds on every order that any commands can lead to.
//!
//! A failure prints the shortest history that it found; its seed is kept in `properties.regressions`, which is tried first from
//! then on.

use std::collections::BTreeSet;
use std::sync::Mutex;

use foldhost_sdk::{Decision, EffectKind, Event as _, Rejection};
use order::strategies::orders;
use order::{Money, Order, OrderCommand, OrderEvent, OrderState, OrderStatus};
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

/// Whether it is what an effect brings back.
fn is_reply(command: &OrderCommand) -> bool {
    matches!(command, OrderCommand::PaymentAnswered { .. } | OrderCommand::ExpirePayment)
}

/// Whether the payment service is sent something at this path.
fn is_told(decided: &Result<Decision<OrderEvent>, Rejection>, path: &str) -> bool {
    let effects = decided.as_ref().map_or(&[][..], Decision::effects);
    let urls = effects.iter().filter_map(|effect| match &effect.kind {
        EffectKind::Http(request) => Some(request.url.as_str()),
        _ => None,
    });
    urls.filter(|url| url.ends_with(path)).count() == 1
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
                _ => continue,
            };
            match &step.decided {
                Err(no) => prop_assert_eq!(&*no.code, code),
                // What its payment's effects bring back comes too late.
                Ok(decision) => prop_assert!(is_reply(&step.command) && *decision == Decision::none()),
            }
            prop_assert_eq!(step.before(), step.after());
        }
    }

    #[test]
    fn nothing_but_a_payment_that_is_awaited_is_paid_or_expires(history in orders()) {
        for step in history.steps().iter().filter(|step| is_reply(&step.command)) {
            let (before, after) = (step.before().status, step.after().status);
            match before {
                OrderStatus::AwaitingPayment => {
                    prop_assert!(matches!(after, OrderStatus::Paid | OrderStatus::Cancelled), "{after:?}");
                }
                _ => prop_assert_eq!(&step.decided, &Ok(Decision::none())),
            }
        }
    }

    /// The service may have taken money of any order that it was asked about, and only of those.
    #[test]
    fn the_payment_service_hears_of_every_order_that_it_was_asked_about_and_that_is_cancelled(history in orders()) {
        for step in history.steps() {
            let asked = step.before().payment.is_some();
            let is_cancelled = step.events().iter().any(|event| matches!(event, OrderEvent::OrderCancelled { .. }));
            prop_assert_eq!(is_told(&step.decided, "/cancellations"), asked && is_cancelled);
            let is_asked = step.events().iter().any(|event| matches!(event, OrderEvent::PaymentRequested { .. }));
            prop_assert_eq!(is_told(&step.decided, "/payments"), is_asked);
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
    fn a_command_records_one_event_or_is_rejected_but_for_payments(history in orders()) {
        for step in history.steps() {
            let expected = match (&step.command, &step.decided) {
                (_, Err(_)) => 0..=0,
                (OrderCommand::PlaceOrder { payment: Some(_), .. }, _) => 2..=2,
                (command, _) if is_reply(command) => 0..=1,
                _ => 1..=1,
            };
            prop_assert!(expected.contains(&step.events().len()), "{:?}", step.events());
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
    assert_eq!(statuses.into_inner().map(|statuses| statuses.len()).ok(), Some(6));
    let codes = codes.into_inner().unwrap_or_default();
    assert!(codes.len() >= 12, "only {codes:?}");
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
