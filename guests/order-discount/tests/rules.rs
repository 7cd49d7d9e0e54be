//! What a discount changes, natively, in whichever of the two releases the features make.

use foldhost_sdk::Reducer as _;
use foldhost_sdk::testing::proptest::History;
use order_discount::strategies::orders;
use order_discount::{DISCOUNT_FROM, GRANTS, Money, Order, OrderCommand, OrderEvent, OrderState, cases};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

#[test]
fn every_case_of_the_table_comes_out_as_it_says() {
    let said = |case: &foldhost_sdk::testing::Case<Order>| {
        Some(format!("{} ({})\n{}", case.name, case.line, case.check().err()?))
    };
    let failed: Vec<_> = cases(GRANTS).iter().filter_map(said).collect();
    assert!(failed.is_empty(), "{} cases fail\n\n{}", failed.len(), failed.join("\n\n"));
}

#[test]
fn it_takes_the_place_of_the_order_before_and_nothing_of_its_snapshots() {
    assert_eq!(Order::NAME, order::Order::NAME);
    assert_ne!(Order::STATE_SCHEMA, order::Order::STATE_SCHEMA);
}

fn config() -> ProptestConfig {
    let seeds = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rules.regressions"));
    ProptestConfig { cases: 512, failure_persistence: Some(Box::new(seeds)), ..ProptestConfig::default() }
}

fn sum_of_lines(state: &OrderState) -> Option<Money> {
    state
        .items
        .iter()
        .try_fold(Money::ZERO, |total, line| total.checked_add(line.unit_price.checked_mul(line.quantity)?))
}

/// The orders that were placed in a history, and what their lines came to.
fn placed(history: &History<Order>) -> impl Iterator<Item = (OrderState, Money)> {
    let steps = history.steps().iter().filter(|step| {
        let events = step.events();
        matches!(events.first(), Some(OrderEvent::OrderPlaced { .. } | OrderEvent::OrderPlacedV2 { .. }))
            && matches!(step.command, OrderCommand::PlaceOrder { .. })
    });
    steps.filter_map(|step| Some((step.after().clone(), sum_of_lines(step.after())?)))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_total_and_the_discount_are_the_sum_of_the_lines(history in orders()) {
        for step in history.steps() {
            let state = step.after();
            prop_assert!(state.total >= Money::ZERO && state.discount >= Money::ZERO);
            prop_assert_eq!(state.total.checked_add(state.discount), sum_of_lines(state));
        }
    }

    #[test]
    fn a_discount_is_granted_to_large_orders_by_the_release_that_grants_them(history in orders()) {
        for (state, sum) in placed(&history) {
            prop_assert_eq!(state.discount > Money::ZERO, GRANTS && sum >= DISCOUNT_FROM, "{:?}", state);
        }
    }

    #[test]
    fn replay_is_deterministic_and_a_snapshot_with_its_tail_is_the_whole(history in orders()) {
        history.check_laws()?;
    }
}
