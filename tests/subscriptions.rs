//! Named subscriptions. One contract, two stores; then what only Postgres can get wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "subscriptions/checkpoints.rs"]
mod checkpoints;
#[path = "subscriptions/faults.rs"]
mod faults;
#[path = "subscriptions/operators.rs"]
mod operators;
#[path = "subscriptions/racing.rs"]
mod racing;
#[path = "subscriptions/takeovers.rs"]
mod takeovers;

use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::{
    ClaimOutcome, Cursor, Subscription, SubscriptionClaim, SubscriptionConfig, SubscriptionError, SubscriptionName,
    SubscriptionStatus, SubscriptionStore,
};
use foldhost::{
    Event, EventStore, ExpectedVersion, InMemoryEventStore, PoolConfig, PostgresEventStore, SerializedEvent, Store,
    StreamId,
};
use foldhost_test_support::{TestDatabase, database};

macro_rules! contract {
    ($($module:ident: $($name:ident)*;)*) => {
        mod in_memory {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::$module::$name(crate::InMemory::default()).await;
            })*)*
        }
        mod postgres {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                crate::$module::$name(crate::Postgres(foldhost_test_support::database().await)).await;
            })*)*
        }
    };
}

contract! {
    checkpoints:
        a_new_name_reads_the_whole_log_in_its_order
        a_reader_is_not_handed_the_same_event_twice
        what_was_not_acknowledged_comes_again_after_a_restart
        a_checkpoint_never_moves_back
        a_cursor_that_was_not_handed_out_is_refused
        a_name_keeps_the_filter_that_it_was_made_with
        only_the_events_of_the_filter_are_handed_out
        a_new_name_may_begin_behind_what_is_there
        what_no_subscription_can_have_is_refused
        a_waiting_reader_is_woken_by_an_append
        a_call_that_is_dropped_loses_nothing;
    takeovers:
        the_others_stand_by_and_one_takes_over_at_the_release
        a_reader_that_is_killed_is_taken_over_from_its_last_acknowledgement
        a_reader_that_was_paused_for_longer_than_its_lease_cannot_acknowledge
        a_former_token_changes_nothing
        the_same_reader_keeps_its_token
        a_lease_is_renewed_while_a_batch_is_worked_on
        an_acknowledgement_that_is_late_counts_until_somebody_takes_over;
    racing:
        of_many_readers_exactly_one_is_active_and_no_event_is_skipped;
    operators:
        a_subscription_is_listed_with_its_reader_and_its_lag
        a_name_is_deleted_once_nobody_reads
        a_name_made_again_takes_no_acknowledgement_of_the_former_one
        a_reset_takes_the_token_from_the_active_reader;
}

/// Long enough on a busy machine; nothing waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(60);
/// A lease that a test waits out, while nothing has to be done within it.
const SHORT: Duration = Duration::from_millis(300);
/// A lease that a test waits out, and that a busy machine still renews in time.
const RENEWED: Duration = Duration::from_secs(2);

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.expect("it comes to an end")
}

/// A log that several hosts share.
trait Cluster: Send + Sync + 'static {
    type Store: Store;

    /// One more host, at home in the caller's runtime.
    fn host(&self) -> impl Future<Output = Arc<Self::Store>> + Send;
}

#[derive(Default)]
struct InMemory(Arc<InMemoryEventStore>);

impl Cluster for InMemory {
    type Store = InMemoryEventStore;

    async fn host(&self) -> Arc<InMemoryEventStore> {
        Arc::clone(&self.0)
    }
}

struct Postgres(TestDatabase);

impl Cluster for Postgres {
    type Store = PostgresEventStore;

    async fn host(&self) -> Arc<PostgresEventStore> {
        let config = PoolConfig { connections_max: 8, append_connections_max: 2, ..PoolConfig::default() };
        Arc::new(PostgresEventStore::connect(&self.0.url, &config).await.unwrap())
    }
}

fn billing() -> SubscriptionName {
    "billing".parse().unwrap()
}

fn config() -> SubscriptionConfig {
    SubscriptionConfig::new(billing())
}

fn leased_for(lease: Duration) -> SubscriptionConfig {
    SubscriptionConfig { lease, ..config() }
}

fn reader<S: Store>(store: &Arc<S>, config: SubscriptionConfig) -> Subscription<S> {
    Subscription::new(Arc::clone(store), config).unwrap()
}

/// A claim under the subscription's name by a reader of its own.
fn claim(lease: Duration) -> SubscriptionClaim {
    let SubscriptionConfig { name, filter, start, lease, .. } = leased_for(lease);
    SubscriptionClaim { name, filter, start, reader: uuid::Uuid::now_v7(), lease }
}

/// Appends `count` events to a stream.
async fn append(store: &Arc<impl Store>, stream_id: &str, event_type: &str, count: usize) {
    let event = SerializedEvent { event_type: event_type.into(), data: b"data".to_vec() };
    let stream_id: StreamId = stream_id.parse().unwrap();
    store.append_events(&stream_id, ExpectedVersion::Any, vec![event; count]).await.unwrap();
}

/// Appends `count` events to order-1.
async fn place(store: &Arc<impl Store>, count: usize) {
    append(store, "order-1", "OrderPlaced.v1", count).await;
}

/// What the next batches bring, until there are `count` events.
async fn take<S: Store>(reader: &mut Subscription<S>, count: usize) -> Vec<(Cursor, Event)> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend(in_time(reader.next()).await.unwrap());
    }
    taken
}

fn versions(events: &[(Cursor, Event)]) -> Vec<u64> {
    events.iter().map(|(_, event)| event.version.get()).collect()
}

async fn status(store: &Arc<impl Store>) -> SubscriptionStatus {
    let mut listed = store.subscriptions(Some(&billing())).await.unwrap();
    assert_eq!(listed.len(), 1);
    listed.remove(0)
}

/// Waits until the lease of whoever reads has run out.
async fn until_nobody_reads(store: &Arc<impl Store>) {
    let free = async {
        while status(store).await.reader.is_some() {
            tokio::task::yield_now().await;
        }
    };
    in_time(free).await;
}

/// Claims until it succeeds, and returns the token.
async fn take_over(store: &Arc<impl Store>, claim: &SubscriptionClaim) -> u64 {
    let claimed = async {
        loop {
            if let ClaimOutcome::Active { token, .. } = store.claim_subscription(claim).await.unwrap() {
                return token;
            }
            tokio::task::yield_now().await;
        }
    };
    in_time(claimed).await
}

#[track_caller]
fn assert_lost<T: std::fmt::Debug>(outcome: &Result<T, SubscriptionError>) {
    assert!(matches!(outcome, Err(SubscriptionError::Lost { .. })), "{outcome:?}");
}
