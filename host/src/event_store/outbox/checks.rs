//! What no store takes, and what every store bounds.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use super::{EffectNext, EffectReopening, EffectStatus, EffectUpdate, LANE_BYTES_MAX};
use crate::event_store::EventStoreError;

/// Longest time that an effect waits or a lease lasts: beyond it a database's times end somewhere.
const WAIT_MAX: Duration = Duration::from_secs(100 * 366 * 24 * 3_600);

/// A duration that can be added to any time of today.
pub(in crate::event_store) fn bounded(wait: Duration) -> Duration {
    wait.min(WAIT_MAX)
}

pub(in crate::event_store) fn check_lane(lane: &str) -> Result<(), String> {
    if (1..=LANE_BYTES_MAX).contains(&lane.len()) && !lane.contains('\0') {
        return Ok(());
    }
    Err(format!("an effect's lane has 1 to {LANE_BYTES_MAX} bytes, and no NUL byte in it"))
}

/// The lanes of a claim, each once, without those that nothing is wanted of or that no effect waits in.
pub(in crate::event_store) fn lanes_of(lanes: &[(String, usize)]) -> BTreeMap<&str, usize> {
    let mut wanted = BTreeMap::new();
    for (lane, effects_max) in lanes.iter().filter(|(lane, effects_max)| *effects_max > 0 && check_lane(lane).is_ok()) {
        let kept = wanted.entry(lane.as_str()).or_insert(0);
        *kept = (*kept).max(*effects_max);
    }
    wanted
}

/// Refuses what would fail a statement for every effect in it, or could be done in two ways.
pub(in crate::event_store) fn check_updates(updates: &[EffectUpdate]) -> Result<(), EventStoreError> {
    let mut seen = HashSet::with_capacity(updates.len());
    for EffectUpdate { lease, next, .. } in updates {
        let invalid = |reason: String| {
            Err(EventStoreError::InvalidBatch(format!("a step of effect {}: {reason}", lease.effect_id)))
        };
        if !seen.insert(lease.effect_id) {
            return invalid("it stands twice in one update".into());
        }
        match next {
            EffectNext::Finished { status: EffectStatus::Pending, .. } => {
                return invalid("what is over is not pending".into());
            }
            EffectNext::Due { lane, .. } => check_lane(lane).or_else(invalid)?,
            EffectNext::Finished { .. } | EffectNext::Held { .. } => {}
        }
    }
    Ok(())
}

pub(in crate::event_store) fn check_reopening(reopening: &EffectReopening) -> Result<(), EventStoreError> {
    check_lane(&reopening.lane).map_err(EventStoreError::InvalidBatch)
}

/// The beginning of a text, `bytes_max` bytes at most, without the NUL bytes that a database has no place for.
pub(in crate::event_store) fn cut(text: &str, bytes_max: usize) -> String {
    let text = text.replace('\0', "\u{fffd}");
    text[..text.floor_char_boundary(bytes_max)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_has_no_nul_byte() {
        assert_eq!(cut("timed out", 100), "timed out");
        assert_eq!(cut("timed out", 5), "timed");
        assert_eq!(cut("a\0b", 100), "a\u{fffd}b");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn a_claim_names_each_lane_once_and_no_impossible_one() {
        let long = "x".repeat(LANE_BYTES_MAX + 1);
        let lanes = [("b", 1), ("a", 2), ("b", 3), ("none", 0), ("", 1), ("nul\0", 1), (long.as_str(), 1)];
        let lanes = lanes.map(|(lane, effects_max)| (lane.to_owned(), effects_max));
        assert_eq!(lanes_of(&lanes), BTreeMap::from([("a", 2), ("b", 3)]));
    }
}
