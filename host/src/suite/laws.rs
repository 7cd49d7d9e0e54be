//! What every reducer has to keep, tried on one history: fresh instances, pages of several sizes, a snapshot at every version.
//!
//! `testing::Scenario` tries the same laws around one command. Here they are tried over a whole history and to the last unit of
//! fuel, since a component can be asked as often as one likes.

use super::play::{Play, Played, restored};
use crate::testing::laws::{Picture, apply, check_same, is_fault};
use crate::testing::{Law, Mismatch};
use crate::{Reducer, SerializedEvent};

/// Events in one call.
const PAGES: [usize; 3] = [1, 7, 1_000];

/// Tries one law.
type Trial = fn(&dyn Reducer, &Play, &Played) -> Result<(), Mismatch>;

/// What the laws that are broken say of one history.
pub(super) type Verdicts = Vec<(Law, String)>;

/// For each command its fuel on a fresh instance, or none where nothing counts it.
pub(super) type Fuel = Vec<Option<u64>>;

/// Tries every law on what came of a play. There is no fuel to tell where the same run twice is not the same.
pub(super) fn check(reducer: &dyn Reducer, play: &Play, played: &Played) -> (Verdicts, Option<Fuel>) {
    let mut verdicts = Verdicts::new();
    let fuel = same_twice(reducer, play, played);
    let fuel = fuel.map_err(|mismatch| note(&mut verdicts, Law::DecideIsDeterministic, mismatch)).ok();
    let trials: [(Law, Trial); 4] = [
        (Law::DecideChangesNothing, decide_changes_nothing),
        (Law::PagesMakeNoDifference, pages),
        (Law::SnapshotsKeepTheState, snapshots),
        (Law::TheStateIsJson, state_is_json),
    ];
    for (law, trial) in trials {
        if let Err(mismatch) = trial(reducer, play, played) {
            note(&mut verdicts, law, mismatch);
        }
    }
    (verdicts, fuel)
}

/// A trial may find another law broken than the one that it was made for; each is told once.
pub(super) fn note(verdicts: &mut Verdicts, tried: Law, mismatch: Mismatch) {
    let (law, text) = match mismatch {
        Mismatch::Law { law, difference } => (law, difference),
        other => (tried, other.to_string()),
    };
    if !verdicts.iter().any(|(known, _)| *known == law) {
        verdicts.push((law, text));
    }
}

/// The whole play again, and each command on fresh instances: the same events, effects, log lines, rejection, state, snapshot and
/// fuel, to the byte and to the unit.
fn same_twice(reducer: &dyn Reducer, play: &Play, played: &Played) -> Result<Fuel, Mismatch> {
    let law = Law::DecideIsDeterministic;
    let again = play.run(reducer)?;
    for (number, ((first, fuel), (second, other_fuel))) in played.decided.iter().zip(&again.decided).enumerate() {
        check_same(law, first, second).map_err(|mismatch| of_command(play, number, mismatch))?;
        check_fuel(play, number, *fuel, *other_fuel)?;
    }
    if played.pictures != again.pictures {
        let difference = "the same commands led to another state".to_owned();
        return Err(Mismatch::Law { law, difference });
    }
    let mut figures = Vec::with_capacity(play.moves.len());
    for (number, (decided, _)) in played.decided.iter().enumerate() {
        let (first, fuel) = play.decide_afresh(reducer, played, number)?;
        let (_, other_fuel) = play.decide_afresh(reducer, played, number)?;
        check_same(law, decided, &first).map_err(|mismatch| of_command(play, number, mismatch))?;
        check_fuel(play, number, fuel, other_fuel)?;
        figures.push(fuel);
    }
    Ok(figures)
}

fn check_fuel(play: &Play, number: usize, fuel: Option<u64>, other: Option<u64>) -> Result<(), Mismatch> {
    if fuel == other {
        return Ok(());
    }
    let shown = |fuel: Option<u64>| fuel.map_or_else(|| "none".to_owned(), |fuel| fuel.to_string());
    let difference = format!("the same command took {} fuel, and {} the second time", shown(fuel), shown(other));
    Err(of_command(play, number, Mismatch::Law { law: Law::DecideIsDeterministic, difference }))
}

fn of_command(play: &Play, number: usize, mismatch: Mismatch) -> Mismatch {
    match mismatch {
        Mismatch::Law { law, difference } => {
            let name = &play.moves[number].command.name;
            Mismatch::Law { law, difference: format!("command {} ({name}): {difference}", number + 1) }
        }
        other => other,
    }
}

/// Asks each command twice on one aggregate, and looks at the state around it.
fn decide_changes_nothing(reducer: &dyn Reducer, play: &Play, played: &Played) -> Result<(), Mismatch> {
    for (number, (decided, _)) in played.decided.iter().enumerate() {
        // After a fault an aggregate must not be asked again.
        if is_fault(decided) {
            continue;
        }
        let (next, version) = (&play.moves[number], played.versions[number]);
        let mut aggregate = play.fold(reducer, &played.history[..version]).map_err(Mismatch::Given)?;
        let before = Picture::of(aggregate.as_mut())?;
        for _ in 0..2 {
            let again = aggregate.decide(&next.command, &next.context(&play.stream_id, version));
            let same = check_same(Law::DecideIsDeterministic, decided, &again);
            same.map_err(|mismatch| of_command(play, number, mismatch))?;
        }
        let law = Law::DecideChangesNothing;
        let same = before.check(law, "the state after deciding", aggregate.as_mut());
        same.map_err(|mismatch| of_command(play, number, mismatch))?;
    }
    Ok(())
}

fn pages(reducer: &dyn Reducer, play: &Play, played: &Played) -> Result<(), Mismatch> {
    let law = Law::PagesMakeNoDifference;
    let Some(whole) = played.last() else { return Ok(()) };
    for page_len in PAGES {
        let mut aggregate = reducer.create(&play.stream_id).map_err(|fault| Mismatch::Given(fault.to_string()))?;
        let applied = apply(aggregate.as_mut(), 0, &played.history, page_len);
        applied.map_err(|difference| Mismatch::Law { law, difference })?;
        let what = format!("the state of {} events in pages of {page_len}", played.history.len());
        whole.check(law, &what, aggregate.as_mut())?;
    }
    Ok(())
}

/// A snapshot at every version: restored, it is the same state, decides the same, and the tail leads to the same end.
fn snapshots(reducer: &dyn Reducer, play: &Play, played: &Played) -> Result<(), Mismatch> {
    let law = Law::SnapshotsKeepTheState;
    let Some(whole) = played.last() else { return Ok(()) };
    let history = &played.history;
    let mut folding = play.fold(reducer, &[]).map_err(Mismatch::Given)?;
    for version in 0..=history.len() {
        if version > 0 {
            fold_on(folding.as_mut(), version - 1, &history[version - 1..version])?;
        }
        let picture = Picture::of(folding.as_mut())?;
        let mut tail = restored(reducer, &play.stream_id, &picture.snapshot)?;
        picture.check(law, &format!("the state restored at version {version}"), tail.as_mut())?;
        for (number, (decided, _)) in played.decided.iter().enumerate() {
            if played.versions[number] == version && !is_fault(decided) {
                let next = &play.moves[number];
                let again = tail.decide(&next.command, &next.context(&play.stream_id, version));
                check_same(law, decided, &again).map_err(|mismatch| of_command(play, number, mismatch))?;
            }
        }
        fold_on(tail.as_mut(), version, &history[version..])?;
        whole.check(law, &format!("the state of a snapshot at version {version} and its tail"), tail.as_mut())?;
    }
    Ok(())
}

fn fold_on(aggregate: &mut dyn crate::Aggregate, behind: usize, events: &[SerializedEvent]) -> Result<(), Mismatch> {
    let applied = apply(aggregate, behind, events, 1_000);
    applied.map_err(|difference| Mismatch::Law { law: Law::SnapshotsKeepTheState, difference })
}

fn state_is_json(_: &dyn Reducer, _: &Play, played: &Played) -> Result<(), Mismatch> {
    played.pictures.iter().try_for_each(|picture| picture.value().map(drop))
}
