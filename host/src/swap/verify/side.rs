//! One reducer's fold of one stream.

use std::time::Instant;

use serde_json::Value;

use crate::reducer::{Aggregate, Reducer, ReducerFault};
use crate::{PackedEvents, StreamId, Version};

/// An aggregate up to the first fault.
pub(super) struct Side {
    state: Result<Box<dyn Aggregate>, Stopped>,
    version: Version,
    /// What it spent on folding.
    pub(super) spent_ns: u64,
}

/// The fault that ended it.
#[derive(Clone, Debug)]
pub(super) struct Stopped {
    pub(super) fault: ReducerFault,
    /// How many events were folded by then.
    pub(super) version: Version,
}

impl Side {
    pub(super) fn of(reducer: &dyn Reducer, stream_id: &StreamId) -> Self {
        Self::begun(reducer.create(stream_id), Version::EMPTY)
    }

    /// An aggregate that is there already, at a version.
    pub(super) fn begun(aggregate: Result<Box<dyn Aggregate>, ReducerFault>, version: Version) -> Self {
        Self { state: aggregate.map_err(|fault| Stopped { fault, version }), version, spent_ns: 0 }
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    pub(super) fn stopped(&self) -> Option<&Stopped> {
        self.state.as_ref().err()
    }

    /// Folds a page, unless it was stopped before.
    pub(super) fn apply(&mut self, events: PackedEvents) {
        let Some(last) = events.last_version() else { return };
        let Ok(aggregate) = &mut self.state else { return };
        let begun = Instant::now();
        let applied = aggregate.apply(events);
        self.spent_ns += u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        match applied {
            Ok(()) => self.version = last,
            Err(fault) => self.stop(fault),
        }
    }

    /// Asks the aggregate; none where it was stopped, before or by this.
    pub(super) fn ask<T>(&mut self, ask: impl FnOnce(&mut dyn Aggregate) -> Result<T, ReducerFault>) -> Option<T> {
        match ask(self.state.as_mut().ok()?.as_mut()) {
            Ok(answer) => Some(answer),
            Err(fault) => {
                self.stop(fault);
                None
            }
        }
    }

    /// Its state as a document.
    pub(super) fn state(&mut self) -> Option<Value> {
        let text = self.ask(|aggregate| aggregate.state_json())?;
        Some(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// After a fault an aggregate is not asked again: what it holds is not known any more.
    fn stop(&mut self, fault: ReducerFault) {
        self.state = Err(Stopped { fault, version: self.version });
    }
}

/// A fault's name in a report.
pub(super) fn fault_name(fault: &ReducerFault) -> &'static str {
    match fault {
        ReducerFault::Trap { .. } => "trap",
        ReducerFault::FuelExhausted { .. } => "fuel-exhausted",
        ReducerFault::TimeExhausted { .. } => "time-exhausted",
        ReducerFault::MemoryExhausted { .. } => "memory-exhausted",
        ReducerFault::Apply { .. } => "unreadable-event",
        ReducerFault::Snapshot(_) => "unreadable-snapshot",
        ReducerFault::BrokenAnswer { .. } => "broken-answer",
        ReducerFault::Unsupported { .. } => "unsupported",
        _ => "fault",
    }
}

/// The sizes of the pages that a stream is folded in a second time. Odd ones, and small: what a page of a thousand events has too
/// little fuel for, the host folds event by event as well.
const PAGES: [usize; 6] = [1, 2, 5, 13, 3, 34];

/// Cuts pages into other ones.
#[derive(Default)]
pub(super) struct OtherPages {
    next: usize,
}

impl OtherPages {
    pub(super) fn of(&mut self, events: &PackedEvents) -> Vec<PackedEvents> {
        let (mut pages, mut from) = (Vec::new(), 0);
        while from < events.len() {
            let size = PAGES[self.next % PAGES.len()].min(events.len() - from);
            self.next += 1;
            pages.push(events.part(from, size));
            from += size;
        }
        pages
    }
}
