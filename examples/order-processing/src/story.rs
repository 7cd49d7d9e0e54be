//! The story, top to bottom. Every claim that it prints is checked first.

use std::sync::Arc;

use anyhow::{Result, bail, ensure};
use foldhost::event_store::SnapshotKey;
use foldhost::reducer::EffectRules;
use foldhost::swap::DeployRequest;
use foldhost::{CommandError, Host, NativeReducer, Store, StreamId, Version};
use order::{CustomerId, LineItem, Money, Order, OrderCommand, OrderState, OrderStatus, PaymentTerms};

use crate::Orders;
use crate::paying::{Till, pay};

/// The schema that the order declares for its snapshots.
const STATE_SCHEMA: &str = "order.v2";
/// Pieces that are added to the long order: more than the 100 events after which a snapshot is taken.
const PIECES: u64 = 119;

/// The orders that were told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Placed, added to, and shipped.
    pub shipped: StreamId,
    /// Placed and called off.
    pub cancelled: StreamId,
    /// Placed, and with so many additions that a snapshot was taken.
    pub long: StreamId,
}

/// Tells the story on a store, through a restart of the host. With a component, that decides; else the same rules do,
/// linked in.
///
/// # Errors
/// Whatever went otherwise than it is told.
pub async fn tell(store: Arc<dyn Store>, component: Option<Vec<u8>>, say: &mut dyn FnMut(String)) -> Result<Story> {
    let story = Story { shipped: new_order()?, cancelled: new_order()?, long: new_order()? };
    let till = Till::open().await?;
    let rules = till.rules()?;
    let host = start(&store, component.clone(), &rules).await?;
    let orders = Orders::new(host.clone());
    ship(&orders, &story.shipped, say).await?;
    cancel(&orders, &story.cancelled, say).await?;
    grow(&orders, &story.long, say).await?;
    pay(&orders, till, say).await?;

    let before = states(&orders, &story).await?;
    ensure!(host.shutdown().await, "the host did not answer all of its commands in time");
    say("the host is shut down: what is left is events and snapshots".into());

    let snapshot = store.load(&story.long, Some(&SnapshotKey::schema(STATE_SCHEMA)), 1_000.into()).await?;
    let (at, tail) = (snapshot.snapshot.map_or(Version::EMPTY, |taken| taken.version), snapshot.tail.len() as u64);
    ensure!(at.get() >= 100 && at + tail == Version::new(PIECES + 1), "a snapshot is taken every 100 events");
    say(format!("the long order is read as a snapshot at version {at} and {tail} events behind it"));

    let host = start(&store, component, &rules).await?;
    let after = states(&Orders::new(host.clone()), &story).await?;
    ensure!(before == after, "the states changed over the restart: {before:?} became {after:?}");
    say("a new host folded the events again: all states are the same".into());
    host.shutdown().await;
    Ok(story)
}

/// A host that decides on orders, whose effects may do what the rules say.
async fn start(store: &Arc<dyn Store>, component: Option<Vec<u8>>, rules: &EffectRules) -> Result<Host> {
    let builder = Host::builder(Arc::clone(store));
    let Some(component) = component else {
        return Ok(builder.reducer(NativeReducer::<Order>::new()).effect_rules("order", rules.clone()).start()?);
    };
    let host = builder.start()?;
    host.deploy_with(component, DeployRequest { rules: Some(rules.clone()), ..DeployRequest::default() }).await?;
    Ok(host)
}

/// Placed, added to, shipped; and what is refused on the way.
async fn ship(orders: &Orders, order: &StreamId, say: &mut dyn FnMut(String)) -> Result<()> {
    let placed = orders.send(order, &place("ada")).await?;
    say(format!("{order} is placed: {} at version {}", placed.events[0].event_type, placed.version));

    // Two people looked at version 1. The first one's change goes through.
    orders.send_at(placed.version, order, &add("SAUCER", 4)).await?;
    match orders.send_at(placed.version, order, &add("SPOON", 4)).await {
        Err(CommandError::Conflict { actual, .. }) => {
            say(format!("the second of two writers is told: version {actual}"));
        }
        other => bail!("the second writer should have met a conflict: {other:?}"),
    }

    // The answer to a command got lost, so it is sent again under its id.
    let shipment = OrderCommand::ShipOrder { tracking: "1Z-999".into() };
    let first = orders.send_once("shipment-1", order, &shipment).await?;
    let again = orders.send_once("shipment-1", order, &shipment).await?;
    ensure!(first == again && first.version == Version::new(3), "a retry is not done twice");
    say(format!("sent twice under one id, it is shipped once: version {}", again.version));

    match orders.send(order, &OrderCommand::CancelOrder { reason: None }).await {
        Err(CommandError::Rejected(no)) if no.code == "already-shipped" => {
            say(format!("cancelling it is refused: {no}"));
        }
        other => bail!("a shipped order should not be cancelled: {other:?}"),
    }

    let (then, now) = (orders.state(order, Some(placed.version)).await?, orders.state(order, None).await?);
    ensure!(then.status == OrderStatus::Placed && then.items.len() == 2, "as it was: {then:?}");
    ensure!(now.status == OrderStatus::Shipped && now.items.len() == 3, "as it is: {now:?}");
    say(format!("at version 1 it came to {} cents, now to {}", then.total.cents(), now.total.cents()));
    Ok(())
}

async fn cancel(orders: &Orders, order: &StreamId, say: &mut dyn FnMut(String)) -> Result<()> {
    orders.send(order, &place("grace")).await?;
    orders.send(order, &OrderCommand::CancelOrder { reason: Some("changed my mind".into()) }).await?;
    ensure!(orders.state(order, None).await?.status == OrderStatus::Cancelled, "it is cancelled");
    say(format!("{order} is placed and cancelled"));
    Ok(())
}

async fn grow(orders: &Orders, order: &StreamId, say: &mut dyn FnMut(String)) -> Result<()> {
    orders.send(order, &place("edsger")).await?;
    for _ in 0..PIECES {
        orders.send(order, &add("SPOON", 1)).await?;
    }
    say(format!("{order} is placed and added to {PIECES} times"));
    Ok(())
}

async fn states(orders: &Orders, story: &Story) -> Result<[OrderState; 3]> {
    let Story { shipped, cancelled, long } = story;
    Ok([orders.state(shipped, None).await?, orders.state(cancelled, None).await?, orders.state(long, None).await?])
}

pub(crate) fn new_order() -> Result<StreamId> {
    Ok(StreamId::new(&format!("order-{}", uuid::Uuid::now_v7().simple()))?)
}

fn place(customer: &str) -> OrderCommand {
    place_with(customer, None)
}

pub(crate) fn place_with(customer: &str, payment: Option<PaymentTerms>) -> OrderCommand {
    let items = vec![item("TEAPOT", 1, 2_499), item("CUP", 4, 600)];
    OrderCommand::PlaceOrder { customer_id: CustomerId(customer.into()), items, payment }
}

fn add(sku: &str, quantity: u32) -> OrderCommand {
    OrderCommand::AddItem { item: item(sku, quantity, 250) }
}

fn item(sku: &str, quantity: u32, cents: i64) -> LineItem {
    LineItem { sku: sku.into(), quantity, unit_price: Money::from_cents(cents) }
}
