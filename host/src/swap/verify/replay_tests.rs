#![allow(clippy::unwrap_used)]

use futures::StreamExt as _;

use super::*;
use crate::reducer::{Aggregate, Descriptor, Reducer, ReducerDigest, ReducerFault};
use crate::swap::VerificationScope;
use crate::swap::verify::report::Report;
use crate::testing::{FaultyStore, StoreCall};
use crate::{InMemoryEventStore, Limits, SerializedEvent};

/// Logic that is linked into the host, and that panics where it should say what is wrong.
struct Panicking {
    descriptor: Descriptor,
    panics: bool,
}

impl Reducer for Panicking {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        ReducerDigest::of(b"panicking")
    }

    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        assert!(!self.panics, "no idea what {stream_id} is");
        Err(ReducerFault::Snapshot("it says no more".into()))
    }

    fn restore(&self, stream_id: &StreamId, _snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        self.create(stream_id)
    }

    fn events_json(&self, _events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        Ok(Vec::new())
    }
}

fn reducer(panics: bool) -> Arc<dyn Reducer> {
    let descriptor = Descriptor {
        name: "account".into(),
        commands: Vec::new(),
        event_types: vec!["Deposited.v1".into()],
        writes: Vec::new(),
        state_schema: "account.v1".into(),
        sdk_version: String::new(),
    };
    Arc::new(Panicking { descriptor, panics })
}

async fn with_streams(ids: &[&str]) -> Arc<FaultyStore<InMemoryEventStore>> {
    let store = InMemoryEventStore::new();
    for id in ids {
        let deposited = SerializedEvent { event_type: "Deposited.v1".into(), data: vec![1] };
        store.append_events(&StreamId::new(id).unwrap(), Version::EMPTY.into(), vec![deposited]).await.unwrap();
    }
    Arc::new(FaultyStore::new(Arc::new(store)))
}

async fn report(store: Arc<dyn EventStore>, panics: bool) -> Result<Report, EventStoreError> {
    let pair = Pair { candidate: reducer(panics), baseline: None };
    let plan = Plan::of(&VerificationScope::default(), &Limits::default(), false);
    let asked = Arc::new(Replay { store, pair, plan, category: "account".into(), threads: 2 });
    let mut report = Report::default();
    let mut found = std::pin::pin!(replay(asked, None));
    while let Some(found) = found.next().await {
        report.add(found?.1);
    }
    Ok(report)
}

/// It was taken for the host going away, and tried again for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_a_failure_of_its_stream_that_says_what_it_said() {
    let report = report(with_streams(&["account-1", "account-2"]).await, true).await.unwrap();
    let failed = &report.failures.0["unreadable-stream"];
    assert_eq!((report.streams, failed.count), (2, 2));
    let message = failed.examples[0].message.as_ref().unwrap();
    assert_eq!(message, "looking at it panicked: no idea what account-1 is");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_no_word_on_a_stream() {
    let store = with_streams(&["account-1"]).await;
    store.fail_next(1, StoreCall::Load, EventStoreError::Unavailable("on purpose".into()));
    // What the caller hears it waits for, and asks again.
    assert!(matches!(report(store, false).await, Err(EventStoreError::Unavailable(_))));
}
