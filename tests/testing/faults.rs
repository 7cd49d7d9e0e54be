//! The faulty store fails as it is told, and is the store within for all else.

use foldhost::event_store::ActivationChange;
use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::{
    ClaimOutcome, Snapshot, StreamBatch, SubscriptionClaim, SubscriptionFilter, SubscriptionName, SubscriptionStart,
    SubscriptionStore,
};
use foldhost::reducer::{Descriptor, ReducerDigest};
use foldhost::testing::{FaultyStore, StoreCall, assert_events_match, command, events, history, stream};
use foldhost::{
    CommandError, CommandRequest, EventStore, EventStoreError, ExpectedVersion, Host, InMemoryEventStore, LogFilter,
    NativeReducer, ReducerStore, StreamId, Version,
};
use serde_json::json;

fn faulty() -> Arc<FaultyStore<InMemoryEventStore>> {
    Arc::new(FaultyStore::new(Arc::new(InMemoryEventStore::new())))
}

fn down() -> EventStoreError {
    EventStoreError::Unavailable("down".into())
}

fn numbers() -> StreamId {
    stream("numbers-1")
}

/// Makes each call once, and says which came out well.
async fn calls(store: &FaultyStore<InMemoryEventStore>) -> Vec<(StoreCall, bool)> {
    let (id, after, page) = (numbers(), Version::EMPTY, 10.into());
    let batch = |id: &str| StreamBatch::new(stream(id), ExpectedVersion::Any, events(["A.v1"]));
    let digest = ReducerDigest::of(b"");
    let descriptor = Descriptor {
        name: "numbers".into(),
        commands: Vec::new(),
        event_types: Vec::new(),
        writes: Vec::new(),
        state_schema: String::new(),
        sdk_version: String::new(),
    };
    let snapshot = Snapshot {
        stream_id: id.clone(),
        version: Version::new(1),
        state_schema: "numbers.v1".into(),
        reducer_digest: digest,
        state: Vec::new(),
    };
    let filter = LogFilter::default();
    let mut made = vec![
        (StoreCall::Append, store.append_many(&[batch("numbers-1")]).await.is_ok()),
        (StoreCall::Append, store.append_atomic(&[batch("numbers-1")]).await.is_ok()),
        (StoreCall::Append, store.append_events(&id, ExpectedVersion::Any, events(["A.v1"])).await.is_ok()),
        (StoreCall::Load, store.load(&id, None, page).await.is_ok()),
        (StoreCall::Load, store.load_events(&id, after, page).await.is_ok()),
        (StoreCall::Read, store.read_stream(&id, after, page).await.is_ok()),
        (StoreCall::Read, store.read_stream_backwards(&id, Version::MAX, page).await.is_ok()),
        (StoreCall::Read, store.read_all(None, &filter, page).await.is_ok()),
        (StoreCall::Read, store.read_streams("numbers", None, 10).await.is_ok()),
        (StoreCall::FindCommands, store.find_commands(&id, &[]).await.is_ok()),
        (StoreCall::SaveSnapshot, store.save_snapshot(&snapshot).await.is_ok()),
        (StoreCall::Reducers, store.save_reducer(digest, &descriptor, b"", None).await.is_ok()),
        (StoreCall::Reducers, store.activate(&ActivationChange::to("numbers", digest)).await.is_ok()),
        (StoreCall::Reducers, store.active_reducers(None).await.is_ok()),
        (StoreCall::Reducers, store.load_component(digest).await.is_ok()),
        (StoreCall::Ping, store.ping().await.is_ok()),
        (StoreCall::CloseStream, store.close_stream(&id, false).await.is_ok()),
    ];
    made.extend(subscription_calls(store).await.map(|went_well| (StoreCall::Subscriptions, went_well)));
    made
}

async fn subscription_calls(store: &FaultyStore<InMemoryEventStore>) -> [bool; 7] {
    let (name, lease) = (SubscriptionName::new("reader").unwrap(), Duration::from_secs(10));
    let (filter, start) = (SubscriptionFilter::default(), SubscriptionStart::Beginning);
    let claim = SubscriptionClaim { name: name.clone(), filter, start, reader: uuid::Uuid::now_v7(), lease };
    let claimed = store.claim_subscription(&claim).await;
    let token = match claimed {
        Ok(ClaimOutcome::Active { token, .. }) => token,
        _ => 0,
    };
    let (cursor, _) = store.inner().read_all(None, &LogFilter::default(), 1.into()).await.unwrap().remove(0);
    [
        claimed.is_ok(),
        store.renew_subscription(&name, token, lease).await.is_ok(),
        store.acknowledge_subscription(&name, token, cursor).await.is_ok(),
        store.release_subscription(&name, token).await.is_ok(),
        store.subscriptions(None).await.is_ok(),
        store.reset_subscription(&name, None).await.is_ok(),
        store.delete_subscription(&name).await.is_ok(),
    ]
}

#[tokio::test]
async fn only_calls_of_the_kind_fail_that_was_asked_for() {
    let store = faulty();
    assert!(calls(&store).await.iter().all(|(_, went_well)| *went_well));
    for kind in [
        StoreCall::Append,
        StoreCall::Load,
        StoreCall::Read,
        StoreCall::FindCommands,
        StoreCall::SaveSnapshot,
        StoreCall::CloseStream,
        StoreCall::Ping,
        StoreCall::Reducers,
        StoreCall::Subscriptions,
    ] {
        let store = faulty();
        // There is something to close and to acknowledge also where the appends are what fails.
        store.inner().append_events(&numbers(), ExpectedVersion::NoStream, history(1)).await.unwrap();
        store.fail_next(100, kind, down());
        for (call, went_well) in calls(&store).await {
            assert_eq!(went_well, call != kind, "{call:?} while {kind:?} fails");
        }
    }
}

#[tokio::test]
async fn a_call_that_fails_did_nothing_and_the_faults_come_to_an_end() {
    let store = faulty();
    store.fail_next(2, StoreCall::Append, down());
    store.fail_next(1, StoreCall::Append, EventStoreError::Contended("a deadlock".into()));
    store.fail_next(1, StoreCall::Ping, down());
    let append = async || store.append_events(&numbers(), ExpectedVersion::Any, history(1)).await;
    assert!(matches!(append().await, Err(EventStoreError::Unavailable(_))));
    assert!(matches!(append().await, Err(EventStoreError::Unavailable(_))));
    assert!(matches!(append().await, Err(EventStoreError::Contended(_))));
    assert_eq!((store.inner().events_len(), store.faults_left()), (0, 1));
    assert_eq!(append().await.unwrap(), Version::new(1));
    assert!(store.ping().await.is_err() && store.ping().await.is_ok());
    assert_eq!(store.faults_left(), 0);
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_in_the_store() {
    let store = faulty();
    let appended = store.appended();
    store.lose_next_acknowledgement();
    let batch = StreamBatch::new(numbers(), Version::EMPTY, history(2));
    let lost = store.append_many(std::slice::from_ref(&batch)).await;
    assert!(matches!(lost, Err(EventStoreError::Unavailable(_))), "{lost:?}");
    assert_events_match(&store.inner().events(), history(2));
    assert!(appended.has_changed().unwrap(), "readers that wait are woken");
    // One that did not go through is lost just so.
    store.lose_next_acknowledgement();
    assert!(matches!(store.append_atomic(&[batch]).await, Err(EventStoreError::Unavailable(_))));
    assert_eq!(store.inner().events_len(), 2);
}

#[tokio::test]
async fn a_host_over_it_shows_its_faults_and_recovers() {
    let store = faulty();
    let host = Host::builder(Arc::clone(&store) as Arc<dyn foldhost::Store>)
        .reducer(NativeReducer::<counter::Counter>::new())
        .start()
        .unwrap();
    let send = || {
        let request = CommandRequest::new(stream("counter-1"), command("Increment", json!({"by": 1})));
        host.send(CommandRequest { command_id: Some("c-1".into()), ..request })
    };
    store.fail_next(1, StoreCall::Load, down());
    let failed = send().await;
    assert!(matches!(failed, Err(CommandError::Store(EventStoreError::Unavailable(_)))), "{failed:?}");
    assert_eq!((store.inner().events_len(), store.faults_left()), (0, 0));
    assert_eq!(send().await.unwrap().version, Version::new(1));
    assert_eq!(send().await.unwrap().version, Version::new(1), "it was recorded once");
    assert_eq!(store.inner().events_len(), 1);
    host.shutdown().await;
}
