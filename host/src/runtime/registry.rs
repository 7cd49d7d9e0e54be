//! Which reducer decides for a category.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::CommandError;
use super::command::DecidedBy;
use super::failure::ReducerFailure;
use super::load::LoadError;
use crate::StreamId;
use crate::event_store::{Activation, Fence, Store};
use crate::guest::{ComponentReducer, GuestEngine};
use crate::reducer::{Reducer, ReducerFault};

/// A reducer that decides, and under which activation.
#[derive(Clone)]
pub(super) struct ActiveReducer {
    pub(super) reducer: Arc<dyn Reducer>,
    pub(super) generation: Option<u64>,
}

impl ActiveReducer {
    pub(super) fn name(&self) -> &str {
        &self.reducer.descriptor().name
    }

    pub(super) fn fence(&self) -> Option<Fence> {
        self.generation.map(|generation| Fence { reducer: self.name().to_owned(), generation })
    }

    pub(super) fn decided_by(&self) -> DecidedBy {
        DecidedBy { name: self.name().to_owned(), digest: self.reducer.digest(), generation: self.generation }
    }

    /// Its fault, with its name to it.
    pub(super) fn failed(&self, fault: ReducerFault) -> ReducerFailure {
        ReducerFailure::new(fault, self.decided_by())
    }

    /// Why a stream could not be loaded with it.
    pub(super) fn not_loaded(&self, stream_id: &StreamId, error: LoadError) -> CommandError {
        match error {
            LoadError::Store(error) => CommandError::Store(error),
            LoadError::Fault { fault, version } => self.failed(fault).on(stream_id, version).told(),
        }
    }

    /// Whether `other` is the same activation.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.generation == other.generation && self.reducer.digest() == other.reducer.digest()
    }
}

/// The reducers in use. A component is fetched from the store and compiled when its category is first asked for.
pub(super) struct Registry {
    store: Arc<dyn Store>,
    engine: GuestEngine,
    active: RwLock<HashMap<String, ActiveReducer>>,
    /// Held while one is loaded: a thousand streams that start at once compile a component once.
    loading: tokio::sync::Mutex<()>,
}

impl Registry {
    pub(super) fn new(store: Arc<dyn Store>, engine: GuestEngine, native: Vec<Arc<dyn Reducer>>) -> Self {
        let native = native.into_iter().map(|reducer| {
            let name = reducer.descriptor().name.clone();
            (name, ActiveReducer { reducer, generation: None })
        });
        Self { store, engine, active: RwLock::new(native.collect()), loading: tokio::sync::Mutex::default() }
    }

    /// The reducer in use for `category`, fetched if it is not here yet.
    pub(super) async fn active(&self, category: &str) -> Result<ActiveReducer, CommandError> {
        match self.known(category) {
            Some(active) => Ok(active),
            None => self.refresh(category).await,
        }
    }

    /// The reducer that the store names as active now. For when an append found that it stood under another activation.
    pub(super) async fn refresh(&self, category: &str) -> Result<ActiveReducer, CommandError> {
        if let Some(native) = self.native(category) {
            return Ok(native);
        }
        // Asked for outside the lock: names that nothing is deployed under wait for nobody's compiler.
        let activation = self.store.active_reducers(Some(category)).await?.pop();
        let unknown = || CommandError::UnknownCategory { category: category.to_owned() };
        self.take_up(activation.ok_or_else(unknown)?).await
    }

    /// Looks which activations are newer than what is in use here, and takes them up. Without it, a host whose streams of a
    /// category only read would stay with the former logic for good: a host learns of a swap by its appends else.
    pub(super) async fn follow(&self) -> Result<(), CommandError> {
        for activation in self.store.active_reducers(None).await? {
            let known = self.known(&activation.name).map(|known| known.generation);
            if known.is_some_and(|known| known.is_some_and(|generation| generation < activation.generation)) {
                self.take_up(activation).await?;
            }
        }
        Ok(())
    }

    /// Takes a reducer that was just activated, unless a newer one is in use already.
    pub(super) fn adopt(&self, activation: &Activation, reducer: Arc<dyn Reducer>) {
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        let generation = Some(activation.generation);
        if active.get(&activation.name).is_none_or(|known| known.generation < generation) {
            active.insert(activation.name.clone(), ActiveReducer { reducer, generation });
        }
    }

    pub(super) fn native(&self, category: &str) -> Option<ActiveReducer> {
        self.known(category).filter(|active| active.generation.is_none())
    }

    /// All reducers that are linked into the host.
    pub(super) fn natives(&self) -> Vec<ActiveReducer> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        active.values().filter(|active| active.generation.is_none()).cloned().collect()
    }

    pub(super) fn known(&self, category: &str) -> Option<ActiveReducer> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).get(category).cloned()
    }

    /// Loads the component of an activation, unless that activation is in use already.
    async fn take_up(&self, activation: Activation) -> Result<ActiveReducer, CommandError> {
        let _loading = self.loading.lock().await;
        if let Some(known) = self.known(&activation.name)
            && known.generation >= Some(activation.generation)
        {
            return Ok(known);
        }
        let unusable = |reason: String| CommandError::ReducerUnusable { name: activation.name.clone(), reason };
        let component = self.store.load_component(activation.digest).await?;
        let component = component.ok_or_else(|| unusable(format!("no component {} is kept", activation.digest)))?;
        let engine = self.engine.clone();
        let loaded = tokio::task::spawn_blocking(move || ComponentReducer::load(&engine, &component)).await;
        let reducer: Arc<dyn Reducer> = match loaded {
            Ok(Ok(reducer)) => Arc::new(reducer),
            Ok(Err(refusal)) => return Err(unusable(refusal.to_string())),
            Err(error) => return Err(unusable(error.to_string())),
        };
        self.adopt(&activation, Arc::clone(&reducer));
        Ok(ActiveReducer { reducer, generation: Some(activation.generation) })
    }
}
