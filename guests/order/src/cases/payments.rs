//! Orders that are paid before they are shipped.

use foldhost_sdk::testing::{Case, case};
use foldhost_sdk::{Effect, EffectFailure, EffectOutcome, HttpRequest, HttpResponse, ResponseBody};

use super::{NOW_MS, add, cancel, cancelled, cents, item, placed, ship, state};
use crate::{
    CustomerId, Order, OrderCommand, OrderEvent, OrderState, OrderStatus, Payment, PaymentTerms, SERVICE_BYTES_MAX,
    WITHIN_MS_MAX,
};

const SERVICE: &str = "https://pay.example";
const WITHIN_MS: u64 = 900_000;
const DUE_AT_MS: i64 = 900_000;

pub(super) fn cases() -> Vec<Case<Order>> {
    let tables = [asked(), forbidden_terms(), answered(), not_paid(), called_off(), in_between(), too_late()];
    tables.into_iter().flatten().collect()
}

fn asked() -> Vec<Case<Order>> {
    let timer = |within_ms| Effect::delay(within_ms).reply_to("ExpirePayment");
    let longest = format!("https://{}", "x".repeat(SERVICE_BYTES_MAX - "https://".len()));
    vec![
        case("an order to be paid is recorded with the payment, and the money is asked for while a timer runs")
            .at(0)
            .when(place(SERVICE, WITHIN_MS))
            .then_events([placed(), requested()])
            .then_state(paying(OrderStatus::AwaitingPayment, None))
            .then_effects([ask("https://pay.example/payments"), timer(WITHIN_MS)])
            .then_log([]),
        case("a payment service's URL may end in a slash")
            .when(place("http://127.0.0.1:7071/pay/", 1))
            .then_effects([ask("http://127.0.0.1:7071/pay/payments"), timer(1)]),
        case("the longest time to pay and the longest URL are taken")
            .when(place(&longest, WITHIN_MS_MAX))
            .then_effects([ask(&format!("{longest}/payments")), timer(WITHIN_MS_MAX)]),
    ]
}

fn forbidden_terms() -> Vec<Case<Order>> {
    let too_long = format!("https://{}", "x".repeat(SERVICE_BYTES_MAX));
    let services = [
        ("no URL", "pay.example"),
        ("no URL of the web", "ftp://pay.example"),
        ("a URL without a host", "https://"),
        ("a URL with a space", "https://pay.example/a b"),
        ("a URL with letters that a URL does not have", "https://zahlung.österreich"),
        ("a URL that is too long", &too_long),
    ];
    let services = services.map(|(what, service)| {
        case(format!("a payment service with {what} is not asked"))
            .when(place(service, WITHIN_MS))
            .then_rejected("invalid-service")
            .then_state(OrderState::default())
    });
    let times = [("no time", 0), ("more than 30 days", WITHIN_MS_MAX + 1), ("the largest number", u64::MAX)];
    let times = times.map(|(what, within_ms)| {
        case(format!("an order with {what} to pay is not placed"))
            .when(place(SERVICE, within_ms))
            .then_rejected("invalid-deadline")
            .then_state(OrderState::default())
    });
    let beyond = case("an order is not due beyond the end of time").at(i64::MAX).when(place(SERVICE, 1));
    services.into_iter().chain(times).chain([beyond.then_rejected("invalid-deadline")]).collect()
}

fn answered() -> Vec<Case<Order>> {
    let receipt = http(201, r#"{"payment_id":"pay-1","card":"visa"}"#);
    let mut cases = vec![
        case("a receipt pays the order")
            .given(awaited())
            .at(NOW_MS)
            .when(answer(receipt))
            .then_events([OrderEvent::OrderPaid { payment_id: "pay-1".into(), paid_at_ms: NOW_MS }])
            .then_state(paying(OrderStatus::Paid, Some("pay-1")))
            .then_effects([]),
    ];
    // The service may have taken the money before it failed, so each of them is cancelled there too.
    let refused = [
        ("a declined card", http(402, "card declined"), "status 402"),
        ("a redirect that was not followed", http(302, r#"{"payment_id":"pay-1"}"#), "status 302"),
        ("a receipt without a payment's id", http(200, "{}"), "the answer has no payment_id"),
        ("a receipt that is no JSON", http(200, "<html>"), "the answer has no payment_id"),
        ("a receipt that is no text", bytes(201), "the answer has no payment_id"),
        ("a service that did not answer", failed("timeout"), "timeout"),
        ("an outcome of something else", EffectOutcome::Done, "an outcome that is no answer"),
    ];
    cases.extend(refused.map(|(what, outcome, why)| {
        case(format!("{what} cancels the order, there and here"))
            .given(awaited())
            .at(NOW_MS)
            .when(answer(outcome))
            .then_events([over(&format!("payment refused: {why}"))])
            .then_state(paying(OrderStatus::Cancelled, None))
            .then_effects([cancellation()])
    }));
    cases
}

fn not_paid() -> Vec<Case<Order>> {
    vec![
        case("an order that is not paid in time is cancelled, there and here")
            .given(awaited())
            .at(NOW_MS)
            .when(OrderCommand::ExpirePayment)
            .then_events([over("not paid in time")])
            .then_state(paying(OrderStatus::Cancelled, None))
            .then_effects([cancellation()]),
        case("a timer that comes early by the reducer's clock is believed")
            .given(awaited())
            .at(DUE_AT_MS - 1)
            .when(OrderCommand::ExpirePayment)
            .then_events([OrderEvent::OrderCancelled {
                reason: Some("not paid in time".into()),
                cancelled_at_ms: DUE_AT_MS - 1,
            }]),
    ]
}

fn called_off() -> Vec<Case<Order>> {
    let lives = [("waits for its payment", awaited(), None), ("is paid", paid(), Some("pay-1"))];
    let cancelled = lives.map(|(who, life, payment_id)| {
        case(format!("an order that {who} is cancelled, there and here"))
            .given(life)
            .at(NOW_MS)
            .when(cancel())
            .then_events([cancelled(NOW_MS)])
            .then_state(paying(OrderStatus::Cancelled, payment_id))
            .then_effects([cancellation()])
    });
    let unpaid = case("of an order that is not paid this way nobody is told").given([placed()]).when(cancel());
    cancelled.into_iter().chain([unpaid.then_effects([])]).collect()
}

/// What else an order can be asked while it waits, and once it is paid.
fn in_between() -> Vec<Case<Order>> {
    let waits = || paying(OrderStatus::AwaitingPayment, None);
    let is_paid = || paying(OrderStatus::Paid, Some("pay-1"));
    vec![
        case("an order that waits for its payment takes no item")
            .given(awaited())
            .when(add(item("cup", 1, 250)))
            .then_rejected("payment-requested")
            .then_state(waits()),
        case("a paid order takes no item")
            .given(paid())
            .when(add(item("cup", 1, 250)))
            .then_rejected("payment-requested")
            .then_state(is_paid()),
        case("an order is not shipped before it is paid")
            .given(awaited())
            .when(ship())
            .then_rejected("not-paid")
            .then_state(waits()),
        case("a paid order is shipped")
            .given(paid())
            .when(ship())
            .then_state(paying(OrderStatus::Shipped, Some("pay-1")))
            .then_effects([]),
        case("an order that waits for its payment is not placed again")
            .given(awaited())
            .when(place(SERVICE, WITHIN_MS))
            .then_rejected("already-placed"),
        case("a paid order is not placed again").given(paid()).when(place(SERVICE, 1)).then_rejected("already-placed"),
    ]
}

/// An answer and a timer find the order in any status: one of them comes second, and each may come twice.
fn too_late() -> Vec<Case<Order>> {
    let expired = || [awaited(), vec![over("not paid in time")]].concat();
    let shipped = || [paid(), vec![OrderEvent::OrderShipped { tracking: "1Z999".into(), shipped_at_ms: 0 }]].concat();
    let lives = [
        ("that was never placed", vec![], OrderState::default()),
        ("that is not paid this way", vec![placed()], state(OrderStatus::Placed, [item("cup", 2, 250)], 500)),
        ("that is paid", paid(), paying(OrderStatus::Paid, Some("pay-1"))),
        ("that was not paid in time", expired(), paying(OrderStatus::Cancelled, None)),
        (
            "that was cancelled once paid",
            [paid(), vec![cancelled(0)]].concat(),
            paying(OrderStatus::Cancelled, Some("pay-1")),
        ),
        ("that is shipped", shipped(), paying(OrderStatus::Shipped, Some("pay-1"))),
    ];
    let replies = [
        ("a receipt", answer(http(201, r#"{"payment_id":"pay-1"}"#))),
        ("another receipt", answer(http(201, r#"{"payment_id":"pay-2"}"#))),
        ("a refusal", answer(http(402, "card declined"))),
        ("the end of the time to pay", OrderCommand::ExpirePayment),
    ];
    let each = lives.iter().flat_map(|(who, life, left)| {
        replies.iter().map(move |(what, reply)| {
            let late =
                case(format!("{what} changes nothing of an order {who}")).given(life.clone()).when(reply.clone());
            late.then_nothing().then_state(left.clone())
        })
    });
    each.collect()
}

fn place(service: &str, within_ms: u64) -> OrderCommand {
    OrderCommand::PlaceOrder {
        customer_id: CustomerId("c-1".into()),
        items: vec![item("cup", 2, 250)],
        payment: Some(PaymentTerms { service: service.into(), within_ms }),
    }
}

fn answer(outcome: EffectOutcome) -> OrderCommand {
    OrderCommand::PaymentAnswered { outcome }
}

fn http(status: u16, text: &str) -> EffectOutcome {
    EffectOutcome::Http(HttpResponse { status, headers: vec![], body: ResponseBody::Text(text.into()) })
}

fn bytes(status: u16) -> EffectOutcome {
    EffectOutcome::Http(HttpResponse { status, headers: vec![], body: ResponseBody::Base64("/+8A".into()) })
}

fn failed(code: &str) -> EffectOutcome {
    EffectOutcome::Failed(EffectFailure { code: code.into(), message: "no answer within 10 s".into() })
}

fn ask(url: &str) -> Effect {
    post(url, r#"{"order_id":"1","customer_id":"c-1","amount_cents":500}"#).reply_to("PaymentAnswered")
}

fn cancellation() -> Effect {
    post("https://pay.example/cancellations", r#"{"order_id":"1"}"#)
}

fn post(url: &str, json: &str) -> Effect {
    Effect::http(HttpRequest::post(url).header("content-type", "application/json").body(json))
}

fn requested() -> OrderEvent {
    OrderEvent::PaymentRequested { service: SERVICE.into(), amount: cents(500), due_at_ms: DUE_AT_MS }
}

/// Two cups for 500, and the money was asked for.
fn awaited() -> Vec<OrderEvent> {
    vec![placed(), requested()]
}

fn paid() -> Vec<OrderEvent> {
    vec![placed(), requested(), OrderEvent::OrderPaid { payment_id: "pay-1".into(), paid_at_ms: 0 }]
}

fn over(reason: &str) -> OrderEvent {
    OrderEvent::OrderCancelled { reason: Some(reason.into()), cancelled_at_ms: NOW_MS }
}

fn paying(status: OrderStatus, payment_id: Option<&str>) -> OrderState {
    let payment = Payment { service: SERVICE.into(), due_at_ms: DUE_AT_MS, payment_id: payment_id.map(Into::into) };
    OrderState { payment: Some(payment), ..state(status, [item("cup", 2, 250)], 500) }
}
