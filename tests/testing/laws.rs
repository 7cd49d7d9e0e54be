//! Reducers that break a law are caught, whatever the scenario expects of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhost::reducer::{Context, DecideError, Decision, Descriptor, ReducerDigest, ReducerFault};
use foldhost::testing::{Law, Mismatch, command, events, scenario};
use foldhost::{Aggregate, Command, NativeReducer, PackedEvents, Reducer, SerializedEvent, StreamId};
use foldhost_test_support::component_reducer;
use serde_json::json;

use super::panic_of;

/// Counts its events, and does one thing wrong.
struct Lawless {
    descriptor: Descriptor,
    vice: Vice,
    decisions: Arc<AtomicU64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Vice {
    None,
    DecidesByChance,
    RejectsEverySecondTime,
    FailsEverySecondTime,
    CountsDecisions,
    EmitsWhatItCannotRead,
    EmitsWhatItDoesNotDeclare,
    CountsPages,
    LosesAnEventInSnapshots,
    CannotRestore,
    SnapshotsDifferently,
    DrawsNoJson,
}

struct LawlessAggregate {
    vice: Vice,
    count: u64,
    restored: bool,
    /// How often any aggregate of the reducer decided: what no reducer may know.
    decisions: Arc<AtomicU64>,
}

impl Lawless {
    fn new(vice: Vice) -> Self {
        let descriptor = Descriptor {
            name: "lawless".into(),
            commands: vec!["Count".into()],
            event_types: vec!["Counted.v1".into()],
            writes: Vec::new(),
            state_schema: "lawless.v1".into(),
            sdk_version: String::new(),
        };
        Self { descriptor, vice, decisions: Arc::default() }
    }

    fn aggregate(&self, count: u64, restored: bool) -> Box<dyn Aggregate> {
        Box::new(LawlessAggregate { vice: self.vice, count, restored, decisions: Arc::clone(&self.decisions) })
    }
}

impl Reducer for Lawless {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    fn digest(&self) -> ReducerDigest {
        ReducerDigest::of(b"lawless")
    }

    fn create(&self, _: &StreamId) -> Result<Box<dyn Aggregate>, ReducerFault> {
        Ok(self.aggregate(0, false))
    }

    fn restore(&self, _: &StreamId, snapshot: &[u8]) -> Result<Box<dyn Aggregate>, ReducerFault> {
        if self.vice == Vice::CannotRestore {
            return Err(ReducerFault::Snapshot("not mine".into()));
        }
        Ok(self.aggregate(u64::from_be_bytes(snapshot[..8].try_into().unwrap()), true))
    }

    fn events_json(&self, events: &[(&str, &[u8])]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        Ok(events.iter().map(|_| Err("nobody draws these".into())).collect())
    }
}

impl Aggregate for LawlessAggregate {
    fn apply(&mut self, events: PackedEvents) -> Result<(), ReducerFault> {
        if self.vice == Vice::EmitsWhatItCannotRead && events.data.contains(&b'x') {
            return Err(ReducerFault::Apply { version: events.first_version, message: "what is this".into() });
        }
        self.count += if self.vice == Vice::CountsPages { 1 } else { events.len() as u64 };
        Ok(())
    }

    fn decide(&mut self, _: &Command, _: &Context) -> Result<Decision, DecideError> {
        let decisions = self.decisions.fetch_add(1, Ordering::Relaxed);
        self.count += u64::from(self.vice == Vice::CountsDecisions);
        let (event_type, data) = match self.vice {
            Vice::DecidesByChance => ("Counted.v1", decisions.to_string()),
            Vice::EmitsWhatItCannotRead => ("Counted.v1", "x".into()),
            Vice::EmitsWhatItDoesNotDeclare => ("Miscounted.v1", String::new()),
            Vice::RejectsEverySecondTime if decisions.is_multiple_of(2) => {
                return Err(DecideError::Malformed("not now".into()));
            }
            Vice::FailsEverySecondTime if decisions.is_multiple_of(2) => {
                return Err(ReducerFault::Trap { call: "decide", reason: "not now".into() }.into());
            }
            _ => ("Counted.v1", String::new()),
        };
        let event = SerializedEvent { event_type: event_type.into(), data: data.into() };
        Ok(Decision { events: vec![event], ..Decision::default() })
    }

    fn snapshot(&mut self) -> Result<Vec<u8>, ReducerFault> {
        let lost = u64::from(self.vice == Vice::LosesAnEventInSnapshots && self.count > 0);
        let mut snapshot = (self.count - lost).to_be_bytes().to_vec();
        snapshot.extend((self.vice == Vice::SnapshotsDifferently && self.restored).then_some(0));
        Ok(snapshot)
    }

    fn state_json(&mut self) -> Result<String, ReducerFault> {
        Ok(if self.vice == Vice::DrawsNoJson { "three".into() } else { self.count.to_string() })
    }

    fn events_json(&mut self, events: &[&SerializedEvent]) -> Result<Vec<Result<String, String>>, ReducerFault> {
        Ok(events.iter().map(|_| Err("nobody draws these".into())).collect())
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

/// What the scenario says of a reducer with this vice, on a stream of two events.
fn caught(vice: Vice) -> Result<(), (Law, String)> {
    let lawless = Lawless::new(vice);
    let given = events(["Counted.v1", "Counted.v1"]);
    match scenario(&lawless).given(given).run(command("Count", json!({}))) {
        Ok(_) => Ok(()),
        Err(Mismatch::Law { law, difference }) => Err((law, difference)),
        Err(other) => panic!("{vice:?}: {other}"),
    }
}

#[test]
fn a_reducer_that_breaks_a_law_is_caught_and_told_which() {
    assert_eq!(caught(Vice::None), Ok(()));
    for (vice, law, says) in [
        (Vice::DecidesByChance, Law::DecideIsDeterministic, "the same command came out otherwise"),
        (Vice::RejectsEverySecondTime, Law::DecideIsDeterministic, "-not now"),
        (Vice::FailsEverySecondTime, Law::DecideIsDeterministic, "-the reducer trapped in decide: not now"),
        (Vice::CountsDecisions, Law::DecideChangesNothing, "the state after deciding is another one: first difference"),
        (Vice::EmitsWhatItCannotRead, Law::EmittedEventsApply, "cannot apply event 3: what is this"),
        (Vice::EmitsWhatItDoesNotDeclare, Law::EmittedEventsApply, "Miscounted.v1 is none of Counted.v1"),
        (Vice::CountsPages, Law::PagesMakeNoDifference, "the state of 3 events in pages of 1 is another one"),
        (Vice::LosesAnEventInSnapshots, Law::SnapshotsKeepTheState, "2 was expected, 1 came"),
        (Vice::CannotRestore, Law::SnapshotsKeepTheState, "cannot read the snapshot: not mine"),
        (Vice::SnapshotsDifferently, Law::SnapshotsKeepTheState, "its snapshot has other bytes"),
        (Vice::DrawsNoJson, Law::TheStateIsJson, "in: three"),
    ] {
        let (broken, difference) = caught(vice).unwrap_err();
        assert_eq!(broken, law, "{vice:?}: {difference}");
        assert!(difference.contains(says), "{vice:?}: {difference}");
    }
}

#[test]
fn a_broken_law_panics_with_its_name_in_the_line_of_the_test() {
    let lawless = Lawless::new(Vice::CountsPages);
    let counted = scenario(&lawless).given(events(["Counted.v1"]));
    let (message, file) = panic_of(|| drop(counted.when(command("Count", json!({})))));
    assert!(
        message.starts_with("lawless-1, when Count\nthe reducer breaks a law: events fold to the same"),
        "{message}"
    );
    assert!(file.ends_with("tests/testing/laws.rs"), "{file}");
}

#[test]
fn a_component_that_cannot_apply_its_own_event_is_caught() {
    let hostile = component_reducer("hostile");
    let poisoned = scenario(&hostile).given_commands([command("Ok", json!({}))]).run(command("PoisonApply", json!({})));
    let Err(Mismatch::Law { law: Law::EmittedEventsApply, difference }) = poisoned else { panic!("{poisoned:?}") };
    assert!(difference.contains("trapped in apply"), "{difference}");
    scenario(&hostile).when(command("Ok", json!({}))).then_event_types(["Fine.v1"]);
}

/// Two mistakes that authors make with the SDK, and that show only after a restart.
mod with_the_sdk {
    use std::collections::HashMap;

    use foldhost_sdk::prelude::*;

    #[derive(Command)]
    pub(super) enum TagCommand {
        Tag { name: String },
    }

    #[derive(Event)]
    pub(super) enum TagEvent {
        Tagged { name: String },
    }

    /// A state whose snapshot leaves out what decide looks at.
    #[derive(Default, Serialize, Deserialize)]
    pub(super) struct Forgetful {
        count: u64,
        #[serde(skip)]
        last: String,
    }

    pub(super) struct ForgetfulTags;

    impl Reducer for ForgetfulTags {
        const NAME: &'static str = "tags";
        const STATE_SCHEMA: &'static str = "tags.v1";
        type State = Forgetful;
        type Command = TagCommand;
        type Event = TagEvent;

        fn decide(
            state: &Forgetful,
            TagCommand::Tag { name }: TagCommand,
            _: &Context,
        ) -> Result<Decision<TagEvent>, Rejection> {
            if state.last == name {
                return Err(Rejection::new("twice", "it was the last one"));
            }
            Ok(Decision::event(TagEvent::Tagged { name }))
        }

        fn apply(state: &mut Forgetful, TagEvent::Tagged { name }: TagEvent) {
            state.count += 1;
            state.last = name;
        }
    }

    /// A state without a fixed order.
    pub(super) struct UnorderedTags;

    impl Reducer for UnorderedTags {
        const NAME: &'static str = "tags";
        const STATE_SCHEMA: &'static str = "tags.v1";
        type State = HashMap<String, u64>;
        type Command = TagCommand;
        type Event = TagEvent;

        fn decide(
            _: &HashMap<String, u64>,
            TagCommand::Tag { name }: TagCommand,
            _: &Context,
        ) -> Result<Decision<TagEvent>, Rejection> {
            Ok(Decision::event(TagEvent::Tagged { name }))
        }

        fn apply(state: &mut HashMap<String, u64>, TagEvent::Tagged { name }: TagEvent) {
            *state.entry(name).or_default() += 1;
        }
    }
}

fn tag(name: &str) -> Command {
    command("Tag", json!({"name": name}))
}

#[test]
fn a_field_that_a_snapshot_leaves_out_is_found_where_decide_depends_on_it() {
    let tags = NativeReducer::<with_the_sdk::ForgetfulTags>::new();
    let begun = scenario(&tags).given_commands([tag("a")]);
    begun.when(tag("b")).then_event_types(["Tagged.v1"]);
    let Err(Mismatch::Law { law, difference }) = begun.run(tag("a")) else { panic!("it was not found") };
    assert_eq!(law, Law::SnapshotsKeepTheState);
    assert!(difference.contains("-twice: it was the last one"), "{difference}");
}

#[test]
fn a_collection_without_a_fixed_order_is_found() {
    let tags = NativeReducer::<with_the_sdk::UnorderedTags>::new();
    // 30 names: that a second map has them in the same order by chance is out of the question.
    let begun = scenario(&tags).given_commands((0..30).map(|number| tag(&number.to_string())));
    let Err(Mismatch::Law { law, difference }) = begun.run(tag("a")) else { panic!("it was not found") };
    assert_eq!(law, Law::SnapshotsKeepTheState);
    assert!(difference.contains("the restored state is another one: --- expected"), "{difference}");
}
