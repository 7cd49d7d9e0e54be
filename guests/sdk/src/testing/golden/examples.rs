//! Which events of one type become entries.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::check::{check_event, drawn, upcast};
use super::features::{Feature, Seen, Text, features, paths};
use super::variations::{self, Asked};
use super::{Finding, GoldenEvent, Subject};
use crate::Descriptor;
use crate::testing::exact::wide_number;

/// Most entries of one event type that a bless goes up to.
const ENTRIES_MAX: usize = 96;

/// Most formed texts, as dates and ids, that are an example each.
const FORMED_MAX: usize = 8;

/// An event that may become an entry, and what it shows.
pub(super) type Candidate = (BTreeSet<Feature>, GoldenEvent);

/// The events of one type, and what the entries show already.
pub(super) struct Examples<'s, S: ?Sized> {
    asked: Asked<'s, S>,
    descriptor: &'s Descriptor,
    /// What the text of a path is: asked once.
    free: BTreeMap<String, bool>,
    seen: Seen,
}

impl<'s, S: Subject + ?Sized> Examples<'s, S> {
    pub(super) fn new(
        subject: &'s S,
        descriptor: &'s Descriptor,
        event_type: &'s str,
        entries: &[GoldenEvent],
    ) -> Self {
        let asked = Asked { subject, event_type };
        let mut examples = Self { asked, descriptor, free: BTreeMap::new(), seen: Seen::new(FORMED_MAX) };
        for entry in entries {
            let features = examples.features(&entry.recorded);
            examples.seen.add(features);
        }
        examples
    }

    fn features(&mut self, event: &Value) -> BTreeSet<Feature> {
        let Self { asked, free, .. } = self;
        features(event, &mut |path, pointer, text| match free.get(path) {
            Some(true) => Text::Free,
            _ => {
                let text = asked.text(event, pointer, text);
                free.insert(path.to_owned(), text == Text::Free);
                text
            }
        })
    }

    /// The events that may become entries, and what is wrong with the others.
    pub(super) fn candidates(&mut self, entries: &[GoldenEvent], recorded: &[&[u8]]) -> (Vec<Candidate>, Vec<Finding>) {
        let (mut candidates, mut refused): (Vec<Candidate>, _) = (Vec::new(), Vec::new());
        let mut known: BTreeSet<&[u8]> = entries.iter().map(|entry| entry.bytes.as_slice()).collect();
        for &bytes in recorded.iter().filter(|bytes| known.insert(bytes)) {
            match self.entry(bytes, entries.len()) {
                Ok(golden) => candidates.push((self.features(&golden.recorded), golden)),
                Err(finding) => refused.push(*finding),
            }
        }
        (candidates, refused)
    }

    fn entry(&self, bytes: &[u8], entry: usize) -> Result<GoldenEvent, Box<Finding>> {
        let Asked { subject, event_type } = self.asked;
        let unread = |message| Box::new(Finding::EventNotRead { event_type: event_type.to_owned(), entry, message });
        let json = subject.event_json(event_type, bytes).map_err(unread)?;
        if let Some(number) = wide_number(&json) {
            let (event_type, number) = (event_type.to_owned(), number.to_owned());
            return Err(Box::new(Finding::NumberUnsupported { event_type, number }));
        }
        let recorded = drawn(Ok(json)).map_err(unread)?;
        let upcast = upcast(subject, event_type, bytes).map_err(unread)?;
        Ok(GoldenEvent { bytes: bytes.to_owned(), recorded, upcast })
    }

    /// Adds those that show something new, those first that show most; one that would fail is refused.
    pub(super) fn add(&mut self, entries: &mut Vec<GoldenEvent>, mut candidates: Vec<Candidate>) -> Vec<Finding> {
        let mut refused = Vec::new();
        while entries.len() < ENTRIES_MAX
            && let Some((features, golden)) = self.seen.most_novel(&mut candidates, |golden| golden.bytes.len())
        {
            let Asked { subject, event_type } = self.asked;
            match check_event(subject, self.descriptor, event_type, entries.len(), &golden) {
                Some(finding) => refused.push(finding),
                None => {
                    self.seen.add(features);
                    entries.push(golden);
                }
            }
        }
        refused
    }

    /// Of the entry that shows most.
    pub(super) fn variations(&mut self, entries: &[GoldenEvent]) -> Vec<Vec<u8>> {
        let small = entries.iter().filter(|entry| entry.bytes.len() <= variations::BYTES_MAX);
        let shown: Vec<_> = small.map(|entry| (paths(&self.features(&entry.recorded)), entry)).collect();
        let telling = shown.iter().max_by_key(|(paths, entry)| (*paths, Reverse(entry.bytes.len())));
        telling.map_or_else(Vec::new, |(_, entry)| self.asked.variations(&entry.recorded))
    }
}
