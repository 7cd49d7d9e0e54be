//! How an order is paid: the money is asked for, a timer waits, and one of the two replies comes first.
//!
//! A payment service that did not answer may have taken the money all the same. So whatever ends an order that was to be
//! paid tells the service: it gives back what was paid, and refuses what is asked of it later.

use foldhost_sdk::prelude::*;

use crate::event::OrderEvent;
use crate::money::Money;
use crate::parts::{CustomerId, OrderId, OrderStatus};
use crate::state::OrderState;

/// Most bytes of a payment service's URL.
pub const SERVICE_BYTES_MAX: usize = 500;

/// Most time to pay, in milliseconds: 30 days.
pub const WITHIN_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1_000;

/// How an order is to be paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentTerms {
    /// The payment service's URL: `http://` or `https://`, and without a path of its own in most cases. The host asks it only
    /// if the order's activation allows it.
    pub service: String,
    /// The time to pay, in milliseconds: 1 to [`WITHIN_MS_MAX`].
    pub within_ms: u64,
}

/// The payment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The payment service's URL.
    pub service: String,
    /// When the order is cancelled if it is not paid, in milliseconds since 1970-01-01T00:00:00Z.
    pub due_at_ms: i64,
    /// The payment service's own id for it; known once it is paid.
    pub payment_id: Option<String>,
}

/// A payment that is asked for.
pub(crate) struct Requested {
    pub(crate) event: OrderEvent,
    pub(crate) ask: Effect,
    pub(crate) timer: Effect,
}

#[derive(Serialize)]
struct Charge<'a> {
    order_id: &'a OrderId,
    customer_id: &'a CustomerId,
    amount_cents: Money,
}

#[derive(Serialize)]
struct Cancellation<'a> {
    order_id: &'a OrderId,
}

/// The service's answer to a [`Charge`].
#[derive(Deserialize)]
struct Receipt {
    payment_id: String,
}

/// The order's amount is asked for, and a timer is set.
pub(crate) fn request(
    order_id: &OrderId,
    customer_id: &CustomerId,
    amount: Money,
    terms: PaymentTerms,
    context: &Context,
) -> Result<Requested, Rejection> {
    let PaymentTerms { service, within_ms } = terms;
    if !is_service(&service) {
        let message = "a payment service is an http:// or https:// URL of at most 500 bytes";
        return Err(Rejection::new("invalid-service", message));
    }
    let wait_ms = i64::try_from(within_ms).ok().filter(|_| (1..=WITHIN_MS_MAX).contains(&within_ms));
    let Some(due_at_ms) = wait_ms.and_then(|wait_ms| context.now_ms.checked_add(wait_ms)) else {
        return Err(Rejection::new("invalid-deadline", "an order is paid within 1 millisecond to 30 days"));
    };
    let ask = post(&service, "/payments", &Charge { order_id, customer_id, amount_cents: amount });
    Ok(Requested {
        event: OrderEvent::PaymentRequested { service, amount, due_at_ms },
        ask: ask.reply_to("PaymentAnswered"),
        timer: Effect::delay(within_ms).reply_to("ExpirePayment"),
    })
}

/// The service answered, or did not. An order that waits no more was cancelled or paid in the meantime: whatever ended it has
/// told the service, so there is nothing left to do.
pub(crate) fn answered(state: &OrderState, outcome: &EffectOutcome, context: &Context) -> Decision<OrderEvent> {
    if state.status != OrderStatus::AwaitingPayment {
        return Decision::none();
    }
    match receipt(outcome) {
        Ok(Receipt { payment_id }) => Decision::event(OrderEvent::OrderPaid { payment_id, paid_at_ms: context.now_ms }),
        Err(why) => cancel(state, Some(format!("payment refused: {why}")), context),
    }
}

/// The time to pay is over. The timer is believed: its clock is the store's, and an order that looked at another clock could
/// find it early, and then wait for ever.
pub(crate) fn expired(state: &OrderState, context: &Context) -> Decision<OrderEvent> {
    if state.status != OrderStatus::AwaitingPayment {
        return Decision::none();
    }
    cancel(state, Some("not paid in time".to_owned()), context)
}

/// The order is called off, and so is its payment.
pub(crate) fn cancel(state: &OrderState, reason: Option<String>, context: &Context) -> Decision<OrderEvent> {
    let cancelled = Decision::event(OrderEvent::OrderCancelled { reason, cancelled_at_ms: context.now_ms });
    match (&state.payment, &state.order_id) {
        (Some(payment), Some(order_id)) => {
            cancelled.with_effect(post(&payment.service, "/cancellations", &Cancellation { order_id }))
        }
        _ => cancelled,
    }
}

fn post(service: &str, path: &str, body: &impl Serialize) -> Effect {
    let service = service.strip_suffix('/').unwrap_or(service);
    Effect::http(HttpRequest::post(format!("{service}{path}")).json(body))
}

/// What the service wrote, or why there is no payment. Any status of 200 to 299 with a payment's id says that it was paid.
fn receipt(outcome: &EffectOutcome) -> Result<Receipt, String> {
    match outcome {
        EffectOutcome::Http(answer) if (200..300).contains(&answer.status) => {
            answer.json().map_err(|_| "the answer has no payment_id".to_owned())
        }
        EffectOutcome::Http(answer) => Err(format!("status {}", answer.status)),
        EffectOutcome::Failed(failure) => Err(failure.code.clone()),
        _ => Err("an outcome that is no answer".to_owned()),
    }
}

/// What looks like one. The host reads it properly, and lets the effect fail if it is none.
fn is_service(service: &str) -> bool {
    let host = service.strip_prefix("https://").or_else(|| service.strip_prefix("http://"));
    let is_plain = |host: &str| !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_graphic());
    service.len() <= SERVICE_BYTES_MAX && host.is_some_and(is_plain)
}
