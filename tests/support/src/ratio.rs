//! A figure that survives a change of machine: one side's speed as a multiple of the other's, both in one run.

use std::fmt;
use std::time::Duration;

/// How many times as fast one side was as the other, over some rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Ratio {
    rounds: Vec<f64>,
}

impl Ratio {
    /// The median round.
    pub fn median(&self) -> f64 {
        self.rounds[self.rounds.len() / 2]
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (self.rounds[0], self.rounds[self.rounds.len() - 1]);
        write!(f, "{:.2} (median of {} rounds, {least:.2} to {most:.2})", self.median(), self.rounds.len())
    }
}

/// Runs both sides in turns, `rounds` times after one that does not count, and says how many times as fast `ours` is. Each
/// side returns how long the same work took.
pub fn ratio(rounds: usize, mut ours: impl FnMut() -> Duration, mut theirs: impl FnMut() -> Duration) -> Ratio {
    ours();
    theirs();
    let mut rounds: Vec<_> = (0..rounds)
        .map(|round| {
            // In turns also within a round: whoever goes second finds the caches warm.
            let (ours, theirs) = if round % 2 == 0 {
                let ours = ours();
                (ours, theirs())
            } else {
                let theirs = theirs();
                (ours(), theirs)
            };
            theirs.as_secs_f64() / ours.as_secs_f64()
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    Ratio { rounds }
}
