//! One stream, folded by candidate and baseline side by side. Nothing here can append, run an effect or be seen by a sender: it is
//! handed a store to read from, and nothing else.

use serde_json::Value;

use super::commands::{judge, recorded};
use super::compare::{differences, shown};
use super::journal::Journal;
use super::report::{Example, StreamFindings};
use super::side::{OtherPages, Side, Stopped, fault_name};
use super::{Pair, Plan};
use crate::event_store::{EventStore, EventStoreError, PageLimit, SnapshotKey};
use crate::runtime::is_exhausted;
use crate::{PackedEvents, StreamId, Version};

/// The folds of one stream.
struct Shadow<'a> {
    pair: &'a Pair,
    stream_id: &'a StreamId,
    candidate: Side,
    /// The candidate once more, in pages of other sizes: a state that depends on them is another after each restart.
    in_other_pages: Side,
    other_pages: OtherPages,
    baseline: Option<Side>,
    found: StreamFindings,
}

/// Folds a stream up to its head, and says what was found.
///
/// # Errors
/// [`EventStoreError`] of the store. What a reducer does wrong is a finding.
pub(super) async fn shadow(
    store: &dyn EventStore,
    pair: &Pair,
    plan: &Plan,
    stream_id: &StreamId,
) -> Result<StreamFindings, EventStoreError> {
    let mut shadow = Shadow {
        pair,
        stream_id,
        candidate: Side::of(&*pair.candidate, stream_id),
        in_other_pages: Side::of(&*pair.candidate, stream_id),
        other_pages: OtherPages::default(),
        baseline: pair.baseline.as_ref().map(|baseline| Side::of(&**baseline, stream_id)),
        found: StreamFindings::default(),
    };
    let mut journal = Journal::of(store, stream_id, plan.decide_anew);
    let page = PageLimit { events_max: plan.events_per_page, ..plan.page };
    let mut version = Version::EMPTY;
    loop {
        let mut events = match store.load_events(stream_id, version, page).await {
            // Who asked for the stream to be forgotten is not to be found in a report.
            Err(EventStoreError::StreamErased { .. }) => {
                return Ok(StreamFindings { erased: true, ..StreamFindings::default() });
            }
            events => events?,
        };
        let is_full = page.is_reached(events.len(), events.data.len());
        let Some(last) = events.last_version() else { break };
        let is_closed = events.take_closing();
        shadow.page(store, &mut journal, events).await?;
        version = last;
        if is_closed {
            // Those that were decided on the last state before the end, which no page goes on from.
            shadow.decide(store, &mut journal, Version::new(last.get() - 1), &PackedEvents::new()).await?;
        }
        if !is_full {
            break;
        }
    }
    // Those that were decided on the last state.
    shadow.decide(store, &mut journal, version, &PackedEvents::new()).await?;
    shadow.judge();
    if plan.looks_at_snapshot(stream_id) {
        shadow.snapshot(store, page).await?;
    }
    Ok(shadow.found)
}

impl Shadow<'_> {
    /// Folds a page up to each version that a command was decided on, and decides it there.
    async fn page(
        &mut self,
        store: &dyn EventStore,
        journal: &mut Journal<'_>,
        events: PackedEvents,
    ) -> Result<(), EventStoreError> {
        let mut from = 0;
        while from < events.len() {
            let at = Version::new(events.first_version + from as u64 - 1);
            let rest = events.part(from, events.len());
            self.decide(store, journal, at, &rest).await?;
            let next = journal.next_version();
            let count = next.map_or(rest.len(), |next| usize::try_from(next.get() - at.get()).unwrap_or(rest.len()));
            let count = count.clamp(1, rest.len());
            self.apply(if count == rest.len() { rest } else { rest.part(0, count) });
            from += count;
        }
        Ok(())
    }

    fn apply(&mut self, events: PackedEvents) {
        self.found.events += events.len() as u64;
        for page in self.other_pages.of(&events) {
            self.in_other_pages.apply(page);
        }
        if let Some(baseline) = &mut self.baseline {
            baseline.apply(events.clone());
        }
        self.candidate.apply(events);
    }

    /// Decides the commands that were decided at this version. `behind` is what follows it in the record.
    async fn decide(
        &mut self,
        store: &dyn EventStore,
        journal: &mut Journal<'_>,
        at: Version,
        behind: &PackedEvents,
    ) -> Result<(), EventStoreError> {
        while let Some(command) = journal.take_at(at).await? {
            self.found.commands += 1;
            let recorded = recorded(store, self.stream_id, &command, behind).await?;
            // Whichever of the two folds of the candidate is still sound.
            let candidate =
                if self.candidate.stopped().is_none() { &mut self.candidate } else { &mut self.in_other_pages };
            let descriptor = self.pair.candidate.descriptor();
            judge(
                &command,
                &recorded,
                (candidate, descriptor),
                self.baseline.as_mut().zip(self.pair.baseline.as_ref().map(|baseline| baseline.descriptor())),
                self.stream_id,
                &mut self.found,
            );
        }
        Ok(())
    }

    /// What the folds came to.
    fn judge(&mut self) {
        self.found.candidate_ns = self.candidate.spent_ns;
        self.found.baseline_ns = self.baseline.as_ref().map_or(0, |baseline| baseline.spent_ns);
        let state = self.candidate.state();
        let other_state = self.in_other_pages.state();
        let stopped = (self.candidate.stopped().cloned(), self.in_other_pages.stopped().cloned());
        let state = match stopped {
            (None, None) => {
                if let (Some(in_pages), Some(in_others)) = (&state, &other_state)
                    && in_pages != in_others
                {
                    self.page_dependent(in_pages, in_others);
                }
                state
            }
            // What the host does as well: a page that is too much at once is folded event by event.
            (Some(stopped), None) if is_exhausted(&stopped.fault) => other_state,
            (Some(stopped), other) => {
                // The same fault in smaller pages: what came before it was folded, and the event is near.
                let name = fault_name(&stopped.fault);
                let nearer = other.filter(|other| other.version > stopped.version && fault_name(&other.fault) == name);
                self.fail(name, &nearer.unwrap_or(stopped));
                return;
            }
            (None, Some(stopped)) => {
                self.fail(fault_name(&stopped.fault), &stopped);
                return;
            }
        };
        let Some(baseline) = &mut self.baseline else { return };
        let before = baseline.state();
        let version = self.in_other_pages.version();
        match (before, state) {
            (Some(before), Some(after)) => {
                for field in differences(&before, &after) {
                    let name = format!("state:{}", field.path);
                    let message = field.in_words();
                    let example =
                        Example { baseline: field.before, candidate: field.after, message, ..self.example(version) };
                    self.found.differences.add(&name, example);
                }
            }
            // It folds what the baseline cannot.
            (None, Some(_)) => {
                let stopped = baseline.stopped().cloned();
                let message = stopped.map(|stopped| stopped.fault.to_string());
                let example = Example { message, ..self.example(version) };
                self.found.differences.add("mended", example);
            }
            (_, None) => {}
        }
    }

    fn page_dependent(&mut self, in_pages: &Value, in_others: &Value) {
        let field = differences(in_pages, in_others).into_iter().next();
        let path = field.as_ref().map(|field| field.path.clone()).unwrap_or_default();
        let example = Example {
            message: Some(format!("its state depends on the size of the pages that it is folded in, at {path:?}")),
            baseline: field.as_ref().and_then(|field| field.before.clone()),
            candidate: field.and_then(|field| field.after),
            ..self.example(self.candidate.version())
        };
        self.found.failures.add("page-dependent", example);
    }

    fn fail(&mut self, name: &str, stopped: &Stopped) {
        let example = Example { message: Some(stopped.fault.to_string()), ..self.example(stopped.version) };
        self.found.failures.add(name, example);
    }

    fn example(&self, version: Version) -> Example {
        Example { stream_id: self.stream_id.clone(), version, baseline: None, candidate: None, message: None }
    }

    /// Whether the candidate goes on from the snapshot that it would read, to the state that it folds to from the first event.
    async fn snapshot(&mut self, store: &dyn EventStore, page: PageLimit) -> Result<(), EventStoreError> {
        let candidate = &*self.pair.candidate;
        let key = SnapshotKey::schema(&candidate.descriptor().state_schema);
        let loaded = store.load(self.stream_id, Some(&key), page).await?;
        let Some(snapshot) = loaded.snapshot else { return Ok(()) };
        // One that nobody can unpack is replayed, by whomever.
        let Ok(state) = snapshot.state else { return Ok(()) };
        self.found.snapshots += 1;
        let mut side = Side::begun(candidate.restore(self.stream_id, &state), snapshot.version);
        if let Some(stopped) = side.stopped() {
            let message = Some(stopped.fault.to_string());
            let reads = |pair: &Pair| {
                let baseline = pair.baseline.as_ref()?;
                let same = baseline.descriptor().state_schema == candidate.descriptor().state_schema;
                Some(same && baseline.restore(self.stream_id, &state).is_ok())
            };
            let name = match reads(self.pair) {
                Some(true) => "snapshot:unreadable-by-candidate",
                _ => "snapshot:unreadable",
            };
            let example = Example { message, ..self.example(snapshot.version) };
            self.found.differences.add(name, example);
            return Ok(());
        }
        let head = self.candidate.version();
        let mut tail = loaded.tail;
        while let Some(last) = tail.last_version() {
            let is_full = page.is_reached(tail.len(), tail.data.len());
            tail.take_closing();
            // An append may have come since the fold: the two are compared at the same version.
            let wanted = usize::try_from(head.get().saturating_sub(side.version().get())).unwrap_or(usize::MAX);
            side.apply(if wanted < tail.len() { tail.part(0, wanted) } else { tail });
            if !is_full || last >= head {
                break;
            }
            tail = store.load_events(self.stream_id, last, page).await?;
        }
        if side.version() != head || self.candidate.stopped().is_some() {
            return Ok(());
        }
        let from_snapshot = side.state();
        if let (Some(folded), Some(restored)) = (self.candidate.state(), from_snapshot)
            && folded != restored
        {
            let field = differences(&folded, &restored).into_iter().next();
            let path = field.as_ref().map(|field| field.path.clone()).unwrap_or_default();
            let example = Example {
                message: Some(format!(
                    "from the snapshot of version {} it comes to another {path:?}",
                    snapshot.version
                )),
                baseline: Some(shown(&folded)),
                candidate: Some(shown(&restored)),
                ..self.example(head)
            };
            self.found.differences.add("snapshot:other-state", example);
        }
        Ok(())
    }
}
