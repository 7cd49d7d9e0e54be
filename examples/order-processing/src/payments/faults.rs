//! Failures by chance, from a seed.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often and how a service fails. Without failures by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Of a hundred requests, so many meet a failure: a 500 before or after it is booked, or a connection that is cut after.
    pub fail_percent: u8,
    /// Longest that a request takes beyond what it needs, before or after it is booked, in milliseconds.
    pub slow_ms_max: u64,
    /// Where chance begins. Requests that come at once take their chances in the order in which they come.
    pub seed: u64,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Answered,
    FailsBeforeItIsBooked,
    FailsAfterItIsBooked,
    CutAfterItIsBooked,
}

/// What happens to a request, and how long it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Drawn {
    pub(super) fate: Fate,
    /// Before it is booked.
    pub(super) before: Duration,
    /// Behind that, until it is answered.
    pub(super) after: Duration,
}

#[derive(Debug)]
pub(super) struct Chance {
    faults: Faults,
    random: Mutex<fastrand::Rng>,
}

impl Chance {
    pub(super) fn new(faults: Faults) -> Self {
        Self { faults, random: Mutex::new(fastrand::Rng::with_seed(faults.seed)) }
    }

    pub(super) fn draw(&self) -> Drawn {
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let fate = if random.u8(0..100) < self.faults.fail_percent {
            [Fate::FailsBeforeItIsBooked, Fate::FailsAfterItIsBooked, Fate::CutAfterItIsBooked][random.usize(0..3)]
        } else {
            Fate::Answered
        };
        let slow = Duration::from_millis(random.u64(0..=self.faults.slow_ms_max));
        let (before, after) = if random.bool() { (slow, Duration::ZERO) } else { (Duration::ZERO, slow) };
        Drawn { fate, before, after }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_faults_every_request_is_answered_at_once() {
        let chance = Chance::new(Faults { seed: 7, ..Faults::default() });
        for _ in 0..1_000 {
            let Drawn { fate, before, after } = chance.draw();
            assert_eq!((fate, before + after), (Fate::Answered, Duration::ZERO));
        }
    }

    #[test]
    fn one_seed_gives_one_sequence_and_every_fate_comes() {
        let faults = Faults { fail_percent: 40, slow_ms_max: 20, seed: 7 };
        let drawn = || {
            let chance = Chance::new(faults);
            (0..1_000).map(|_| chance.draw()).map(|drawn| (drawn.fate, drawn.before, drawn.after)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(), drawn());
        for fate in [Fate::FailsBeforeItIsBooked, Fate::FailsAfterItIsBooked, Fate::CutAfterItIsBooked] {
            assert!(drawn().iter().any(|(drawn, ..)| *drawn == fate), "{fate:?}");
        }
        let failed = drawn().iter().filter(|(fate, ..)| *fate != Fate::Answered).count();
        assert!((300..500).contains(&failed), "{failed} of 1,000");
        assert!(drawn().iter().all(|(_, before, after)| *before + *after <= Duration::from_millis(20)));
    }
}
