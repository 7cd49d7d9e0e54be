//! The example of docs/event-evolution.md: an invoice whose events change twice while all that was recorded stays readable.

// A reducer's crate exports its types; the example is written as it stands there.
#![allow(clippy::unwrap_used, unreachable_pub)]

use foldhost_sdk::prelude::*;
use foldhost_sdk::{Fold, Payload};

/// What was deployed at first.
#[path = "event_evolution/first.rs"]
mod first;
/// What reads the second version already, and emits the first.
#[path = "event_evolution/reads_ahead.rs"]
mod reads_ahead;
/// What was deployed after that.
#[path = "event_evolution/second.rs"]
mod second;
/// What is deployed today.
#[path = "event_evolution/third.rs"]
mod third;

use third::{Channel, Invoice, InvoiceEvent};

/// A stream that lived through all three.
fn recorded() -> Vec<(&'static str, Vec<u8>)> {
    fn event<E: Event>(event: &E) -> (&'static str, Vec<u8>) {
        (event.event_type(), event.to_bytes().unwrap())
    }
    vec![
        event(&first::InvoiceEvent::InvoiceIssued { customer: "c-1".into(), euros: 30 }),
        event(&first::InvoiceEvent::InvoiceSent { at_ms: 1_000 }),
        event(&second::InvoiceEvent::InvoiceIssued { customer: "c-2".into(), cents: 3_050 }),
        event(&InvoiceEvent::PaymentReceived { cents: 1_050, at_ms: 2_000 }),
        event(&InvoiceEvent::InvoiceDelivered { at_ms: 3_000, channel: Channel::Post }),
    ]
}

fn fold(events: &[(&str, Vec<u8>)]) -> Fold<Invoice> {
    let mut fold = Fold::<Invoice>::new("invoice-1");
    for (version, (event_type, data)) in (1..).zip(events) {
        let end = u32::try_from(data.len()).unwrap();
        fold.apply_packed(version, &[(*event_type).to_owned()], &[0], &[end], data).unwrap();
    }
    fold
}

#[test]
fn what_each_release_recorded_is_read_as_events_of_today() {
    let today: Vec<InvoiceEvent> =
        recorded().iter().map(|(event_type, data)| InvoiceEvent::from_bytes(event_type, data).unwrap()).collect();
    assert_eq!(
        today,
        [
            InvoiceEvent::InvoiceIssued { customer_id: "c-1".into(), cents: 3_000, due_at_ms: None },
            InvoiceEvent::InvoiceDelivered { at_ms: 1_000, channel: Channel::Email },
            InvoiceEvent::InvoiceIssued { customer_id: "c-2".into(), cents: 3_050, due_at_ms: None },
            InvoiceEvent::PaymentReceived { cents: 1_050, at_ms: 2_000 },
            InvoiceEvent::InvoiceDelivered { at_ms: 3_000, channel: Channel::Post },
        ]
    );
}

#[test]
fn an_old_event_is_shown_as_recorded_and_as_it_is_applied() {
    let (event_type, data) = recorded().remove(0);
    assert_eq!(event_type, "InvoiceIssued.v1");
    let as_recorded = foldhost_sdk::event_json::<Invoice>(event_type, &data).unwrap();
    assert_eq!(as_recorded, r#"{"customer":"c-1","euros":30}"#);
    let as_applied = foldhost_sdk::event_upcast::<Invoice>(event_type, &data).unwrap();
    assert_eq!(as_applied.event_type, "InvoiceIssued.v3");
    assert_eq!(as_applied.json, r#"{"customer_id":"c-1","cents":3000,"due_at_ms":null}"#);
}

#[test]
fn the_state_of_a_stream_of_several_years_is_that_of_today() {
    assert_eq!(
        fold(&recorded()).state_json(),
        r#"{"customer_id":"c-2","cents":3050,"paid_cents":1050,"due_at_ms":null,"delivered":true}"#
    );
}

#[test]
fn an_invoice_that_was_paid_before_there_were_part_payments_is_paid_in_full() {
    let mut events = recorded();
    events.truncate(1);
    let paid = first::InvoiceEvent::PaidInFull { at_ms: 2_000 };
    events.push((paid.event_type(), paid.to_bytes().unwrap()));
    let fold = fold(&events);
    assert_eq!((fold.state().cents, fold.state().paid_cents), (3_000, 3_000));
    let again = fold.decide("ReceivePayment", Payload::Json(r#"{"cents": 1}"#), &Context::for_test("invoice-1"));
    assert!(again.unwrap_err().to_string().contains("paid in full"));
}

#[test]
fn all_that_was_recorded_is_read_and_only_the_newest_is_emitted() {
    assert_eq!(
        InvoiceEvent::EVENT_TYPES,
        [
            "InvoiceIssued.v3",
            "InvoiceIssued.v2",
            "InvoiceIssued.v1",
            "InvoiceDelivered.v2",
            "InvoiceSent.v1",
            "PaymentReceived.v1",
            "PaidInFull.v1",
        ]
    );
    assert_eq!(InvoiceEvent::WRITES, ["InvoiceIssued.v3", "InvoiceDelivered.v2", "PaymentReceived.v1"]);
    let former = first::InvoiceEvent::EVENT_TYPES.iter().chain(second::InvoiceEvent::EVENT_TYPES);
    let unread: Vec<_> = former.filter(|event_type| InvoiceEvent::decoder(event_type).is_none()).collect();
    assert!(unread.is_empty(), "{unread:?}");
}

#[test]
fn a_release_that_reads_ahead_can_go_back_and_forth() {
    use reads_ahead::InvoiceEvent as Ahead;
    assert_eq!(Ahead::WRITES, first::InvoiceEvent::WRITES, "it emits what the release before it reads");
    let unread = second::InvoiceEvent::WRITES.iter().filter(|event_type| Ahead::decoder(event_type).is_none());
    assert_eq!(unread.count(), 0, "and reads what the release after it emits");
    let (event_type, data) = recorded().remove(2);
    let ahead = Ahead::from_bytes(event_type, &data).unwrap();
    assert_eq!(ahead, Ahead::InvoiceIssuedV2 { customer: "c-2".into(), cents: 3_050 });
}
