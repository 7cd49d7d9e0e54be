//! How long after a failed attempt the next one is made.

use std::time::Duration;

use super::KindTerms;

/// Longest that a target may ask to be left alone.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);

impl KindTerms {
    /// The pause after `failed` attempts that failed, one at least: doubled with each, and somewhere in its upper half, so that effects
    /// which failed together do not come back together. `chance` is from 0 to 1. A target that said when to come back is not asked
    /// before.
    pub(super) fn pause(&self, failed: u32, chance: f64, retry_after: Option<Duration>) -> Duration {
        let doublings = failed.saturating_sub(1).min(31);
        let longest = self.backoff_min.saturating_mul(1_u32 << doublings).min(self.backoff_max);
        let pause = longest.mul_f64(0.5 + 0.5 * chance.clamp(0.0, 1.0));
        pause.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_limit_and_stays_in_its_upper_half() {
        let terms = KindTerms {
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(1),
            ..KindTerms::default()
        };
        let most = [100, 200, 400, 800, 1_000, 1_000].map(Duration::from_millis);
        for (failed, most) in (1..).zip(most) {
            assert_eq!(terms.pause(failed, 1.0, None), most);
            assert_eq!(terms.pause(failed, 0.0, None), most / 2);
        }
        assert_eq!(terms.pause(u32::MAX, 1.0, None), terms.backoff_max);
    }

    #[test]
    fn a_target_that_says_when_to_come_back_is_heard_within_reason() {
        let terms = KindTerms::default();
        assert_eq!(terms.pause(1, 0.0, Some(Duration::from_secs(20))), Duration::from_secs(20));
        assert_eq!(terms.pause(1, 0.0, Some(Duration::MAX)), RETRY_AFTER_MAX);
    }
}
