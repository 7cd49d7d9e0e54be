//! Making a [`Host`]: its parts, and the tasks that run beside it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::committer::Committer;
use super::departed::Departed;
use super::entities::Entities;
use super::gates::Gates;
use super::registry::Registry;
use super::snapshots::SnapshotWriter;
use super::{Host, Shared, WeakHost};
use crate::Limits;
use crate::effects::http::HttpRunner;
use crate::effects::{EffectRunner, Effects, Kinds, Secrets};
use crate::event_store::{ReducerNews, SnapshotConfig, Store};
use crate::guest::{GuestEngine, GuestEngineError};
use crate::reducer::{EffectRules, Reducer};

/// Makes a [`Host`].
#[derive(Clone)]
pub struct HostBuilder {
    store: Arc<dyn Store>,
    limits: Limits,
    snapshot_config: SnapshotConfig,
    snapshot_configs: HashMap<String, SnapshotConfig>,
    native: Vec<Arc<dyn Reducer>>,
    code_cache: Option<PathBuf>,
    effect_rules: HashMap<String, EffectRules>,
    effect_kinds: Vec<Arc<dyn EffectRunner>>,
    secrets: Arc<Secrets>,
}

/// Why there is no host.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The engine for components cannot start.
    #[error(transparent)]
    Engine(#[from] GuestEngineError),
    /// Two reducers that are linked in have one name.
    #[error("two reducers are named {0}")]
    NamedTwice(String),
    /// A kind of effects has a name that is taken, or none at all.
    #[error("{0:?} is no name for a kind of effects, or it is taken: take another, of 1 to 64 bytes without spaces")]
    EffectKind(String),
    /// A reducer's rules could not be kept to.
    #[error("the effect rules of {reducer}: {error}")]
    EffectRules {
        /// The reducer.
        reducer: String,
        /// What is wrong with them.
        error: crate::reducer::EffectRulesError,
    },
    /// HTTP requests cannot be sent from here.
    #[error("HTTP requests of effects cannot be sent: {0}")]
    Http(String),
}

impl HostBuilder {
    pub(super) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            limits: Limits::default(),
            snapshot_config: SnapshotConfig::default(),
            snapshot_configs: HashMap::new(),
            native: Vec::new(),
            code_cache: None,
            effect_rules: HashMap::new(),
            effect_kinds: Vec::new(),
            secrets: Arc::default(),
        }
    }

    /// Links a native reducer in. It decides for its category, whatever was deployed under the name.
    #[must_use]
    pub fn reducer(mut self, reducer: impl Reducer) -> Self {
        self.native.push(Arc::new(reducer));
        self
    }

    /// Other limits than the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Other snapshots than one every 100 events.
    #[must_use]
    pub fn snapshots(mut self, config: SnapshotConfig) -> Self {
        self.snapshot_config = config;
        self
    }

    /// Other snapshots for one reducer's streams than for the rest.
    #[must_use]
    pub fn snapshots_of(mut self, reducer: impl Into<String>, config: SnapshotConfig) -> Self {
        self.snapshot_configs.insert(reducer.into(), config);
        self
    }

    /// What the effects of a reducer that is linked in may do. Without this: no requests to anybody.
    #[must_use]
    pub fn effect_rules(mut self, reducer: impl Into<String>, rules: EffectRules) -> Self {
        self.effect_rules.insert(reducer.into(), rules);
        self
    }

    /// Runs effects of a kind of your own: `EffectKind::Custom` with its name.
    #[must_use]
    pub fn effect_kind(mut self, runner: impl EffectRunner) -> Self {
        self.effect_kinds.push(Arc::new(runner));
        self
    }

    /// What is filled in where the headers of an effect's request name a secret.
    #[must_use]
    pub fn secrets(mut self, secrets: Secrets) -> Self {
        self.secrets = Arc::new(secrets);
        self
    }

    /// Keeps compiled components in a private directory, so that the next start does not compile them.
    #[must_use]
    pub fn code_cache(mut self, directory: impl Into<PathBuf>) -> Self {
        self.code_cache = Some(directory.into());
        self
    }

    /// Starts the host's tasks on the tokio runtime that this is called on.
    ///
    /// # Errors
    /// [`HostError`]
    pub fn start(self) -> Result<Host, HostError> {
        let mut names: Vec<_> = self.native.iter().map(|reducer| &reducer.descriptor().name).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(HostError::NamedTwice(twice[0].clone()));
        }
        let mut engine = GuestEngine::new(&self.limits)?;
        if let Some(directory) = self.code_cache {
            engine = engine.with_cache(directory)?;
        }
        let effects = Effects::new(&self.store, &self.limits, kinds(self.effect_kinds, self.secrets)?);
        for (reducer, rules) in &self.effect_rules {
            let refused = |error| HostError::EffectRules { reducer: reducer.clone(), error };
            rules.validate().map_err(refused)?;
        }
        let (writer_tasks, stop_writers) = (TaskTracker::new(), CancellationToken::new());
        let shared = Shared {
            registry: Registry::new(Arc::clone(&self.store), engine, self.native, &self.effect_rules),
            effects: Arc::clone(&effects),
            entities: Entities::new(),
            gates: Gates::default(),
            departed: Arc::new(Departed::new()),
            committer: Committer::start(Arc::clone(&self.store), &self.limits),
            snapshots: SnapshotWriter::start(Arc::clone(&self.store), &writer_tasks, stop_writers.clone()),
            snapshot_config: self.snapshot_config,
            snapshot_configs: self.snapshot_configs,
            entity_tasks: TaskTracker::new(),
            store: self.store,
            limits: self.limits,
            writer_tasks,
            stop_writers,
            swapped: Arc::new(Notify::new()),
        };
        let shared = Arc::new(shared);
        tokio::spawn(retire_idle_entities(Arc::downgrade(&shared)));
        let host = Host { shared };
        tokio::spawn(follow_activations(host.downgrade(), host.store().news()));
        tokio::spawn(settle_swaps(host.downgrade()));
        effects.start(&host.downgrade(), host.store());
        Ok(host)
    }
}

/// The host's own kinds of effects, and the embedder's.
fn kinds(own: Vec<Arc<dyn EffectRunner>>, secrets: Arc<Secrets>) -> Result<Kinds, HostError> {
    let mut kinds = Kinds::built_in();
    let http = HttpRunner::new(crate::effects::http::HttpTerms::default(), secrets);
    let http: Arc<dyn EffectRunner> = Arc::new(http.map_err(|error| HostError::Http(error.to_string()))?);
    for runner in std::iter::once(http).chain(own) {
        let name = runner.kind().to_owned();
        if !kinds.add(runner) {
            return Err(HostError::EffectKind(name));
        }
    }
    Ok(kinds)
}

/// Looks a few times within [`Limits::entity_idle_max`] for entities that may leave; ends with the host.
async fn retire_idle_entities(shared: Weak<Shared>) {
    while let Some(idle_max) = shared.upgrade().map(|shared| shared.limits.entity_idle_max) {
        tokio::time::sleep((idle_max / 4).max(Duration::from_millis(1))).await;
        if let Some(shared) = shared.upgrade() {
            shared.entities.retire_idle(idle_max);
        }
    }
}

/// How long a swap through another host stays unnoticed at most, by a host that appends nothing under it and hears no news.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

/// Follows the swaps of other hosts, and compiles what may decide soon; ends with the host.
async fn follow_activations(host: WeakHost, mut news: broadcast::Receiver<ReducerNews>) {
    loop {
        let heard = tokio::time::timeout(FOLLOW_EVERY, news.recv()).await;
        let Some(host) = host.upgrade() else { return };
        if host.shared.entities.is_draining() {
            return;
        }
        if let Ok(Ok(ReducerNews::Candidate(digest))) = heard {
            // Beside this: a component may take seconds to compile, and a swap that comes meanwhile is followed at once.
            tokio::spawn(async move {
                if let Err(error) = host.prepare(digest).await {
                    tracing::debug!(%digest, %error, "a candidate could not be compiled");
                }
            });
            continue;
        }
        host.shared.registry.follow().await;
        if let Ok(Err(RecvError::Closed)) = heard {
            // The store is closed: from here on it is only looked for.
            drop(host);
            tokio::time::sleep(FOLLOW_EVERY).await;
        }
    }
}

/// How often the work behind swaps is looked for: another host's may have been left.
const SETTLE_EVERY: Duration = Duration::from_secs(30);

/// How long behind a swap it is begun: the commands that waited for the swap come first, and many swaps in a row are one to settle.
const SETTLE_BEHIND: Duration = Duration::from_secs(1);

async fn swapped_lately(swapped: &Notify) {
    swapped.notified().await;
    tokio::time::sleep(SETTLE_BEHIND).await;
}

/// Does the work behind swaps that no other host does; ends with the host.
async fn settle_swaps(host: WeakHost) {
    loop {
        let Some(there) = host.upgrade() else { return };
        let (stop, swapped) = (there.shared.stop_writers.clone(), Arc::clone(&there.shared.swapped));
        // Not while it waits: the host may go.
        drop(there);
        tokio::select! {
            () = stop.cancelled() => return,
            () = swapped_lately(&swapped) => {}
            () = tokio::time::sleep(SETTLE_EVERY) => {}
        }
        let Some(there) = host.upgrade() else { return };
        if let Some(Err(error)) = stop.run_until_cancelled(crate::swap::settle(&there)).await {
            tracing::debug!(%error, "snapshots behind a swap could not be rebuilt");
        }
    }
}
