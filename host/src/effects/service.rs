//! What runs effects on one host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use foldhost_sdk::FlatEffectKind;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::body::EffectBody;
use super::leases::Leases;
use super::plan::Plan;
use super::targets::{Lane, Targets};
use super::updates::Updates;
use super::{KindTerms, Kinds, commands, kind_name, worker};
use crate::event_store::{EventStoreError, Store};
use crate::reducer::EffectRules;
use crate::runtime::WeakHost;
use crate::{CommandError, EffectLimits, Host, Limits};

/// Terms of timers: nothing is asked of anybody until they are due.
const DELAY_TERMS: KindTerms = KindTerms { concurrency_max: 256, ..commands::TERMS };
/// Former activations whose rules are remembered.
const FORMER_RULES_MAX: usize = 1_000;
/// What the command that takes an outcome back holds beside it.
const AROUND_AN_OUTCOME_BYTES: usize = 64;

/// The parts of a host that run effects.
pub(crate) struct Effects {
    pub(super) kinds: Kinds,
    pub(super) limits: EffectLimits,
    pub(super) targets: Arc<Targets>,
    pub(super) updates: Updates,
    pub(super) leases: Leases,
    /// Told when this host appended effects.
    pub(super) appended: Notify,
    workers: TaskTracker,
    /// Nothing more is claimed.
    pub(super) stopping: CancellationToken,
    /// What runs ends.
    pub(super) ending: CancellationToken,
    pub(super) running: TaskTracker,
    /// What the effects that run say, in bytes.
    pub(super) running_bytes: std::sync::atomic::AtomicUsize,
    command_bytes_max: usize,
    /// The rules of activations that are not active any more: they never change.
    former_rules: Mutex<HashMap<(String, u64), Arc<EffectRules>>>,
}

impl Effects {
    pub(crate) fn new(store: &Arc<dyn Store>, limits: &Limits, kinds: Kinds) -> Arc<Self> {
        Arc::new(Self {
            kinds,
            targets: Targets::new(limits.effects.running_max),
            updates: Updates::start(Arc::clone(store)),
            leases: Leases::new(limits.effects.lease()),
            appended: Notify::new(),
            workers: TaskTracker::new(),
            stopping: CancellationToken::new(),
            ending: CancellationToken::new(),
            running: TaskTracker::new(),
            running_bytes: std::sync::atomic::AtomicUsize::new(0),
            command_bytes_max: limits.command_bytes_max,
            former_rules: Mutex::default(),
            limits: limits.effects.clone(),
        })
    }

    /// Starts the tasks that claim effects; they end with the host.
    pub(crate) fn start(self: &Arc<Self>, host: &WeakHost, store: &Arc<dyn Store>) {
        tokio::spawn(self.leases.clone().renew(Arc::clone(store), self.ending.clone()));
        for number in 0..self.limits.workers {
            self.workers.spawn(worker::work(Arc::clone(self), host.clone(), Arc::clone(store), number == 0));
        }
        if self.limits.workers > 0 {
            let age = Duration::from_secs(self.limits.finished_hours_max.saturating_mul(3_600));
            tokio::spawn(worker::prune(Arc::clone(store), age, self.stopping.clone()));
        }
    }

    /// Has the effects that were just appended looked at.
    pub(crate) fn wake(&self) {
        self.appended.notify_one();
    }

    /// Claims nothing more, and waits for what runs; what has not ended when the half of `drain_max` is over goes back to the
    /// outbox. Commands must be taken until this returns.
    pub(crate) async fn drain(&self, drain_max: Duration) {
        self.stopping.cancel();
        self.workers.close();
        self.running.close();
        // The workers first: one that is claiming this moment starts what it gets.
        let done = async {
            self.workers.wait().await;
            self.running.wait().await;
        };
        if tokio::time::timeout(drain_max / 2, done).await.is_err() {
            self.ending.cancel();
            // What does not come to its end now is given up when its lease ends.
            drop(tokio::time::timeout(drain_max / 4, self.running.wait()).await);
        }
        self.ending.cancel();
    }

    /// Ends all of its tasks: for a host that goes without a word.
    pub(crate) fn end(&self) {
        self.stopping.cancel();
        self.ending.cancel();
    }

    /// Whether what runs is to end.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.is_cancelled()
    }

    /// Terms of a kind.
    pub(super) fn terms(&self, kind: &str) -> KindTerms {
        let own = match (kind, self.kinds.get(kind)) {
            ("delay", _) => DELAY_TERMS,
            (_, Some(runner)) => runner.terms(),
            (_, None) => KindTerms::default(),
        };
        self.limits.terms(kind, own)
    }

    /// Where an effect waits that begins with this.
    ///
    /// Guests choose names of kinds and of origins. Those that this host would not run wait in one lane for each category: lanes
    /// without end would be looked at without end, and an origin that is refused is no target of the reducer's.
    pub(super) fn lane(&self, kind: &FlatEffectKind, category: &str, rules: &EffectRules) -> Lane {
        let name = kind_name(kind);
        match (kind, self.kinds.get(name)) {
            // Timers of one reducer take no place of another's.
            (FlatEffectKind::Delay(_), _) => Lane::new(name, category, category),
            (FlatEffectKind::Http(request), _) if !admits(rules, &request.url) => Lane::new(name, "refused", category),
            (_, None) => Lane::new("unknown", "", category),
            (_, Some(runner)) => Lane::new(name, &runner.target(kind), category),
        }
    }

    /// An effect as the outbox has it.
    pub(super) fn plan(&self, body: &[u8], progress: Option<&[u8]>, created_at: DateTime<Utc>) -> Result<Plan, String> {
        let outcomes_bytes_max = self.command_bytes_max.saturating_sub(AROUND_AN_OUTCOME_BYTES);
        let plan = EffectBody::from_bytes(body)
            .and_then(|body| Plan::new(body, progress, created_at.timestamp_millis(), outcomes_bytes_max));
        plan.map_err(|reason| format!("unreadable: the outbox holds an effect that this host cannot read: {reason}"))
    }

    /// The rules of the activation that decided: those of its own record, whatever is active by now.
    pub(super) async fn rules(
        &self,
        host: &Host,
        category: &str,
        generation: Option<u64>,
    ) -> Result<Arc<EffectRules>, EventStoreError> {
        if let Some((active, rules)) = host.known_rules(category)
            && active == generation
        {
            return Ok(rules);
        }
        // A reducer that was linked into a host, and is not any more: nobody can say what it was let.
        let Some(generation) = generation else { return Ok(Arc::default()) };
        let key = (category.to_owned(), generation);
        let known = self.former_rules.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(rules) = known {
            return Ok(rules);
        }
        let rules = Arc::new(host.store().effect_rules(category, generation).await?.unwrap_or_default());
        let mut former = self.former_rules.lock().unwrap_or_else(PoisonError::into_inner);
        if former.len() >= FORMER_RULES_MAX {
            former.clear();
        }
        former.insert(key, Arc::clone(&rules));
        Ok(rules)
    }

    /// The rules that hold for how fast a category's effects go: those of its active reducer.
    pub(super) async fn pace_rules(&self, host: &Host, category: &str) -> Arc<EffectRules> {
        match host.active_rules(category).await {
            Ok(rules) => rules,
            // Its reducer does not load, or is gone; what waits is held to the targets' limits alone.
            Err(CommandError::ReducerUnusable { .. } | CommandError::UnknownCategory { .. }) => Arc::default(),
            Err(error) => {
                tracing::debug!(%error, category, "the rules of a category could not be read");
                Arc::default()
            }
        }
    }
}

fn admits(rules: &EffectRules, url: &str) -> bool {
    url.parse().is_ok_and(|url| rules.admits(&url).is_some())
}
