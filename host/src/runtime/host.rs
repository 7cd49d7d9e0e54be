//! What an embedder holds: a store, reducers, limits, and the streams in use over them.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use chrono::Utc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::answers::{ReadError, ReducerStatus, StateView};
use super::builder::HostBuilder;
use super::command::{CommandError, CommandMetadata, CommandReply, CommandRequest};
use super::entity::{Pending, QueuedBytes};
use super::gates::Gates;
use super::load::{LoadError, load, load_until};
use super::measured;
use super::registry::{ActiveReducer, Registry};
use crate::effects::Effects;
use crate::event::METADATA_BYTES_MAX;
use crate::event_store::{EventStoreError, Snapshot, SnapshotConfig, Store};
use crate::reducer::{Command, EffectRules, Reducer};
use crate::{EventMetadata, Limits, StreamId, Version};

/// How long a reader of the metrics waits for the store.
const LOG_LAG_MAX: Duration = Duration::from_secs(2);
/// What the host adds to a command's metadata: its id, a generation or a digest.
const HOST_METADATA_BYTES_MAX: usize = 1 << 10;

/// A running host. Cheap to clone; the last one to go takes nothing with it that is not durable, but call
/// [`Host::shutdown`] to have every accepted command answered first.
///
/// ```
/// # async fn embed() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use foldhost::{Command, CommandRequest, Host, InMemoryEventStore, NativeReducer};
///
/// let store = Arc::new(InMemoryEventStore::new());
/// let host = Host::builder(store).reducer(NativeReducer::<counter::Counter>::new()).start()?;
/// let command = Command::json("Increment", r#"{"by": 2}"#);
/// let reply = host.send(CommandRequest::new("counter-1".parse()?, command)).await?;
/// assert_eq!(reply.version.get(), 1);
/// host.shutdown().await;
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(embed()).unwrap();
/// ```
#[derive(Clone)]
pub struct Host {
    pub(super) shared: Arc<Shared>,
}

impl Host {
    /// Begins a host over `store`.
    #[must_use]
    pub fn builder(store: Arc<dyn Store>) -> HostBuilder {
        HostBuilder::new(store)
    }

    /// The store underneath.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The limits that the host was started with.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.shared.limits
    }

    /// How many streams are in use.
    #[must_use]
    pub fn entities_len(&self) -> usize {
        self.shared.entities.len()
    }

    /// Sends a command, and returns once its outcome is durable. Dropping the future does not take the command back.
    ///
    /// # Errors
    /// [`CommandError`]: a rejection, a conflict, or a fault.
    pub async fn send(&self, request: CommandRequest) -> Result<CommandReply, CommandError> {
        let began = Instant::now();
        let answer = self.hand_over(request).await;
        measured::command(&answer, began.elapsed());
        answer
    }

    async fn hand_over(&self, request: CommandRequest) -> Result<CommandReply, CommandError> {
        self.check(&request)?;
        // Before an entity is started: names of streams that nothing decides for cost no memory.
        self.shared.registry.active(request.stream_id.category()).await?;
        let command_id = request.command_id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let (reply, answer) = oneshot::channel();
        let now_ms = Utc::now().timestamp_millis();
        let (queued, bytes_max) = (self.shared.entities.queued(), self.shared.limits.queued_command_bytes_max);
        let queued = QueuedBytes::take(&queued, request.bytes() + request.metadata_bytes(), bytes_max)?;
        let pending = Pending { request, command_id, now_ms, attempts: 0, fenced: 0, reply, _queued: queued };
        self.shared.entities.send(&self.shared, pending)?;
        answer.await.map_err(|_| CommandError::Lost)?
    }

    fn check(&self, request: &CommandRequest) -> Result<(), CommandError> {
        self.check_command(&request.command)?;
        check_metadata(&request.metadata)?;
        let id = request.command_id.as_deref();
        if id.is_some_and(|id| id.is_empty() || id.len() > 255 || id.chars().any(char::is_control)) {
            return Err(CommandError::TooLarge("a command id has 1 to 255 bytes and no control characters".into()));
        }
        Ok(())
    }

    /// Within the bounds on commands.
    pub(crate) fn check_command(&self, command: &Command) -> Result<(), CommandError> {
        let (bytes, most) = (command.bytes(), self.shared.limits.command_bytes_max);
        if command.name.len() > 255 {
            return Err(CommandError::TooLarge("a command's name has at most 255 bytes".into()));
        }
        if bytes > most {
            return Err(CommandError::TooLarge(format!("the command has {bytes} bytes, and {most} are allowed")));
        }
        Ok(())
    }

    /// A stream's state at its head, or at a version. Drawn from the record, not from an entity: it holds nothing that is not
    /// durable, and everything that any host appended.
    ///
    /// # Errors
    /// [`ReadError`]
    pub async fn state(&self, stream_id: &StreamId, at: Option<Version>) -> Result<StateView, ReadError> {
        let active = self.shared.registry.deciding(stream_id).await?;
        let Shared { store, limits, .. } = &*self.shared;
        let snapshots = self.shared.snapshot_config(stream_id.category());
        let loaded = match at {
            None => load(&**store, &*active.reducer, stream_id, limits, snapshots).await,
            Some(at) => load_until(&**store, &*active.reducer, stream_id, limits, at).await,
        };
        let mut loaded = loaded.map_err(|error| active.not_loaded(stream_id, error))?;
        if loaded.version == Version::EMPTY {
            // Version 0 of a stream that has events is a state too: the one that its first command was decided on.
            let first = store.load_events(stream_id, Version::EMPTY, 1.into()).await.map_err(CommandError::from)?;
            if first.is_empty() {
                return Err(ReadError::UnknownStream(stream_id.clone()));
            }
        }
        if let Some(asked) = at.filter(|asked| *asked > loaded.version) {
            return Err(ReadError::BeyondHead { stream_id: stream_id.clone(), asked, head: loaded.version });
        }
        let json = loaded.aggregate.state_json();
        let json = json.map_err(|fault| active.failed(fault).on(stream_id, loaded.version).told())?;
        Ok(StateView { version: loaded.version, json, reducer: active.decided_by() })
    }

    /// Closes a stream as [`EventStore::close_stream`](crate::EventStore::close_stream) does, and lets go of all that this host
    /// holds of it, whatever it is busy with. Commands that wait there are told that the stream is closed. Dropping the future
    /// does not keep the stream open.
    ///
    /// # Errors
    /// [`EventStoreError::NotErasable`]; as the store else.
    pub async fn close_stream(&self, stream_id: &StreamId, erase: bool) -> Result<Version, EventStoreError> {
        let (shared, stream_id) = (Arc::clone(&self.shared), stream_id.clone());
        // In a task of its own: a sender that hangs up in between would leave the plain state in memory.
        let closing = tokio::spawn(async move {
            let closed = shared.store.close_stream(&stream_id, erase).await;
            // Also after an error: the stream may be closed all the same, and else it only costs a load.
            shared.entities.forget(&stream_id);
            shared.gates.forget(&stream_id);
            closed
        });
        closing.await.unwrap_or_else(|error| Err(EventStoreError::Unavailable(error.to_string())))
    }

    /// Tells the recorder of metrics how much the host holds now, and how long readers of the log are held back.
    pub(crate) async fn gauge(&self) {
        let entities = &self.shared.entities;
        measured::held(entities.len(), entities.memory().load(Ordering::Relaxed));
        // A store that does not answer leaves the last figure; its failures are counted elsewhere.
        if let Ok(Ok(lag)) = tokio::time::timeout(LOG_LAG_MAX, self.shared.store.log_lag()).await {
            measured::log_lag(lag);
        }
        if let Ok(Ok(backlog)) = tokio::time::timeout(LOG_LAG_MAX, self.shared.store.effect_backlog()).await {
            crate::effects::measured_backlog(backlog);
        }
    }

    /// The reducers that decide, by name.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub async fn reducers(&self) -> Result<Vec<ReducerStatus>, EventStoreError> {
        let natives = self.shared.registry.natives();
        let deployed = self.shared.store.active_reducers(None).await?.into_iter();
        let mut all: Vec<_> = deployed
            .filter(|activation| natives.iter().all(|native| native.name() != activation.name))
            .map(ReducerStatus::from)
            .collect();
        all.extend(natives.iter().map(|native| ReducerStatus {
            reducer: native.decided_by(),
            descriptor: native.reducer.descriptor().clone(),
            effects: (*native.rules).clone(),
            activated_at: None,
            canary: None,
            journal: false,
        }));
        all.sort_by(|a, b| a.reducer.name.cmp(&b.reducer.name));
        Ok(all)
    }

    /// Fetches and compiles every reducer that the store names as active, so that the first command does not wait for it.
    /// One that does not load is told in the log and fails its own commands only.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub async fn warm_up(&self) -> Result<usize, EventStoreError> {
        let active = self.shared.store.active_reducers(None).await?;
        for activation in &active {
            if let Err(error) = self.shared.registry.active(&activation.name).await {
                tracing::error!(reducer = activation.name, %error, "a deployed reducer does not load");
            }
        }
        Ok(active.len())
    }

    /// The reducer in use for a category.
    ///
    /// # Errors
    /// [`CommandError::UnknownCategory`] when nothing decides for it.
    pub async fn reducer(&self, category: &str) -> Result<Arc<dyn Reducer>, CommandError> {
        Ok(self.shared.registry.active(category).await?.reducer)
    }

    /// The host, without holding it.
    pub(crate) fn downgrade(&self) -> WeakHost {
        WeakHost(Arc::downgrade(&self.shared))
    }

    /// Between the turns of streams and swaps that are made through this host.
    pub(crate) fn gates(&self) -> &Gates {
        &self.shared.gates
    }

    /// Which reducer decides, and what else is compiled.
    pub(crate) fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    /// Whether snapshots of a reducer's streams are taken.
    pub(crate) fn takes_snapshots(&self, reducer: &str) -> bool {
        self.shared.snapshot_config(reducer) != SnapshotConfig::never()
    }

    /// Has the work behind a swap looked for.
    pub(crate) fn settle_soon(&self) {
        self.shared.swapped.notify_one();
    }

    /// Told when the host has answered all commands that it took, and goes.
    pub(crate) fn going(&self) -> CancellationToken {
        self.shared.stop_writers.clone()
    }

    /// Work that a shutdown waits for, as long as it may take: once [`going`](Self::going) is told it has to come to its end.
    pub(crate) fn spawn_until_gone<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        self.shared.writer_tasks.spawn(work)
    }

    /// Why a stream could not be loaded with a reducer that decides for nobody.
    pub(crate) fn not_loaded(
        &self,
        stream_id: &StreamId,
        reducer: &Arc<dyn Reducer>,
        error: LoadError,
    ) -> CommandError {
        ActiveReducer::beside(reducer).not_loaded(stream_id, error)
    }

    /// What runs effects here.
    pub(crate) fn effect_runner(&self) -> &Arc<Effects> {
        &self.shared.effects
    }

    /// The activation in use for a category, and what its effects may do; none where none was needed yet.
    pub(crate) fn known_rules(&self, category: &str) -> Option<(Option<u64>, Arc<EffectRules>)> {
        self.shared.registry.known(category).map(|active| (active.generation, active.rules))
    }

    /// What the effects of a category's reducer may do.
    pub(crate) async fn active_rules(&self, category: &str) -> Result<Arc<EffectRules>, CommandError> {
        Ok(self.shared.registry.active(category).await?.rules)
    }

    /// Takes a snapshot of a stream at its head now, and keeps it. Not from an entity: it holds nothing that is not durable.
    ///
    /// # Errors
    /// [`CommandError`]
    pub async fn save_snapshot(&self, stream_id: &StreamId) -> Result<Version, CommandError> {
        let active = self.shared.registry.deciding(stream_id).await?;
        let Shared { store, limits, .. } = &*self.shared;
        let config = self.shared.snapshot_config(stream_id.category());
        let loaded = load(&**store, &*active.reducer, stream_id, limits, config).await;
        let mut loaded = loaded.map_err(|error| active.not_loaded(stream_id, error))?;
        if loaded.version == Version::EMPTY {
            return Ok(loaded.version);
        }
        let state = loaded.aggregate.snapshot();
        let state = state.map_err(|fault| active.failed(fault).on(stream_id, loaded.version).told())?;
        let state_schema = active.reducer.descriptor().state_schema.clone();
        let (stream_id, reducer_digest) = (stream_id.clone(), active.reducer.digest());
        let version = loaded.version;
        store.save_snapshot(&Snapshot { stream_id, version, state_schema, reducer_digest, state }).await?;
        Ok(version)
    }

    /// Runs no more effects, takes no more commands, answers the ones that were taken, writes the snapshots that wait, and gives up the
    /// verifications that it holds. Returns whether all of
    /// it was done within [`Limits::drain_max`].
    pub async fn shutdown(&self) -> bool {
        let shared = &self.shared;
        // First: what runs still sends commands, and what is not begun another host takes up at once.
        let until = tokio::time::Instant::now() + shared.limits.drain_max;
        shared.effects.drain(shared.limits.drain_max).await;
        shared.entities.drain();
        shared.entity_tasks.close();
        let drained = async {
            shared.entity_tasks.wait().await;
            shared.stop_writers.cancel();
            shared.writer_tasks.close();
            shared.writer_tasks.wait().await;
        };
        tokio::time::timeout_at(until, drained).await.is_ok()
    }
}

/// As it will stand in every event's row: one that no store can take is told to its sender, and not to whoever shares a batch
/// with it.
fn check_metadata(metadata: &CommandMetadata) -> Result<(), CommandError> {
    let CommandMetadata { correlation_id, causation_id, traceparent, fields } = metadata.clone();
    let recorded = EventMetadata { correlation_id, causation_id, traceparent, fields, ..Default::default() };
    recorded.to_json_below(METADATA_BYTES_MAX - HOST_METADATA_BYTES_MAX)?;
    Ok(())
}

/// A [`Host`] that may be gone.
#[derive(Clone)]
pub(crate) struct WeakHost(Weak<Shared>);

impl WeakHost {
    /// The host, while it is there.
    pub(crate) fn upgrade(&self) -> Option<Host> {
        self.0.upgrade().map(|shared| Host { shared })
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("entities", &self.entities_len()).finish_non_exhaustive()
    }
}
