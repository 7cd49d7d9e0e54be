//! What an order has to have come to, by its events, by its ledger's entries, and by what its customer was told.

use order::{Money, OrderEvent};
use order_processing::payments::Entry;

use super::customers::{CHANGED_MIND, Cancelled, Order};
use super::till::DECLINE_ABOVE_CENTS;

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Paid,
    Declined,
    NotPaidInTime,
    CalledOffWhileItWaited,
    CalledOffOncePaid,
}

impl Ending {
    pub(crate) const ALL: [Self; 5] =
        [Self::Paid, Self::Declined, Self::NotPaidInTime, Self::CalledOffWhileItWaited, Self::CalledOffOncePaid];
}

/// How the order ended, if all that is known of it agrees.
pub(crate) fn judge(order: &Order, events: &[OrderEvent], entries: &[Entry]) -> Result<Ending, String> {
    let ended = match events {
        [placed, requested, ended @ ..] => {
            is_placed(order, placed, requested)?;
            ended
        }
        _ => return Err("it was acknowledged, and is not placed with its payment asked for".into()),
    };
    let (ending, payment_id) = match ended {
        [OrderEvent::OrderPaid { payment_id, .. }] => (Ending::Paid, Some(payment_id)),
        [OrderEvent::OrderCancelled { reason, .. }] => (cancelled_for(reason.as_deref())?, None),
        [OrderEvent::OrderPaid { payment_id, .. }, OrderEvent::OrderCancelled { reason, .. }] => {
            if reason.as_deref() != Some(CHANGED_MIND) {
                return Err(format!("it was paid, and cancelled for {reason:?}, which is not what its customer said"));
            }
            (Ending::CalledOffOncePaid, Some(payment_id))
        }
        [] => return Err("nothing became of it: it waits for its payment".into()),
        _ => return Err("it ended more than once".into()),
    };
    let was_called_off = matches!(ending, Ending::CalledOffWhileItWaited | Ending::CalledOffOncePaid);
    match order.cancelled {
        None if was_called_off => return Err("it was called off, and its customer did not ask for that".into()),
        Some(Cancelled::Yes) if !was_called_off => {
            return Err("its customer was told that it is cancelled, and it is not".into());
        }
        Some(Cancelled::Before) if was_called_off || ending == Ending::Paid => {
            return Err("its customer was told that it had been cancelled for another reason, and it had not".into());
        }
        _ => {}
    }
    books(order, ending, payment_id.map(String::as_str), entries)?;
    Ok(ending)
}

fn is_placed(order: &Order, placed: &OrderEvent, requested: &OrderEvent) -> Result<(), String> {
    let amount = Money::from_cents(order.amount_cents);
    let is_placed = matches!(placed, OrderEvent::OrderPlaced { order_id, customer_id, total, .. }
        if order_id.0 == order.order_id && customer_id.0 == order.customer_id && *total == amount);
    let is_asked = matches!(requested, OrderEvent::PaymentRequested { amount: asked, .. } if *asked == amount);
    if is_placed && is_asked { Ok(()) } else { Err("it is not recorded as it was placed".into()) }
}

fn cancelled_for(reason: Option<&str>) -> Result<Ending, String> {
    match reason {
        Some("payment refused: status 402") => Ok(Ending::Declined),
        Some("not paid in time") => Ok(Ending::NotPaidInTime),
        Some(CHANGED_MIND) => Ok(Ending::CalledOffWhileItWaited),
        // The service refuses nothing else that a host would ask, and attempts are made until it answers.
        other => Err(format!("it was cancelled for {other:?}")),
    }
}

/// The ledger says the same: who is paid was paid once, and who is cancelled has nothing left with the service, which knows it.
fn books(order: &Order, ending: Ending, payment_id: Option<&str>, entries: &[Entry]) -> Result<(), String> {
    let (mut charged, mut declined, mut cancelled, mut net_cents) = (Vec::new(), 0, 0, 0);
    for entry in entries {
        net_cents += entry.net_cents();
        match entry {
            Entry::Charged { payment_id, charge, .. } => {
                if charge.amount_cents != order.amount_cents || charge.customer_id != order.customer_id {
                    return Err("another amount was charged, or somebody else".into());
                }
                charged.push(payment_id.as_str());
            }
            Entry::Declined { .. } => declined += 1,
            Entry::Cancelled { .. } => cancelled += 1,
        }
    }
    let is_paid = ending == Ending::Paid;
    let expected_net_cents = if is_paid { order.amount_cents } else { 0 };
    if net_cents != expected_net_cents {
        return Err(format!("the ledger has {net_cents} cents of it, and it is worth {expected_net_cents}"));
    }
    if charged.len() > 1 || declined > 1 {
        return Err("the service decided on it more than once".into());
    }
    if payment_id.is_some_and(|payment_id| charged != [payment_id]) {
        return Err(format!("it says that it was paid by {payment_id:?}, and the ledger has {charged:?}"));
    }
    if cancelled != usize::from(!is_paid) {
        return Err(format!("the ledger has {cancelled} cancellations of it"));
    }
    if (ending == Ending::Declined && declined == 0) || (declined > 0 && order.amount_cents <= DECLINE_ABOVE_CENTS) {
        return Err("it was not declined as it should have been".into());
    }
    Ok(())
}
