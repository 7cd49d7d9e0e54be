//! The way of a command: receive -> load -> apply -> decide -> append -> apply -> reply -> effects.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::command::{AppendedEvent, CommandError, CommandReply, CommandRequest, DecidedBy};
use super::drawing::draw;
use super::entity::{Entity, Pending};
use super::measured::{self, Swapped};
use super::turn::{Turn, Verdict};
use super::warm::Warm;
use crate::event_store::{AppendOutcome, EventStoreError, PageLimit, RecordedCommand, Snapshot};
use crate::{StreamId, Version};

/// One turn of an entity, for as many of the commands in `inbox` as go into one batch. All of it is here, top to bottom.
///
/// The process may die at any await: before 4 nothing has happened, after it the commands are done, and a sender that had no
/// answer learns which by sending again under the same id. The future is dropped only when the runtime goes down.
pub(super) async fn execute(entity: &mut Entity, inbox: &mut VecDeque<Pending>) {
    // 0. Not while who decides is being changed.
    let passing = entity.shared.gates.pass(entity.stream_id.category()).await;
    // 1. Load: the warm aggregate, or snapshot and tail folded anew where there is none or another activation decides.
    let (mut warm, just_loaded) = match entity.take_warm(&passing).await {
        Ok(taken) => taken,
        Err(closed @ CommandError::StreamClosed { .. }) => {
            return turn_away(&entity.shared, &entity.stream_id, inbox, &closed).await;
        }
        Err(error) => {
            return inbox.drain(..).for_each(|pending| {
                let error = error.clone().at_command(&pending.request.command.name);
                pending.answer(Err(error));
            });
        }
    };
    // 2. Recall the commands that were decided before. After loading: an outcome that comes later moves the head or leaves its
    //    record, and 4 fails by either.
    let remembered = match recall(&entity.shared, &entity.stream_id, inbox).await {
        Ok(remembered) => remembered,
        Err(error) => return inbox.drain(..).for_each(|pending| pending.answer(Err(error.clone().into()))),
    };
    // 3. Decide and apply, command after command, on a state that is not durable yet.
    let mut turn = Turn::new(&entity.stream_id, &warm, &entity.shared.effects);
    let commands_max = entity.shared.limits.commands_per_batch_max.max(1);
    while turn.has_room(commands_max)
        && let Some(pending) = inbox.pop_front_if(|pending| !turn.holds(pending))
    {
        turn.decide(&mut warm, pending, &remembered);
    }
    // 4. Append what all of them emitted as one batch, effects with events, under the activation that decided.
    let outcome = match turn.needs_append(just_loaded) {
        false => Ok(AppendOutcome::Appended { version: turn.version() }),
        true => entity.shared.committer.append(turn.take_batch()).await.map(|(batch, outcome)| {
            turn.batch = batch;
            outcome
        }),
    };
    let under_way = passing.through();
    match outcome {
        // 5. Durable. Events are drawn for those who asked, and the aggregate stays, unless a fault left it in a state that nobody knows.
        Ok(AppendOutcome::Appended { version }) => {
            warm.version = version;
            if !turn.batch.effects.is_empty() {
                entity.shared.effects.wake();
            }
            let mut drawn = turn.draw(&mut warm);
            if turn.is_sound() && snapshot_when_due(entity, &mut warm) {
                entity.keep(warm);
            }
            // 6. Reply, to each in the order of the commands.
            for (pending, verdict) in std::mem::take(&mut turn.verdicts) {
                let answer = match verdict {
                    Verdict::Accepted { events } => Ok(turn.reply(events, &mut drawn)),
                    Verdict::Refused(error) => Err(error),
                    Verdict::Remembered(recorded) => first_outcome(&entity.shared, &pending.request, recorded).await,
                };
                pending.answer(answer);
            }
            // 7. Where a swap is about to be made, have it find the state in its reducer.
            entity.prepare(&under_way, &turn.batch.events);
        }
        // The stream or its reducer went on without us. The commands wait for another turn, and their senders notice nothing; of a
        // closed stream, that turn answers each, a retry with its first outcome and the others with the reason.
        Ok(AppendOutcome::Conflict { .. } | AppendOutcome::Repeated | AppendOutcome::Closed { .. }) => {
            put_back(turn, inbox, entity.shared.limits.conflict_retries_max, false);
        }
        Ok(AppendOutcome::Fenced) => {
            // All streams of the reducer come here at once.
            entity.shared.departed.leave(warm.aggregate);
            match entity.shared.registry.behind(&entity.stream_id, turn.batch.fence.as_ref()).await {
                Ok(newest) => {
                    let is_swapped = newest.fence() != turn.batch.fence;
                    if newest.reducer.digest() != turn.decided_by.digest {
                        measured::swapped(Swapped::Loaded);
                    }
                    put_back(turn, inbox, entity.shared.limits.conflict_retries_max, is_swapped);
                }
                Err(error) => turn.verdicts.into_iter().for_each(|(pending, _)| pending.answer(Err(error.clone()))),
            }
        }
        // Nobody knows whether it is durable: the aggregate is dropped, and the record will tell.
        Err(error) => turn.verdicts.into_iter().for_each(|(pending, _)| pending.answer(Err(error.clone().into()))),
    }
}

/// Answers for a stream that is closed: a retry with the first outcome, everything else with the reason.
async fn turn_away(shared: &Shared, stream_id: &StreamId, inbox: &mut VecDeque<Pending>, closed: &CommandError) {
    let remembered = recall(shared, stream_id, inbox).await;
    for pending in inbox.drain(..) {
        let answer = match remembered.as_ref().map(|remembered| remembered.get(&pending.command_id)) {
            Err(error) => Err(error.clone().into()),
            Ok(Some(recorded)) if recorded.fingerprint == pending.request.fingerprint() => {
                first_outcome(shared, &pending.request, recorded.clone()).await
            }
            Ok(_) => Err(closed.clone()),
        };
        pending.answer(answer);
    }
}

/// The outcomes that the stream remembers of commands that wait.
async fn recall(
    shared: &Shared,
    stream_id: &StreamId,
    inbox: &VecDeque<Pending>,
) -> Result<HashMap<String, RecordedCommand>, EventStoreError> {
    // Those of a reducer with a journal are remembered under the host's ids too. One whose append had no answer looks for it: decided
    // again, it would be taken for its own repetition each time.
    let may_be_known = |pending: &&Pending| pending.request.command_id.is_some() || pending.attempts > 0;
    let with_id = inbox.iter().filter(may_be_known);
    let ids: Vec<_> = with_id.map(|pending| pending.command_id.clone()).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let recorded = shared.store.find_commands(stream_id, &ids).await?;
    Ok(recorded.into_iter().map(|command| (command.command_id.clone(), command)).collect())
}

/// Hands a snapshot to the writer when one is due and the writer has room. Whether the aggregate may be kept.
fn snapshot_when_due(entity: &mut Entity, warm: &mut Warm) -> bool {
    // One that failed is not asked for again with the next command: each time the aggregate is lost, and loaded anew.
    let last = warm.snapshot_version.max(entity.snapshot_failed);
    let events = warm.version.get().saturating_sub(last.get());
    if !entity.shared.snapshot_config(entity.stream_id.category()).is_due(events, warm.replay_cost) {
        return true;
    }
    let shared = Arc::clone(&entity.shared);
    let Some(place) = shared.snapshots.reserve() else { return true };
    match warm.aggregate.snapshot() {
        Ok(state) => {
            place.send(Snapshot {
                stream_id: entity.stream_id.clone(),
                version: warm.version,
                state_schema: warm.active.reducer.descriptor().state_schema.clone(),
                reducer_digest: warm.active.reducer.digest(),
                state,
            });
            warm.snapshot_version = warm.version;
            warm.replay_cost = Duration::ZERO;
            true
        }
        Err(fault) => {
            entity.no_snapshot(warm.version, &fault);
            false
        }
    }
}

/// Back to the front of the inbox, in their order; who was in conflict too often is told.
///
/// A swap is no conflict: two operators who swapped every few milliseconds had commands of slow streams fail. Each is a generation
/// that was activated since the last attempt, so this ends when they end, or when the sender's own patience does: a command that
/// nobody waits for any more is held against the limit whatever came between.
fn put_back(turn: Turn, inbox: &mut VecDeque<Pending>, retries_max: usize, is_swapped: bool) {
    for (mut pending, _) in turn.verdicts.into_iter().rev() {
        pending.attempts += 1;
        pending.fenced += usize::from(is_swapped && !pending.reply.is_closed());
        if pending.attempts - pending.fenced > retries_max {
            let attempts = pending.attempts;
            pending.answer(Err(CommandError::Contended { attempts }));
        } else {
            inbox.push_front(pending);
        }
    }
}

/// What the sender of a retried command was told, or would have been, the first time.
async fn first_outcome(
    shared: &Shared,
    request: &CommandRequest,
    recorded: RecordedCommand,
) -> Result<CommandReply, CommandError> {
    if let Some(rejection) = recorded.rejection {
        return Err(CommandError::Rejected(rejection));
    }
    // Without a digest, what the id stands for is an append by a hand, and no command.
    let Some(digest) = recorded.reducer_digest else {
        return Err(CommandError::IdReused { command_id: recorded.command_id });
    };
    let reducer = DecidedBy { name: request.stream_id.category().to_owned(), digest, generation: recorded.generation };
    let last = recorded.last_version;
    let Some(first) = recorded.first_version else {
        return Ok(CommandReply { version: last, events: Vec::new(), reducer });
    };
    let before = Version::new(first.get() - 1);
    let count = usize::try_from(last.get() - before.get()).unwrap_or(usize::MAX);
    // Not in pages: one command led to them, so they fitted into one batch.
    let whole = PageLimit { events_max: count, bytes_max: usize::MAX };
    let events = shared.store.read_stream(&request.stream_id, before, whole).await?;
    let mut json = vec![None; events.len()];
    if request.events_as_json {
        let data: Vec<_> = events.iter().map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
        // The outcome stands, whether somebody can draw its events today or not.
        if let Ok(drawn) =
            draw(shared, request.stream_id.category(), &data, |reducer, data| reducer.events_json(data)).await
        {
            json = drawn.into_iter().map(Result::ok).collect();
        }
    }
    let appended = events.into_iter().zip(json);
    let appended =
        appended.map(|(event, json)| AppendedEvent { version: event.version, event_type: event.event_type, json });
    Ok(CommandReply { version: last, events: appended.collect(), reducer })
}
