//! What a shadow replay came to: bounded, whatever the history holds, so that a million streams that differ are one line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::event_store::VerificationStatus;
use crate::{StreamId, Version};

/// Findings of one name that are shown.
const EXAMPLES_MAX: usize = 5;
/// Names that are kept apart; what is beyond them is counted together.
const NAMES_MAX: usize = 200;
/// The name of what is beyond them.
const OTHERS: &str = "others";

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// Streams that were looked at.
    pub streams: u64,
    /// How many there are, once they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub streams_total: Option<u64>,
    /// Streams that nobody can read any more, since they were erased.
    pub erased: u64,
    /// Events that were folded.
    pub events: u64,
    /// Commands of the journal that were decided anew.
    pub commands: u64,
    /// Snapshots that were read.
    pub snapshots: u64,
    /// Why the candidate cannot take the baseline's place, by name.
    pub failures: Findings,
    /// What it would do otherwise, by name.
    pub differences: Findings,
    /// What the candidate spent on folding, in nanoseconds.
    pub candidate_ns: u64,
    /// What the baseline spent on it.
    pub baseline_ns: u64,
    /// How long all of it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// Findings by their names, each counted and shown by a few examples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Findings(pub BTreeMap<String, Finding>);

/// Findings of one name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub examples: Vec<Example>,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The stream.
    pub stream_id: StreamId,
    /// How many of its events were folded by then.
    pub version: Version,
    /// What the baseline has there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Value>,
    /// What the candidate has there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Value>,
    /// In words, where there is no value to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl Findings {
    /// One more.
    pub(super) fn add(&mut self, name: &str, example: Example) {
        self.add_all(name, Finding { count: 1, examples: vec![example] });
    }

    /// With those of one more stream.
    fn merge(&mut self, others: Self) {
        others.0.into_iter().for_each(|(name, finding)| self.add_all(&name, finding));
    }

    fn add_all(&mut self, name: &str, found: Finding) {
        let name = if self.0.len() < NAMES_MAX || self.0.contains_key(name) { name } else { OTHERS };
        let finding = self.0.entry(name.to_owned()).or_default();
        finding.count += found.count;
        let room = EXAMPLES_MAX.saturating_sub(finding.examples.len());
        finding.examples.extend(found.examples.into_iter().take(room));
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What was found out about one stream. Bounded as a report is: a stream may hold millions of commands that would end otherwise.
#[derive(Debug)]
pub(super) struct StreamFindings {
    stream_id: StreamId,
    /// Whether its payloads are encrypted.
    is_sealed: bool,
    pub(super) erased: bool,
    pub(super) events: u64,
    pub(super) commands: u64,
    pub(super) snapshots: u64,
    pub(super) candidate_ns: u64,
    pub(super) baseline_ns: u64,
    failures: Findings,
    differences: Findings,
}

/// What is to be seen of one finding.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// How many events were folded by then.
    pub(super) version: Version,
    pub(super) baseline: Option<Value>,
    pub(super) candidate: Option<Value>,
    /// In the host's words.
    pub(super) message: Option<String>,
    /// In a reducer's own words, which may hold anything of its state.
    pub(super) said: Option<String>,
}

impl Seen {
    pub(super) fn at(version: Version) -> Self {
        Self { version, ..Self::default() }
    }
}

impl StreamFindings {
    /// Nothing yet.
    pub(super) fn of(stream_id: &StreamId, is_sealed: bool) -> Self {
        Self {
            stream_id: stream_id.clone(),
            is_sealed,
            erased: false,
            events: 0,
            commands: 0,
            snapshots: 0,
            candidate_ns: 0,
            baseline_ns: 0,
            failures: Findings::default(),
            differences: Findings::default(),
        }
    }

    /// It was erased: nothing else is told of it.
    pub(super) fn erased(stream_id: &StreamId) -> Self {
        Self { erased: true, ..Self::of(stream_id, true) }
    }

    /// It cannot be read, so nothing is proven of it, whoever is to blame.
    pub(super) fn unreadable(stream_id: &StreamId, is_sealed: bool, seen: Seen) -> Self {
        let mut found = Self::of(stream_id, is_sealed);
        found.fail("unreadable-stream", seen);
        found
    }

    /// Why the candidate cannot take the baseline's place.
    pub(super) fn fail(&mut self, name: &str, seen: Seen) {
        let example = self.example(seen);
        self.failures.add(name, example);
    }

    /// What the candidate would do otherwise.
    pub(super) fn differ(&mut self, name: &str, seen: Seen) {
        let example = self.example(seen);
        self.differences.add(name, example);
    }

    /// A report is kept for good and in plain, and no erasure reaches it: of a sealed stream it shows where something is, and nothing
    /// that was in it.
    fn example(&self, seen: Seen) -> Example {
        let is_plain = !self.is_sealed;
        let said = seen.said.filter(|_| is_plain);
        let message = match (seen.message, said) {
            (Some(message), Some(said)) => Some(format!("{message}: {said}")),
            (message, said) => message.or(said),
        };
        Example {
            stream_id: self.stream_id.clone(),
            version: seen.version,
            baseline: seen.baseline.filter(|_| is_plain),
            candidate: seen.candidate.filter(|_| is_plain),
            message,
        }
    }
}

impl Report {
    /// With one more stream.
    pub(super) fn add(&mut self, found: StreamFindings) {
        self.streams += 1;
        self.erased += u64::from(found.erased);
        self.events += found.events;
        self.commands += found.commands;
        self.snapshots += found.snapshots;
        self.candidate_ns += found.candidate_ns;
        self.baseline_ns += found.baseline_ns;
        self.failures.merge(found.failures);
        self.differences.merge(found.differences);
    }

    /// What it says in one word.
    #[must_use]
    pub fn status(&self) -> VerificationStatus {
        if !self.failures.is_empty() {
            VerificationStatus::Failed
        } else if !self.differences.is_empty() {
            VerificationStatus::Differs
        } else {
            VerificationStatus::Passed
        }
    }

    /// As it is kept.
    #[expect(clippy::expect_used, reason = "texts, numbers and values of JSON: JSON has a form for all of it")]
    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("a report has a form in JSON")
    }

    /// As it was kept.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_json(json: &Value) -> Result<Self, String> {
        Self::deserialize(json).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
#[path = "report_tests.rs"]
mod tests;
