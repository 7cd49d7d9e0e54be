//! A circuit breaker: a target that fails time and again is left alone for a while, and then asked by one effect alone.

use std::time::{Duration, Instant};

/// How long a target is left alone for the first time; it doubles with each time in a row.
const OPEN_MIN: Duration = Duration::from_secs(1);
/// How long at most.
const OPEN_MAX: Duration = Duration::from_secs(60);

/// Whether one target may be asked.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    /// Failures since the last success.
    failures: u32,
    /// Until when nobody asks; there from the first time that it opens to the next success.
    open_until: Option<Instant>,
    /// How often it opened since the last success.
    opened: u32,
    /// One effect is asking whether the target is well again.
    probing: bool,
}

impl Breaker {
    /// How many effects may ask now; and where it is none, until when.
    pub(super) fn admits(&self, now: Instant) -> Result<usize, Option<Instant>> {
        match self.open_until {
            None => Ok(usize::MAX),
            Some(until) if now < until => Err(Some(until)),
            Some(_) if self.probing => Err(None),
            Some(_) => Ok(1),
        }
    }

    /// An effect begins to ask; whether it is the one that asks alone.
    pub(super) fn enter(&mut self) -> bool {
        self.probing = self.open_until.is_some();
        self.probing
    }

    /// The target did what it was asked.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// It did not; `failures_max` in a row open the breaker, and every one that asks whether it is well again. 0 never does.
    pub(super) fn failed(&mut self, failures_max: u32, now: Instant, probed: bool) {
        self.failures = self.failures.saturating_add(1);
        self.probing &= !probed;
        let is_open = self.open_until.is_some_and(|until| now < until);
        // Those that were under way when it opened say nothing new.
        if failures_max > 0 && !is_open && (probed || self.failures >= failures_max) {
            self.open_until = Some(now + OPEN_MIN.saturating_mul(1 << self.opened.min(16)).min(OPEN_MAX));
            self.opened = self.opened.saturating_add(1);
        }
    }

    /// An effect that entered heard nothing of the target. One that entered before the breaker opened is not the one that asks.
    pub(super) fn left(&mut self, probed: bool) {
        self.probing &= !probed;
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_at_rest(&self) -> bool {
        self.failures == 0 && self.open_until.is_none()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_a_success_between_them_counts_anew() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..4 {
            breaker.failed(5, now, false);
        }
        breaker.succeeded();
        for _ in 0..4 {
            breaker.failed(5, now, false);
            assert_eq!(breaker.admits(now), Ok(usize::MAX));
        }
        breaker.failed(5, now, false);
        assert_eq!(breaker.admits(now), Err(Some(now + OPEN_MIN)));
    }

    #[test]
    fn afterwards_one_asks_alone_and_its_answer_decides_for_all() {
        let (mut breaker, mut now) = (Breaker::default(), Instant::now());
        breaker.failed(1, now, false);
        for open in [2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs) {
            now = breaker.admits(now).unwrap_err().unwrap_or(now);
            assert_eq!(breaker.admits(now), Ok(1));
            assert!(breaker.enter());
            assert_eq!(breaker.admits(now), Err(None));
            breaker.left(false);
            assert_eq!(breaker.admits(now), Err(None), "one from before it opened does not ask");
            breaker.failed(1, now, true);
            assert_eq!(breaker.admits(now), Err(Some(now + open)));
        }
        now += OPEN_MAX;
        breaker.enter();
        breaker.left(true);
        assert_eq!(breaker.admits(now), Ok(1), "one that was not tried leaves its place");
        breaker.enter();
        breaker.succeeded();
        assert_eq!(breaker.admits(now), Ok(usize::MAX));
        assert!(breaker.is_at_rest());
    }

    #[test]
    fn those_that_were_under_way_when_it_opened_do_not_keep_it_open_for_longer() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            breaker.failed(5, now, false);
        }
        assert_eq!(breaker.admits(now), Err(Some(now + OPEN_MIN)));
    }

    #[test]
    fn a_kind_without_one_is_always_asked() {
        let (mut breaker, now) = (Breaker::default(), Instant::now());
        for _ in 0..100 {
            breaker.failed(0, now, false);
        }
        assert_eq!(breaker.admits(now), Ok(usize::MAX));
    }
}
