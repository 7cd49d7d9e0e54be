//! Operators: they swap what decides, in every way that there is, through either host.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhost::event_store::{Share, VerificationStatus};
use foldhost::reducer::{EffectRules, ReducerDigest};
use foldhost::runtime::{DeployError, ReducerStatus};
use foldhost::swap::{ActivateRequest, ActivationPolicy, CanaryRequest, RollBackRequest, SwapError, VerifyRequest};
use foldhost::{CommandError, EventStoreError, Host};
use foldhost_test_support::in_other_bytes;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::places::{Gone, PLACES, Places};
use super::record::{Generation, Told};

/// The reducers that are swapped, and how many components of each there are from the beginning.
pub(crate) const REDUCERS: [(&str, u8); 2] = [("counter", 6), ("order", 4)];
/// Components that may be deployed meanwhile.
const DEPLOYED_LATER: u8 = 3;

/// The components of each name that are kept, as far as one operator knows.
pub(crate) type Kept = BTreeMap<&'static str, Vec<ReducerDigest>>;

pub(crate) struct Operator {
    chance: StdRng,
    places: Arc<Places>,
    kept: Kept,
    told: Told,
}

/// Why something was not done.
enum Undone {
    /// As it may be with two operators, crashes and lost connections.
    Told(String),
    /// As it may never be.
    Failed(String),
}

impl From<Gone> for Undone {
    fn from(Gone: Gone) -> Self {
        Self::Told("gone".into())
    }
}

impl From<SwapError> for Undone {
    fn from(error: SwapError) -> Self {
        let reason = error.to_string();
        match error {
            SwapError::Store(store) | SwapError::Command(CommandError::Store(store)) => store.into(),
            // What was looked at before is another's by now.
            SwapError::CanaryUnderWay { .. } => Self::Told("canary-under-way".into()),
            SwapError::NoCanary { .. } => Self::Told("no-canary".into()),
            SwapError::NoFormer(_) => Self::Told("no-former".into()),
            SwapError::NotVerified { .. } => Self::Told("not-verified".into()),
            SwapError::Invalid(reason) if reason.contains("decides for all streams") => Self::Told("active".into()),
            _ => Self::Failed(reason),
        }
    }
}

impl From<EventStoreError> for Undone {
    fn from(error: EventStoreError) -> Self {
        match error {
            EventStoreError::Outrun { .. } => Self::Told("outrun".into()),
            EventStoreError::Unavailable(_) => Self::Told("unavailable".into()),
            EventStoreError::Contended(_) => Self::Told("contended".into()),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl From<DeployError> for Undone {
    fn from(error: DeployError) -> Self {
        match error {
            DeployError::Store(store) => store.into(),
            _ => Self::Failed(error.to_string()),
        }
    }
}

impl Operator {
    pub(crate) fn new(number: u64, seed: u64, places: &Arc<Places>, kept: &Kept) -> Self {
        let chance = StdRng::seed_from_u64(seed.wrapping_mul(131).wrapping_add(number));
        Self { chance, places: Arc::clone(places), kept: kept.clone(), told: Told::default() }
    }

    /// Does so many things, and gives what it was told.
    pub(crate) async fn operate(mut self, times: usize) -> Told {
        for _ in 0..times {
            let (name, at_first) = *REDUCERS.choose(&mut self.chance).unwrap();
            match self.look(name).await {
                Ok(status) => self.swap(name, at_first, &status).await,
                Err(undone) => self.undone("look", undone),
            }
        }
        self.told
    }

    /// Has one component after the other decide, and gives what it was told.
    pub(crate) async fn activate_until(mut self, stop: CancellationToken) -> Told {
        while !stop.is_cancelled() {
            let (name, _) = *REDUCERS.choose(&mut self.chance).unwrap();
            let digest = *self.kept[name].choose(&mut self.chance).unwrap();
            let policy = ActivationPolicy::Force("at random".into());
            let request = ActivateRequest { policy, ..ActivateRequest::of(digest) };
            self.ask("activate", |host| async move { host.activate(name, request).await }).await;
        }
        self.told
    }

    /// Asks either host.
    async fn on_any<T, E, F>(&mut self, ask: impl FnOnce(Host) -> F) -> Result<T, Undone>
    where
        T: Send + 'static,
        E: Into<Undone> + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let place = self.chance.random_range(0..PLACES);
        self.places.on(place, ask).await?.map_err(Into::into)
    }

    fn undone(&mut self, what: &str, undone: Undone) {
        match undone {
            Undone::Told(why) => self.told.count(format!("{what}: {why}")),
            Undone::Failed(reason) => self.told.failures.push(format!("{what}: {reason}")),
        }
    }

    async fn look(&mut self, name: &'static str) -> Result<ReducerStatus, Undone> {
        let reducers = self.on_any(|host| async move { host.reducers().await }).await?;
        let found = reducers.into_iter().find(|status| status.reducer.name == name);
        found.ok_or_else(|| Undone::Failed(format!("nothing decides for {name}")))
    }

    /// Something that may be done where this is active.
    async fn swap(&mut self, name: &'static str, at_first: u8, active: &ReducerStatus) {
        let digest = *self.kept[name].choose(&mut self.chance).unwrap();
        let share = Share::new(self.chance.random_range(1..=10_000)).unwrap();
        let force = ActivationPolicy::Force("at random".into());
        let canary = CanaryRequest { digest: Some(digest), share, policy: force.clone(), by: None, reason: None };
        let activate = ActivateRequest { policy: force, ..ActivateRequest::of(digest) };
        match (active.canary.is_some(), self.chance.random_range(0..12)) {
            (true, 0..4) => {
                let request = CanaryRequest { digest: None, ..canary };
                self.ask("resize", |host| async move { host.canary(name, request).await }).await;
            }
            (true, 4..7) => self.ask("finish", |host| async move { host.finish_canary(name, None, None).await }).await,
            (true, 7..9) => {
                self.ask("withdraw", |host| async move { host.withdraw_canary(name, None, None).await }).await;
            }
            (_, 0..3) => self.ask("activate", |host| async move { host.activate(name, activate).await }).await,
            (_, 3) => self.verified("verify and activate", name, digest, None).await,
            (_, 4) => self.verified("verify and begin a canary", name, digest, Some(share)).await,
            (_, 5 | 6) => self.ask("begin a canary", |host| async move { host.canary(name, canary).await }).await,
            (_, 7) => self.roll_back(name, false).await,
            (_, 8 | 9) => self.roll_back(name, true).await,
            (_, 10) => self.change_rules(name, active).await,
            _ => self.deploy(name, at_first).await,
        }
    }

    /// Asks a host for a swap, and writes down what it says.
    async fn ask<F>(&mut self, what: &str, swap: impl FnOnce(Host) -> F)
    where
        F: Future<Output = Result<ReducerStatus, SwapError>> + Send + 'static,
    {
        match self.on_any(swap).await {
            Ok(status) => {
                self.told.count(what);
                self.told.swaps.push(Generation::from(&status));
            }
            Err(undone) => self.undone(what, undone),
        }
    }

    /// After a report: the components do the same, so nothing may differ.
    async fn verified(&mut self, what: &str, name: &'static str, digest: ReducerDigest, share: Option<Share>) {
        let request = VerifyRequest::of(digest);
        let view = match self.on_any(|host| async move { host.verify_to_the_end(name, request).await }).await {
            Ok(view) => view,
            Err(undone) => return self.undone(what, undone),
        };
        if view.status != VerificationStatus::Passed {
            return self.undone(what, Undone::Failed(format!("{:?}: {:#?}", view.status, view.report)));
        }
        let request = ActivateRequest::of(digest);
        self.ask(what, |host| async move {
            let Some(share) = share else { return host.activate(name, request).await };
            let policy = ActivationPolicy::Clean;
            host.canary(name, CanaryRequest { digest: Some(digest), share, policy, by: None, reason: None }).await
        })
        .await;
    }

    async fn roll_back(&mut self, name: &'static str, force: bool) {
        let (what, force) = if force { ("force back", Some("at random".into())) } else { ("roll back", None) };
        let request = RollBackRequest { force, ..RollBackRequest::default() };
        self.ask(what, |host| async move { host.roll_back(name, request).await }).await;
    }

    /// The same component under other rules, or with the journal switched.
    async fn change_rules(&mut self, name: &'static str, active: &ReducerStatus) {
        let request = ActivateRequest::of(active.reducer.digest);
        let request = if self.chance.random_bool(0.7) {
            ActivateRequest { journal: Some(!active.journal), ..request }
        } else {
            let rate_per_second_max = Some(self.chance.random_range(1..1_000));
            ActivateRequest { rules: Some(EffectRules { rate_per_second_max, ..EffectRules::default() }), ..request }
        };
        self.ask("change rules", |host| async move { host.activate(name, request).await }).await;
    }

    async fn deploy(&mut self, name: &'static str, at_first: u8) {
        let component = in_other_bytes(name, at_first + self.chance.random_range(0..DEPLOYED_LATER));
        match self.on_any(|host| async move { host.deploy(component).await }).await {
            Ok(deployed) => {
                self.told.count("deploy");
                self.told.deployed.push((name.to_owned(), deployed.digest));
                let kept = self.kept.entry(name).or_default();
                if !kept.contains(&deployed.digest) {
                    kept.push(deployed.digest);
                }
            }
            Err(undone) => self.undone("deploy", undone),
        }
    }
}

/// Deploys what there is from the beginning; the first of each name decides.
pub(crate) async fn deploy_all(places: &Places) -> (Kept, Told) {
    let (mut kept, mut told) = (Kept::new(), Told::default());
    for (name, count) in REDUCERS {
        for number in 0..count {
            let component = in_other_bytes(name, number);
            let deployed = places.on(0, |host| async move { host.deploy(component).await }).await.unwrap().unwrap();
            told.deployed.push((name.to_owned(), deployed.digest));
            told.swaps.extend(deployed.active.as_ref().map(Generation::from));
            kept.entry(name).or_default().push(deployed.digest);
        }
    }
    (kept, told)
}
