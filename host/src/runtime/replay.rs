//! Folding what is recorded, without a word to anybody: no append, no effect.

use std::time::{Duration, Instant};

use super::load::{LoadError, load_until};
use crate::event_store::EventStore;
use crate::reducer::Reducer;
use crate::{Limits, StreamId, Version};

/// What a replay of one stream came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayReport {
    /// How many events were folded.
    pub version: Version,
    /// The state as JSON.
    pub state: String,
    /// From the first query to the state, reading included.
    pub elapsed: Duration,
}

/// Folds a whole stream from its first event, snapshots left aside.
///
/// # Errors
/// [`LoadError`]
pub async fn replay_stream(
    store: &(impl EventStore + ?Sized),
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    limits: &Limits,
) -> Result<ReplayReport, LoadError> {
    let started = Instant::now();
    let mut loaded = load_until(store, reducer, stream_id, limits, Version::MAX).await?;
    let state = loaded.aggregate.state_json().map_err(LoadError::at(loaded.version))?;
    Ok(ReplayReport { version: loaded.version, state, elapsed: started.elapsed() })
}
