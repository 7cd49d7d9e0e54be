//! Adding to golden files.

use std::collections::BTreeMap;

use super::check::{check_snapshot, is_newer, upcast};
use super::examples::Examples;
use super::snapshots::add_snapshots;
use super::{Finding, Golden, GoldenState, RecordedEvent, Subject};
use crate::Descriptor;

/// An example may show a place that can be varied further: an option that has a value now.
const PASSES_MAX: usize = 4;

/// What a bless changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Blessed {
    /// The event type of each entry that was added.
    pub entries_added: Vec<String>,
    /// The event type of each entry that is now upcast to a newer version.
    pub upcasts_replaced: Vec<String>,
    /// The snapshots that were added to `state.json`, or written where it was made or replaced.
    pub snapshots_added: usize,
    /// The events that got no entry, since one would fail from its first day on.
    pub refused: Vec<Finding>,
}

impl Blessed {
    /// Whether the files are as they were.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.entries_added.is_empty() && self.upcasts_replaced.is_empty() && self.snapshots_added == 0
    }
}

impl Golden {
    /// Adds what is missing, from whole streams: each from its first event, in any version that the reducer reads.
    ///
    /// An event type gets entries for all that its events show in the streams: each variant of an enum, an option with a value
    /// and one without, a number of each width of the encoding, a list of none, one and more. What shows most is taken first,
    /// up to 96 entries. For types that are written, values are made up where the streams do not have them: the widest number
    /// that a field takes, each variant, and for two fields of one type a value each.
    ///
    /// No entry is removed or changed, but that one whose event has a newer version now is upcast to that. Snapshots are added
    /// of streams that end in another state, as long as those that are there hold; under another state schema they begin anew.
    pub fn bless(&mut self, subject: &(impl Subject + ?Sized), histories: &[Vec<RecordedEvent>]) -> Blessed {
        self.bless_streams(subject, histories, true)
    }

    /// The same, from streams that are not all there are: under another state schema the snapshots stay as they are, since what
    /// is not among these would be kept no more.
    pub fn bless_part(&mut self, subject: &(impl Subject + ?Sized), histories: &[Vec<RecordedEvent>]) -> Blessed {
        self.bless_streams(subject, histories, false)
    }

    fn bless_streams(
        &mut self,
        subject: &(impl Subject + ?Sized),
        histories: &[Vec<RecordedEvent>],
        may_begin_anew: bool,
    ) -> Blessed {
        let descriptor = subject.descriptor();
        let mut blessed = Blessed::default();
        self.bless_newer_versions(subject, &descriptor, &mut blessed);
        let mut event_types: Vec<&str> = Vec::new();
        let mut of_type: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
        for RecordedEvent { event_type, bytes } in histories.iter().flatten() {
            of_type.entry(event_type).or_insert_with(|| {
                event_types.push(event_type);
                Vec::new()
            });
            of_type.entry(event_type).or_default().push(bytes);
        }
        for event_type in event_types {
            let recorded = of_type.remove(event_type).unwrap_or_default();
            self.bless_events(subject, &descriptor, event_type, &recorded, &mut blessed);
        }
        blessed.snapshots_added = self.bless_state(subject, descriptor, histories, may_begin_anew);
        blessed
    }

    fn bless_newer_versions(
        &mut self,
        subject: &(impl Subject + ?Sized),
        descriptor: &Descriptor,
        blessed: &mut Blessed,
    ) {
        for (event_type, entries) in &mut self.events {
            for entry in entries {
                match upcast(subject, event_type, &entry.bytes) {
                    Ok(now) if is_newer(descriptor, &entry.upcast, &now) => {
                        entry.upcast = now;
                        blessed.upcasts_replaced.push(event_type.clone());
                    }
                    // Whatever else is wrong with it is for the check to say.
                    _ => {}
                }
            }
        }
    }

    /// Adds entries of one event type, from its recorded events.
    fn bless_events(
        &mut self,
        subject: &(impl Subject + ?Sized),
        descriptor: &Descriptor,
        event_type: &str,
        recorded: &[&[u8]],
        blessed: &mut Blessed,
    ) {
        let mut entries = self.events.remove(event_type).unwrap_or_default();
        let present = entries.len();
        let mut examples = Examples::new(subject, descriptor, event_type, &entries);
        let (candidates, mut refused) = examples.candidates(&entries, recorded);
        refused.extend(examples.add(&mut entries, candidates));
        if descriptor.writes.iter().any(|written| written == event_type) {
            for _ in 0..PASSES_MAX {
                let before = entries.len();
                let variations = examples.variations(&entries);
                let variations: Vec<_> = variations.iter().map(Vec::as_slice).collect();
                // No stream has them: that one is refused is nobody's defect.
                let (candidates, _) = examples.candidates(&entries, &variations);
                let _ = examples.add(&mut entries, candidates);
                if entries.len() == before {
                    break;
                }
            }
        }
        blessed.entries_added.extend(std::iter::repeat_n(event_type.to_owned(), entries.len() - present));
        if !entries.is_empty() {
            self.events.insert(event_type.to_owned(), entries);
        }
        for finding in refused {
            if !blessed.refused.contains(&finding) {
                blessed.refused.push(finding);
            }
        }
    }

    /// Adds snapshots, and tells how many.
    fn bless_state(
        &mut self,
        subject: &(impl Subject + ?Sized),
        Descriptor { state_schema, .. }: Descriptor,
        histories: &[Vec<RecordedEvent>],
        may_begin_anew: bool,
    ) -> usize {
        let mut snapshots = match &self.state {
            None => Vec::new(),
            Some(state) if state.state_schema == state_schema => state.snapshots.clone(),
            Some(_) if may_begin_anew => Vec::new(),
            Some(_) => return 0,
        };
        // A state that changed under its schema is to be mended; snapshots of it would hide that.
        let holds = |(place, golden)| check_snapshot(subject, &state_schema, place, golden).is_empty();
        if !snapshots.iter().enumerate().all(holds) {
            return 0;
        }
        let present = snapshots.len();
        add_snapshots(subject, &mut snapshots, histories);
        let added = snapshots.len() - present;
        if added > 0 {
            self.state = Some(GoldenState { state_schema, snapshots });
        }
        added
    }
}
