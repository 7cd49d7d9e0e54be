//! Whether what the writers were told is what the log holds.

use std::collections::{BTreeSet, HashMap};

use foldhost::event_store::AppendOutcome;
use foldhost::{ExpectedVersion, StreamId};

use super::record::{Attempt, Round};

/// The tables after all rounds, read with plain SQL.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Each stream's events in the order of the log: version, data, and place in the log.
    pub(crate) streams: HashMap<StreamId, Vec<(u64, Vec<u8>, usize)>>,
    /// First and last version of each command, by stream and id.
    pub(crate) commands: HashMap<(StreamId, String), (Option<u64>, u64)>,
}

impl Tables {
    fn stream(&self, stream_id: &StreamId) -> &[(u64, Vec<u8>, usize)] {
        self.streams.get(stream_id).map_or(&[], Vec::as_slice)
    }
}

/// Finds what is wrong in a round.
pub(crate) fn judge(round: &Round, tables: &Tables) -> Result<(), String> {
    let streams: BTreeSet<_> = round.attempts().map(|attempt| &attempt.stream_id).collect();
    for stream_id in streams {
        is_what_the_winners_made(round, tables, stream_id).map_err(|reason| format!("stream {stream_id}: {reason}"))?;
    }
    for append in &round.appends {
        losers_had_to_lose(round, tables, append)?;
    }
    commands_are_the_winners(round, tables)?;
    no_former_generation_behind_the_marker(round, tables)
}

/// The winners, one behind the other, are the stream: no hole, no double, nothing of a loser's, nothing lost, and the log
/// has it in this order.
fn is_what_the_winners_made(round: &Round, tables: &Tables, stream_id: &StreamId) -> Result<(), String> {
    let mut parts: Vec<_> = round
        .attempts()
        .filter(|attempt| attempt.stream_id == *stream_id)
        .filter_map(|attempt| Some((attempt.won()?.get(), attempt)))
        .collect();
    // Those without events go behind what made the version that they follow.
    parts.sort_by_key(|(last, attempt)| (*last, attempt.data.is_empty()));
    let mut expected: Vec<&[u8]> = Vec::new();
    for (last, attempt) in parts {
        let base = expected.len() as u64;
        if last != base + attempt.data.len() as u64 {
            return Err(format!("version {last} was claimed behind {base} events by {attempt:?}"));
        }
        let admitted = attempt.exact().map_or(attempt.expected != ExpectedVersion::Exists || base > 0, |at| at == base);
        if !admitted {
            return Err(format!("a batch that was not to follow version {base} won: {attempt:?}"));
        }
        expected.extend(attempt.data.iter().map(Vec::as_slice));
    }
    if let Some((closed, version)) = &round.closed
        && closed == stream_id
    {
        expected.push(b"");
        if version.get() != expected.len() as u64 {
            return Err(format!("closed at {version}, and {} events were appended before", expected.len() - 1));
        }
    }
    let found = tables.stream(stream_id);
    let versions: Vec<_> = found.iter().map(|(version, _, _)| *version).collect();
    if !versions.iter().copied().eq(1..=expected.len() as u64) {
        return Err(format!("{} events were acknowledged, and the log has the versions {versions:?}", expected.len()));
    }
    match found.iter().zip(&expected).find(|((_, data, _), expected)| data != *expected) {
        Some(((version, data, _), expected)) => Err(format!(
            "event {version} is {:?} and not {:?}",
            String::from_utf8_lossy(data),
            String::from_utf8_lossy(expected)
        )),
        None => Ok(()),
    }
}

/// Whoever lost had a reason that the tables show. So of writers of which one can win, one did.
fn losers_had_to_lose(round: &Round, tables: &Tables, append: &[Attempt]) -> Result<(), String> {
    let lost = |attempt: &&Attempt| attempt.won().is_none();
    if round.atomic {
        let losers = append.iter().filter(lost).count();
        if losers != 0 && losers != append.len() {
            return Err(format!("an atomic append was done in part: {append:?}"));
        }
        if losers > 0 && !append.iter().any(|attempt| had_to_lose(round, tables, attempt)) {
            return Err(format!("no batch of an atomic append had to lose: {append:?}"));
        }
        return Ok(());
    }
    match append.iter().filter(lost).find(|attempt| !had_to_lose(round, tables, attempt)) {
        Some(attempt) => Err(format!(
            "stream {} has {} events, and this lost: {attempt:?}",
            attempt.stream_id,
            tables.stream(&attempt.stream_id).len()
        )),
        None => Ok(()),
    }
}

fn had_to_lose(round: &Round, tables: &Tables, attempt: &Attempt) -> bool {
    let before = round.version_before(&attempt.stream_id);
    let after = tables.stream(&attempt.stream_id).len() as u64;
    let is_closed = round.closed.as_ref().is_some_and(|(closed, _)| *closed == attempt.stream_id);
    // Not what it expected, at the beginning or at the end; in between the version only grew.
    let version_passed = match attempt.exact() {
        Some(exact) => before != exact || after != exact,
        None => attempt.expected == ExpectedVersion::Exists && before == 0,
    };
    match attempt.outcome {
        AppendOutcome::Appended { .. } => false,
        AppendOutcome::Conflict { actual } => {
            // The head that it was told was the stream's at some time in the round.
            version_passed && (before..=after).contains(&actual.get()) && (before != after || actual.get() == before)
        }
        AppendOutcome::Closed { version } => is_closed && version.get() == after,
        AppendOutcome::Repeated => attempt.command_id.as_ref().is_some_and(|id| {
            let won = |other: &&Attempt| other.won().is_some() && other.stream_id == attempt.stream_id;
            round.attempts().filter(won).any(|other| other.command_id.as_ref() == Some(id))
        }),
        AppendOutcome::Fenced => round.swap.is_some(),
    }
}

/// Each command is remembered once, with the versions that its winner was told.
fn commands_are_the_winners(round: &Round, tables: &Tables) -> Result<(), String> {
    for attempt in round.attempts() {
        let Some(id) = &attempt.command_id else { continue };
        let of_command =
            |other: &&Attempt| other.stream_id == attempt.stream_id && other.command_id.as_ref() == Some(id);
        let winners: Vec<_> = round.attempts().filter(of_command).filter(|other| other.won().is_some()).collect();
        let remembered = tables.commands.get(&(attempt.stream_id.clone(), id.clone()));
        let told = match winners[..] {
            [] => None,
            [winner] => winner.won().map(|last| {
                let count = winner.data.len() as u64;
                ((count > 0).then(|| last.get() - count + 1), last.get())
            }),
            _ => return Err(format!("command {id} was done {} times: {winners:?}", winners.len())),
        };
        if remembered != told.as_ref() {
            return Err(format!("command {id} is remembered as {remembered:?}, and its winner was told {told:?}"));
        }
    }
    Ok(())
}

fn no_former_generation_behind_the_marker(round: &Round, tables: &Tables) -> Result<(), String> {
    let Some(swap) = &round.swap else { return Ok(()) };
    let [(_, _, marker)] = tables.stream(&swap.marker) else { return Err("the marker is not in the log".into()) };
    let late = |(version, _, place): &&(u64, Vec<u8>, usize)| (place > marker).then_some(*version);
    for stream_id in &swap.former {
        if let Some(version) = tables.stream(stream_id).iter().find_map(|event| late(&event)) {
            return Err(format!("event {version} of stream {stream_id}, of the former generation, is behind the swap"));
        }
    }
    Ok(())
}
