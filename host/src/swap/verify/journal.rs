//! The journal of one stream, read in the order that its commands were decided in, with a few of them at once in memory.

use std::collections::VecDeque;

use crate::event_store::{EventStore, EventStoreError, JournalPlace, JournaledCommand};
use crate::reducer::Payload;
use crate::{StreamId, Version};

/// Commands that are read at once, as long as they are small.
const PAGE: usize = 100;
/// Commands that are read first, when nothing is known of their size.
const FIRST_PAGE: usize = 8;
/// Payloads that a page should have, in bytes, as far as the page before it tells: a command may have a megabyte of them.
const PAGE_BYTES: usize = 4 << 20;

/// The journal of one stream, in the order of the versions that its commands were decided on.
///
/// The store has them in the order of the versions that they led to. A command that led to events may stand there behind any number of
/// commands that led to none and were decided on what it made. It is wanted before them, so the journal is searched for it, and what
/// does not fit is forgotten on the way and read again: a closed account that was asked a million times for money once had all of
/// that in memory.
pub(super) struct Journal<'a> {
    store: &'a dyn EventStore,
    stream_id: &'a StreamId,
    /// Those that led to events, as far as the journal was searched.
    with_events: VecDeque<JournaledCommand>,
    /// Those that led to none, up to `again` or as far as the journal was searched.
    without_events: VecDeque<JournaledCommand>,
    /// Where the search is.
    search: Pages,
    /// Where those are read again that led to no events and were forgotten.
    again: Option<Pages>,
    /// The place of the last of `without_events`, behind which some may be forgotten.
    kept_until: Option<JournalPlace>,
}

/// A reading of the journal.
#[derive(Clone)]
struct Pages {
    /// Behind which the next page is read.
    place: Option<JournalPlace>,
    is_over: bool,
    /// Commands of the next page.
    commands: usize,
}

impl Pages {
    fn behind(place: Option<JournalPlace>) -> Self {
        Self { place, is_over: false, commands: FIRST_PAGE }
    }

    async fn next(
        &mut self,
        store: &dyn EventStore,
        stream_id: &StreamId,
    ) -> Result<Vec<JournaledCommand>, EventStoreError> {
        let page = store.read_journal(stream_id, self.place.as_ref(), self.commands).await?;
        self.is_over = page.len() < self.commands;
        if let Some(last) = page.last() {
            self.place = Some(last.place.clone());
            let bytes: usize = page.iter().map(payload_bytes).sum();
            let fitting = PAGE_BYTES / (bytes / page.len()).max(1);
            self.commands = (2 * self.commands).min(fitting).clamp(1, PAGE);
        }
        Ok(page)
    }
}

fn payload_bytes(command: &JournaledCommand) -> usize {
    match &command.payload {
        Some(Payload::Json(text)) => text.len(),
        Some(Payload::Binary(bytes)) => bytes.len(),
        None => 0,
    }
}

impl<'a> Journal<'a> {
    /// Of a stream; nothing of it, where its commands are not to be decided anew.
    pub(super) fn of(store: &'a dyn EventStore, stream_id: &'a StreamId, decide_anew: bool) -> Self {
        let search = Pages { is_over: !decide_anew, ..Pages::behind(None) };
        let (with_events, without_events) = (VecDeque::new(), VecDeque::new());
        Self { store, stream_id, with_events, without_events, search, again: None, kept_until: None }
    }

    /// The next command that was decided at this version: those that led to no events first, as they changed nothing for the one that
    /// did. None is left of those that were decided before it.
    pub(super) async fn take_at(&mut self, at: Version) -> Result<Option<JournaledCommand>, EventStoreError> {
        loop {
            self.search().await?;
            self.read_again().await?;
            let Some(queue) = [&mut self.without_events, &mut self.with_events]
                .into_iter()
                .find(|queue| queue.front().is_some_and(|command| command.decided_at() <= at))
            else {
                return Ok(None);
            };
            // A rejection that was recorded behind the fold's back is not decided on another state than its own.
            if let Some(command) = queue.pop_front().filter(|command| command.decided_at() == at) {
                return Ok(Some(command));
            }
        }
    }

    /// The next version that a command was decided on, once all of those before it are taken.
    pub(super) fn next_version(&self) -> Option<Version> {
        let fronts = [self.without_events.front(), self.with_events.front()];
        fronts.into_iter().flatten().map(JournaledCommand::decided_at).min()
    }

    /// Reads on to the next command that led to events. All that was decided before it stands before it in the journal.
    async fn search(&mut self) -> Result<(), EventStoreError> {
        while self.with_events.is_empty() && !self.search.is_over {
            for command in self.search.next(self.store, self.stream_id).await? {
                if command.first_version.is_some() {
                    self.with_events.push_back(command);
                } else if self.again.is_none() && self.has_room() {
                    self.kept_until = Some(command.place.clone());
                    self.without_events.push_back(command);
                } else if self.again.is_none() {
                    self.again = Some(Pages::behind(self.kept_until.clone()));
                }
            }
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        let bytes: usize = self.without_events.iter().map(payload_bytes).sum();
        self.without_events.len() < PAGE && bytes < PAGE_BYTES
    }

    /// Reads the next of those that were forgotten, up to where the search is.
    async fn read_again(&mut self) -> Result<(), EventStoreError> {
        while self.without_events.is_empty()
            && let (Some(again), Some(searched)) = (&mut self.again, &self.search.place)
        {
            let page = again.next(self.store, self.stream_id).await?;
            let mut is_over = again.is_over;
            for command in page {
                // Ids are compared for being the same, and no more: in which order they stand is the database's collation.
                let is_beyond = command.place.last_version > searched.last_version;
                let is_last = command.place == *searched;
                if command.first_version.is_none() && !is_beyond {
                    self.without_events.push_back(command);
                }
                if is_beyond || is_last {
                    is_over = true;
                    break;
                }
            }
            if is_over {
                self.again = None;
                self.kept_until = Some(searched.clone());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
