//! What one turn of an entity collects: the batch to append, and who is to be told what once it is durable.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::command::{AppendedEvent, CommandError, CommandMetadata, CommandReply, DecidedBy};
use super::entity::Pending;
use super::warm::Warm;
use crate::effects::{Effects, Origin, take_in};
use crate::event::metadata_size;
use crate::event_store::{CommandRecord, JournalEntry, NewEffect, RecordedCommand, StreamBatch};
use crate::guest::one_line;
use crate::reducer::{Context, DecideError, Decision, Effect, ReducerFault};
use crate::{EventMetadata, PackedEvents, SerializedEvent, StreamId, Version};

/// What was decided for one command. It is told only when the state that it was decided on is durable.
pub(super) enum Verdict {
    /// The command's events, by their places in the batch.
    Accepted { events: Range<usize> },
    /// It changes nothing.
    Refused(CommandError),
    /// It was decided before.
    Remembered(RecordedCommand),
}

/// Why nothing was decided.
enum Undecided {
    /// What the sender is told.
    Told(CommandError),
    /// The reducer failed, and what it holds is not known any more.
    Fault(ReducerFault),
}

impl From<CommandError> for Undecided {
    fn from(error: CommandError) -> Self {
        Self::Told(error)
    }
}

impl From<ReducerFault> for Undecided {
    fn from(fault: ReducerFault) -> Self {
        Self::Fault(fault)
    }
}

/// Commands decided one on top of the other, and not yet durable.
pub(super) struct Turn {
    pub(super) batch: StreamBatch,
    /// The version that the batch follows.
    base: Version,
    pub(super) verdicts: Vec<(Pending, Verdict)>,
    /// The aggregate failed and must not be asked again.
    broken: bool,
    pub(super) decided_by: DecidedBy,
    is_canary: bool,
    batch_bytes: usize,
    effects: Arc<Effects>,
    began: Instant,
}

/// Data of one batch from which on no command is added.
const BATCH_BYTES_MAX: usize = 4 << 20;
/// What an effect takes beside what it says.
const EFFECT_ROW_BYTES: usize = 500;
/// What is told of an effect that cannot be kept.
const REASON_BYTES_MAX: usize = 4 << 10;
/// How long commands are added to a turn. A turn runs on a thread that other streams wait for.
const TURN_MAX: Duration = Duration::from_millis(20);

impl Turn {
    pub(super) fn new(stream_id: &StreamId, warm: &Warm, effects: &Arc<Effects>) -> Self {
        let mut batch = StreamBatch::new(stream_id.clone(), warm.version, Vec::new());
        batch.fence = warm.active.fence();
        Self {
            batch,
            base: warm.version,
            verdicts: Vec::new(),
            broken: false,
            decided_by: warm.active.decided_by(),
            is_canary: warm.active.is_canary,
            batch_bytes: 0,
            effects: Arc::clone(effects),
            began: Instant::now(),
        }
    }

    /// Whether the aggregate may be asked again.
    pub(super) fn is_sound(&self) -> bool {
        !self.broken
    }

    /// The batch, for the committer to hold while it is under way.
    pub(super) fn take_batch(&mut self) -> StreamBatch {
        let empty = StreamBatch::new(self.batch.stream_id.clone(), self.base, Vec::new());
        std::mem::replace(&mut self.batch, empty)
    }

    /// The stream's version once the batch is durable.
    pub(super) fn version(&self) -> Version {
        self.base + self.batch.events.len() as u64
    }

    /// Whether a command with this id is in the turn. Its twin waits for the next one, and finds it remembered there.
    pub(super) fn holds(&self, pending: &Pending) -> bool {
        pending.request.command_id.is_some()
            && self.batch.commands.iter().any(|command| command.command_id == pending.command_id)
    }

    /// Whether another command may be decided in this turn: the reducer is sound, the batch not too large for a statement,
    /// and the turn not so long that it keeps others from the thread.
    pub(super) fn has_room(&self, commands_max: usize) -> bool {
        !self.broken
            && self.verdicts.len() < commands_max
            && self.batch_bytes < BATCH_BYTES_MAX
            && (self.verdicts.is_empty() || self.began.elapsed() < TURN_MAX)
    }

    /// Whether the store has to say that the state was the newest: always, except that nothing was decided, or only
    /// refusals on a state that was loaded a moment ago.
    pub(super) fn needs_append(&self, just_loaded: bool) -> bool {
        let decided = self.verdicts.iter().any(|(_, verdict)| !matches!(verdict, Verdict::Remembered(_)));
        let changes =
            !self.batch.events.is_empty() || !self.batch.commands.is_empty() || !self.batch.effects.is_empty();
        decided && (changes || !just_loaded)
    }

    /// Decides on one command and applies what it leads to, on the state that the one before it left.
    pub(super) fn decide(&mut self, warm: &mut Warm, pending: Pending, remembered: &HashMap<String, RecordedCommand>) {
        let verdict = match remembered.get(&pending.command_id) {
            Some(recorded) if recorded.fingerprint == pending.request.fingerprint() => {
                Verdict::Remembered(recorded.clone())
            }
            Some(_) => Verdict::Refused(CommandError::IdReused { command_id: pending.command_id.clone() }),
            None => self.decide_anew(warm, &pending).unwrap_or_else(|refused| match refused {
                Undecided::Told(error) => Verdict::Refused(error),
                Undecided::Fault(fault) => {
                    self.broken = true;
                    let failure = warm.active.failed(fault).on(&pending.request.stream_id, self.version());
                    Verdict::Refused(failure.at_command(&pending.request.command.name).told())
                }
            }),
        };
        if pending.request.command_id.is_some() || warm.active.journal {
            self.remember(&pending, &verdict, warm.active.journal);
        }
        self.verdicts.push((pending, verdict));
    }

    fn decide_anew(&mut self, warm: &mut Warm, pending: &Pending) -> Result<Verdict, Undecided> {
        let (request, version) = (&pending.request, self.version());
        if !request.expected.admits(version) {
            return Err(CommandError::Conflict { expected: request.expected, actual: version }.into());
        }
        let descriptor = warm.active.reducer.descriptor();
        if !descriptor.commands.contains(&request.command.name) {
            return Err(CommandError::UnknownCommand {
                reducer: descriptor.name.clone(),
                command: request.command.name.clone(),
                known: descriptor.commands.clone(),
            }
            .into());
        }
        let context = context(&request.stream_id, version, &pending.command_id, pending.now_ms);
        let decision = warm.aggregate.decide(&request.command, &context).map_err(|error| match error {
            DecideError::Rejected(rejection) => CommandError::Rejected(rejection).into(),
            DecideError::Malformed(reason) => CommandError::Malformed(reason).into(),
            DecideError::Fault(fault) => Undecided::Fault(fault),
        })?;
        log(&request.stream_id, &decision);
        let effects = self.take_in(warm, pending, decision.effects)?;
        self.fold(warm, version, &decision.events)?;
        self.batch_bytes += effects.iter().map(|effect| effect.body.len() + EFFECT_ROW_BYTES).sum::<usize>();
        self.batch.effects.extend(effects);
        let begin = self.batch.events.len();
        let metadata = self.metadata(pending);
        let beside = metadata_size(&metadata);
        self.batch_bytes += decision.events.iter().map(|event| event.data.len() + beside).sum::<usize>();
        self.batch.events.extend(decision.events.into_iter().map(|event| (event, metadata.clone())));
        Ok(Verdict::Accepted { events: begin..self.batch.events.len() })
    }

    /// The effects as the outbox keeps them: durable with the events, or not at all.
    fn take_in(&self, warm: &Warm, pending: &Pending, effects: Vec<Effect>) -> Result<Vec<NewEffect>, ReducerFault> {
        if effects.is_empty() {
            return Ok(Vec::new());
        }
        let metadata = &pending.request.metadata;
        let origin = Origin {
            category: pending.request.stream_id.category(),
            rules: &warm.active.rules,
            commands: &warm.active.reducer.descriptor().commands,
            command_id: &pending.command_id,
            correlation_id: metadata.correlation_id.as_deref(),
            traceparent: metadata.traceparent.as_ref(),
        };
        take_in(&self.effects, effects, &origin).map_err(|reason| ReducerFault::BrokenAnswer {
            call: "decide",
            reason: one_line(&reason, REASON_BYTES_MAX),
        })
    }

    /// What is recorded beside the events of a command.
    fn metadata(&self, pending: &Pending) -> EventMetadata {
        let CommandMetadata { correlation_id, causation_id, traceparent, fields } = pending.request.metadata.clone();
        let DecidedBy { generation, digest, .. } = self.decided_by;
        EventMetadata {
            command_id: Some(pending.command_id.clone()),
            correlation_id,
            causation_id,
            traceparent,
            generation,
            // A generation names its code already; but not a canary's.
            reducer_digest: (generation.is_none() || self.is_canary).then_some(digest),
            fields,
        }
    }

    /// Applies a decision's events to the state. A reducer that cannot read its own events is found out here, before
    /// they are in the log for good.
    fn fold(&self, warm: &mut Warm, version: Version, events: &[SerializedEvent]) -> Result<(), ReducerFault> {
        if events.is_empty() {
            return Ok(());
        }
        let packed = PackedEvents::of(version.next(), events)
            .map_err(|error| ReducerFault::BrokenAnswer { call: "decide", reason: error.to_string() })?;
        let started = Instant::now();
        warm.aggregate.apply(packed)?;
        warm.replay_cost += started.elapsed();
        Ok(())
    }

    /// The events of the batch as JSON, by their places, for those who asked. The batch is durable by now, so whatever becomes of it
    /// changes no outcome: events once were refused because they could not be drawn, for some senders and not for others.
    pub(super) fn draw(&mut self, warm: &mut Warm) -> Vec<Option<String>> {
        let mut drawn = vec![None; self.batch.events.len()];
        let mut places = Vec::new();
        for (pending, verdict) in &self.verdicts {
            if let (true, Verdict::Accepted { events }) = (pending.request.events_as_json && !self.broken, verdict) {
                places.extend(events.clone());
            }
        }
        if places.is_empty() {
            return drawn;
        }
        let events: Vec<_> = places.iter().map(|place| &self.batch.events[*place].0).collect();
        match warm.aggregate.events_json(&events) {
            Ok(answers) => places.into_iter().zip(answers).for_each(|(place, json)| drawn[place] = json.ok()),
            Err(fault) => {
                self.broken = true;
                let failure = warm.active.failed(fault).on(&self.batch.stream_id, self.version());
                tracing::warn!(%failure, "events were recorded, and could not be shown to their senders");
            }
        }
        drawn
    }

    /// Has the outcome kept for a retry, and for whoever decides it anew: what was accepted, and a rule's no. Anything else may come
    /// out otherwise next time.
    fn remember(&mut self, pending: &Pending, verdict: &Verdict, journal: bool) {
        let behind = self.batch.events.len();
        let (events, rejection) = match verdict {
            Verdict::Accepted { events } => (events.clone(), None),
            Verdict::Refused(CommandError::Rejected(rejection)) => (behind..behind, Some(rejection.clone())),
            _ => return,
        };
        self.batch.commands.push(CommandRecord {
            command_id: pending.command_id.clone(),
            name: pending.request.command.name.clone(),
            fingerprint: pending.request.fingerprint(),
            events,
            rejection,
            reducer_digest: Some(self.decided_by.digest),
            journal: journal.then(|| {
                self.batch_bytes += pending.request.bytes();
                JournalEntry { payload: pending.request.command.payload.clone(), now_ms: pending.now_ms }
            }),
        });
    }

    /// What an accepted command's sender is told.
    pub(super) fn reply(&self, events: Range<usize>, drawn: &mut [Option<String>]) -> CommandReply {
        let first = self.base.get() + 1;
        let appended = events.clone().map(|place| AppendedEvent {
            version: Version::new(first + place as u64),
            event_type: self.batch.events[place].0.event_type.clone(),
            json: drawn[place].take(),
        });
        CommandReply {
            version: self.base + events.end as u64,
            events: appended.collect(),
            reducer: self.decided_by.clone(),
        }
    }
}

/// What a command is decided with beside the state: the same for the same command at the same version, now or anew.
pub(crate) fn context(stream_id: &StreamId, version: Version, command_id: &str, now_ms: i64) -> Context {
    let mut hasher = Sha256::new();
    hasher.update(stream_id.as_str());
    hasher.update([0]);
    hasher.update(version.get().to_be_bytes());
    hasher.update(command_id);
    let mut seed = [0; 8];
    seed.copy_from_slice(&hasher.finalize()[..8]);
    Context {
        stream_id: stream_id.as_str().to_owned(),
        version: version.get(),
        command_id: command_id.to_owned(),
        now_ms,
        seed: u64::from_be_bytes(seed),
    }
}

/// A reducer's lines, in the host's log. The text is the guest's, so it stands in a field of its own.
fn log(stream_id: &StreamId, decision: &Decision) {
    for (level, text) in &decision.log {
        match *level {
            tracing::Level::ERROR => tracing::error!(%stream_id, text, "reducer"),
            tracing::Level::WARN => tracing::warn!(%stream_id, text, "reducer"),
            tracing::Level::INFO => tracing::info!(%stream_id, text, "reducer"),
            _ => tracing::debug!(%stream_id, text, "reducer"),
        }
    }
}
