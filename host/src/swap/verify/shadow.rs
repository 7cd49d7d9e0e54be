//! One stream, folded by candidate and baseline side by side. Nothing here can append, run an effect or be seen by a sender: it is
//! handed a store to read from, and nothing else.

use super::commands::{judge, recorded};
use super::events::Events;
use super::instances::AtHand;
use super::journal::Journal;
use super::report::StreamFindings;
use super::side::Side;
use super::{Pair, Plan};
use crate::event_store::{EventStore, EventStoreError, PageLimit};
use crate::{PackedEvents, StreamId, Version};

/// The folds of one stream.
pub(super) struct Shadow<'a> {
    pub(super) store: &'a dyn EventStore,
    pub(super) pair: &'a Pair,
    pub(super) stream_id: &'a StreamId,
    /// Of what is read at once.
    pub(super) page: PageLimit,
    pub(super) events: Events<'a>,
    /// As the host folds it from its first event.
    pub(super) candidate: Side<'a>,
    /// The candidate once more, in pages of other sizes: a state that depends on them is another after each restart.
    pub(super) in_other_pages: Side<'a>,
    pub(super) baseline: Option<Side<'a>>,
    pub(super) found: StreamFindings,
}

/// Folds a stream up to its head, and says what was found.
///
/// # Errors
/// [`EventStoreError`] of the store. What a reducer does wrong is a finding.
pub(super) async fn shadow(
    store: &dyn EventStore,
    pair: &Pair,
    plan: &Plan,
    at_hand: &AtHand,
    stream_id: &StreamId,
) -> Result<StreamFindings, EventStoreError> {
    let page = PageLimit { events_max: plan.events_per_page, ..plan.page };
    let side = |reducer, instances| match plan.decide_anew {
        // Commands are decided as the host decides them: in an instance that knows of no other stream.
        true => Side::in_pages(reducer, stream_id),
        false => Side::at_hand(reducer, stream_id, instances),
    };
    let mut shadow = Shadow {
        store,
        pair,
        stream_id,
        page,
        events: Events::of(store, stream_id, page),
        candidate: side(&*pair.candidate, &at_hand.candidate),
        in_other_pages: Side::in_odd_pages(&*pair.candidate, stream_id),
        baseline: pair.baseline.as_ref().map(|baseline| side(&**baseline, &at_hand.baseline).falling_back()),
        found: StreamFindings::of(stream_id, plan.is_sealed),
    };
    match shadow.go(plan).await {
        Ok(()) => Ok(shadow.end(at_hand)),
        // Who asked for the stream to be forgotten is not to be found in a report.
        Err(EventStoreError::StreamErased { .. }) => Ok(StreamFindings::erased(stream_id)),
        Err(error) => Err(error),
    }
}

impl Shadow<'_> {
    async fn go(&mut self, plan: &Plan) -> Result<(), EventStoreError> {
        let mut journal = Journal::of(self.store, self.stream_id, plan.decide_anew);
        let mut version = Version::EMPTY;
        loop {
            let page = self.events.read(version).await?;
            let Some(last) = page.last else { break };
            self.page(&mut journal, page.events).await?;
            version = last;
            if page.is_closed {
                // Those that were decided on the last state before the end, which no page goes on from.
                self.decide(&mut journal, Version::new(last.get() - 1), &PackedEvents::new()).await?;
            }
            if !page.is_full {
                break;
            }
        }
        // Those that were decided on the last state.
        self.decide(&mut journal, version, &PackedEvents::new()).await?;
        self.confirm().await?;
        self.judge();
        if plan.looks_at_snapshot(self.stream_id) {
            self.snapshot().await?;
        }
        Ok(())
    }

    /// Folds anew, in an instance of its own, what came to something else than the candidate in small pages, which always has one.
    async fn confirm(&mut self) -> Result<(), EventStoreError> {
        let in_others = self.in_other_pages.state_text();
        for side in [Some(&mut self.candidate), self.baseline.as_mut()].into_iter().flatten() {
            if side.state_text().is_none() || side.state_text() != in_others {
                side.fold_alone(&self.events).await?;
            }
        }
        Ok(())
    }

    /// Leaves the instances to the streams behind it.
    fn end(self, at_hand: &AtHand) -> StreamFindings {
        if let Some(aggregate) = self.candidate.into_aggregate() {
            at_hand.candidate.give_back(aggregate);
        }
        if let Some(aggregate) = self.baseline.and_then(Side::into_aggregate) {
            at_hand.baseline.give_back(aggregate);
        }
        self.found
    }

    /// Folds a page up to each version that a command was decided on, and decides it there.
    async fn page(&mut self, journal: &mut Journal<'_>, events: PackedEvents) -> Result<(), EventStoreError> {
        let mut from = 0;
        while from < events.len() {
            let at = Version::new(events.first_version + from as u64 - 1);
            let rest = events.part(from, events.len());
            self.decide(journal, at, &rest).await?;
            let next = journal.next_version();
            let count = next.map_or(rest.len(), |next| usize::try_from(next.get() - at.get()).unwrap_or(rest.len()));
            let count = count.clamp(1, rest.len());
            self.apply(if count == rest.len() { rest } else { rest.part(0, count) }).await?;
            from += count;
        }
        Ok(())
    }

    async fn apply(&mut self, events: PackedEvents) -> Result<(), EventStoreError> {
        self.found.events += events.len() as u64;
        self.in_other_pages.apply(events.clone());
        if let Some(baseline) = &mut self.baseline {
            baseline.apply(events.clone());
        }
        self.candidate.apply(events);
        self.recover().await
    }

    /// What a fault ended is folded anew, where the host would, or where it was deciding that ended it.
    async fn recover(&mut self) -> Result<(), EventStoreError> {
        let sides = [Some(&mut self.candidate), Some(&mut self.in_other_pages), self.baseline.as_mut()];
        for side in sides.into_iter().flatten() {
            side.recover(&self.events).await?;
        }
        Ok(())
    }

    /// Decides the commands that were decided at this version. `behind` is what follows it in the record.
    async fn decide(
        &mut self,
        journal: &mut Journal<'_>,
        at: Version,
        behind: &PackedEvents,
    ) -> Result<(), EventStoreError> {
        while let Some(command) = journal.take_at(at).await? {
            let recorded = recorded(self.store, self.stream_id, &command, behind).await?;
            let Self { candidate, in_other_pages, baseline, stream_id, found, .. } = self;
            // Whichever of the two folds of the candidate is still sound.
            let candidate = if candidate.stopped().is_none() { candidate } else { in_other_pages };
            judge(&command, &recorded, candidate, baseline.as_mut(), stream_id, found);
            self.recover().await?;
        }
        Ok(())
    }
}
