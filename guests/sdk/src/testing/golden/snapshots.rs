//! Adding snapshots to `state.json`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::check::drawn;
use super::features::{Feature, Seen, Text, features};
use super::{FILE_BYTES_MAX, GoldenSnapshot, RecordedEvent, Subject};

/// Most snapshots that a bless puts into `state.json`.
pub const SNAPSHOTS_MAX: usize = 32;

/// Up to so many, a snapshot is added for each stream that ends in another state; beyond, only where its state shows something
/// new. So there is room for a state that comes later.
const USUAL_SNAPSHOTS_MAX: usize = SNAPSHOTS_MAX / 2;

/// Longest stream that a bless puts into `state.json`, in bytes of its events and its snapshot: so that `SNAPSHOTS_MAX` of them,
/// hexadecimal and with the state drawn, stay far below what a file may have.
const SNAPSHOT_BYTES_MAX: usize = FILE_BYTES_MAX / SNAPSHOTS_MAX / 8;

/// Adds the snapshots of streams that end in a state of which there is none. Those whose state shows most for its size come first.
pub(super) fn add_snapshots(
    subject: &(impl Subject + ?Sized),
    snapshots: &mut Vec<GoldenSnapshot>,
    histories: &[Vec<RecordedEvent>],
) {
    let mut seen = Seen::new(SNAPSHOTS_MAX);
    snapshots.iter().for_each(|golden| seen.add(features_of(&golden.state)));
    let mut known: BTreeSet<Vec<u8>> = snapshots.iter().map(|golden| golden.bytes.clone()).collect();
    let others = histories.iter().filter_map(|events| snapshot_of(subject, events));
    let others = others.filter(|golden| known.insert(golden.bytes.clone()));
    let mut candidates: Vec<_> = others.map(|golden| (features_of(&golden.state), golden)).collect();
    while snapshots.len() < SNAPSHOTS_MAX
        && let Some((features, golden)) = seen.most_novel(&mut candidates, bytes_len)
    {
        seen.add(features);
        snapshots.push(golden);
    }
    // They show nothing new of the encoding, but each holds `apply` to what it made of its events.
    let room = USUAL_SNAPSHOTS_MAX.saturating_sub(snapshots.len());
    snapshots.extend(candidates.into_iter().take(room).map(|(_, golden)| golden));
}

fn snapshot_of(subject: &(impl Subject + ?Sized), events: &[RecordedEvent]) -> Option<GoldenSnapshot> {
    if events.is_empty() {
        return None;
    }
    // A stream that cannot be folded fails in its own scenario.
    let folded = subject.fold(events).ok()?;
    let state = drawn(Ok(folded.state_json)).ok()?;
    let golden = GoldenSnapshot { events: events.to_vec(), bytes: folded.snapshot, state };
    (bytes_len(&golden) <= SNAPSHOT_BYTES_MAX).then_some(golden)
}

fn bytes_len(golden: &GoldenSnapshot) -> usize {
    golden.events.iter().map(|event| event.bytes.len()).sum::<usize>() + golden.bytes.len()
}

/// Of a state nothing can be asked: any text may be a variant.
fn features_of(state: &Value) -> BTreeSet<Feature> {
    features(state, &mut |_, _, text| Text::Formed(text.to_owned()))
}
