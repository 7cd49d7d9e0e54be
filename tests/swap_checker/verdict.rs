//! Whether the history holds what everybody was told, and each generation ends where the next one begins. Pure: it is fed forged
//! histories too.

use std::collections::{BTreeMap, HashMap};

use foldhost::StreamId;
use foldhost::event_store::HISTORY_CATEGORY;

use super::record::{
    Accepted, Activated, Answer, Decider, Generation, History, Recorded, Remembered, Sent, Tells, Told,
};

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
    commands_are_what_was_told(sent, history)
}

/// Versions 1, 2, 3 of each stream, in the order of the commits.
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

/// One command, and all that there is of it.
struct Of<'a> {
    sent: &'a Sent,
    recorded: &'a [&'a Recorded],
    memory: Option<&'a Remembered>,
}

impl Of<'_> {
    fn judge(&self, activated: &HashMap<(&str, u64), &Activated>) -> Result<(), String> {
        let settled = self.settled()?;
        self.is_one_command()?;
        match settled {
            Some(Answer::Accepted(accepted)) => self.is_recorded_as(accepted)?,
            Some(Answer::Rejected(code)) => {
                self.is_not_recorded()?;
                let kept = self.memory.map(|memory| memory.rejection.as_ref() == Some(code));
                if kept != self.sent.command_id.is_some().then_some(true) {
                    return Err("its rejection is not remembered".into());
                }
            }
            Some(_) => {
                self.is_not_recorded()?;
                if self.memory.is_some() {
                    return Err("it was in conflict, and is remembered".into());
                }
            }
            // Nobody knows, unless each attempt was certainly not done.
            None if self.sent.answers.iter().all(|answer| matches!(answer, Answer::NotDone(_))) => {
                self.is_not_recorded()?;
            }
            None => {}
        }
        self.is_remembered_as_recorded(activated)
    }

    /// What its sender was told for good, each time the same.
    fn settled(&self) -> Result<Option<&Answer>, String> {
        if let Some(Answer::Failed(reason)) =
            self.sent.answers.iter().find(|answer| matches!(answer, Answer::Failed(_)))
        {
            return Err(format!("its sender was told {reason}"));
        }
        let is_settled = |answer: &&Answer| !matches!(answer, Answer::NotDone(_) | Answer::Unknown(_));
        let mut settled = self.sent.answers.iter().filter(is_settled);
        let first = settled.next();
        match settled.find(|other| Some(*other) != first) {
            Some(_) => Err("sent again, it was told something else".into()),
            None => Ok(first),
        }
    }

    /// Its events stand one behind the other, of one command, and are no more than one command's.
    fn is_one_command(&self) -> Result<(), String> {
        let Some(first) = self.recorded.first() else { return Ok(()) };
        let follows = (first.version..).zip(self.recorded).all(|(version, event)| event.version == version);
        let is_its_own = |event: &&&Recorded| {
            event.stream_id == self.sent.stream_id
                && event.command_id == first.command_id
                && event.decided_by == first.decided_by
        };
        let has_its_id = self.sent.command_id.is_none() || self.sent.command_id == first.command_id;
        if self.recorded.len() > self.sent.events_max
            || !follows
            || !has_its_id
            || !self.recorded.iter().all(|event| is_its_own(&event))
        {
            return Err("it is recorded more than once, or as something else".into());
        }
        Ok(())
    }

    fn is_recorded_as(&self, accepted: &Accepted) -> Result<(), String> {
        let recorded: Vec<_> = self.recorded.iter().map(|event| (event.version, event.event_type.clone())).collect();
        if recorded != accepted.events {
            return Err("its events are not those that it was told".into());
        }
        if accepted.events.last().is_some_and(|(last, _)| *last != accepted.version) {
            return Err("it was told another version than that of its last event".into());
        }
        if self.recorded.iter().any(|event| event.decided_by != Some(accepted.decided_by)) {
            return Err("it was told that somebody else decided".into());
        }
        let Some(memory) = self.memory else {
            return match self.sent.command_id {
                Some(_) => Err("it has an id, and is not remembered".into()),
                None => Ok(()),
            };
        };
        if memory.rejection.is_some()
            || memory.last_version != accepted.version
            || memory.decided_by != accepted.decided_by
        {
            return Err("it is remembered as something else than it was told".into());
        }
        Ok(())
    }

    fn is_not_recorded(&self) -> Result<(), String> {
        if self.recorded.is_empty() { Ok(()) } else { Err("it was not accepted, and is recorded".into()) }
    }

    /// What is remembered of it are its events; and it is in the journal if and only if its generation keeps one.
    fn is_remembered_as_recorded(&self, activated: &HashMap<(&str, u64), &Activated>) -> Result<(), String> {
        let journal = |by: Decider| {
            let activated = activated.get(&(self.sent.stream_id.category(), by.generation));
            activated.is_some_and(|activated| activated.journal)
        };
        let Some(memory) = self.memory else {
            let kept = self.recorded.iter().find(|event| event.decided_by.is_some_and(journal));
            return match (kept, self.recorded.first()) {
                (Some(_), _) => Err("its generation keeps its commands, and it is not in the journal".into()),
                (None, Some(_)) if self.sent.command_id.is_some() => Err("it has an id, and is not remembered".into()),
                _ => Ok(()),
            };
        };
        if memory.in_journal != journal(memory.decided_by) {
            return Err("it is in the journal, and its generation keeps none, or the other way round".into());
        }
        let versions =
            (self.recorded.first().map(|event| event.version), self.recorded.last().map(|event| event.version));
        let is_recorded = match versions {
            (Some(first), Some(last)) => memory.first_version == Some(first) && memory.last_version == last,
            _ => memory.first_version.is_none(),
        };
        let decided = self.recorded.iter().all(|event| event.decided_by == Some(memory.decided_by));
        if is_recorded && decided { Ok(()) } else { Err("it is remembered as something else than is recorded".into()) }
    }
}
