//! The judge judged: it lets through what is right, and nothing else.

use order::{CustomerId, Money, OrderEvent, OrderId};
use order_processing::payments::{Charge, Entry};

use super::customers::{CHANGED_MIND, Cancelled, Order};
use super::verdict::{Ending, judge};

fn order(cancelled: Option<Cancelled>) -> Order {
    Order { order_id: "1".into(), stream_id: "order-1".into(), customer_id: "ada".into(), amount_cents: 500, cancelled }
}

fn placed() -> Vec<OrderEvent> {
    let (service, amount) = ("http://127.0.0.1:7071".to_owned(), Money::from_cents(500));
    vec![
        OrderEvent::OrderPlaced {
            order_id: OrderId("1".into()),
            customer_id: CustomerId("ada".into()),
            items: vec![],
            total: amount,
            placed_at_ms: 0,
        },
        OrderEvent::PaymentRequested { service, amount, due_at_ms: 9 },
    ]
}

fn paid(payment_id: &str) -> OrderEvent {
    OrderEvent::OrderPaid { payment_id: payment_id.into(), paid_at_ms: 1 }
}

fn cancelled(reason: &str) -> OrderEvent {
    OrderEvent::OrderCancelled { reason: Some(reason.into()), cancelled_at_ms: 2 }
}

fn events(ended: &[OrderEvent]) -> Vec<OrderEvent> {
    [&placed(), ended].concat()
}

fn charge() -> Charge {
    Charge { order_id: "1".into(), customer_id: "ada".into(), amount_cents: 500 }
}

fn charged(payment_id: &str) -> Entry {
    Entry::Charged { payment_id: payment_id.into(), key: format!("key of {payment_id}"), charge: charge() }
}

fn refunded(refunded_cents: i64) -> Entry {
    Entry::Cancelled { order_id: "1".into(), refunded_cents }
}

#[test]
fn what_agrees_is_let_through_by_how_it_ended() {
    let (none, yes, before) = (None, Some(Cancelled::Yes), Some(Cancelled::Before));
    let late = "not paid in time";
    for (told, ended, entries, ending) in [
        (none, vec![paid("p")], vec![charged("p")], Ending::Paid),
        (none, vec![cancelled(late)], vec![refunded(0)], Ending::NotPaidInTime),
        (none, vec![cancelled(late)], vec![charged("p"), refunded(500)], Ending::NotPaidInTime),
        (before, vec![cancelled(late)], vec![refunded(0)], Ending::NotPaidInTime),
        (yes, vec![cancelled(CHANGED_MIND)], vec![charged("p"), refunded(500)], Ending::CalledOffWhileItWaited),
        (yes, vec![cancelled(CHANGED_MIND)], vec![refunded(0)], Ending::CalledOffWhileItWaited),
        (yes, vec![paid("p"), cancelled(CHANGED_MIND)], vec![charged("p"), refunded(500)], Ending::CalledOffOncePaid),
    ] {
        assert_eq!(judge(&order(told), &events(&ended), &entries), Ok(ending), "{ended:?}");
    }
    let dear = Order { amount_cents: 6_001, ..order(None) };
    let mut recorded = events(&[cancelled("payment refused: status 402")]);
    for event in &mut recorded {
        if let OrderEvent::OrderPlaced { total: cents, .. } | OrderEvent::PaymentRequested { amount: cents, .. } = event
        {
            *cents = Money::from_cents(6_001);
        }
    }
    let declined = Entry::Declined { key: "k".into(), charge: Charge { amount_cents: 6_001, ..charge() } };
    assert_eq!(judge(&dear, &recorded, &[declined, refunded(0)]), Ok(Ending::Declined));
}

#[test]
fn what_does_not_agree_is_told() {
    let (none, yes, before) = (None, Some(Cancelled::Yes), Some(Cancelled::Before));
    let (late, mind) = (cancelled("not paid in time"), cancelled(CHANGED_MIND));
    let wrong = [
        ("nothing became of it", none, vec![], vec![]),
        ("ended more than once", none, vec![paid("p"), paid("p")], vec![charged("p")]),
        ("ended more than once", none, vec![late.clone(), paid("p")], vec![charged("p")]),
        ("which is not what its customer said", none, vec![paid("p"), late.clone()], vec![charged("p"), refunded(500)]),
        ("cancelled for Some(\"payment refused: timeout\")", none, vec![cancelled("payment refused: timeout")], vec![]),
        ("its customer did not ask for that", none, vec![mind.clone()], vec![refunded(0)]),
        ("told that it is cancelled", yes, vec![paid("p")], vec![charged("p")]),
        ("told that it had been cancelled", before, vec![paid("p")], vec![charged("p")]),
        ("has 0 cents of it", none, vec![paid("p")], vec![]),
        ("has 0 cents of it", none, vec![paid("p")], vec![charged("p"), refunded(500)]),
        ("has 500 cents of it", none, vec![late.clone()], vec![charged("p")]),
        ("has 1000 cents of it", none, vec![paid("p")], vec![charged("p"), charged("q")]),
        ("more than once", none, vec![late.clone()], vec![charged("p"), refunded(1_000), charged("q")]),
        ("the ledger has [\"q\"]", none, vec![paid("p")], vec![charged("q")]),
        ("the ledger has 0 cancellations", none, vec![late.clone()], vec![]),
        ("the ledger has 2 cancellations", none, vec![late], vec![refunded(0), refunded(0)]),
        ("not declined as it should", none, vec![cancelled("payment refused: status 402")], vec![refunded(0)]),
    ];
    for (says, told, ended, entries) in wrong {
        let reason = judge(&order(told), &events(&ended), &entries).unwrap_err();
        assert!(reason.contains(says), "{says:?} was expected, {reason:?} came");
    }
    assert!(judge(&order(None), &placed()[..1], &[]).unwrap_err().contains("not placed with its payment"));
    let other = Order { amount_cents: 501, ..order(None) };
    assert!(judge(&other, &events(&[paid("p")]), &[charged("p")]).unwrap_err().contains("as it was placed"));
}
