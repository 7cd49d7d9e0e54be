//! What the writers of a round tried, and what they were told.

use foldhost::event_store::{AppendOutcome, StreamBatch};
use foldhost::{ExpectedVersion, StreamId, Version};

/// One batch of one writer.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) stream_id: StreamId,
    pub(crate) expected: ExpectedVersion,
    /// The data of its events: no two attempts of the suite have the same.
    pub(crate) data: Vec<Vec<u8>>,
    pub(crate) command_id: Option<String>,
    pub(crate) outcome: AppendOutcome,
}

impl Attempt {
    pub(crate) fn of(batch: &StreamBatch, outcome: AppendOutcome) -> Self {
        Self {
            stream_id: batch.stream_id.clone(),
            expected: batch.expected,
            data: batch.events.iter().map(|(event, _)| event.data.clone()).collect(),
            command_id: batch.commands.first().map(|command| command.command_id.clone()),
            outcome,
        }
    }

    /// The version that it says it made, where it won.
    pub(crate) fn won(&self) -> Option<Version> {
        match self.outcome {
            AppendOutcome::Appended { version } => Some(version),
            _ => None,
        }
    }

    /// The one version that it could follow, where it named one.
    pub(crate) fn exact(&self) -> Option<u64> {
        match self.expected {
            ExpectedVersion::NoStream => Some(0),
            ExpectedVersion::Exact(version) => Some(version.get()),
            ExpectedVersion::Exists | ExpectedVersion::Any => None,
        }
    }
}

/// An activation that raced with appends.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    /// Streams that only the former generation wrote to.
    pub(crate) former: Vec<StreamId>,
    /// A stream whose only event was appended, without a fence, after the activation had come back.
    pub(crate) marker: StreamId,
}

/// One round: what was there before it, and what each writer did.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) number: usize,
    pub(crate) kind: &'static str,
    pub(crate) before: Vec<Attempt>,
    /// Writer by writer; the batches of one append together.
    pub(crate) appends: Vec<Vec<Attempt>>,
    /// Whether each append was all or nothing.
    pub(crate) atomic: bool,
    /// The stream that was closed, and the version that whoever closed it was told.
    pub(crate) closed: Option<(StreamId, Version)>,
    pub(crate) swap: Option<Swap>,
}

impl Round {
    pub(crate) fn new(number: usize, kind: &'static str) -> Self {
        Self { number, kind, before: Vec::new(), appends: Vec::new(), atomic: false, closed: None, swap: None }
    }

    pub(crate) fn attempts(&self) -> impl Iterator<Item = &Attempt> {
        self.before.iter().chain(self.appends.iter().flatten())
    }

    /// A stream's version before the writers began.
    pub(crate) fn version_before(&self, stream_id: &StreamId) -> u64 {
        let of_stream = self.before.iter().filter(|attempt| attempt.stream_id == *stream_id);
        of_stream.filter_map(Attempt::won).max().unwrap_or_default().get()
    }
}
