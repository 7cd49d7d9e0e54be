//! The requests.

use std::io;

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures::stream;
use serde::Deserialize;
use serde_json::json;

use super::book::{Charge, ChargeAnswer};
use super::faults::Fate;
use super::ledger::{Ledger, LedgerError};
use super::{Entry, PaymentService};

/// Most bytes of a request.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// Most bytes of a key, and of an order's id.
const ID_BYTES_MAX: usize = 255;

pub(super) fn routes(service: PaymentService) -> Router {
    Router::new()
        .route("/payments", post(pay))
        .route("/cancellations", post(cancel))
        .route("/ledger", get(ledger))
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(service)
}

#[derive(Deserialize)]
struct Cancellation {
    order_id: String,
}

#[derive(Deserialize)]
struct Listing {
    order_id: Option<String>,
}

async fn pay(State(service): State<PaymentService>, headers: HeaderMap, Json(charge): Json<Charge>) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
    let Some(key) = key.filter(|key| is_id(key)) else {
        return refused(StatusCode::BAD_REQUEST, "missing-key", "send an Idempotency-Key of 1 to 255 bytes");
    };
    if !is_id(&charge.order_id) || charge.amount_cents < 0 {
        return refused(
            StatusCode::BAD_REQUEST,
            "invalid-payment",
            "an order_id and an amount of 0 or more are needed",
        );
    }
    let decline_above_cents = service.shared.decline_above_cents;
    settle(service, move |ledger| ledger.charge(&key, charge, decline_above_cents).map(told)).await
}

fn told(answer: ChargeAnswer) -> Response {
    match answer {
        ChargeAnswer::Paid { payment_id } => {
            (StatusCode::CREATED, Json(json!({ "payment_id": payment_id }))).into_response()
        }
        ChargeAnswer::Declined => refused(StatusCode::PAYMENT_REQUIRED, "declined", "the payment is declined"),
        ChargeAnswer::Cancelled => refused(StatusCode::CONFLICT, "order-cancelled", "the order was cancelled"),
        ChargeAnswer::AlreadyPaid => refused(StatusCode::CONFLICT, "already-paid", "the order was paid before"),
        ChargeAnswer::KeyReused => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", "the Idempotency-Key is that of another payment")
        }
    }
}

async fn cancel(
    State(service): State<PaymentService>,
    Json(Cancellation { order_id }): Json<Cancellation>,
) -> Response {
    if !is_id(&order_id) {
        return refused(StatusCode::BAD_REQUEST, "invalid-order-id", "an order_id of 1 to 255 bytes is needed");
    }
    settle(service, move |ledger| {
        let refunded_cents = ledger.cancel(order_id.clone())?;
        Ok(Json(json!({ "order_id": order_id, "refunded_cents": refunded_cents })).into_response())
    })
    .await
}

async fn ledger(State(service): State<PaymentService>, Query(Listing { order_id }): Query<Listing>) -> Response {
    let ledger = service.ledger();
    let is_asked_for = |entry: &&Entry| order_id.as_ref().is_none_or(|order_id| entry.order_id() == order_id);
    let entries: Vec<_> = ledger.book().entries().iter().filter(is_asked_for).collect();
    Json(json!({ "entries": entries })).into_response()
}

/// Books something and answers, as chance will have it. Once begun, the booking comes to its end, also where whoever asked is gone.
async fn settle(
    service: PaymentService,
    book: impl FnOnce(&mut Ledger) -> Result<Response, LedgerError> + Send + 'static,
) -> Response {
    let drawn = service.shared.chance.draw();
    tokio::time::sleep(drawn.before).await;
    if drawn.fate == Fate::FailsBeforeItIsBooked {
        return refused(StatusCode::INTERNAL_SERVER_ERROR, "by-chance", "this one fails by chance");
    }
    // It waits for the disk.
    let booked = tokio::task::spawn_blocking(move || book(&mut service.ledger())).await;
    tokio::time::sleep(drawn.after).await;
    let answer = match booked {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => refused(StatusCode::INTERNAL_SERVER_ERROR, "ledger-failed", &error.to_string()),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, "ledger-failed", "the booking panicked"),
    };
    match drawn.fate {
        Fate::FailsAfterItIsBooked => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, "by-chance", "this one fails by chance")
        }
        Fate::CutAfterItIsBooked => cut(),
        Fate::Answered | Fate::FailsBeforeItIsBooked => answer,
    }
}

/// An answer that breaks off: a body that fails makes the server cut the connection.
fn cut() -> Response {
    let broken = stream::once(async { Err::<Vec<u8>, _>(io::Error::from(io::ErrorKind::ConnectionAborted)) });
    (StatusCode::CREATED, Body::from_stream(broken)).into_response()
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "code": code, "message": message }))).into_response()
}

fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len())
}
