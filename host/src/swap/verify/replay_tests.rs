#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;

use super::*;
use crate::reducer::{
    Aggregate, Command, Context, DecideError, Decision, Descriptor, Reducer, ReducerDigest, ReducerFault,
};
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

fn descriptor() -> Descriptor {
    Descriptor {
        name: "account".into(),
        commands: Vec::new(),
        event_types: vec!["Deposited.v1".into()],
        writes: Vec::new(),
        state_schema: "account.v1".into(),
        sdk_version: String::new(),
    }
}

fn panicking(panics: bool) -> Arc<dyn Reducer> {
    Arc::new(Panicking { descriptor: descriptor(), panics })
}

/// Logic that counts events, and how many instances it was given.
struct Counting {
    descriptor: Descriptor,
    keeps: Keeps,
    instances: AtomicUsize,
}

/// What its code keeps beside its aggregates.
#[derive(Clone, Copy, PartialEq)]
enum Keeps {
    Nothing,
    /// The events of all streams that an instance had.
    Events,
    /// So much that an instance has no room for a second stream.
    TooMuch,
}

impl Counting {
    fn new(keeps: Keeps) -> Arc<Self> {
        Arc::new(Self { descriptor: descriptor(), keeps, instances: AtomicUsize::new(0) })
    }

    fn instances(&self) -> usize {
        self.instances.load(Ordering::Relaxed)
    }
}

impl Reducer for Counting {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        ReducerDigest::of(b"counting")
    }

    fn create(&self, _stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        self.instances.fetch_add(1, Ordering::Relaxed);
        Ok(Box::new(Count { keeps: self.keeps, events: 0, streams: 1 }))
    }

    fn restore(&self, stream_id: &StreamId, _snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        self.create(stream_id)
    }

    fn events_json(&self, _events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        Ok(Vec::new())
    }
}

struct Count {
    keeps: Keeps,
    events: usize,
    streams: usize,
}

impl Aggregate for Count {
    fn apply(&mut self, events: crate::PackedEvents) -> Result<(), ReducerFault> {
        if self.keeps == Keeps::TooMuch && self.streams > 1 {
            return Err(ReducerFault::MemoryExhausted { call: "apply", bytes: 0, place: None });
        }
        self.events += events.len();
        Ok(())
    }

    fn begin_again(&mut self, _stream_id: &StreamId) -> Result<(), ReducerFault> {
        self.streams += 1;
        if self.keeps != Keeps::Events {
            self.events = 0;
        }
        Ok(())
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        Ok(self.events.to_string())
    }

    fn decide(&mut self, _command: &Command, _context: &Context) -> Result<Decision, DecideError> {
        Ok(Decision::default())
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        Ok(Vec::new())
    }

    fn events_json(&mut self, _events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        Ok(Vec::new())
    }

    fn memory_bytes(&self) -> usize {
        0
    }
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
    report_on(store, Pair { candidate: panicking(panics), baseline: None }, true).await
}

async fn report_on(store: Arc<dyn EventStore>, pair: Pair, decide_anew: bool) -> Result<Report, EventStoreError> {
    let plan = Plan { decide_anew, ..Plan::of(&VerificationScope::default(), &Limits::default(), false) };
    let category = "account".into();
    let asked = Arc::new(Replay { store, pair, plan, category, threads: 2, at_hand: AtHand::default() });
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

const STREAMS: usize = 40;

/// Streams of one to seven events, folded by two that keep so much.
async fn counted(candidate: Keeps, baseline: Keeps, decide_anew: bool) -> (Report, usize, usize) {
    let store = InMemoryEventStore::new();
    for number in 0..STREAMS {
        let deposited = || SerializedEvent { event_type: "Deposited.v1".into(), data: vec![1] };
        let events = (0..=number % 7).map(|_| deposited()).collect();
        let stream_id = StreamId::new(&format!("account-{number}")).unwrap();
        store.append_events(&stream_id, Version::EMPTY.into(), events).await.unwrap();
    }
    let (candidate, baseline) = (Counting::new(candidate), Counting::new(baseline));
    let pair = Pair { candidate: candidate.clone(), baseline: Some(baseline.clone()) };
    let report = report_on(Arc::new(store), pair, decide_anew).await.unwrap();
    assert_eq!(report.streams, STREAMS as u64);
    (report, candidate.instances(), baseline.instances())
}

/// Two threads, so at most two of each beside the one that the candidate has for each stream.
#[tokio::test(flavor = "multi_thread")]
async fn instances_are_kept_from_one_stream_to_the_next() {
    let (report, candidate, baseline) = counted(Keeps::Nothing, Keeps::Nothing, false).await;
    assert!(report.failures.is_empty() && report.differences.is_empty(), "{report:?}");
    assert!(candidate <= STREAMS + 2 && baseline <= 2, "{candidate} and {baseline} instances");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_commands_are_decided_anew_each_stream_has_instances_of_its_own() {
    let (_, candidate, baseline) = counted(Keeps::Nothing, Keeps::Nothing, true).await;
    assert_eq!((candidate, baseline), (2 * STREAMS, STREAMS));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_blamed_for_what_an_instance_kept_of_other_streams() {
    for keeps in [Keeps::Events, Keeps::TooMuch] {
        for (candidate, baseline) in [(keeps, Keeps::Nothing), (Keeps::Nothing, keeps), (keeps, keeps)] {
            let (report, ..) = counted(candidate, baseline, false).await;
            assert!(report.failures.is_empty() && report.differences.is_empty(), "{report:?}");
        }
    }
}
