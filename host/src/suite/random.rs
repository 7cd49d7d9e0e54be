//! The suite's own commands, shuffled: what no scenario says has to keep the laws too.

use super::laws;
use super::play::{Move, Play};
use super::report::{Check, CheckFinding};
use crate::reducer::DecideError;
use crate::testing::laws::is_fault;
use crate::testing::{Law, Mismatch, NOW_MS};
use crate::{Reducer, StreamId};

/// Commands of one sequence.
const COMMANDS_MAX: u64 = 12;
/// Time between two of them.
const PAUSE_MS_MAX: u64 = 24 * 60 * 60 * 1_000;

/// SplitMix64. Not a crate's generator: those may change with their version, and a seed that a build printed last year has to
/// give the same sequence still.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0. That small ones come by a hair more often is of no account here.
    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }
}

/// The sequence of this number: the same for the same seed, commands and number, whatever comes before it.
pub(super) fn sequence(stream_id: &StreamId, pool: &[Move], seed: u64, number: u64) -> Play {
    let mut dice = Dice(seed);
    dice.0 = dice.roll() ^ number.wrapping_mul(0xd134_2543_de82_ef95);
    let mut now_ms = NOW_MS;
    let seed_of_all = dice.roll();
    let len = 1 + dice.below(COMMANDS_MAX);
    let moves = (0..len).filter_map(|_| {
        let next = pool.get(usize::try_from(dice.below(pool.len() as u64)).unwrap_or_default())?;
        now_ms += i64::try_from(dice.below(PAUSE_MS_MAX)).unwrap_or_default();
        Some(Move { command: next.command.clone(), command_id: String::new(), now_ms, seed: seed_of_all })
    });
    numbered(Play { stream_id: stream_id.clone(), given: Vec::new(), moves: moves.collect() })
}

/// Each command under the id that it has in a scenario: so a sequence that fails can be put into a file as it is printed.
fn numbered(mut play: Play) -> Play {
    for (next, number) in play.moves.iter_mut().zip(1..) {
        next.command_id = format!("step-{number}");
    }
    play
}

/// What is wrong with one sequence.
pub(super) fn verdicts(reducer: &dyn Reducer, play: &Play) -> Vec<(Check, String)> {
    let played = match play.run(reducer) {
        Ok(played) => played,
        Err(Mismatch::Law { law, difference }) => return vec![(Check::Law(law), difference)],
        Err(other) => return vec![(Check::Law(Law::EmittedEventsApply), other.to_string())],
    };
    let (broken, _) = laws::check(reducer, play, &played);
    let mut found: Vec<_> = broken.into_iter().map(|(law, text)| (Check::Law(law), text)).collect();
    let failed = played.decided.iter().zip(&play.moves).find(|((decided, _), _)| is_fault(decided));
    if let Some(((Err(DecideError::Fault(fault)), _), next)) = failed {
        found.push((Check::CommandsDoNotFail, format!("{}: {fault}", next.command.name)));
    }
    found
}

/// What is wrong, with the fewest commands that show it.
pub(super) fn finding(reducer: &dyn Reducer, play: Play, check: Check, text: String, of: String) -> CheckFinding {
    let (play, text) = shrink(reducer, play, check, text);
    CheckFinding { of, text, commands: play.told(), blessable: false }
}

/// Leaves out one command after another, as long as the same is wrong without it.
fn shrink(reducer: &dyn Reducer, mut play: Play, check: Check, mut text: String) -> (Play, String) {
    let mut place = 0;
    while place < play.moves.len() && play.moves.len() > 1 {
        let mut shorter = play.clone();
        shorter.moves.remove(place);
        shorter = numbered(shorter);
        match verdicts(reducer, &shorter).into_iter().find(|(found, _)| *found == check) {
            Some((_, said)) => (play, text) = (shorter, said),
            None => place += 1,
        }
    }
    (play, text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::Command;

    fn pool() -> Vec<Move> {
        let named =
            |name: &&str| Move { command: Command::json(*name, "{}"), command_id: String::new(), now_ms: 0, seed: 0 };
        ["A", "B", "C"].iter().map(named).collect()
    }

    fn names(seed: u64, number: u64) -> String {
        let play = sequence(&StreamId::new("order-1").unwrap(), &pool(), seed, number);
        play.moves.into_iter().map(|next| next.command.name).collect()
    }

    #[test]
    fn a_seed_gives_the_same_sequences_for_good() {
        // Written down once: whoever changes the generator takes the meaning from every seed that was ever printed.
        assert_eq!([names(1, 0), names(1, 1), names(2, 0)], SEQUENCES);
    }

    const SEQUENCES: [&str; 3] = ["BCCBCCC", "BCAACCA", "BCABABABC"];

    #[test]
    fn sequences_differ_in_length_and_commands() {
        let all: std::collections::HashSet<_> = (0..100).map(|number| names(7, number)).collect();
        assert!(all.len() > 80, "{all:?}");
        assert!(all.iter().any(|names| names.len() == 1) && all.iter().any(|names| names.len() == 12), "{all:?}");
    }
}
