#![allow(clippy::unwrap_used)]

use counter::Counter;
use serde_json::{Value, json};

use super::*;
use crate::NativeReducer;
use crate::event_store::SnapshotConfig;
use crate::reducer::{Command, Context, DecideError, Decision, Descriptor, ReducerDigest, ReducerFault};

/// The counter under another digest and schema, which counts the states that it takes over and fails when it is told to.
struct Other {
    native: NativeReducer<Counter>,
    digest: ReducerDigest,
    descriptor: Descriptor,
    restored: AtomicUsize,
    fails_in: Option<&'static str>,
}

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
        Self { stream_id, departed: Arc::default(), memory: Arc::default() }
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
        Warm::of(ActiveReducer::beside(reducer), loaded, Arc::clone(&self.memory))
    }

    fn bytes(&self) -> usize {
        self.memory.load(Ordering::Relaxed)
    }

    /// A turn that counts up, and is told of the swap that is about to be made.
    fn turn(&self, mut warm: Warm, by: u64, next: Option<&Arc<dyn Reducer>>) -> Option<Warm> {
        let event = SerializedEvent { event_type: "Incremented.v1".into(), data: vec![u8::try_from(by).unwrap()] };
        let packed = PackedEvents::of(warm.version.next(), std::slice::from_ref(&event)).unwrap();
        warm.aggregate.apply(packed).unwrap();
        warm.version = warm.version.next();
        warm.beside(next, std::iter::once(event), &self.around())
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
    let mut warm = place.turn(place.warm(&former), 1, None).unwrap();
    assert!(!warm.has_next() && counted.restored() == 0);
    for by in 2..5 {
        warm = place.turn(warm, by, Some(&next)).unwrap();
        assert_eq!((warm.has_next(), counted.restored()), (true, 1), "once, and the events from then on");
    }
    let mut warm = warm.under(&ActiveReducer::beside(&next), &place.around()).unwrap();
    assert_eq!((counted.restored(), warm.version, value(&mut warm)), (1, Version::new(4), json!(10)));
    assert_eq!(warm.active.reducer.digest(), counted.digest);
    assert_eq!(value(&mut place.turn(warm, 5, None).unwrap()), json!(15));
}

#[tokio::test]
async fn a_stream_that_was_not_told_takes_its_state_over_when_the_swap_is_made() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (announced, other) = reducer(Other::new("announced"));
    let (counted, next) = reducer(Other::new("next"));
    for told_of in [None, Some(&other)] {
        let warm = place.turn(place.warm(&former), 7, told_of).unwrap();
        let mut warm = warm.under(&ActiveReducer::beside(&next), &place.around()).unwrap();
        assert_eq!((value(&mut warm), warm.has_next()), (json!(7), false));
    }
    assert_eq!((counted.restored(), announced.restored()), (2, 1));
}

#[tokio::test]
async fn a_swap_that_is_not_made_leaves_nothing_behind() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (_, next) = reducer(Other::new("next"));
    let warm = place.turn(place.warm(&former), 1, Some(&next)).unwrap();
    assert_eq!(place.bytes(), 2_000);
    let mut warm = place.turn(warm, 2, None).unwrap();
    assert_eq!((place.bytes(), warm.has_next(), value(&mut warm)), (1_000, false, json!(3)));
    // Nor where who decides already is announced.
    let warm = place.turn(warm, 2, Some(&former)).unwrap();
    assert!(!warm.has_next());
    warm.leave(&place.departed);
    assert_eq!(place.bytes(), 0);
}

#[tokio::test]
async fn who_reads_another_schema_is_not_given_the_state() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let mut other = Other::new("next");
    other.descriptor.state_schema = "counter.v2".into();
    let (counted, next) = reducer(other);
    let warm = place.turn(place.warm(&former), 1, Some(&next)).unwrap();
    assert!(!warm.has_next());
    assert!(warm.under(&ActiveReducer::beside(&next), &place.around()).is_none(), "it is loaded anew");
    assert_eq!((counted.restored(), place.bytes()), (0, 0));
}

/// The state that it had before would else be decided on as the newest one.
#[tokio::test]
async fn who_failed_to_apply_what_came_behind_takes_the_state_over_anew() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (counted, next) = reducer(Other { fails_in: Some("apply"), ..Other::new("next") });
    let mut warm = place.warm(&former);
    for by in 1..4 {
        warm = place.turn(warm, by, Some(&next)).unwrap();
    }
    let mut warm = warm.under(&ActiveReducer::beside(&next), &place.around()).unwrap();
    assert_eq!((value(&mut warm), counted.restored()), (json!(6), 3));
}

#[tokio::test]
async fn who_cannot_take_a_state_over_leaves_the_former_one_to_decide_until_the_swap() {
    let place = Place::new();
    let (_, former) = reducer(Other::new("former"));
    let (_, next) = reducer(Other { fails_in: Some("restore"), ..Other::new("next") });
    let mut warm = place.turn(place.warm(&former), 4, Some(&next)).unwrap();
    assert_eq!((value(&mut warm), warm.has_next()), (json!(4), false));
    assert!(warm.under(&ActiveReducer::beside(&next), &place.around()).is_none());
}

/// After a fault nobody knows what an aggregate holds.
#[tokio::test]
async fn an_aggregate_that_failed_to_tell_its_state_is_not_asked_again() {
    let place = Place::new();
    let (_, former) = reducer(Other { fails_in: Some("snapshot"), ..Other::new("former") });
    let (_, next) = reducer(Other::new("next"));
    assert!(place.turn(place.warm(&former), 4, Some(&next)).is_none());
    assert!(place.warm(&former).under(&ActiveReducer::beside(&next), &place.around()).is_none());
    assert_eq!(place.bytes(), 0);
}
