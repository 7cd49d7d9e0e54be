//! Who decides for the streams of one category.

use std::sync::Arc;

use crate::StreamId;
use crate::event_store::{Fence, Share};
use crate::reducer::{EffectRules, Reducer, ReducerDigest, ReducerFault};
use crate::runtime::CommandError;
use crate::runtime::command::DecidedBy;
use crate::runtime::failure::ReducerFailure;
use crate::runtime::load::LoadError;

/// A reducer that decides, and under which activation.
#[derive(Clone)]
pub(crate) struct ActiveReducer {
    pub(crate) reducer: Arc<dyn Reducer>,
    pub(crate) generation: Option<u64>,
    /// What its effects may do.
    pub(crate) rules: Arc<EffectRules>,
    /// Whether its commands are kept with their payloads.
    pub(crate) journal: bool,
    /// Whether it decides for a share of the streams only: its generation names another component.
    pub(crate) is_canary: bool,
}

/// Who decides for a category.
#[derive(Clone)]
pub(crate) struct Deciders {
    pub(super) active: ActiveReducer,
    /// Who decides in its place, for a share of the streams.
    pub(super) canary: Option<(Share, ActiveReducer)>,
}

impl Deciders {
    /// One for all streams.
    pub(crate) fn all(active: ActiveReducer) -> Self {
        Self { active, canary: None }
    }

    /// Who decides for one stream.
    pub(crate) fn of(&self, stream_id: &StreamId) -> &ActiveReducer {
        let canary = self.canary.as_ref().filter(|(share, _)| share.holds(stream_id));
        canary.map_or(&self.active, |(_, canary)| canary)
    }

    /// Whether `other` are the same for the same streams.
    pub(super) fn are(&self, other: &Self) -> bool {
        let who = |deciders: &Self| {
            let canary = deciders.canary.as_ref().map(|(share, canary)| (*share, canary.reducer.digest()));
            (deciders.active.reducer.digest(), canary)
        };
        who(self) == who(other)
    }

    pub(super) fn digest_is(&self, digest: ReducerDigest) -> Option<Arc<dyn Reducer>> {
        let all = std::iter::once(&self.active).chain(self.canary.as_ref().map(|(_, canary)| canary));
        all.map(|active| &active.reducer).find(|reducer| reducer.digest() == digest).cloned()
    }
}

impl ActiveReducer {
    /// One without an activation, that is in use for nothing but its code.
    pub(crate) fn beside(reducer: &Arc<dyn Reducer>) -> Self {
        let (reducer, rules) = (Arc::clone(reducer), Arc::default());
        Self { reducer, generation: None, rules, journal: false, is_canary: false }
    }

    pub(crate) fn name(&self) -> &str {
        &self.reducer.descriptor().name
    }

    pub(crate) fn fence(&self) -> Option<Fence> {
        self.generation.map(|generation| Fence { reducer: self.name().to_owned(), generation })
    }

    pub(crate) fn decided_by(&self) -> DecidedBy {
        DecidedBy { name: self.name().to_owned(), digest: self.reducer.digest(), generation: self.generation }
    }

    /// Its fault, with its name to it.
    pub(crate) fn failed(&self, fault: ReducerFault) -> ReducerFailure {
        ReducerFailure::new(fault, self.decided_by())
    }

    /// Why a stream could not be loaded with it.
    pub(crate) fn not_loaded(&self, stream_id: &StreamId, error: LoadError) -> CommandError {
        match error {
            LoadError::Store(error) => CommandError::Store(error),
            LoadError::Fault { fault, version } => self.failed(fault).on(stream_id, version).told(),
        }
    }

    /// Whether `other` is the same activation.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.generation == other.generation && self.reducer.digest() == other.reducer.digest()
    }
}
