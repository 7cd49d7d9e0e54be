//! What the verdict has to find. A suite whose judge passes everything would pass too.

use foldhost::event_store::AppendOutcome;
use foldhost::{ExpectedVersion, StreamId, Version};

use super::record::{Attempt, Round, Swap};
use super::verdict::{Tables, judge};

fn stream() -> StreamId {
    StreamId::new("race-1").unwrap()
}

fn attempt(expected: impl Into<ExpectedVersion>, data: &[&str], outcome: AppendOutcome) -> Attempt {
    let data = data.iter().map(|text| text.as_bytes().to_vec()).collect();
    Attempt { stream_id: stream(), expected: expected.into(), data, command_id: None, outcome }
}

fn won(version: u64) -> AppendOutcome {
    AppendOutcome::Appended { version: Version::new(version) }
}

fn lost(actual: u64) -> AppendOutcome {
    AppendOutcome::Conflict { actual: Version::new(actual) }
}

fn tables(events: &[(u64, &str)]) -> Tables {
    let events = events.iter().enumerate().map(|(place, (version, text))| (*version, text.as_bytes().to_vec(), place));
    Tables { streams: [(stream(), events.collect())].into(), ..Tables::default() }
}

fn round(appends: &[Attempt]) -> Round {
    let before = vec![attempt(Version::EMPTY, &["a"], won(1))];
    Round { before, appends: appends.iter().map(|one| vec![one.clone()]).collect(), ..Round::new(0, "a test") }
}

#[test]
fn one_winner_and_one_loser_are_right() {
    let two = [attempt(Version::new(1), &["b", "c"], won(3)), attempt(Version::new(1), &["d"], lost(3))];
    assert_eq!(judge(&round(&two), &tables(&[(1, "a"), (2, "b"), (3, "c")])), Ok(()));
}

#[test]
fn what_is_wrong_is_found() {
    let (winner, loser) = (attempt(Version::new(1), &["b"], won(2)), attempt(Version::new(1), &["d"], lost(2)));
    let right = tables(&[(1, "a"), (2, "b")]);
    let both = round(&[winner.clone(), loser.clone()]);
    assert_eq!(judge(&both, &right), Ok(()));
    for (what, round, tables) in [
        ("two winners", round(&[winner.clone(), attempt(Version::new(1), &["d"], won(2))]), &right),
        ("no winner", round(&[loser.clone(), loser.clone()]), &tables(&[(1, "a")])),
        ("a loss", both.clone(), &tables(&[(1, "a")])),
        ("a loser's event", both.clone(), &tables(&[(1, "a"), (2, "d")])),
        ("an event too many", both.clone(), &tables(&[(1, "a"), (2, "b"), (3, "d")])),
        ("a double", both.clone(), &tables(&[(1, "a"), (2, "b"), (2, "b")])),
        ("a hole", both.clone(), &tables(&[(1, "a"), (3, "b")])),
        ("another order in the log", both.clone(), &tables(&[(2, "b"), (1, "a")])),
        ("a head that never was", round(&[winner.clone(), attempt(Version::new(1), &["d"], lost(9))]), &right),
        ("any version lost", round(&[winner, attempt(ExpectedVersion::Any, &["d"], lost(2))]), &right),
    ] {
        assert!(judge(&round, tables).is_err(), "{what}");
    }
}

#[test]
fn half_an_atomic_append_is_found() {
    let halves = vec![
        attempt(Version::new(1), &["b"], won(2)),
        Attempt { stream_id: StreamId::new("race-2").unwrap(), ..attempt(Version::EMPTY, &["d"], lost(1)) },
    ];
    let round = Round { appends: vec![halves], atomic: true, ..round(&[]) };
    assert!(judge(&round, &tables(&[(1, "a"), (2, "b")])).unwrap_err().contains("in part"));
}

#[test]
fn an_event_of_a_former_generation_behind_its_swap_is_found() {
    let marker = StreamId::new("race-marker").unwrap();
    let swap = Some(Swap { former: vec![stream()], marker: marker.clone() });
    let marked = Attempt { stream_id: marker.clone(), ..attempt(Version::EMPTY, &["m"], won(1)) };
    let round = Round { swap, appends: vec![vec![marked]], ..round(&[]) };
    for (place, is_right) in [(1, true), (0, false)] {
        let mut tables = tables(&[(1, "a")]);
        tables.streams.get_mut(&stream()).unwrap()[0].2 = 1 - place;
        tables.streams.insert(marker.clone(), vec![(1, b"m".to_vec(), place)]);
        assert_eq!(judge(&round, &tables).is_ok(), is_right);
    }
}
