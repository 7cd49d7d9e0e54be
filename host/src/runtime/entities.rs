//! The streams in use, and which of them make room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashMap;
use tokio::sync::mpsc;

use super::Shared;
use super::command::CommandError;
use super::entity::{Entity, Message, Pending};
use crate::StreamId;

struct Handle {
    mailbox: mpsc::Sender<Message>,
    /// When it was last sent a command, in milliseconds since the host started.
    used_ms: AtomicU64,
}

pub(super) struct Entities {
    handles: DashMap<StreamId, Handle>,
    memory: Arc<AtomicUsize>,
    /// Bytes of the payloads of all commands that were taken and not answered.
    queued: Arc<AtomicUsize>,
    started: Instant,
    draining: AtomicBool,
    /// One sweep at a time is enough.
    sweeping: AtomicBool,
}

impl Entities {
    pub(super) fn new() -> Self {
        Self {
            handles: DashMap::new(),
            memory: Arc::default(),
            queued: Arc::default(),
            started: Instant::now(),
            draining: AtomicBool::new(false),
            sweeping: AtomicBool::new(false),
        }
    }

    pub(super) fn memory(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.memory)
    }

    pub(super) fn queued(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.queued)
    }

    pub(super) fn len(&self) -> usize {
        self.handles.len()
    }

    /// Hands a command to its stream's entity, which is started if there is none.
    pub(super) fn send(&self, shared: &Arc<Shared>, pending: Pending) -> Result<(), CommandError> {
        let stream_id = pending.request.stream_id.clone();
        let mut message = Message::Command(Box::new(pending));
        let mut started = false;
        // A second try is for an entity whose task died of a bug in the host; its successor begins with the record.
        for _ in 0..2 {
            // The send happens under the entry's lock, and so does `retire`: an entity that found its mailbox empty and
            // left could else take a command with it.
            let entry = self.handles.entry(stream_id.clone());
            // Under the lock as well: an entity that was started behind the back of `drain` would never be told to end.
            if self.draining.load(Ordering::SeqCst) {
                return Err(CommandError::ShuttingDown);
            }
            let handle = entry.or_insert_with(|| {
                started = true;
                start(shared, &stream_id)
            });
            handle.used_ms.store(self.now_ms(), Ordering::Relaxed);
            match handle.mailbox.try_send(message) {
                Ok(()) => {
                    drop(handle);
                    if started {
                        self.make_room(shared);
                    }
                    return Ok(());
                }
                Err(mpsc::error::TrySendError::Full(_)) => return Err(CommandError::Busy { stream_id }),
                Err(mpsc::error::TrySendError::Closed(back)) => {
                    message = back;
                    drop(handle);
                    self.handles.remove_if(&stream_id, |_, handle| handle.mailbox.is_closed());
                }
            }
        }
        Err(CommandError::Lost)
    }

    /// Takes an entity off the list, unless a command came meanwhile.
    pub(super) fn retire(&self, stream_id: &StreamId, mailbox: &mpsc::Receiver<Message>) -> bool {
        self.handles.remove_if(stream_id, |_, _| mailbox.is_empty()).is_some()
    }

    /// Lets go of an entity: it answers what is in its mailbox, and ends with its aggregate. Unlike a message to leave, this
    /// needs no room in the mailbox and does not wait behind the commands in it. A command that comes meanwhile starts
    /// another entity, and of the two the store lets one win.
    pub(super) fn forget(&self, stream_id: &StreamId) {
        self.handles.remove(stream_id);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// No more commands; every entity ends once it has answered what it took.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
        self.handles.clear();
    }

    /// Tells the entities that had no command for `idle_max` to leave. One look over all of them now and then: a timer an
    /// entity was a tenth of the host's work for a command.
    pub(super) fn retire_idle(&self, idle_max: Duration) {
        let idle_ms = u64::try_from(idle_max.as_millis()).unwrap_or(u64::MAX);
        let before_ms = self.now_ms().saturating_sub(idle_ms);
        for handle in self.handles.iter().filter(|handle| handle.used_ms.load(Ordering::Relaxed) < before_ms) {
            drop(handle.mailbox.try_send(Message::Retire));
        }
    }

    /// Beyond the limits, the sixteenth part that was unused for longest is told to leave.
    pub(super) fn make_room(&self, shared: &Shared) {
        let limits = &shared.limits;
        let full = |entities: &Self| {
            entities.len() > limits.entities_max
                || entities.memory.load(Ordering::Relaxed) > limits.entities_memory_bytes_max
        };
        if !full(self) || self.sweeping.swap(true, Ordering::Acquire) {
            return;
        }
        let mut by_use: Vec<_> = self
            .handles
            .iter()
            .map(|handle| (handle.used_ms.load(Ordering::Relaxed), handle.mailbox.clone()))
            .collect();
        let leaving = (by_use.len() / 16).max(1).min(by_use.len());
        if leaving < by_use.len() {
            by_use.select_nth_unstable_by_key(leaving, |(used_ms, _)| *used_ms);
        }
        for (_, mailbox) in by_use.drain(..leaving) {
            // A full mailbox belongs to a stream that is not idle at all.
            drop(mailbox.try_send(Message::Retire));
        }
        self.sweeping.store(false, Ordering::Release);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

fn start(shared: &Arc<Shared>, stream_id: &StreamId) -> Handle {
    let (mailbox, received) = mpsc::channel(shared.limits.mailbox_commands_max.max(1));
    let entity = Entity::new(stream_id.clone(), Arc::clone(shared));
    shared.entity_tasks.spawn(entity.run(received));
    Handle { mailbox, used_ms: AtomicU64::new(0) }
}
