//! Components that did not load.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::reducer::ReducerDigest;

/// How long it is remembered that a component does not load, so that not each command of its category loads it again. Not for good:
/// it may have been this machine that had no memory to start it.
const REFUSAL_KEPT: Duration = Duration::from_secs(60);
/// How many are remembered.
const REFUSALS_MAX: usize = 100;

/// Which, when, and why.
#[derive(Default)]
pub(super) struct Refusals(HashMap<ReducerDigest, (Instant, String)>);

impl Refusals {
    pub(super) fn of(&self, digest: ReducerDigest, now: Instant) -> Option<String> {
        let (at, refusal) = self.0.get(&digest)?;
        (now.saturating_duration_since(*at) < REFUSAL_KEPT).then(|| refusal.clone())
    }

    pub(super) fn remember(&mut self, digest: ReducerDigest, refusal: &str, now: Instant) {
        self.0.retain(|_, (at, _)| now.saturating_duration_since(*at) < REFUSAL_KEPT);
        if self.0.len() < REFUSALS_MAX {
            self.0.insert(digest, (now, refusal.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(of: usize) -> ReducerDigest {
        ReducerDigest::of(&of.to_le_bytes())
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute_and_no_more_than_so_many() {
        let (mut refusals, begun) = (Refusals::default(), Instant::now());
        for of in 0..2 * REFUSALS_MAX {
            refusals.remember(digest(of), "no", begun);
        }
        assert_eq!(refusals.0.len(), REFUSALS_MAX);
        assert_eq!(refusals.of(digest(0), begun + REFUSAL_KEPT / 2).as_deref(), Some("no"));
        assert_eq!(refusals.of(digest(0), begun + REFUSAL_KEPT), None);
        refusals.remember(digest(1_000), "no", begun + REFUSAL_KEPT);
        assert_eq!(refusals.0.len(), 1, "the others are too old");
    }
}
