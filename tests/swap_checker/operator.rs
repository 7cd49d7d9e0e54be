//! Operators: they swap what decides, in every way that there is, through either host.

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhost::Host;
use foldhost::event_store::{Share, VerificationStatus};
use foldhost::reducer::{EffectRules, ReducerDigest};
use foldhost::runtime::ReducerStatus;
use foldhost::swap::{ActivateRequest, ActivationPolicy, CanaryRequest, RollBackRequest, SwapError, VerifyRequest};
use foldhost_test_support::in_other_bytes;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::places::{PLACES, Places};
use super::record::{Generation, Told};
use super::undone::Undone;

/// The reducers that are swapped.
pub(crate) const NAMES: [&str; 2] = ["counter", "order"];
/// Components of each that are there from the beginning, and that may be deployed meanwhile.
const AT_FIRST: u8 = 5;
const DEPLOYED_LATER: u8 = 3;

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Activate,
    VerifyAndActivate,
    BeginCanary,
    VerifyAndBeginCanary,
    ResizeCanary,
    FinishCanary,
    WithdrawCanary,
    RollBack,
    ForceBack,
    ChangeRules,
    SwitchJournal,
    Deploy,
}

impl Act {
    const ALL: [Self; 12] = [
        Self::Activate,
        Self::VerifyAndActivate,
        Self::BeginCanary,
        Self::VerifyAndBeginCanary,
        Self::ResizeCanary,
        Self::FinishCanary,
        Self::WithdrawCanary,
        Self::RollBack,
        Self::ForceBack,
        Self::ChangeRules,
        Self::SwitchJournal,
        Self::Deploy,
    ];

    /// Whether it takes a canary, or that there is none.
    fn needs_canary(self) -> Option<bool> {
        match self {
            Self::ResizeCanary | Self::FinishCanary | Self::WithdrawCanary => Some(true),
            Self::RollBack | Self::ForceBack | Self::Deploy => None,
            _ => Some(false),
        }
    }
}

/// The components of each name that are kept, as far as one operator knows.
pub(crate) type Kept = BTreeMap<&'static str, Vec<ReducerDigest>>;

pub(crate) struct Operator {
    chance: StdRng,
    places: Arc<Places>,
    kept: Kept,
    told: Told,
}

impl Operator {
    pub(crate) fn new(number: u64, seed: u64, places: &Arc<Places>, kept: &Kept) -> Self {
        let chance = StdRng::seed_from_u64(seed.wrapping_mul(131).wrapping_add(number));
        Self { chance, places: Arc::clone(places), kept: kept.clone(), told: Told::default() }
    }

    /// Does so many things, each kind as often as any other, and gives what it was told.
    pub(crate) async fn operate(mut self, times: usize) -> Told {
        let mut deck = Vec::new();
        for _ in 0..times {
            if deck.is_empty() {
                deck.extend(Act::ALL);
                deck.shuffle(&mut self.chance);
            }
            let (act, name) = (deck.pop().unwrap(), *NAMES.choose(&mut self.chance).unwrap());
            self.act(act, name).await;
        }
        self.told
    }

    /// Has one component after the other decide, and gives what it was told.
    pub(crate) async fn activate_until(mut self, stop: CancellationToken) -> Told {
        while !stop.is_cancelled() {
            let name = *NAMES.choose(&mut self.chance).unwrap();
            let digest = *self.kept[name].choose(&mut self.chance).unwrap();
            self.activate(name, digest).await;
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

    /// Does one thing, and before it what it takes.
    async fn act(&mut self, act: Act, name: &'static str) {
        let active = match self.look(name).await {
            Ok(active) => active,
            Err(undone) => return self.undone("look", undone),
        };
        let digest = *self.kept[name].choose(&mut self.chance).unwrap();
        let share = Share::new(self.chance.random_range(1..=10_000)).unwrap();
        match (act.needs_canary(), active.canary.is_some()) {
            (Some(true), false) => self.begin_canary(name, digest, share).await,
            (Some(false), true) => self.withdraw(name).await,
            _ => {}
        }
        match act {
            Act::Activate => self.activate(name, digest).await,
            Act::VerifyAndActivate => self.verified("verify and activate", name, digest, None).await,
            Act::BeginCanary => self.begin_canary(name, digest, share).await,
            Act::VerifyAndBeginCanary => self.verified("verify and begin a canary", name, digest, Some(share)).await,
            Act::ResizeCanary => {
                let policy = ActivationPolicy::Clean;
                let request = CanaryRequest { digest: None, share, policy, by: None, reason: None };
                self.ask("resize", |host| async move { host.canary(name, request).await }).await;
            }
            Act::FinishCanary => {
                self.ask("finish", |host| async move { host.finish_canary(name, None, None).await }).await;
            }
            Act::WithdrawCanary => self.withdraw(name).await,
            Act::RollBack => self.roll_back(name, false).await,
            Act::ForceBack => self.roll_back(name, true).await,
            Act::ChangeRules | Act::SwitchJournal => self.change_rules(name, &active, act).await,
            Act::Deploy => self.deploy(name).await,
        }
    }

    async fn activate(&mut self, name: &'static str, digest: ReducerDigest) {
        let policy = ActivationPolicy::Force("at random".into());
        let request = ActivateRequest { policy, ..ActivateRequest::of(digest) };
        self.ask("activate", |host| async move { host.activate(name, request).await }).await;
    }

    async fn begin_canary(&mut self, name: &'static str, digest: ReducerDigest, share: Share) {
        let policy = ActivationPolicy::Force("at random".into());
        let request = CanaryRequest { digest: Some(digest), share, policy, by: None, reason: None };
        self.ask("begin a canary", |host| async move { host.canary(name, request).await }).await;
    }

    async fn withdraw(&mut self, name: &'static str) {
        self.ask("withdraw", |host| async move { host.withdraw_canary(name, None, None).await }).await;
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
    async fn change_rules(&mut self, name: &'static str, active: &ReducerStatus, act: Act) {
        let request = ActivateRequest::of(active.reducer.digest);
        let (what, request) = if act == Act::SwitchJournal {
            ("switch the journal", ActivateRequest { journal: Some(!active.journal), ..request })
        } else {
            let rate_per_second_max = Some(self.chance.random_range(1..1_000_000));
            let rules = Some(EffectRules { rate_per_second_max, ..EffectRules::default() });
            ("change rules", ActivateRequest { rules, ..request })
        };
        self.ask(what, |host| async move { host.activate(name, request).await }).await;
    }

    async fn deploy(&mut self, name: &'static str) {
        let component = in_other_bytes(name, AT_FIRST + self.chance.random_range(0..DEPLOYED_LATER));
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
    for name in NAMES {
        for number in 0..AT_FIRST {
            let component = in_other_bytes(name, number);
            let deployed = places.on(0, |host| async move { host.deploy(component).await }).await.unwrap().unwrap();
            told.deployed.push((name.to_owned(), deployed.digest));
            told.swaps.extend(deployed.active.as_ref().map(Generation::from));
            kept.entry(name).or_default().push(deployed.digest);
        }
    }
    (kept, told)
}
