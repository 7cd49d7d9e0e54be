#![allow(clippy::unwrap_used)]

use std::sync::atomic::Ordering;

use counter::Counter;
use serde_json::{Value, json};

use super::*;
use crate::NativeReducer;
use crate::event_store::SnapshotConfig;
use crate::reducer::{Command, Context, DecideError, Decision, Descriptor, Reducer};
use crate::runtime::load::Loaded;
use crate::runtime::registry::ActiveReducer;

/// The counter under another digest and schema, which counts the states that it takes over and fails when it is told to.
struct Other {
    native: NativeReducer<Counter>,
    digest: ReducerDigest,
    descriptor: Descriptor,
    restored: AtomicUsize,
    fails_in: Option<&'static str>,
}

/// For what comes by itself.
const PATIENCE: Duration = Duration::from_secs(10);

impl Other {
    fn new(name: &str) -> Self {
        let native = NativeReducer::<Counter>::new();
        let descriptor = native.descriptor().clone();
        let digest = ReducerDigest::of(name.as_bytes());
        Self { native, digest, descriptor, restored: AtomicUsize::new(0), fails_in: None }
    }

    fn restored(&self) -> usize {
        self.restored.load(Ordering::Relaxed)
    }
}

impl Reducer for Other {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        self.digest
    }

    fn create(&self, stream_id: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        Ok(Box::new(Failing { within: self.native.create(stream_id)?, fails_in: self.fails_in }))
    }

    fn restore(&self, stream_id: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        self.restored.fetch_add(1, Ordering::Relaxed);
        fail(self.fails_in, "restore")?;
        Ok(Box::new(Failing { within: self.native.restore(stream_id, snapshot)?, fails_in: self.fails_in }))
    }

    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        self.native.events_json(events)
    }
}

fn fail(fails_in: Option<&'static str>, call: &'static str) -> Result<(), ReducerFault> {
    match fails_in {
        Some(failing) if failing == call => Err(ReducerFault::Trap { call, reason: "for the test".into() }),
        _ => Ok(()),
    }
}

struct Failing {
    within: Box<dyn Aggregate>,
    fails_in: Option<&'static str>,
}

impl Aggregate for Failing {
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault> {
        fail(self.fails_in, "apply")?;
        self.within.apply(events)
    }

    fn decide(&mut self, command: &Command, context: &Context) -> Result<Decision, DecideError> {
        self.within.decide(command, context)
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        fail(self.fails_in, "snapshot")?;
        self.within.snapshot()
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        self.within.state_json()
    }

    fn events_json(&mut self, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        self.within.events_json(events)
    }

    fn memory_bytes(&self) -> usize {
        1_000
    }
}

/// What a stream has around it.
struct Place {
    stream_id: StreamId,
    departed: Arc<Departed>,
    memory: Arc<AtomicUsize>,
}

impl Place {
    fn new() -> Self {
        let stream_id = StreamId::new("counter-1").unwrap();
        Self { stream_id, departed: Arc::new(Departed::new()), memory: Arc::default() }
    }

    fn around(&self) -> Surroundings<'_> {
        Surroundings { stream_id: &self.stream_id, config: SnapshotConfig::default(), departed: &self.departed }
    }

    /// An aggregate without events.
    fn warm(&self, reducer: &Arc<dyn Reducer>) -> Warm {
        let loaded = Loaded {
            aggregate: reducer.create(&self.stream_id).unwrap(),
            version: Version::EMPTY,
            snapshot_version: Version::EMPTY,
            replay_cost: Duration::ZERO,
            closed: false,
        };
        Warm::of(ActiveReducer::beside(reducer), loaded, &self.memory)
    }

    /// A swap that is about to be made.
    fn to(&self, next: &Arc<dyn Reducer>) -> Succession {
        Succession::new(Deciders::all(ActiveReducer::beside(next)), Arc::clone(&self.memory))
    }

    fn bytes(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// A turn that counts up, and is told of a swap at its end.
    fn turn(&self, warm: &mut Warm, by: u8, told: Option<&Succession>) -> Result<(), ReducerFault> {
        let event = SerializedEvent { event_type: "Incremented.v1".into(), data: vec![by] };
        let packed = PackedEvents::of(warm.version.next(), std::slice::from_ref(&event)).unwrap();
        warm.aggregate.apply(packed).unwrap();
        warm.version = warm.version.next();
        told.map_or(Ok(()), |told| told.go_along(warm, std::iter::once(event), &self.around()))
    }

    /// The next turn behind a swap.
    fn under(&self, warm: Warm, next: &Arc<dyn Reducer>, succession: Option<&Succession>) -> Option<Warm> {
        warm.under(&ActiveReducer::beside(next), succession, &self.around())
    }
}

fn value(warm: &mut Warm) -> Value {
    serde_json::from_str::<Value>(&warm.aggregate.state_json().unwrap()).unwrap()["value"].take()
}

fn reducer(other: Other) -> (Arc<Other>, Arc<dyn Reducer>) {
    let other = Arc::new(other);
    (Arc::clone(&other), other)
}

#[tokio::test]
async fn a_stream_that_was_told_of_a_swap_takes_nothing_over_when_it_is_made() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other::new("next"));
    let succession = place.to(&next);
    let mut warm = place.warm(&former);
    place.turn(&mut warm, 1, None).unwrap();
    for by in 2..5 {
        place.turn(&mut warm, by, Some(&succession)).unwrap();
        assert_eq!(counted.restored(), 1, "once, and the events from then on");
    }
    succession.end();
    let mut warm = place.under(warm, &next, Some(&succession)).unwrap();
    assert_eq!((counted.restored(), warm.version, value(&mut warm)), (1, Version::new(4), json!(10)));
    assert_eq!(warm.active.reducer.digest(), counted.digest);
    place.turn(&mut warm, 5, Some(&succession)).unwrap();
    assert_eq!((counted.restored(), value(&mut warm)), (1, json!(15)));
}

#[tokio::test]
async fn a_stream_that_was_not_told_takes_its_state_over_behind_the_swap() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (_, other) = reducer(Other::new("other"));
    let (counted, next) = reducer(Other::new("next"));
    // Nor where it was told of another one, which was not made.
    for told in [None, Some(&place.to(&other))] {
        let mut warm = place.warm(&former);
        place.turn(&mut warm, 7, told).unwrap();
        assert_eq!(value(&mut place.under(warm, &next, told).unwrap()), json!(7));
    }
    assert_eq!(counted.restored(), 2);
}

/// It would else be decided on as the newest one.
#[tokio::test]
async fn a_state_that_is_behind_is_not_gone_on_with() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other::new("next"));
    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    // A turn that it did not hear of.
    place.turn(&mut warm, 2, None).unwrap();
    assert_eq!(value(&mut place.under(warm, &next, Some(&succession)).unwrap()), json!(3));
    assert_eq!(counted.restored(), 2);

    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    place.turn(&mut warm, 2, None).unwrap();
    place.turn(&mut warm, 3, Some(&succession)).unwrap();
    assert_eq!(value(&mut place.under(warm, &next, Some(&succession)).unwrap()), json!(6));
    assert_eq!(counted.restored(), 4);
}

#[tokio::test]
async fn a_swap_that_is_not_made_leaves_nothing_behind() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (_, next) = reducer(Other::new("next"));
    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    assert_eq!(place.bytes(), 2_000);
    succession.leave(&place.departed);
    place.turn(&mut warm, 2, Some(&succession)).unwrap();
    assert_eq!((place.bytes(), value(&mut warm)), (1_000, json!(3)));
}

/// The state of one that was erased would else lie in memory until the swap is over.
#[tokio::test]
async fn a_stream_that_is_forgotten_leaves_no_state_and_is_prepared_no_more() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other::new("next"));
    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    assert_eq!(place.bytes(), 2_000);
    succession.forget(&place.stream_id);
    assert_eq!(place.bytes(), 1_000);
    place.turn(&mut warm, 2, Some(&succession)).unwrap();
    assert_eq!((place.bytes(), counted.restored()), (1_000, 1));
}

#[tokio::test]
async fn streams_beyond_a_number_are_not_prepared_and_go_on_all_the_same() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other::new("next"));
    let succession = place.to(&next);
    while counted.restored() < SUCCESSORS_MAX {
        let stream_id = StreamId::new(&format!("counter-{}", counted.restored())).unwrap();
        let around = Surroundings { stream_id: &stream_id, ..place.around() };
        // Again, where it is not its turn yet.
        succession.go_along(&mut place.warm(&former), std::iter::empty(), &around).unwrap();
    }
    tokio::time::timeout(PATIENCE, succession.prepared()).await.unwrap();
    assert_eq!((counted.restored(), place.bytes()), (SUCCESSORS_MAX, SUCCESSORS_MAX * 1_000));
    let place = Place { stream_id: StreamId::new("counter-last").unwrap(), ..place };
    let mut warm = place.warm(&former);
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    assert_eq!((counted.restored(), place.bytes()), (SUCCESSORS_MAX, (SUCCESSORS_MAX + 1) * 1_000));
    assert_eq!(value(&mut place.under(warm, &next, Some(&succession)).unwrap()), json!(1));
}

#[tokio::test]
async fn one_stream_after_the_other_is_prepared_and_the_swap_waits_for_those_that_come_by_again() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other::new("next"));
    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    // Another one hands its state over.
    succession.progress().busy = true;
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    let mut prepared = std::pin::pin!(succession.prepared());
    assert!(futures::poll!(prepared.as_mut()).is_pending());
    drop(Busy(&succession));
    // Nor right behind it.
    let free_at = succession.progress().free_at.unwrap();
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    assert!(counted.restored() == 0 || Instant::now() >= free_at);
    let begun = Instant::now();
    while counted.restored() == 0 {
        assert!(begun.elapsed() < PATIENCE);
        place.turn(&mut warm, 1, Some(&succession)).unwrap();
    }
    assert!(futures::poll!(prepared.as_mut()).is_ready());
}

#[tokio::test]
async fn a_swap_does_not_wait_for_a_stream_that_does_not_come_by_again() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (_, next) = reducer(Other::new("next"));
    let succession = place.to(&next);
    succession.progress().busy = true;
    place.turn(&mut place.warm(&former), 1, Some(&succession)).unwrap();
    tokio::time::timeout(PATIENCE, succession.prepared()).await.unwrap();
    assert_eq!(succession.progress().waiting.len(), 1);
}

#[tokio::test]
async fn who_reads_another_schema_is_not_given_the_state() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let mut other = Other::new("next");
    other.descriptor.state_schema = "counter.v2".into();
    let (counted, next) = reducer(other);
    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    place.turn(&mut warm, 1, Some(&succession)).unwrap();
    assert!(place.under(warm, &next, Some(&succession)).is_none(), "it is loaded anew");
    assert_eq!((counted.restored(), place.bytes()), (0, 0));
}

#[tokio::test]
async fn who_failed_to_apply_what_came_behind_takes_the_state_over_behind_the_swap() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other { fails_in: Some("apply"), ..Other::new("next") });
    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    for by in 1..5 {
        place.turn(&mut warm, by, Some(&succession)).unwrap();
    }
    assert_eq!((counted.restored(), place.bytes()), (1, 1_000), "not with each turn");
    assert_eq!(value(&mut place.under(warm, &next, Some(&succession)).unwrap()), json!(10));
}

#[tokio::test]
async fn who_cannot_take_a_state_over_is_asked_once_and_the_former_one_decides_until_the_swap() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other { fails_in: Some("restore"), ..Other::new("next") });
    let (succession, mut warm) = (place.to(&next), place.warm(&former));
    for by in 1..5 {
        place.turn(&mut warm, by, Some(&succession)).unwrap();
    }
    assert_eq!((value(&mut warm), counted.restored()), (json!(10), 1));
    assert!(place.under(warm, &next, Some(&succession)).is_none());
}

/// After a fault nobody knows what an aggregate holds.
#[tokio::test]
async fn a_fault_in_telling_the_state_is_told_of_the_aggregate_and_the_next_stream_is_prepared() {
    let place = Place::new();
    let (_, former) = reducer(Other { fails_in: Some("snapshot"), ..Other::new("former") });
    let (_, next) = reducer(Other::new("next"));
    let succession = place.to(&next);
    place.turn(&mut place.warm(&former), 4, Some(&succession)).unwrap_err();
    assert!(!succession.progress().busy);
    assert!(place.under(place.warm(&former), &next, None).is_none());
    assert_eq!(place.bytes(), 0);
}
