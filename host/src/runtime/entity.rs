//! A stream in use: its mailbox, its warm aggregate, and the task that owns both.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::command::{CommandError, CommandReply, CommandRequest};
use super::execute::execute;
use super::gates::Through;
use super::load::{LoadError, load};
use super::registry::ActiveReducer;
use super::warm::{Surroundings, Warm};
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
                            warm.leave(&self.shared.departed);
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
    pub(super) async fn take_warm(&mut self) -> Result<(Warm, bool), CommandError> {
        let shared = &self.shared;
        let active = shared.registry.deciding(&self.stream_id).await?;
        let config = shared.snapshot_config(self.stream_id.category());
        let warm = self.warm.take();
        if let Some(warm) = warm.and_then(|warm| warm.under(&active, &self.surroundings())) {
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
        let warm = Warm::of(active, loaded, shared.entities.memory());
        Ok((warm, true))
    }

    /// Keeps the aggregate for the next command.
    pub(super) fn keep(&mut self, mut warm: Warm) {
        warm.weigh();
        self.warm = Some(warm);
        self.shared.entities.make_room(&self.shared);
    }

    /// Has the aggregate ready for the swap that is about to be made, if there is one. `appended` is what the turn recorded.
    pub(super) fn prepare(&mut self, through: &Through, appended: &[(SerializedEvent, EventMetadata)]) {
        let announced = through.next().map(|next| Arc::clone(&next.of(&self.stream_id).reducer));
        if announced.is_none() && !self.warm.as_ref().is_some_and(Warm::has_next) {
            return;
        }
        // The swap that it was prepared for may just have been made.
        let next = announced.or_else(|| self.shared.registry.known_to_decide(&self.stream_id));
        let appended = appended.iter().map(|(event, _)| event.clone());
        let warm = self.warm.take();
        self.warm = warm.and_then(|warm| warm.beside(next.as_ref(), appended, &self.surroundings()));
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
