//! A stream in use: its mailbox, its warm aggregate, and the task that owns both.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::command::{CommandError, CommandReply, CommandRequest};
use super::execute::execute;
use super::gates::{Passing, UnderWay};
use super::load::{LoadError, load};
use super::registry::ActiveReducer;
use super::warm::{Surroundings, Warm};
use crate::reducer::ReducerFault;
use crate::{EventMetadata, SerializedEvent, StreamId, Version};

/// What an entity is told.
pub(super) enum Message {
    /// A command for its stream.
    Command(Box<Pending>),
    /// To make room, unless it is needed again by now.
    Retire,
}

/// A command on its way, and whoever waits for the answer.
pub(super) struct Pending {
    pub(super) request: CommandRequest,
    /// The sender's id, or one that the host made.
    pub(super) command_id: String,
    /// The host's clock when the command came: it stays, however often the command is decided.
    pub(super) now_ms: i64,
    /// How often it was decided in vain.
    pub(super) attempts: usize,
    /// How often of these for a swap, which its sender is to notice nothing of.
    pub(super) fenced: usize,
    pub(super) reply: oneshot::Sender<Result<CommandReply, CommandError>>,
    /// Its part of what may wait on this host.
    pub(super) _queued: QueuedBytes,
}

/// What one command takes of the memory that all waiting commands share; given back when it is answered.
pub(super) struct QueuedBytes {
    total: Arc<AtomicUsize>,
    bytes: usize,
}

impl QueuedBytes {
    /// A part of `total`, unless that is used up. A mailbox bounds the commands of one stream; this bounds those of all, a
    /// mebibyte each.
    pub(super) fn take(total: &Arc<AtomicUsize>, bytes: usize, bytes_max: usize) -> Result<Self, CommandError> {
        let with_this = total.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let queued = Self { total: Arc::clone(total), bytes };
        if with_this > bytes_max { Err(CommandError::Overloaded { bytes: with_this, bytes_max }) } else { Ok(queued) }
    }
}

impl Drop for QueuedBytes {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Pending {
    pub(super) fn answer(self, answer: Result<CommandReply, CommandError>) {
        // The sender may be gone: its command is done all the same.
        drop(self.reply.send(answer));
    }
}

/// A stream in use. Its task is the only one that decides for the stream on this host, so commands need no lock.
pub(super) struct Entity {
    pub(super) stream_id: StreamId,
    pub(super) shared: Arc<Shared>,
    /// The version at which no snapshot could be taken.
    pub(super) snapshot_failed: Version,
    warm: Option<Warm>,
}

impl Entity {
    pub(super) fn new(stream_id: StreamId, shared: Arc<Shared>) -> Self {
        Self { stream_id, shared, snapshot_failed: Version::EMPTY, warm: None }
    }

    /// The entity's task: until it is told to make room, or the host drains.
    pub(super) async fn run(mut self, mut mailbox: mpsc::Receiver<Message>) {
        let mut inbox = VecDeque::new();
        loop {
            match mailbox.recv().await {
                Some(Message::Command(pending)) => {
                    inbox.push_back(*pending);
                    gather(&mailbox).await;
                }
                // The host drains, or the stream was closed: every command that was taken has been answered.
                None => return,
                Some(Message::Retire) => {
                    if self.shared.entities.retire(&self.stream_id, &mailbox) {
                        if let Some(warm) = self.warm.take() {
                            self.shared.departed.leave(warm.aggregate);
                        }
                        return;
                    }
                }
            }
            while !inbox.is_empty() {
                // What came meanwhile is decided on the same state and appended with the rest.
                while inbox.len() < self.shared.limits.commands_per_batch_max
                    && let Ok(message) = mailbox.try_recv()
                {
                    if let Message::Command(pending) = message {
                        inbox.push_back(*pending);
                    }
                }
                execute(&mut self, &mut inbox).await;
            }
        }
    }

    /// The warm aggregate, or a newly loaded one; and whether it was loaded just now.
    pub(super) async fn take_warm(&mut self, passing: &Passing) -> Result<(Warm, bool), CommandError> {
        let shared = &self.shared;
        let active = shared.registry.deciding(&self.stream_id).await?;
        let config = shared.snapshot_config(self.stream_id.category());
        let warm = self.warm.take();
        let succession = passing.succession();
        let under = |warm: Warm| warm.under(&active, succession.as_deref(), &self.surroundings());
        if let Some(warm) = warm.and_then(under) {
            return Ok((warm, false));
        }
        let load = async |active: &ActiveReducer| {
            load(&*shared.store, &*active.reducer, &self.stream_id, &shared.limits, config).await
        };
        let (active, loaded) = match load(&active).await {
            Ok(loaded) => (active, loaded),
            // The events may be those of a reducer that was deployed through another host a moment ago.
            Err(error @ LoadError::Fault { .. }) => {
                let newest = shared.registry.refresh(&self.stream_id).await?;
                if newest.is(&active) {
                    return Err(active.not_loaded(&self.stream_id, error));
                }
                let loaded = load(&newest).await.map_err(|error| newest.not_loaded(&self.stream_id, error))?;
                (newest, loaded)
            }
            Err(error) => return Err(active.not_loaded(&self.stream_id, error)),
        };
        if loaded.closed {
            let (stream_id, version) = (self.stream_id.clone(), loaded.version);
            return Err(CommandError::StreamClosed { stream_id, version });
        }
        let warm = Warm::of(active, loaded, &shared.entities.memory());
        Ok((warm, true))
    }

    /// Keeps the aggregate for the next command.
    pub(super) fn keep(&mut self, mut warm: Warm) {
        warm.weigh();
        self.warm = Some(warm);
        self.shared.entities.make_room(&self.shared);
    }

    /// Where a swap is about to be made, has whom it makes decide take the state over, or apply what the turn `appended` to it.
    pub(super) fn prepare(&mut self, under_way: &UnderWay, appended: &[(SerializedEvent, EventMetadata)]) {
        let Some(succession) = under_way.succession() else { return };
        // One whose state could not be had is not asked for it with every turn: each time it would have to be loaded anew.
        let is_told = |warm: &mut Warm| self.snapshot_failed <= warm.snapshot_version;
        let Some(mut warm) = self.warm.take_if(is_told) else { return };
        let appended = appended.iter().map(|(event, _)| event.clone());
        match succession.go_along(&mut warm, appended, &self.surroundings()) {
            Ok(()) => self.warm = Some(warm),
            Err(fault) => {
                self.no_snapshot(warm.version, &fault);
                self.shared.departed.leave(warm.aggregate);
            }
        }
    }

    /// Tells of a snapshot that could not be taken at a version.
    pub(super) fn no_snapshot(&mut self, version: Version, fault: &ReducerFault) {
        tracing::warn!(stream_id = %self.stream_id, %fault, "no snapshot could be taken");
        metrics::counter!("foldhost_snapshots_failed_total").increment(1);
        self.snapshot_failed = version;
    }

    fn surroundings(&self) -> Surroundings<'_> {
        Surroundings {
            stream_id: &self.stream_id,
            config: self.shared.snapshot_config(self.stream_id.category()),
            departed: &self.shared.departed,
        }
    }
}

/// Lets whoever is about to send go first, as long as there are such. Senders that were answered together send again
/// together, and every other batch would else be the one command that came a microsecond before the rest. No time is waited.
async fn gather(mailbox: &mpsc::Receiver<Message>) {
    const ROUNDS_MAX: usize = 16;
    for _ in 0..ROUNDS_MAX {
        let waiting = mailbox.len();
        tokio::task::yield_now().await;
        if mailbox.len() == waiting {
            return;
        }
    }
}
