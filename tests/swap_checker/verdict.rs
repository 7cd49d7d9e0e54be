//! Whether the history holds what everybody was told, and each generation ends where the next one begins. Pure: it is fed forged
//! histories too.

use std::collections::{BTreeMap, HashMap};

use foldhost::StreamId;
use foldhost::event_store::HISTORY_CATEGORY;

use super::command::Of;
use super::record::{Activated, Decider, Generation, History, Recorded, Remembered, Sent, Tells, Told};

/// The first thing that is wrong.
pub(crate) fn judge(sent: &[Sent], told: &Told, history: &History) -> Result<(), String> {
    if let Some(failure) = told.failures.first() {
        return Err(format!("an operator was told {failure}"));
    }
    versions_are_contiguous(history)?;
    generations_are_whole(told, history)?;
    what_was_kept_and_verified_is_told(told, history)?;
    each_generation_ends_where_the_next_begins(history)?;
    each_stream_had_its_decider(history)?;
    commands_are_what_was_told(sent, history)?;
    each_generation_is_committed_in_its_time(history)
}

/// Versions 1, 2, 3 of each stream, in the order of the log.
fn versions_are_contiguous(history: &History) -> Result<(), String> {
    let mut heads: HashMap<&StreamId, u64> = HashMap::new();
    for Recorded { stream_id, version, .. } in &history.events {
        let head = heads.entry(stream_id).or_default();
        if *version != *head + 1 {
            return Err(format!("event {version} of {stream_id} follows event {head}"));
        }
        *head = *version;
    }
    Ok(())
}

/// Generations 1 to n of each name, the last one active, each told by the history in their order and nothing else, and what
/// operators were told among them.
fn generations_are_whole(told: &Told, history: &History) -> Result<(), String> {
    let mut by_name: BTreeMap<&str, Vec<&Generation>> = BTreeMap::new();
    for Activated { generation, .. } in &history.activations {
        by_name.entry(&generation.name).or_default().push(generation);
    }
    for (name, generations) in &mut by_name {
        generations.sort_by_key(|generation| generation.number);
        if let Some((place, hole)) = (1..).zip(&*generations).find(|(place, generation)| generation.number != *place) {
            return Err(format!("generation {} of {name} stands where {place} should", hole.number));
        }
        let last = generations.last().map(|last| (last.number, last.digest));
        let active = history.active.get(*name).copied();
        if active != last {
            return Err(format!("{active:?} of {name} is active, and {last:?} was activated last"));
        }
        let tells = history.events.iter().filter_map(|event| match &event.tells {
            Some(Tells::Generation { generation, before }) if generation.name == **name => Some((generation, *before)),
            _ => None,
        });
        let tells: Vec<_> = tells.collect();
        if !tells.iter().map(|(generation, _)| *generation).eq(generations.iter().copied()) {
            return Err(format!("the history of {name} tells {tells:?}, and activated were {generations:?}"));
        }
        if let Some((generation, before)) =
            tells.iter().find(|(generation, before)| before.unwrap_or(0) + 1 != generation.number)
        {
            return Err(format!("the history of {name} has {before:?} before {generation:?}"));
        }
    }
    if let Some(active) = history.active.keys().find(|name| !by_name.contains_key(name.as_str())) {
        return Err(format!("{active} is active and was never activated"));
    }
    let is_there = |swap: &&Generation| history.activations.iter().any(|there| there.generation == **swap);
    match told.swaps.iter().find(|swap| !is_there(swap)) {
        Some(swap) => Err(format!("an operator was told of {swap:?}, which is not there")),
        None => Ok(()),
    }
}

/// Each kept component and each verification that is over stands in the history, once; and what was told as deployed is kept.
fn what_was_kept_and_verified_is_told(told: &Told, history: &History) -> Result<(), String> {
    let expected = history.kept.iter().map(|(name, digest)| Tells::Deployed(name.clone(), *digest));
    let verified = history.verified.iter().map(|(id, status)| Tells::Verified(*id, status.clone()));
    let expected: Vec<_> = expected.chain(verified).collect();
    let mut tells: Vec<_> = history.events.iter().filter_map(|event| event.tells.as_ref()).collect();
    tells.retain(|tells| !matches!(tells, Tells::Generation { .. }));
    for expected in &expected {
        let count = tells.iter().filter(|told| **told == expected).count();
        if count != 1 {
            return Err(format!("the history tells {count} times of {expected:?}"));
        }
    }
    if let Some(other) = tells.iter().find(|told| !expected.contains(told)) {
        return Err(format!("the history tells of {other:?}, which is not there"));
    }
    match told.deployed.iter().find(|deployed| !history.kept.contains(deployed)) {
        Some((name, digest)) => Err(format!("{digest} of {name} was told as deployed, and is not kept")),
        None => Ok(()),
    }
}

/// No event of a generation stands before the one that tells of it, or behind the one that tells of the next.
fn each_generation_ends_where_the_next_begins(history: &History) -> Result<(), String> {
    let mut begun: HashMap<&str, u64> = HashMap::new();
    for event in &history.events {
        if let Some(Tells::Generation { generation, .. }) = &event.tells {
            begun.insert(&generation.name, generation.number);
            continue;
        }
        let category = event.stream_id.category();
        if category == HISTORY_CATEGORY {
            continue;
        }
        let current = begun.get(category).copied().unwrap_or_default();
        let Some(Decider { generation, .. }) = event.decided_by else {
            return Err(format!("no generation decided {event:?}"));
        };
        if generation != current {
            return Err(format!(
                "while generation {current} of {category} decides, generation {generation} has {event:?}"
            ));
        }
    }
    Ok(())
}

/// No event of a generation was committed before the generation, or after the next one. The log does not show it: an append that has
/// its transaction's id may wait, be outrun by a swap, and be committed behind it. In one microsecond nobody knows who was first.
fn each_generation_is_committed_in_its_time(history: &History) -> Result<(), String> {
    let committed = history.activated_us.iter().map(|((name, number), us)| ((name.as_str(), *number), *us));
    let committed: HashMap<_, _> = committed.collect();
    for event in &history.events {
        let (Some(by), category) = (event.decided_by, event.stream_id.category()) else { continue };
        let Some(from) = committed.get(&(category, by.generation)) else {
            return Err(format!("nobody knows when the generation of {event:?} was activated"));
        };
        let until = committed.get(&(category, by.generation + 1)).copied().unwrap_or(i64::MAX);
        if event.committed_us < *from {
            let early = from - event.committed_us;
            return Err(format!("committed {early} us before its generation was activated: {event:?}"));
        }
        if event.committed_us > until {
            let late = event.committed_us - until;
            return Err(format!("committed {late} us after the next generation was activated: {event:?}"));
        }
    }
    Ok(())
}

/// The active component, or for the streams of its share the canary: of events, and of what is remembered.
fn each_stream_had_its_decider(history: &History) -> Result<(), String> {
    let activated = by_generation(history);
    let decides = |stream_id: &StreamId, by: Decider| {
        let generation = activated.get(&(stream_id.category(), by.generation));
        generation.map(|activated| activated.generation.decides(stream_id)) == Some(by.digest)
    };
    for event in &history.events {
        if event.decided_by.is_some_and(|by| !decides(&event.stream_id, by)) {
            return Err(format!("another component was to decide {event:?}"));
        }
    }
    match history.remembered.iter().find(|command| !decides(&command.stream_id, command.decided_by)) {
        Some(command) => Err(format!("another component was to decide {command:?}")),
        None => Ok(()),
    }
}

fn by_generation(history: &History) -> HashMap<(&str, u64), &Activated> {
    let rows = history.activations.iter();
    rows.map(|row| ((row.generation.name.as_str(), row.generation.number), row)).collect()
}

/// Every accepted command stands there once and as its sender was told, each time; none of the others does; and the journal has
/// those that were to be kept.
fn commands_are_what_was_told(sent: &[Sent], history: &History) -> Result<(), String> {
    let mut events: HashMap<&str, Vec<&Recorded>> = HashMap::new();
    for event in history.events.iter().filter(|event| event.stream_id.category() != HISTORY_CATEGORY) {
        let Some(tag) = &event.tag else { return Err(format!("nobody sent {event:?}")) };
        events.entry(tag).or_default().push(event);
    }
    let mut remembered: HashMap<(&StreamId, &str), &Remembered> = HashMap::new();
    for command in &history.remembered {
        if remembered.insert((&command.stream_id, &command.command_id), command).is_some() {
            return Err(format!("twice remembered: {command:?}"));
        }
    }
    let activated = by_generation(history);
    for sent in sent {
        let recorded = events.remove(sent.tag.as_str()).unwrap_or_default();
        let id = sent.command_id.as_deref().or(recorded.first().and_then(|event| event.command_id.as_deref()));
        let memory = id.and_then(|id| remembered.remove(&(&sent.stream_id, id)));
        let of_command = Of { sent, recorded: &recorded, memory };
        let judged = of_command.judge(&activated);
        judged.map_err(|reason| format!("{reason}: {sent:#?}\nrecorded: {recorded:#?}\nremembered: {memory:#?}"))?;
    }
    if let Some((tag, _)) = events.iter().next() {
        return Err(format!("nobody sent {tag}"));
    }
    // A journal keeps commands without events too, under an id that nobody was told.
    match remembered.values().find(|command| !command.in_journal || command.first_version.is_some()) {
        Some(command) => Err(format!("nobody sent it, or its events are not there: {command:?}")),
        None => Ok(()),
    }
}
