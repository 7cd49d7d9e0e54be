//! Reducers that break a law are caught, whatever the test expects of them.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhost_sdk::prelude::*;
use foldhost_sdk::testing::{Case, Law, Mismatch, Testable, case};
use foldhost_sdk::{Decoder, EventError};

use super::panic_of;

#[derive(Debug, Command)]
pub(crate) enum TagCommand {
    Tag { name: String },
}

#[derive(Debug, Clone, PartialEq, Event)]
pub(crate) enum TagEvent {
    Tagged { name: String },
}

pub(crate) fn tag(name: impl Into<String>) -> TagCommand {
    TagCommand::Tag { name: name.into() }
}

fn tagged(name: impl Into<String>) -> TagEvent {
    TagEvent::Tagged { name: name.into() }
}

/// A reducer of tags that does one thing wrong.
macro_rules! tags {
    ($reducer:ident, $state:ty, $event:ty, $decide:expr, $apply:expr) => {
        pub(crate) struct $reducer;

        impl Reducer for $reducer {
            const NAME: &'static str = "tags";
            const STATE_SCHEMA: &'static str = "tags.v1";
            type State = $state;
            type Command = TagCommand;
            type Event = $event;

            fn decide(state: &$state, command: TagCommand, _: &Context) -> Result<Decision<$event>, Rejection> {
                let TagCommand::Tag { name } = command;
                let decide: fn(&$state, String) -> Result<Decision<$event>, Rejection> = $decide;
                decide(state, name)
            }

            fn apply(state: &mut $state, event: $event) {
                let apply: fn(&mut $state, $event) = $apply;
                apply(state, event);
            }
        }
    };
}

/// How often any of the tests below decided by chance.
static DECISIONS: AtomicU64 = AtomicU64::new(0);

tags!(
    ByChance,
    u64,
    TagEvent,
    |_, _| Ok(Decision::event(tagged(DECISIONS.fetch_add(1, Ordering::Relaxed).to_string()))),
    |count, _| *count += 1
);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counting {
    decisions: Cell<u64>,
}

tags!(
    CountsDecisions,
    Counting,
    TagEvent,
    |state, name| {
        state.decisions.set(state.decisions.get() + 1);
        Ok(Decision::event(tagged(name)))
    },
    |_, _| {}
);

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Forgetful {
    count: u64,
    #[serde(skip)]
    last: String,
}

tags!(
    Forgets,
    Forgetful,
    TagEvent,
    |state, name| match state.last == name {
        true => Err(Rejection::new("twice", "it was the last one")),
        false => Ok(Decision::event(tagged(name))),
    },
    |state, TagEvent::Tagged { name }| {
        state.count += 1;
        state.last = name;
    }
);

tags!(Unordered, HashMap<String, u64>, TagEvent, |_, name| Ok(Decision::event(tagged(name))), |state, event| {
    let TagEvent::Tagged { name } = event;
    *state.entry(name).or_default() += 1;
});

thread_local! {
    static FOLDED: Cell<u64> = const { Cell::new(0) };
}

tags!(Remembers, u64, TagEvent, |_, name| Ok(Decision::event(tagged(name))), |state, _| {
    *state = FOLDED.replace(FOLDED.get() + 1);
});

/// A name that loses its last letter on the way.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cut(String);

impl Serialize for Cut {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0[..self.0.len().saturating_sub(1)])
    }
}

#[derive(Debug, PartialEq, Event)]
pub(crate) enum CutEvent {
    Tagged { name: Cut },
}

tags!(Cuts, u64, CutEvent, |_, name| Ok(Decision::event(CutEvent::Tagged { name: Cut(name) })), |count, _| *count += 1);

/// Writes what it says it does not.
#[derive(Debug, PartialEq)]
pub(crate) struct Undeclared;

impl Event for Undeclared {
    const EVENT_TYPES: &'static [&'static str] = &["Tagged.v1"];
    const WRITES: &'static [&'static str] = &[];

    fn event_type(&self) -> &'static str {
        "Tagged.v1"
    }

    fn to_bytes(&self) -> Result<Vec<u8>, EventError> {
        Ok(vec![])
    }

    fn decoder(_: &str) -> Option<Decoder<Self>> {
        Some(|_| Ok(Undeclared))
    }

    fn to_json(&self) -> Result<String, EventError> {
        Ok("{}".into())
    }
}

tags!(Undeclares, u64, Undeclared, |_, _| Ok(Decision::event(Undeclared)), |count, _| *count += 1);

/// Which law the case breaks.
fn broken<R: Testable>(case: &Case<R>) -> (Law, String) {
    match case.check() {
        Err(Mismatch::Law(broken)) => (broken.law, broken.difference),
        other => panic!("{}: {other:?}", case.name),
    }
}

#[test]
fn a_reducer_that_breaks_a_law_is_caught_and_told_which() {
    let (law, says) = broken(&case::<ByChance>("chance").when(tag("a")).then_no_events());
    assert_eq!(law, Law::DecideIsDeterministic, "{says}");
    assert!(says.starts_with("the same command came out otherwise\n--- expected\n"), "{says}");

    let (law, says) = broken(&case::<CountsDecisions>("counts").when(tag("a")).then_no_events());
    assert_eq!(law, Law::DecideChangesNothing, "{says}");
    assert!(says.contains("\n-  \"decisions\": 0\n+  \"decisions\": 2\n"), "{says}");

    let (law, says) = broken(&case::<Forgets>("forgets").given([tagged("a")]).when(tag("a")).then_rejected("twice"));
    assert_eq!(law, Law::SnapshotsKeepTheState, "{says}");

    // 30 names: that a second map has them in the same order by chance is out of the question.
    let names = (0..30).map(|number| tagged(number.to_string()));
    let (law, says) = broken(&case::<Unordered>("unordered").given(names).when(tag("a")).then_events([tagged("a")]));
    assert_eq!(law, Law::SnapshotsKeepTheState, "{says}");

    let (law, says) = broken(&case::<Remembers>("remembers").when(tag("a")).then_events([tagged("a")]));
    assert!([Law::ReplayIsDeterministic, Law::SnapshotsKeepTheState].contains(&law), "{says}");

    let (law, says) = broken(&case::<Cuts>("cuts").when(tag("abc")).then_no_events());
    assert_eq!(law, Law::EventsAreReadBack, "{says}");
    assert!(says.contains("\"abc\"") && says.contains("\"ab\""), "{says}");
    let given_cut = case::<Cuts>("cuts").given([CutEvent::Tagged { name: Cut("abc".into()) }]).when(tag(""));
    assert_eq!(broken(&given_cut.then_no_events()).0, Law::EventsAreReadBack);

    let (law, says) = broken(&case::<Undeclares>("undeclared").when(tag("a")).then_no_events());
    assert_eq!((law, says.as_str()), (Law::EmittedEventsAreWritten, "Tagged.v1 is none of "));
}

#[test]
fn a_broken_law_panics_with_its_name() {
    let case = case::<Undeclares>("undeclared").when(tag("a")).then_no_events();
    let message = panic_of(|| case.run());
    assert!(
        message.contains("\nthe reducer breaks a law: a decision holds only events of the types in WRITES"),
        "{message}"
    );
}
