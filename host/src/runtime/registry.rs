//! Which reducer decides for a category.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::CommandError;
use super::answers::DeployError;
use super::command::DecidedBy;
use super::failure::ReducerFailure;
use super::load::LoadError;
use crate::StreamId;
use crate::event_store::{Activation, Fence, Store};
use crate::guest::{ComponentReducer, GuestEngine};
use crate::reducer::{EffectRules, Reducer, ReducerDigest, ReducerFault};

/// How long it is remembered that a component does not load, so that not each command of its category loads it again. Not for good:
/// it may have been this machine that had no memory to start it.
const REFUSAL_KEPT: Duration = Duration::from_secs(60);
/// How many are remembered.
const REFUSALS_MAX: usize = 100;

/// A reducer that decides, and under which activation.
#[derive(Clone)]
pub(super) struct ActiveReducer {
    pub(super) reducer: Arc<dyn Reducer>,
    pub(super) generation: Option<u64>,
    /// What its effects may do.
    pub(super) rules: Arc<EffectRules>,
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
    loading: Arc<tokio::sync::Mutex<()>>,
    /// Held while one that was sent is checked: compilers for as many as are sent would take the machine, and commands, which
    /// wait for `loading` alone, do not wait behind them.
    checking: Arc<tokio::sync::Mutex<()>>,
    refused: Mutex<Refusals>,
}

impl Registry {
    pub(super) fn new(
        store: Arc<dyn Store>,
        engine: GuestEngine,
        native: Vec<Arc<dyn Reducer>>,
        native_rules: &HashMap<String, EffectRules>,
    ) -> Self {
        let native = native.into_iter().map(|reducer| {
            let name = reducer.descriptor().name.clone();
            let rules = Arc::new(native_rules.get(&name).cloned().unwrap_or_default());
            (name, ActiveReducer { reducer, generation: None, rules })
        });
        Self {
            store,
            engine,
            active: RwLock::new(native.collect()),
            loading: Arc::default(),
            checking: Arc::default(),
            refused: Mutex::default(),
        }
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
            let rules = Arc::new(activation.effects.clone());
            active.insert(activation.name.clone(), ActiveReducer { reducer, generation, rules });
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

    /// Checks a component that was sent, after those that were sent before it.
    pub(super) async fn check(&self, component: Vec<u8>) -> Result<(ComponentReducer, Vec<u8>), DeployError> {
        let turn = Arc::clone(&self.checking).lock_owned().await;
        let engine = self.engine.clone();
        let checked = tokio::task::spawn_blocking(move || {
            // Until it is done, whoever waited for it: a sender that hangs up ends no compiler.
            let _turn = turn;
            ComponentReducer::load(&engine, &component).map(|reducer| (reducer, component))
        });
        Ok(checked.await.map_err(|error| DeployError::Check(error.to_string()))??)
    }

    /// Loads the component of an activation, unless that activation is in use already.
    async fn take_up(&self, activation: Activation) -> Result<ActiveReducer, CommandError> {
        let unusable = |reason: String| CommandError::ReducerUnusable { name: activation.name.clone(), reason };
        let loading = Arc::clone(&self.loading).lock_owned().await;
        if let Some(known) = self.known(&activation.name)
            && known.generation >= Some(activation.generation)
        {
            return Ok(known);
        }
        if let Some(refusal) = self.refused().of(activation.digest, Instant::now()) {
            return Err(unusable(refusal));
        }
        let component = self.store.load_component(activation.digest).await?;
        let component = component.ok_or_else(|| unusable(format!("no component {} is kept", activation.digest)))?;
        let engine = self.engine.clone();
        // The turn goes along: a command whose sender hangs up ends no compiler, and the next one would begin a second.
        let load = move || (ComponentReducer::load(&engine, &component), loading);
        let (loaded, _loading) =
            tokio::task::spawn_blocking(load).await.map_err(|error| unusable(error.to_string()))?;
        let reducer: Arc<dyn Reducer> = Arc::new(loaded.map_err(|refusal| {
            let refusal = refusal.to_string();
            self.refused().remember(activation.digest, &refusal, Instant::now());
            unusable(refusal)
        })?);
        self.adopt(&activation, Arc::clone(&reducer));
        Ok(ActiveReducer { reducer, generation: Some(activation.generation), rules: Arc::new(activation.effects) })
    }

    fn refused(&self) -> MutexGuard<'_, Refusals> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Components that did not load, when, and why.
#[derive(Default)]
struct Refusals(HashMap<ReducerDigest, (Instant, String)>);

impl Refusals {
    fn of(&self, digest: ReducerDigest, now: Instant) -> Option<String> {
        let (at, refusal) = self.0.get(&digest)?;
        (now.saturating_duration_since(*at) < REFUSAL_KEPT).then(|| refusal.clone())
    }

    fn remember(&mut self, digest: ReducerDigest, refusal: &str, now: Instant) {
        self.0.retain(|_, (at, _)| now.saturating_duration_since(*at) < REFUSAL_KEPT);
        if self.0.len() < REFUSALS_MAX {
            self.0.insert(digest, (now, refusal.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{FaultyStore, StoreCall};
    use crate::{EventStoreError, InMemoryEventStore, Limits, NativeReducer};

    fn digest(of: usize) -> ReducerDigest {
        ReducerDigest::of(&of.to_le_bytes())
    }

    const NONSENSE: &[u8] = b"\0asm\x0d\0\x01\0 and then nonsense";

    fn registry(store: Arc<dyn Store>) -> Registry {
        Registry::new(store, GuestEngine::new(&Limits::default()).unwrap(), Vec::new(), &HashMap::new())
    }

    async fn activate(store: &dyn Store, component: &[u8]) -> Activation {
        let descriptor = NativeReducer::<counter::Counter>::new().descriptor().clone();
        store.save_reducer(ReducerDigest::of(component), &descriptor, component).await.unwrap();
        store.activate("counter", ReducerDigest::of(component), None).await.unwrap()
    }

    #[tokio::test]
    async fn components_that_are_sent_are_checked_one_by_one_and_commands_do_not_wait_for_them() {
        let store = Arc::new(InMemoryEventStore::new());
        let registry = registry(Arc::clone(&store) as _);
        activate(&*store, NONSENSE).await;
        let another_s_turn = Arc::clone(&registry.checking).lock_owned().await;
        let mut check = std::pin::pin!(registry.check(NONSENSE.to_vec()));
        assert!(futures::poll!(check.as_mut()).is_pending());
        assert!(matches!(registry.active("counter").await.err(), Some(CommandError::ReducerUnusable { .. })));
        assert!(futures::poll!(check.as_mut()).is_pending());
        drop(another_s_turn);
        assert!(matches!(check.await, Err(DeployError::Gate(_))));
    }

    /// Each command of such a category compiled it again, and so did each look at what is active.
    #[tokio::test]
    async fn a_component_that_does_not_load_is_not_loaded_again_for_each_command() {
        let store = Arc::new(FaultyStore::new(Arc::new(InMemoryEventStore::new())));
        let registry = registry(Arc::clone(&store) as _);
        let activation = activate(&*store, NONSENSE).await;
        let unusable = |answer: Result<ActiveReducer, CommandError>| match answer.err() {
            Some(CommandError::ReducerUnusable { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        let first = unusable(registry.active("counter").await);
        assert!(first.contains("no valid component"), "{first}");
        // Were its component fetched, this would be what fails.
        store.fail_next(1, StoreCall::Reducers, EventStoreError::Unavailable("for the test".into()));
        assert_eq!(unusable(registry.take_up(activation).await), first);
        assert_eq!(store.faults_left(), 1);
    }

    #[test]
    fn a_refusal_is_remembered_for_a_minute_and_no_more_than_so_many() {
        let (mut refusals, begun) = (Refusals::default(), Instant::now());
        for of in 0..2 * REFUSALS_MAX {
            refusals.remember(digest(of), "no", begun);
        }
        assert_eq!(refusals.0.len(), REFUSALS_MAX);
        assert_eq!(refusals.of(digest(0), begun + REFUSAL_KEPT / 2).as_deref(), Some("no"));
        assert_eq!(refusals.of(digest(0), begun + REFUSAL_KEPT), None);
        refusals.remember(digest(1_000), "no", begun + REFUSAL_KEPT);
        assert_eq!(refusals.0.len(), 1, "the others are too old");
    }
}
