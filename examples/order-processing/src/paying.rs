//! The part of the story in which money changes hands: a payment service that answers, and one that is down.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use foldhost::StreamId;
use foldhost::event_store::{EffectFilter, EffectStatus};
use foldhost::reducer::EffectRules;
use order::{OrderCommand, OrderState, OrderStatus, PaymentTerms};

use crate::Orders;
use crate::payments::{Entry, PaymentConfig, PaymentService, RunningService};
use crate::story::{new_order, place_with};

/// A quarter of an hour, as a shop would give it.
const USUAL_MS: u64 = 900_000;
/// Too little for a service that is down.
const SHORT_MS: u64 = 300;
/// How long the story waits for anything before it is no story.
const PATIENCE: Duration = Duration::from_secs(30);

/// The payment service of the story.
pub(crate) struct Till {
    service: PaymentService,
    running: RunningService,
}

impl Till {
    pub(crate) async fn open() -> Result<Self> {
        let service = PaymentService::open(&PaymentConfig::default())?;
        let running = RunningService::start(service.clone(), "127.0.0.1:0").await?;
        Ok(Self { service, running })
    }

    /// What the effects of orders may do: ask this service, and nobody else. An address that is written out may be one of this
    /// machine.
    pub(crate) fn rules(&self) -> Result<EffectRules> {
        Ok(EffectRules { origins: vec![self.running.url().parse()?], ..EffectRules::default() })
    }
}

/// One order is paid. Another is not, since the service is down, and the timer cancels it; the service hears of it when it
/// is back.
pub(crate) async fn pay(orders: &Orders, till: Till, say: &mut dyn FnMut(String)) -> Result<()> {
    let Till { service, running } = till;
    let (url, address) = (running.url(), running.address().to_string());
    let terms = |within_ms| Some(PaymentTerms { service: url.clone(), within_ms });

    let paid = new_order()?;
    let placed = orders.send(&paid, &place_with("barbara", terms(USUAL_MS))).await?;
    say(format!("{paid} is placed: {} and {}", placed.events[0].event_type, placed.events[1].event_type));
    let (state, order_id) = until(orders, &paid, OrderStatus::Paid).await?;
    let payment_id = state.payment.and_then(|payment| payment.payment_id).context("a paid order has a payment's id")?;
    ensure!(service.net_cents(&order_id) == state.total.cents(), "the ledger has what the order says");
    say(format!("it is paid: {payment_id}, {} cents", state.total.cents()));
    orders.send(&paid, &OrderCommand::ShipOrder { tracking: "1Z-1000".into() }).await?;

    running.stop().await?;
    let unpaid = new_order()?;
    orders.send(&unpaid, &place_with("donald", terms(SHORT_MS))).await?;
    let (_, order_id) = until(orders, &unpaid, OrderStatus::Cancelled).await?;
    ensure!(service.entries_of(&order_id).is_empty(), "a service that is down books nothing");
    say(format!("{unpaid} is cancelled by its timer: the payment service is down"));

    let running = RunningService::start(service.clone(), &address).await?;
    settled(orders).await?;
    let entries = service.entries_of(&order_id);
    ensure!(entries.iter().any(|entry| matches!(entry, Entry::Cancelled { .. })), "it was told: {entries:?}");
    ensure!(service.net_cents(&order_id) == 0, "nobody paid for it: {entries:?}");
    say("the service is back, and was told: nobody paid for what was cancelled".into());
    running.stop().await?;
    Ok(())
}

/// Waits for the order to come so far. Gives it, and its own id.
async fn until(orders: &Orders, order: &StreamId, status: OrderStatus) -> Result<(OrderState, String)> {
    let reached = async {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        loop {
            pause.tick().await;
            let state = orders.state(order, None).await?;
            if state.status == status {
                let order_id = state.order_id.clone().context("an order that was placed has an id")?;
                return Ok((state, order_id.0));
            }
        }
    };
    let reached = tokio::time::timeout(PATIENCE, reached).await;
    reached.unwrap_or_else(|_| Err(anyhow!("{order} did not become {status:?}")))
}

/// Waits until no effect of an order is pending; but for the timers of orders that were paid, which have a while to run.
async fn settled(orders: &Orders) -> Result<()> {
    let filter = EffectFilter { status: Some(EffectStatus::Pending), ..EffectFilter::default() };
    let over = async {
        let mut pause = tokio::time::interval(Duration::from_millis(10));
        loop {
            pause.tick().await;
            if orders.effects(&filter).await?.iter().all(|effect| effect.kind == "delay") {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(PATIENCE, over).await.unwrap_or_else(|_| Err(anyhow!("some effects are still pending")))
}
