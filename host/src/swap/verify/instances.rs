//! Instances that fold one stream after the other. One that is made for each fold took seven times as long to make as fifty events to
//! fold (docs/performance.md).

use std::sync::{Mutex, PoisonError};

use crate::StreamId;
use crate::reducer::{Aggregate, Reducer, ReducerFault};

/// Memory up to which an instance is kept. A component's memory never shrinks: after a long stream it would be held to the end.
const MEMORY_BYTES_MAX: usize = 1 << 20;

/// Those of both.
#[derive(Default)]
pub(super) struct AtHand {
    pub(super) candidate: Instances,
    pub(super) baseline: Instances,
}

/// The instances of one reducer that no stream has at the moment: at most one for each thread that folds.
#[derive(Default)]
pub(super) struct Instances(Mutex<Vec<Box<dyn Aggregate>>>);

/// An aggregate without events, and whether its instance had streams before this one.
pub(super) struct Begun {
    pub(super) aggregate: Result<Box<dyn Aggregate>, ReducerFault>,
    pub(super) is_used: bool,
}

impl Instances {
    /// An aggregate in an instance that is at hand, or in a new one.
    pub(super) fn begin(&self, reducer: &dyn Reducer, stream_id: &StreamId) -> Begun {
        let idle = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        // One that fails at its end is dropped, and says nothing of the stream that is to begin.
        let used = idle.and_then(|mut aggregate| aggregate.begin_again(stream_id).is_ok().then_some(aggregate));
        match used {
            Some(aggregate) => Begun { aggregate: Ok(aggregate), is_used: true },
            None => Begun { aggregate: reducer.create(stream_id), is_used: false },
        }
    }

    /// Keeps one for the next stream.
    pub(super) fn give_back(&self, aggregate: Box<dyn Aggregate>) {
        if aggregate.memory_bytes() <= MEMORY_BYTES_MAX {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(aggregate);
        }
    }
}
