//! The story on every kind of store, and with both kinds of reducer.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;

use foldhost::{EventStore, Host, InMemoryEventStore, NativeReducer, Store, Version};
use foldhost_test_support::{component, database};
use order::{Order, OrderStatus};
use order_processing::{Orders, Story, tell};

async fn told(store: Arc<dyn Store>, component: Option<Vec<u8>>) -> (Story, Vec<String>) {
    let mut lines = Vec::new();
    let story = tell(store, component, &mut |line| lines.push(line)).await.unwrap();
    (story, lines)
}

async fn event_types(store: &dyn EventStore, story: &Story) -> Vec<String> {
    let events = store.read_stream(&story.shipped, Version::EMPTY, 10.into()).await.unwrap();
    events.into_iter().map(|event| event.event_type).collect()
}

#[tokio::test]
async fn the_story_holds_in_memory() {
    let store = Arc::new(InMemoryEventStore::new());
    let (story, lines) = told(store.clone(), None).await;
    assert_eq!(event_types(&*store, &story).await, ["OrderPlaced.v1", "ItemAdded.v1", "OrderShipped.v1"]);
    assert!(lines.iter().any(|line| line.contains("already-shipped")), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_story_holds_on_postgres_with_the_component() {
    let database = database().await;
    let (story, _) = told(database.store.clone(), Some(component("order").to_vec())).await;
    assert_eq!(event_types(&*database.store, &story).await, ["OrderPlaced.v1", "ItemAdded.v1", "OrderShipped.v1"]);
}

/// One encoding, one fold: what a component recorded, native rules read, and from its snapshots too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn orders_that_a_component_decided_are_read_by_the_same_rules_linked_in() {
    let database = database().await;
    let (story, _) = told(database.store.clone(), Some(component("order").to_vec())).await;
    let host = Host::builder(database.store.clone()).reducer(NativeReducer::<Order>::new()).start().unwrap();
    let orders = Orders::new(host.clone());
    assert_eq!(orders.state(&story.shipped, None).await.unwrap().status, OrderStatus::Shipped);
    assert_eq!(orders.state(&story.cancelled, None).await.unwrap().status, OrderStatus::Cancelled);
    let long = orders.state(&story.long, None).await.unwrap();
    assert_eq!(long.items.iter().map(|line| line.quantity).sum::<u32>(), 1 + 4 + 119);
    assert!(host.shutdown().await);
}
