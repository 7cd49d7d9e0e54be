//! Customers: they place orders, cancel some, and send each command again until it is answered.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::hosts::Urls;

/// Longest time to pay. Timers of orders that were paid run on, and the test waits for them.
const WITHIN_MS_MAX: u64 = 5_000;
/// How long a command is sent again before something else is wrong.
const PATIENCE: Duration = Duration::from_secs(120);
/// The reason of those who cancel.
pub(crate) const CHANGED_MIND: &str = "changed my mind";

/// An order as its customer knows it: placed, for a host said so.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) order_id: String,
    pub(crate) stream_id: String,
    pub(crate) customer_id: String,
    pub(crate) amount_cents: i64,
    pub(crate) cancelled: Option<Cancelled>,
}

/// What a customer was told who cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    Yes,
    /// It had been cancelled already.
    Before,
}

impl Order {
    pub(crate) fn stream_id(&self) -> &str {
        &self.stream_id
    }
}

pub(crate) struct Customer {
    id: String,
    chance: fastrand::Rng,
    urls: Urls,
    service: String,
    client: Client,
}

/// A host's answer that counts.
enum Answer {
    Done(Value),
    Rejected(String),
}

impl Customer {
    pub(crate) fn new(number: u64, seed: u64, urls: Urls, service: String) -> Self {
        let chance = fastrand::Rng::with_seed(seed.wrapping_mul(31).wrapping_add(number));
        let client = Client::builder().timeout(Duration::from_secs(5)).build().unwrap();
        Self { id: format!("customer-{number}"), chance, urls, service, client }
    }

    /// Places orders until the shop closes, the last one to its end.
    pub(crate) async fn order_until(mut self, closing: CancellationToken) -> Vec<Order> {
        let mut orders = Vec::new();
        while !closing.is_cancelled() {
            orders.push(self.order(orders.len()).await);
            let pause = Duration::from_millis(self.chance.u64(10..80));
            tokio::time::sleep(pause).await;
        }
        orders
    }

    async fn order(&mut self, number: usize) -> Order {
        let order_id = format!("{}-{number}", self.id);
        let stream_id = format!("order-{order_id}");
        let (quantity, price) = (self.chance.i64(1..4), self.chance.i64(100..2_500));
        // Some have no chance to be paid in time.
        let within_ms = if self.chance.u8(0..10) < 2 { self.chance.u64(1..60) } else { WITHIN_MS_MAX };
        let place = json!({
            "customer_id": self.id,
            "items": [{ "sku": "tea", "quantity": quantity, "unit_price": price }],
            "payment": { "service": self.service, "within_ms": within_ms },
        });
        match self.send(&stream_id, "PlaceOrder", &place).await {
            Answer::Done(answer) => assert_eq!(answer["version"], 2, "{answer}"),
            Answer::Rejected(code) => panic!("{order_id} was not placed: {code}"),
        }
        let mut cancelled = None;
        if self.chance.u8(0..10) < 2 {
            let thinking = Duration::from_millis(self.chance.u64(0..120));
            tokio::time::sleep(thinking).await;
            let answer = self.send(&stream_id, "CancelOrder", &json!({ "reason": CHANGED_MIND })).await;
            cancelled = Some(match answer {
                Answer::Done(_) => Cancelled::Yes,
                Answer::Rejected(code) if code == "already-cancelled" => Cancelled::Before,
                Answer::Rejected(code) => panic!("{order_id} was not cancelled: {code}"),
            });
        }
        let customer_id = self.id.clone();
        Order { order_id, stream_id, customer_id, amount_cents: quantity * price, cancelled }
    }

    /// Under one key, until it is answered: by any host, since any may be killed.
    async fn send(&mut self, stream_id: &str, command: &str, arguments: &Value) -> Answer {
        let sending = async {
            loop {
                if let Some(url) = self.urls.any(&mut self.chance)
                    && let Some(answer) = attempt(&self.client, &url, stream_id, command, arguments).await
                {
                    return answer;
                }
                let pause = Duration::from_millis(self.chance.u64(10..40));
                tokio::time::sleep(pause).await;
            }
        };
        let answered = tokio::time::timeout(PATIENCE, sending).await;
        answered.unwrap_or_else(|_| panic!("{command} for {stream_id} was never answered"))
    }
}

/// None where it is to be sent again.
async fn attempt(client: &Client, url: &str, stream_id: &str, command: &str, arguments: &Value) -> Option<Answer> {
    let request = client.post(format!("{url}/streams/{stream_id}/commands/{command}"));
    let sent = request.header("Idempotency-Key", format!("{command}-once")).json(arguments).send().await.ok()?;
    let status = sent.status();
    let answer: Value = sent.json().await.ok()?;
    match status {
        StatusCode::OK => Some(Answer::Done(answer)),
        StatusCode::UNPROCESSABLE_ENTITY if answer["code"] == "rejected" => {
            Some(Answer::Rejected(answer["rejection"]["code"].as_str().unwrap().to_owned()))
        }
        status if status.is_server_error() => None,
        status => panic!("{command} for {stream_id}: {status} {answer}"),
    }
}
