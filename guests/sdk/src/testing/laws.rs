//! What every reducer has to keep, whatever its rules are. Each test checks it on the way to its answer.

use std::fmt;

use super::{Testable, line_diff};
use crate::{Command as _, Context, Decision, EncodedEvent, Event as _, Fold, Reducer, Rejection};

/// What no test asks for and every reducer has to keep. A host decides again after a conflict, folds in pages of any size,
/// records bytes and not values, and begins with a snapshot where it has one: a reducer that breaks one of these gives wrong
/// answers that nobody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// A command is read back from its JSON.
    CommandsAreReadBack,
    /// An event is read back from its bytes as the same event.
    EventsAreReadBack,
    /// A decision holds events of the types in `WRITES` alone.
    EmittedEventsAreWritten,
    /// The same state, command and context give the same decision.
    DecideIsDeterministic,
    /// Only events change the state.
    DecideChangesNothing,
    /// Events fold to the same state in pages of any size, and whenever they are folded.
    ReplayIsDeterministic,
    /// A state that was restored from its snapshot decides the same, and goes on to the same.
    SnapshotsKeepTheState,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CommandsAreReadBack => {
                "a command is read back from its JSON. Look for a field whose `Serialize` and `Deserialize` differ"
            }
            Self::EventsAreReadBack => {
                "an event is read back from its bytes as the same event. Look for a field whose `Serialize` and `Deserialize` differ"
            }
            Self::EmittedEventsAreWritten => {
                "a decision holds only events of the types in WRITES. A retired event is read and not emitted"
            }
            Self::DecideIsDeterministic => {
                "deciding twice comes out the same. Take time and chance from the context, and keep collections in a fixed order"
            }
            Self::DecideChangesNothing => "deciding changes nothing. Only apply may change the state",
            Self::ReplayIsDeterministic => {
                "events fold to the same state every time, in pages of any size. Keep nothing but the state, and collections in a fixed order"
            }
            Self::SnapshotsKeepTheState => {
                "a state survives its snapshot. Look for skipped fields, and for collections without a fixed order"
            }
        })
    }
}

/// A reducer did what no reducer may do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the reducer breaks a law: {law}\n{difference}")]
pub struct BrokenLaw {
    /// Which one.
    pub law: Law,
    /// What differs, and where.
    pub difference: String,
}

impl BrokenLaw {
    pub(super) fn new(law: Law, difference: impl fmt::Display) -> Self {
        Self { law, difference: difference.to_string() }
    }
}

/// What a command came to: a decision, or a rule's no.
pub type Decided<R> = Result<Decision<<R as Reducer>::Event>, Rejection>;

/// What a command came to, and the stream after it.
pub(super) struct Observed<R: Reducer> {
    pub(super) decided: Decided<R>,
    /// With the decision's events applied.
    pub(super) fold: Fold<R>,
}

/// The event's bytes, which are read back as the same event.
pub(super) fn record<R: Testable>(event: &R::Event) -> Result<EncodedEvent, BrokenLaw> {
    let law = Law::EventsAreReadBack;
    let event_type = event.event_type();
    let data = event.to_bytes().map_err(|error| BrokenLaw::new(law, error))?;
    let again = R::Event::from_bytes(event_type, &data).map_err(|error| BrokenLaw::new(law, error))?;
    if again != *event {
        return Err(BrokenLaw::new(law, line_diff(&format!("{event:#?}\n"), &format!("{again:#?}\n"))));
    }
    Ok(EncodedEvent { event_type, data })
}

/// Folds events that begin at this version, as many a page as `page_len` says.
pub(super) fn apply<R: Reducer>(
    fold: &mut Fold<R>,
    first_version: u64,
    events: &[EncodedEvent],
    page_len: usize,
) -> Result<(), String> {
    for (page, first) in events.chunks(page_len.max(1)).zip((first_version..).step_by(page_len.max(1))) {
        let mut types: Vec<String> = Vec::new();
        let (mut indices, mut ends, mut data) = (Vec::new(), Vec::new(), Vec::new());
        for event in page {
            let known = types.iter().position(|name| name == event.event_type);
            let index = known.unwrap_or_else(|| {
                types.push(event.event_type.to_owned());
                types.len() - 1
            });
            data.extend_from_slice(&event.data);
            indices.push(u16::try_from(index).map_err(|error| error.to_string())?);
            ends.push(u32::try_from(data.len()).map_err(|error| error.to_string())?);
        }
        fold.apply_packed(first, &types, &indices, &ends, &data).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// The stream with these events, all in one page.
pub(super) fn folded<R: Reducer>(stream_id: &str, events: &[EncodedEvent]) -> Result<Fold<R>, BrokenLaw> {
    let mut fold = Fold::new(stream_id);
    let applied = apply(&mut fold, 1, events, usize::MAX);
    applied.map_err(|message| BrokenLaw::new(Law::ReplayIsDeterministic, message))?;
    Ok(fold)
}

/// Decides on the command, applies what it leads to, and checks every law on the way.
pub(super) fn decide<R: Testable>(
    given: &[EncodedEvent],
    command: &R::Command,
    context: &Context,
) -> Result<Observed<R>, BrokenLaw> {
    let mut fold = folded::<R>(&context.stream_id, given)?;
    let before = Picture::of(&fold);
    let mut restored = before.restored::<R>(&context.stream_id)?;

    let decided = R::decide(fold.state(), read_back::<R>(command)?, context);
    check_decided::<R>(
        Law::DecideIsDeterministic,
        &decided,
        &R::decide(fold.state(), read_back::<R>(command)?, context),
    )?;
    before.check(Law::DecideChangesNothing, "the state after deciding", &fold)?;
    check_decided::<R>(
        Law::SnapshotsKeepTheState,
        &decided,
        &R::decide(restored.state(), read_back::<R>(command)?, context),
    )?;

    let emitted = emitted::<R>(&decided)?;
    for (fold, law) in [(&mut fold, Law::ReplayIsDeterministic), (&mut restored, Law::SnapshotsKeepTheState)] {
        apply(fold, given.len() as u64 + 1, &emitted, usize::MAX).map_err(|message| BrokenLaw::new(law, message))?;
    }
    let after = Picture::of(&fold);
    after.check(Law::SnapshotsKeepTheState, "the state of a snapshot and what follows it", &restored)?;
    check_pages::<R>(&context.stream_id, &[given, &emitted].concat(), &after, &[1, usize::MAX])?;
    Ok(Observed { decided, fold })
}

/// The command as its receiver has it. A command need not be `Clone`, and deciding takes it.
pub(super) fn read_back<R: Reducer>(command: &R::Command) -> Result<R::Command, BrokenLaw> {
    let read = command.to_json().and_then(|json| R::Command::from_json(command.name(), &json));
    read.map_err(|error| BrokenLaw::new(Law::CommandsAreReadBack, error))
}

/// The events of a decision, encoded; none of a rejection.
pub(super) fn emitted<R: Testable>(decided: &Decided<R>) -> Result<Vec<EncodedEvent>, BrokenLaw> {
    let events = decided.iter().flat_map(Decision::events).map(|event| {
        let event_type = event.event_type();
        if !R::Event::WRITES.contains(&event_type) {
            let difference = format!("{event_type} is none of {}", R::Event::WRITES.join(", "));
            return Err(BrokenLaw::new(Law::EmittedEventsAreWritten, difference));
        }
        record::<R>(event)
    });
    events.collect()
}

/// Whether a stream folds to the same whenever it is folded, in pages of these sizes.
pub(super) fn check_pages<R: Reducer>(
    stream_id: &str,
    events: &[EncodedEvent],
    whole: &Picture,
    page_lens: &[usize],
) -> Result<(), BrokenLaw> {
    let law = Law::ReplayIsDeterministic;
    for &page_len in page_lens {
        let mut fold = Fold::<R>::new(stream_id);
        apply(&mut fold, 1, events, page_len).map_err(|message| BrokenLaw::new(law, message))?;
        let page_len = page_len.min(events.len());
        whole.check(law, &format!("the state of {} events in pages of {page_len}", events.len()), &fold)?;
    }
    Ok(())
}

/// Whether a snapshot at any version and the events after it give the state of all events.
#[cfg(feature = "proptest")]
pub(super) fn check_snapshots<R: Reducer>(
    stream_id: &str,
    events: &[EncodedEvent],
    whole: &Picture,
) -> Result<(), BrokenLaw> {
    let law = Law::SnapshotsKeepTheState;
    let mut early = Fold::<R>::new(stream_id);
    for version in 0..=events.len() {
        let (before, after) = events.split_at(version);
        let newest = &before[version.saturating_sub(1)..];
        apply(&mut early, version as u64, newest, 1).map_err(|message| BrokenLaw::new(law, message))?;
        let mut late = Picture::of(&early).restored::<R>(stream_id)?;
        apply(&mut late, version as u64 + 1, after, usize::MAX).map_err(|message| BrokenLaw::new(law, message))?;
        whole.check(law, &format!("the state of a snapshot at version {version} and what follows it"), &late)?;
    }
    Ok(())
}

/// A state, as far as it can be seen from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    json: String,
    snapshot: Vec<u8>,
}

impl Picture {
    pub(super) fn of<R: Reducer>(fold: &Fold<R>) -> Self {
        Self { json: fold.state_json(), snapshot: fold.snapshot() }
    }

    fn restored<R: Reducer>(&self, stream_id: &str) -> Result<Fold<R>, BrokenLaw> {
        let law = Law::SnapshotsKeepTheState;
        let restored = Fold::restore(stream_id, &self.snapshot).map_err(|message| BrokenLaw::new(law, message))?;
        self.check(law, "the restored state", &restored)?;
        Ok(restored)
    }

    /// Whether a stream has this state too.
    fn check<R: Reducer>(&self, law: Law, what: &str, fold: &Fold<R>) -> Result<(), BrokenLaw> {
        let other = Self::of(fold);
        if *self == other {
            return Ok(());
        }
        let diff = if self.json == other.json {
            format!("its snapshot has other bytes\n{:02x?}\n{:02x?}", self.snapshot, other.snapshot)
        } else {
            line_diff(&pretty(&self.json), &pretty(&other.json))
        };
        Err(BrokenLaw::new(law, format!("{what} is another one\n{diff}")))
    }
}

fn pretty(json: &str) -> String {
    // A state's JSON was written by serde; should it be none, it is shown as it stands.
    let value = serde_json::from_str::<serde_json::Value>(json);
    value.map_or_else(|_| format!("{json}\n"), |value| format!("{value:#}\n"))
}

pub(super) fn check_decided<R: Testable>(law: Law, first: &Decided<R>, again: &Decided<R>) -> Result<(), BrokenLaw> {
    if first == again {
        return Ok(());
    }
    let diff = line_diff(&format!("{first:#?}\n"), &format!("{again:#?}\n"));
    Err(BrokenLaw::new(law, format!("the same command came out otherwise\n{diff}")))
}
