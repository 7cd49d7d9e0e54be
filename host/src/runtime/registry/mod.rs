//! Which reducer decides for a category.

mod deciders;
mod refusals;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use lru::LruCache;

pub(crate) use self::deciders::{ActiveReducer, Deciders};
use self::refusals::Refusals;
use super::CommandError;
use super::answers::DeployError;
use crate::StreamId;
use crate::event_store::{Activation, ActivationChange, Fence, Store};
use crate::guest::{ComponentReducer, GuestEngine};
use crate::reducer::{EffectRules, Reducer, ReducerDigest};

/// Compiled components that are kept beside those that decide: candidates, and what states of the past are drawn with.
const COMPILED_MAX: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// The reducers in use. A component is fetched from the store and compiled when its category is first asked for.
pub(crate) struct Registry {
    store: Arc<dyn Store>,
    engine: GuestEngine,
    active: RwLock<HashMap<String, Deciders>>,
    /// Other components that were asked for, by digest.
    compiled: Mutex<LruCache<ReducerDigest, Arc<dyn Reducer>>>,
    /// Held while one is loaded: a thousand streams that start at once compile a component once.
    loading: Arc<tokio::sync::Mutex<()>>,
    /// Held while one that was sent is checked: compilers for as many as are sent would take the machine, and commands, which
    /// wait for `loading` alone, do not wait behind them.
    checking: Arc<tokio::sync::Mutex<()>>,
    refused: Mutex<Refusals>,
}

impl Registry {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        engine: GuestEngine,
        native: Vec<Arc<dyn Reducer>>,
        native_rules: &HashMap<String, EffectRules>,
    ) -> Self {
        let native = native.into_iter().map(|reducer| {
            let name = reducer.descriptor().name.clone();
            let rules = Arc::new(native_rules.get(&name).cloned().unwrap_or_default());
            let active = ActiveReducer { reducer, generation: None, rules, journal: false, is_canary: false };
            (name, Deciders::all(active))
        });
        Self {
            store,
            engine,
            active: RwLock::new(native.collect()),
            compiled: Mutex::new(LruCache::new(COMPILED_MAX)),
            loading: Arc::default(),
            checking: Arc::default(),
            refused: Mutex::default(),
        }
    }

    /// The reducer in use for `category`, fetched if it is not here yet.
    pub(crate) async fn active(&self, category: &str) -> Result<ActiveReducer, CommandError> {
        Ok(self.deciders(category).await?.active)
    }

    /// The reducer that decides for a stream: the canary, where it has the stream in its share.
    pub(crate) async fn deciding(&self, stream_id: &StreamId) -> Result<ActiveReducer, CommandError> {
        Ok(self.deciders(stream_id.category()).await?.of(stream_id).clone())
    }

    async fn deciders(&self, category: &str) -> Result<Deciders, CommandError> {
        match self.known_deciders(category) {
            Some(deciders) => Ok(deciders),
            None => self.renew(category).await,
        }
    }

    /// Who decides behind a fence that an append ran into: who is known here, where that is a newer one already, and else whom the store
    /// says. Of the streams that one swap fences, and that may be all of the category, only the first ones ask.
    pub(crate) async fn behind(
        &self,
        stream_id: &StreamId,
        fence: Option<&Fence>,
    ) -> Result<ActiveReducer, CommandError> {
        let known = self.known_deciders(stream_id.category());
        match known.filter(|known| known.active.generation > fence.map(|fence| fence.generation)) {
            Some(newer) => Ok(newer.of(stream_id).clone()),
            None => self.refresh(stream_id).await,
        }
    }

    /// Looks who is active in the store now.
    pub(crate) async fn refresh(&self, stream_id: &StreamId) -> Result<ActiveReducer, CommandError> {
        Ok(self.renew(stream_id.category()).await?.of(stream_id).clone())
    }

    async fn renew(&self, category: &str) -> Result<Deciders, CommandError> {
        if let Some(native) = self.known_deciders(category).filter(|known| known.active.generation.is_none()) {
            return Ok(native);
        }
        // Asked for outside the lock: names that nothing is deployed under wait for nobody's compiler.
        let activation = self.store.active_reducers(Some(category)).await?.pop();
        let unknown = || CommandError::UnknownCategory { category: category.to_owned() };
        self.take_up(activation.ok_or_else(unknown)?).await
    }

    /// Looks which activations are newer than what is in use here, and takes them up. Without it, a host whose streams of a
    /// category only read would stay with the former logic for good: a host learns of a swap by its appends else.
    ///
    /// What cannot be followed is left to the next look: one component that this host cannot load once kept it from following all
    /// that came behind it.
    pub(crate) async fn follow(&self) {
        let activations = match self.store.active_reducers(None).await {
            Ok(activations) => activations,
            Err(error) => {
                tracing::debug!(%error, "the activations could not be looked at");
                return;
            }
        };
        for activation in activations {
            let known = self.known(&activation.name).map(|known| known.generation);
            if known.is_some_and(|known| known.is_some_and(|generation| generation < activation.generation)) {
                let (name, generation) = (activation.name.clone(), activation.generation);
                if let Err(error) = self.take_up(activation).await {
                    tracing::debug!(reducer = name, generation, %error, "an activation could not be followed, and is tried again");
                }
            }
        }
    }

    /// Takes up an activation whose components are here, unless a newer one is in use already.
    pub(crate) fn adopt(
        &self,
        activation: &Activation,
        reducer: Arc<dyn Reducer>,
        canary: Option<Arc<dyn Reducer>>,
    ) -> Deciders {
        let rules = Arc::new(activation.effects.clone());
        let (generation, journal) = (Some(activation.generation), activation.journal);
        let decides = |reducer: Arc<dyn Reducer>, is_canary| ActiveReducer {
            reducer,
            generation,
            rules: Arc::clone(&rules),
            journal,
            is_canary,
        };
        let share = activation.canary.as_ref().map(|canary| canary.share);
        let canary = share.zip(canary).map(|(share, canary)| (share, decides(canary, true)));
        let deciders = Deciders { active: decides(reducer, false), canary };
        let mut active = self.active.write().unwrap_or_else(PoisonError::into_inner);
        match active.get(&activation.name) {
            Some(known) if known.active.generation >= generation => known.clone(),
            known => {
                // The way back is short while the former one is still compiled.
                if let Some(former) = known.filter(|known| known.active.generation.is_some()) {
                    self.keep_compiled(&former.active.reducer);
                }
                active.insert(activation.name.clone(), deciders.clone());
                deciders
            }
        }
    }

    pub(crate) fn native(&self, category: &str) -> Option<ActiveReducer> {
        self.known(category).filter(|active| active.generation.is_none())
    }

    /// All reducers that are linked into the host.
    pub(crate) fn natives(&self) -> Vec<ActiveReducer> {
        let active = self.active.read().unwrap_or_else(PoisonError::into_inner);
        let natives = active.values().map(|deciders| &deciders.active);
        natives.filter(|active| active.generation.is_none()).cloned().collect()
    }

    pub(crate) fn known(&self, category: &str) -> Option<ActiveReducer> {
        self.known_deciders(category).map(|deciders| deciders.active)
    }

    /// Who decides behind a change; compiled by then. None where nobody decides yet, or the same ones for the same streams; and where it
    /// cannot be had, which is told of by whoever needs it.
    pub(crate) async fn deciding_behind(&self, change: &ActivationChange<'_>) -> Option<Deciders> {
        let known = self.known_deciders(change.name)?;
        let reducer = async |digest| Some(ActiveReducer::beside(&self.of_digest(change.name, digest).await.ok()?));
        let active = reducer(change.digest).await?;
        let canary = match change.canary {
            Some((digest, share)) => Some((share, reducer(digest).await?)),
            None => None,
        };
        Some(Deciders { active, canary }).filter(|next| !next.are(&known))
    }

    fn known_deciders(&self, category: &str) -> Option<Deciders> {
        self.active.read().unwrap_or_else(PoisonError::into_inner).get(category).cloned()
    }

    /// Checks a component that was sent, after those that were sent before it.
    pub(crate) async fn check(&self, component: Vec<u8>) -> Result<(ComponentReducer, Vec<u8>), DeployError> {
        let turn = Arc::clone(&self.checking).lock_owned().await;
        let engine = self.engine.clone();
        let checked = tokio::task::spawn_blocking(move || {
            // Until it is done, whoever waited for it: a sender that hangs up ends no compiler.
            let _turn = turn;
            ComponentReducer::load(&engine, &component).map(|reducer| (reducer, component))
        });
        Ok(checked.await.map_err(|error| DeployError::Check(error.to_string()))??)
    }

    /// A component of a name by its digest, whether it decides or not: compiled once, and kept for a while. In the turn of those that
    /// are checked: no command waits behind it.
    pub(crate) async fn of_digest(&self, name: &str, digest: ReducerDigest) -> Result<Arc<dyn Reducer>, CommandError> {
        if let Some(reducer) = self.compiled_already(name, digest) {
            return Ok(reducer);
        }
        let turn = Arc::clone(&self.checking).lock_owned().await;
        self.compile(name, digest, turn).await
    }

    /// A component that decides now.
    async fn to_decide(&self, name: &str, digest: ReducerDigest) -> Result<Arc<dyn Reducer>, CommandError> {
        if let Some(reducer) = self.compiled_already(name, digest) {
            return Ok(reducer);
        }
        let turn = Arc::clone(&self.loading).lock_owned().await;
        self.compile(name, digest, turn).await
    }

    fn compiled_already(&self, name: &str, digest: ReducerDigest) -> Option<Arc<dyn Reducer>> {
        let deciding = self.known_deciders(name).and_then(|deciders| deciders.digest_is(digest));
        deciding.or_else(|| self.compiled().get(&digest).cloned())
    }

    pub(crate) fn keep_compiled(&self, reducer: &Arc<dyn Reducer>) {
        self.compiled().put(reducer.digest(), Arc::clone(reducer));
    }

    fn compiled(&self) -> MutexGuard<'_, LruCache<ReducerDigest, Arc<dyn Reducer>>> {
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads the components of an activation, unless that activation is in use already.
    pub(crate) async fn take_up(&self, activation: Activation) -> Result<Deciders, CommandError> {
        let name = activation.name.clone();
        if let Some(known) = self.known_deciders(&name)
            && known.active.generation >= Some(activation.generation)
        {
            return Ok(known);
        }
        let reducer = self.to_decide(&name, activation.digest).await?;
        let canary = match &activation.canary {
            Some(canary) => Some(self.to_decide(&name, canary.digest).await?),
            None => None,
        };
        Ok(self.adopt(&activation, reducer, canary))
    }

    async fn compile(
        &self,
        name: &str,
        digest: ReducerDigest,
        turn: tokio::sync::OwnedMutexGuard<()>,
    ) -> Result<Arc<dyn Reducer>, CommandError> {
        let unusable = |reason: String| CommandError::ReducerUnusable { name: name.to_owned(), reason };
        // While this one waited for its turn, another may have compiled it.
        if let Some(reducer) = self.compiled_already(name, digest) {
            return Ok(reducer);
        }
        if let Some(refusal) = self.refused().of(digest, Instant::now()) {
            return Err(unusable(refusal));
        }
        let component = self.store.load_component(digest).await?;
        let component = component.ok_or_else(|| unusable(format!("no component {digest} is kept")))?;
        let engine = self.engine.clone();
        // The turn goes along: a command whose sender hangs up ends no compiler, and the next one would begin a second.
        let load = move || (ComponentReducer::load(&engine, &component), turn);
        let (loaded, _turn) = tokio::task::spawn_blocking(load).await.map_err(|error| unusable(error.to_string()))?;
        let reducer: Arc<dyn Reducer> = Arc::new(loaded.map_err(|refusal| {
            let refusal = refusal.to_string();
            self.refused().remember(digest, &refusal, Instant::now());
            unusable(refusal)
        })?);
        self.keep_compiled(&reducer);
        Ok(reducer)
    }

    fn refused(&self) -> MutexGuard<'_, Refusals> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::testing::{FaultyStore, StoreCall};
    use crate::{EventStoreError, InMemoryEventStore, Limits, NativeReducer};

    const NONSENSE: &[u8] = b"\0asm\x0d\0\x01\0 and then nonsense";

    fn registry(store: Arc<dyn Store>) -> Registry {
        Registry::new(store, GuestEngine::new(&Limits::default()).unwrap(), Vec::new(), &HashMap::new())
    }

    async fn activate(store: &dyn Store, component: &[u8]) -> Activation {
        let descriptor = NativeReducer::<counter::Counter>::new().descriptor().clone();
        store.save_reducer(ReducerDigest::of(component), &descriptor, component, None).await.unwrap();
        store.activate(&ActivationChange::to("counter", ReducerDigest::of(component))).await.unwrap()
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
        assert_eq!(unusable(registry.take_up(activation).await.map(|deciders| deciders.active)), first);
        assert_eq!(store.faults_left(), 1);
    }
}
