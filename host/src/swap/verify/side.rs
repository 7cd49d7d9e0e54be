//! One reducer's fold of one stream.

use std::time::Instant;

use serde_json::Value;

use super::events::Events;
use super::instances::Instances;
use crate::event_store::EventStoreError;
use crate::reducer::{Aggregate, Command, Context, DecideError, Decision, Reducer, ReducerFault};
use crate::runtime::is_exhausted;
use crate::{PackedEvents, StreamId, Version};

/// Faults in deciding after which a stream is folded anew: each costs as much as the fold up to there.
const DECIDE_FAULTS_MAX: u32 = 3;

/// An aggregate of one stream.
pub(super) struct Side<'a> {
    reducer: &'a dyn Reducer,
    stream_id: &'a StreamId,
    state: Result<Box<dyn Aggregate>, Stopped>,
    /// Whether its instance had other streams before this one. What such a one comes to is told only once an instance of its own has
    /// come to the same: logic that keeps something beside its aggregates would be blamed for another stream's state else.
    is_used: bool,
    /// Its state's text, once it was asked for.
    text: Option<String>,
    /// How many events it holds, and how many it was given.
    version: Version,
    given: Version,
    cut: Cut,
    /// Whether it is folded anew event by event where a page is too much, as the host does.
    falls_back: bool,
    /// What larger pages than one event came to.
    in_large_pages: Option<Stopped>,
    /// Whether it was deciding that ended it, and no fold.
    ended_deciding: bool,
    /// Faults in deciding that it may still have.
    decide_faults_left: u32,
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

/// How it cuts the pages that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    Not,
    OneByOne,
    /// Into odd ones, the next of which has this place in [`PAGES`].
    Odd(usize),
}

/// The sizes of the pages that a stream is folded in a second time. Odd ones, and small.
const PAGES: [usize; 6] = [1, 2, 5, 13, 3, 34];

impl<'a> Side<'a> {
    /// In the pages that it is given, whatever comes of it.
    pub(super) fn in_pages(reducer: &'a dyn Reducer, stream_id: &'a StreamId) -> Self {
        Self::begun(reducer, stream_id, reducer.create(stream_id), Version::EMPTY)
    }

    /// In odd and small pages, and event by event where one of those is too much.
    pub(super) fn in_odd_pages(reducer: &'a dyn Reducer, stream_id: &'a StreamId) -> Self {
        Self { cut: Cut::Odd(0), falls_back: true, ..Self::in_pages(reducer, stream_id) }
    }

    /// In the pages that it is given, in an instance that is at hand.
    pub(super) fn at_hand(reducer: &'a dyn Reducer, stream_id: &'a StreamId, instances: &Instances) -> Self {
        let begun = instances.begin(reducer, stream_id);
        Self { is_used: begun.is_used, ..Self::begun(reducer, stream_id, begun.aggregate, Version::EMPTY) }
    }

    /// As the host loads it: event by event where a page is too much.
    pub(super) fn falling_back(self) -> Self {
        Self { falls_back: true, ..self }
    }

    /// An aggregate that is there already, at a version.
    pub(super) fn begun(
        reducer: &'a dyn Reducer,
        stream_id: &'a StreamId,
        aggregate: Result<Box<dyn Aggregate>, ReducerFault>,
        version: Version,
    ) -> Self {
        Self {
            reducer,
            stream_id,
            state: aggregate.map_err(|fault| Stopped { fault, version }),
            is_used: false,
            text: None,
            version,
            given: version,
            cut: Cut::Not,
            falls_back: false,
            in_large_pages: None,
            ended_deciding: false,
            decide_faults_left: DECIDE_FAULTS_MAX,
            spent_ns: 0,
        }
    }

    pub(super) fn reducer(&self) -> &'a dyn Reducer {
        self.reducer
    }

    pub(super) fn version(&self) -> Version {
        self.version
    }

    /// The fault that its fold came to, in the end.
    pub(super) fn stopped(&self) -> Option<&Stopped> {
        self.state.as_ref().err()
    }

    /// The fault that its fold came to before it was folded event by event.
    pub(super) fn in_large_pages(&self) -> Option<&Stopped> {
        self.in_large_pages.as_ref()
    }

    /// Folds a page, unless it was stopped before.
    pub(super) fn apply(&mut self, events: PackedEvents) {
        let Some(last) = events.last_version() else { return };
        self.given = last;
        self.text = None;
        let begun = Instant::now();
        if self.cut == Cut::Not {
            self.fold(events);
        } else {
            let mut from = 0;
            while from < events.len() && self.state.is_ok() {
                let page = events.part(from, self.next_cut());
                from += page.len();
                self.fold(page);
            }
        }
        self.spent_ns += u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
    }

    fn next_cut(&mut self) -> usize {
        match &mut self.cut {
            Cut::Not => usize::MAX,
            Cut::OneByOne => 1,
            Cut::Odd(next) => {
                let count = PAGES[*next];
                *next = (*next + 1) % PAGES.len();
                count
            }
        }
    }

    fn fold(&mut self, page: PackedEvents) {
        let (Some(last), Ok(aggregate)) = (page.last_version(), &mut self.state) else { return };
        match aggregate.apply(page) {
            Ok(()) => self.version = last,
            Err(fault) => self.stop(fault),
        }
    }

    /// Whether it is asked to decide: not when it was at fault too often.
    pub(super) fn is_asked(&self) -> bool {
        self.decide_faults_left > 0
    }

    /// Decides; none where it is stopped, by this or before, or was at fault too often to be asked again.
    pub(super) fn decide(&mut self, asked: &Command, context: &Context) -> Option<Result<Decision, DecideError>> {
        if !self.is_asked() {
            return None;
        }
        match self.state.as_mut().ok()?.decide(asked, context) {
            Err(DecideError::Fault(fault)) => {
                self.decide_faults_left -= 1;
                self.ended_deciding = true;
                self.stop(fault);
                None
            }
            decided => Some(decided),
        }
    }

    /// Folds it anew where deciding ended it, or where a page was too much for it: the rest of the stream is compared all the same.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub(super) async fn recover(&mut self, events: &Events<'_>) -> Result<(), EventStoreError> {
        if self.state.is_err() && std::mem::take(&mut self.ended_deciding) {
            self.fold_unmeasured(events).await?;
        }
        if let Err(stopped) = &self.state
            && self.falls_back
            && self.cut != Cut::OneByOne
            && is_exhausted(&stopped.fault)
        {
            self.in_large_pages = Some(stopped.clone());
            self.cut = Cut::OneByOne;
            self.fold_anew(events).await?;
        }
        Ok(())
    }

    /// Folds it anew in an instance of its own, unless it has one. What it spent is what it spent at first: both sides are measured in
    /// instances that were used before, or neither would be comparable.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub(super) async fn fold_alone(&mut self, events: &Events<'_>) -> Result<(), EventStoreError> {
        if self.is_used {
            self.fold_unmeasured(events).await?;
            self.recover(events).await?;
        }
        Ok(())
    }

    async fn fold_unmeasured(&mut self, events: &Events<'_>) -> Result<(), EventStoreError> {
        let spent_ns = self.spent_ns;
        self.fold_anew(events).await?;
        self.spent_ns = spent_ns;
        Ok(())
    }

    /// From the first event to the last that it was given, in a new instance.
    async fn fold_anew(&mut self, events: &Events<'_>) -> Result<(), EventStoreError> {
        let until = self.given;
        self.version = Version::EMPTY;
        (self.is_used, self.text) = (false, None);
        self.state = self.reducer.create(self.stream_id).map_err(|fault| Stopped { fault, version: Version::EMPTY });
        while self.state.is_ok() && self.version < until {
            let page = events.again(self.version, until).await?;
            if page.is_empty() {
                break;
            }
            self.apply(page);
        }
        self.given = until;
        Ok(())
    }

    /// Its instance, unless a fault ended it.
    pub(super) fn into_aggregate(self) -> Option<Box<dyn Aggregate>> {
        self.state.ok()
    }

    /// Its state as a document.
    pub(super) fn state(&mut self) -> Option<Value> {
        self.state_text().map(document)
    }

    /// The text of that document: equal ones are equal documents, and need not be read.
    pub(super) fn state_text(&mut self) -> Option<String> {
        let aggregate = self.state.as_mut().ok()?;
        if self.text.is_none() {
            match aggregate.state_json() {
                Ok(text) => self.text = Some(text),
                Err(fault) => self.stop(fault),
            }
        }
        self.text.clone()
    }

    /// After a fault an aggregate is not asked again: what it holds is not known any more.
    fn stop(&mut self, fault: ReducerFault) {
        self.text = None;
        self.state = Err(Stopped { fault, version: self.version });
    }
}

/// A state as a document; what is none is a text.
pub(super) fn document(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
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
