//! Whether one command is recorded as its sender was told.

use std::collections::HashMap;

use super::record::{Accepted, Activated, Answer, Decider, Recorded, Remembered, Sent};

/// One command, and all that there is of it.
pub(crate) struct Of<'a> {
    pub(crate) sent: &'a Sent,
    pub(crate) recorded: &'a [&'a Recorded],
    pub(crate) memory: Option<&'a Remembered>,
}

impl Of<'_> {
    pub(crate) fn judge(&self, activated: &HashMap<(&str, u64), &Activated>) -> Result<(), String> {
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
