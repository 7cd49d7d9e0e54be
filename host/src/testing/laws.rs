//! What every reducer has to keep, whatever its rules are. Each scenario checks all of it, on the way to its answer.

use std::fmt;
use std::mem::discriminant;

use foldhost_sdk::testing::exact_value;
use serde_json::Value;

use super::Mismatch;
use super::mismatch::{difference, line_diff, rows};
use crate::reducer::{Context, DecideError, Decision, ReducerFault};
use crate::{Aggregate, Command, PackedEvents, Reducer, SerializedEvent, StreamId, Version};

/// Events that are folded by one call, where the page is not what is being tried: as many as a host gives by default.
pub(crate) const PAGE_EVENTS: usize = 1_000;

/// What no test asks for and every reducer has to keep. A host decides again after a conflict, folds in pages of any size, and
/// begins with a snapshot where it has one: a reducer that breaks one of these gives wrong answers that nobody sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Law {
    /// The same state, command and context give the same decision, byte for byte.
    DecideIsDeterministic,
    /// Only events change the state.
    DecideChangesNothing,
    /// Every event that a decision holds is of a type in the descriptor, and can be applied.
    EmittedEventsApply,
    /// Events fold to the same state one by one and in a page.
    PagesMakeNoDifference,
    /// A state that was restored from its snapshot is the same, decides the same, and goes on to the same.
    SnapshotsKeepTheState,
    /// The state is drawn as JSON.
    TheStateIsJson,
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DecideIsDeterministic => {
                "deciding twice comes out the same. Take time and chance from the context, and keep collections in a fixed order"
            }
            Self::DecideChangesNothing => "deciding changes nothing. Only apply may change the state",
            Self::EmittedEventsApply => "emitted events can be applied, and their types are in the descriptor",
            Self::PagesMakeNoDifference => {
                "events fold to the same state in pages of any size. Keep nothing between calls but the state"
            }
            Self::SnapshotsKeepTheState => {
                "a state survives its snapshot. Look for skipped fields, and for collections without a fixed order"
            }
            Self::TheStateIsJson => "the state is drawn as JSON",
        })
    }
}

/// One command on one history.
pub(super) struct Trial<'a> {
    pub(super) reducer: &'a dyn Reducer,
    pub(super) stream_id: &'a StreamId,
    pub(super) given: &'a [SerializedEvent],
    pub(super) command: &'a Command,
    pub(super) context: &'a Context,
}

/// What the command came to.
pub(super) struct Observed {
    pub(super) decided: Result<Decision, DecideError>,
    /// With the decision's events applied.
    pub(super) state: Value,
}

/// A state, as far as it can be seen from outside.
#[derive(PartialEq)]
pub(crate) struct Picture {
    pub(crate) json: String,
    pub(crate) snapshot: Vec<u8>,
}

pub(crate) type Decided = Result<Decision, DecideError>;

impl Trial<'_> {
    /// Decides, and checks every law on the way.
    pub(super) fn run(&self) -> Result<Observed, Mismatch> {
        let mut aggregate = self.begun()?;
        let before = Picture::of(aggregate.as_mut())?;
        let decided = aggregate.decide(self.command, self.context);
        if !is_fault(&decided) {
            // After a fault an aggregate must not be asked again.
            check_same(Law::DecideIsDeterministic, &decided, &aggregate.decide(self.command, self.context))?;
            before.check(Law::DecideChangesNothing, "the state after deciding", aggregate.as_mut())?;
        }
        check_same(Law::DecideIsDeterministic, &decided, &self.begun()?.decide(self.command, self.context))?;
        let mut restored = self.restored(&before)?;
        check_same(Law::SnapshotsKeepTheState, &decided, &restored.decide(self.command, self.context))?;

        let emitted = decided.as_ref().map_or(&[][..], |decision| &decision.events);
        let after = if emitted.is_empty() {
            before
        } else {
            self.check_declared(emitted)?;
            self.apply(Law::EmittedEventsApply, aggregate.as_mut(), self.given.len(), emitted, PAGE_EVENTS)?;
            self.apply(Law::SnapshotsKeepTheState, restored.as_mut(), self.given.len(), emitted, PAGE_EVENTS)?;
            let after = Picture::of(aggregate.as_mut())?;
            after.check(
                Law::SnapshotsKeepTheState,
                "the state of a snapshot and what follows it",
                restored.as_mut(),
            )?;
            after
        };
        self.restored(&after)?;
        self.check_pages(emitted, &after)?;
        Ok(Observed { decided, state: after.value()? })
    }

    /// The aggregate with the given events folded.
    fn begun(&self) -> Result<Box<dyn Aggregate>, Mismatch> {
        begin(self.reducer, self.stream_id, self.given)
    }

    fn restored(&self, picture: &Picture) -> Result<Box<dyn Aggregate>, Mismatch> {
        let law = Law::SnapshotsKeepTheState;
        let restored = self.reducer.restore(self.stream_id, &picture.snapshot);
        let mut restored = restored.map_err(|fault| broken(law, &fault))?;
        picture.check(law, "the restored state", restored.as_mut())?;
        Ok(restored)
    }

    fn check_declared(&self, emitted: &[SerializedEvent]) -> Result<(), Mismatch> {
        let declared = &self.reducer.descriptor().event_types;
        match emitted.iter().find(|event| !declared.contains(&event.event_type)) {
            None => Ok(()),
            Some(SerializedEvent { event_type, .. }) => {
                let difference = format!("{event_type} is none of {}", declared.join(", "));
                Err(Mismatch::Law { law: Law::EmittedEventsApply, difference })
            }
        }
    }

    fn check_pages(&self, emitted: &[SerializedEvent], after: &Picture) -> Result<(), Mismatch> {
        let law = Law::PagesMakeNoDifference;
        let all = [self.given, emitted].concat();
        for page_len in [1, PAGE_EVENTS] {
            let mut aggregate = self.reducer.create(self.stream_id).map_err(|fault| broken(law, &fault))?;
            self.apply(law, aggregate.as_mut(), 0, &all, page_len)?;
            let what = format!("the state of {} events in pages of {page_len}", all.len());
            after.check(law, &what, aggregate.as_mut())?;
        }
        Ok(())
    }

    fn apply(
        &self,
        law: Law,
        aggregate: &mut dyn Aggregate,
        behind: usize,
        events: &[SerializedEvent],
        page_len: usize,
    ) -> Result<(), Mismatch> {
        apply(aggregate, behind, events, page_len).map_err(|reason| Mismatch::Law { law, difference: reason })
    }
}

/// An aggregate with these events folded.
pub(super) fn begin(
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    given: &[SerializedEvent],
) -> Result<Box<dyn Aggregate>, Mismatch> {
    let mut aggregate = reducer.create(stream_id).map_err(|fault| Mismatch::Given(fault.to_string()))?;
    apply(aggregate.as_mut(), 0, given, PAGE_EVENTS).map_err(Mismatch::Given)?;
    Ok(aggregate)
}

/// Folds events behind version `behind`, page by page.
pub(crate) fn apply(
    aggregate: &mut dyn Aggregate,
    behind: usize,
    events: &[SerializedEvent],
    page_len: usize,
) -> Result<(), String> {
    let firsts = (behind as u64 + 1..).step_by(page_len);
    for (page, first) in events.chunks(page_len).zip(firsts) {
        let packed = PackedEvents::of(Version::new(first), page).map_err(|error| error.to_string())?;
        aggregate.apply(packed).map_err(|fault| fault.to_string())?;
    }
    Ok(())
}

impl Picture {
    pub(crate) fn of(aggregate: &mut dyn Aggregate) -> Result<Self, Mismatch> {
        let json = aggregate.state_json().map_err(|fault| broken(Law::TheStateIsJson, &fault))?;
        let snapshot = aggregate.snapshot().map_err(|fault| broken(Law::SnapshotsKeepTheState, &fault))?;
        Ok(Self { json, snapshot })
    }

    pub(crate) fn value(&self) -> Result<Value, Mismatch> {
        exact_value(&self.json).map_err(|error| Mismatch::Law {
            law: Law::TheStateIsJson,
            difference: format!("{error}, in: {}", self.json),
        })
    }

    /// Whether an aggregate has this state too.
    pub(crate) fn check(&self, law: Law, what: &str, aggregate: &mut dyn Aggregate) -> Result<(), Mismatch> {
        let other = Self::of(aggregate)?;
        let parted = if self.json != other.json {
            match difference(&self.value()?, &other.value()?) {
                // The same fields in another order.
                none if none.is_empty() => line_diff(&format!("{}\n", self.json), &format!("{}\n", other.json)),
                parted => parted,
            }
        } else if self.snapshot != other.snapshot {
            format!("its snapshot has other bytes\n{}", difference(&rows(&self.snapshot), &rows(&other.snapshot)))
        } else {
            return Ok(());
        };
        Err(Mismatch::Law { law, difference: format!("{what} is another one: {}", parted.trim_start()) })
    }
}

pub(crate) fn is_fault(decided: &Decided) -> bool {
    matches!(decided, Err(DecideError::Fault(_)))
}

/// Whether two decisions are the same. Of faults only the kind counts: what an engine says of a trap may vary.
pub(crate) fn check_same(law: Law, first: &Decided, again: &Decided) -> Result<(), Mismatch> {
    let same = match (first, again) {
        (Err(DecideError::Fault(first)), Err(DecideError::Fault(again))) => discriminant(first) == discriminant(again),
        _ => first == again,
    };
    if same {
        return Ok(());
    }
    let shown = |decided: &Decided| match decided {
        Ok(Decision { events, effects, log }) => {
            let shown = |event: &SerializedEvent| format!("{}\n{:#}\n", event.event_type, rows(&event.data));
            let log = log.iter().map(|(level, line)| format!("{level} {line}\n"));
            events.iter().map(shown).chain(effects.iter().map(|effect| format!("{effect:?}\n"))).chain(log).collect()
        }
        Err(error) => format!("{error}\n"),
    };
    let difference = format!("the same command came out otherwise\n{}", line_diff(&shown(first), &shown(again)));
    Err(Mismatch::Law { law, difference })
}

pub(crate) fn broken(law: Law, fault: &ReducerFault) -> Mismatch {
    Mismatch::Law { law, difference: fault.to_string() }
}
