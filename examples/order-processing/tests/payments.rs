//! The payment service over HTTP, as orders ask it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use order_processing::payments::{Entry, Faults, PaymentConfig, PaymentService, RunningService};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

struct Shop {
    running: RunningService,
    service: PaymentService,
    client: Client,
}

impl Shop {
    async fn open(config: PaymentConfig) -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let service = PaymentService::open(&config).unwrap();
        let running = RunningService::start(service.clone(), "127.0.0.1:0").await.unwrap();
        Self { running, service, client: Client::new() }
    }

    async fn pay(&self, key: &str, order_id: &str, amount_cents: i64) -> reqwest::Result<(StatusCode, Value)> {
        let url = format!("{}/payments", self.running.url());
        let body = json!({ "order_id": order_id, "customer_id": "ada", "amount_cents": amount_cents });
        let answer = self.client.post(url).header("Idempotency-Key", key).json(&body).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    async fn cancel(&self, order_id: &str) -> reqwest::Result<(StatusCode, Value)> {
        let url = format!("{}/cancellations", self.running.url());
        let answer = self.client.post(url).json(&json!({ "order_id": order_id })).send().await?;
        Ok((answer.status(), answer.json().await?))
    }

    async fn ledger(&self, query: &str) -> Vec<Value> {
        let url = format!("{}/ledger{query}", self.running.url());
        let mut answer: Value = self.client.get(url).send().await.unwrap().json().await.unwrap();
        serde_json::from_value(answer["entries"].take()).unwrap()
    }
}

fn of(ledger: &Path) -> PaymentConfig {
    PaymentConfig { ledger: Some(ledger.to_owned()), ..PaymentConfig::default() }
}

#[tokio::test]
async fn a_payment_is_answered_the_same_under_its_key_also_by_the_next_service() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("ledger.jsonl");
    let shop = Shop::open(of(&path)).await;
    let paid = shop.pay("k-1", "1", 500).await.unwrap();
    assert_eq!(paid, (StatusCode::CREATED, json!({ "payment_id": "pay-1" })));
    assert_eq!(shop.pay("k-1", "1", 500).await.unwrap(), paid);
    assert_eq!(shop.pay("k-2", "1", 500).await.unwrap().1["code"], "already-paid");
    assert_eq!(shop.pay("k-1", "2", 500).await.unwrap().1["code"], "key-reused");
    assert_eq!(shop.service.net_cents("1"), 500);
    shop.running.stop().await.unwrap();
    drop(shop.service);

    let shop = Shop::open(of(&path)).await;
    assert_eq!(shop.pay("k-1", "1", 500).await.unwrap(), paid);
    let refund = (StatusCode::OK, json!({ "order_id": "1", "refunded_cents": 500 }));
    assert_eq!(shop.cancel("1").await.unwrap(), refund);
    assert_eq!(shop.cancel("1").await.unwrap(), refund, "it is told twice, and given back once");
    assert_eq!(shop.service.net_cents("1"), 0);
    assert_eq!(shop.pay("k-1", "1", 500).await.unwrap(), paid, "an answer stays what it was");
    assert_eq!(shop.service.net_cents("1"), 0, "and nothing is paid by it");
    let (_, other) = (shop.cancel("2").await.unwrap(), shop.pay("k-3", "2", 500).await.unwrap());
    assert_eq!((other.0, &other.1["code"]), (StatusCode::CONFLICT, &json!("order-cancelled")));

    let entries: Vec<_> = shop.ledger("").await.iter().map(|entry| entry["entry"].clone()).collect();
    assert_eq!(entries, ["charged", "cancelled", "cancelled"]);
    assert_eq!(
        shop.ledger("?order_id=2").await,
        [json!({ "entry": "cancelled", "order_id": "2", "refunded_cents": 0 })]
    );
}

#[tokio::test]
async fn what_is_too_dear_is_declined_and_what_is_no_payment_is_refused() {
    let shop = Shop::open(PaymentConfig { decline_above_cents: Some(500), ..PaymentConfig::default() }).await;
    assert_eq!(shop.pay("k-1", "1", 500).await.unwrap().0, StatusCode::CREATED);
    assert_eq!(shop.pay("k-2", "2", 501).await.unwrap().0, StatusCode::PAYMENT_REQUIRED);
    assert!(matches!(shop.service.entries_of("2")[..], [Entry::Declined { .. }]));
    for (key, order_id, amount_cents, code) in
        [("", "3", 1, "missing-key"), ("k-3", "", 1, "invalid-payment"), ("k-3", "3", -1, "invalid-payment")]
    {
        let (status, answer) = shop.pay(key, order_id, amount_cents).await.unwrap();
        assert_eq!((status, answer["code"].as_str()), (StatusCode::BAD_REQUEST, Some(code)));
    }
    assert_eq!(shop.cancel("").await.unwrap().1["code"], "invalid-order-id");
}

/// Whoever asks until it is answered pays once, whatever the answers were that got lost.
#[tokio::test]
async fn through_failures_before_and_after_the_booking_an_order_is_paid_once() {
    let faults = Faults { fail_percent: 60, slow_ms_max: 2, seed: 7 };
    let shop = Shop::open(PaymentConfig { faults, ..PaymentConfig::default() }).await;
    let (mut failed, mut cut, mut booked_and_failed) = (0, 0, 0);
    for number in 0..40 {
        let (order_id, key) = (number.to_string(), format!("k-{number}"));
        loop {
            match shop.pay(&key, &order_id, 100).await {
                Ok((StatusCode::CREATED, _)) => break,
                Ok((status, _)) => {
                    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
                    failed += 1;
                    booked_and_failed += usize::from(!shop.service.entries_of(&order_id).is_empty());
                }
                Err(error) => {
                    assert!(!error.is_connect(), "{error}");
                    assert!(!shop.service.entries_of(&order_id).is_empty(), "it is cut after it is booked");
                    cut += 1;
                }
            }
        }
        assert_eq!(shop.service.entries_of(&order_id).len(), 1);
        assert_eq!(shop.service.net_cents(&order_id), 100);
    }
    assert!(cut > 5 && booked_and_failed > 5 && failed > booked_and_failed, "{failed} {cut} {booked_and_failed}");
}
