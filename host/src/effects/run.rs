//! One effect, from its claim to what is recorded of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use foldhost_sdk::{EffectOutcome, FlatEffectKind};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::time::Instant;

use super::commands::{self, Told};
use super::leases::Kept;
use super::plan::{Next, Plan, Step};
use super::targets::{Lane, Slot};
use super::{EffectContext, EffectError, Effects, KindTerms, measured};
use crate::Host;
use crate::event_store::{ClaimedEffect, EffectLease, EffectNext, EffectStatus, EffectUpdate, FailedAttempt};
use crate::reducer::{Command, EffectRules};

/// Parts of one effect that run at once.
const AT_ONCE_MAX: usize = 16;
/// How long what this host cannot run waits for another.
const ELSEWHERE: Duration = Duration::from_secs(5);
/// How long what was not tried waits, about.
const NOT_NOW: Duration = Duration::from_millis(300);

/// Runs a claimed effect as far as it goes now, and records it.
///
/// The process may die, or the future be dropped, at any await: the claim ends, and whoever claims the effect next goes on from what
/// was recorded last. What was done since is done again, under the same ids.
pub(super) async fn run(effects: Arc<Effects>, host: Host, claimed: ClaimedEffect, slot: Slot, clock: Clock) {
    let lease =
        EffectLease { effect_id: claimed.effect_id, stream_id: claimed.stream_id.clone(), token: claimed.token };
    let kept = effects.leases.keep(&lease, clock.since);
    let dead = |error: String| EffectNext::Finished { status: EffectStatus::Dead, progress: None, error: Some(error) };
    let begun = match &claimed.body {
        // No dead letter: another host may have the key, and this one another time.
        None if claimed.unopened.is_some() => {
            let (effect_id, reason) = (claimed.effect_id, claimed.unopened.as_deref().unwrap_or_default());
            tracing::warn!(%effect_id, reason, "an effect cannot be opened here");
            Err(EffectNext::Due { lane: claimed.lane.clone(), delay: ELSEWHERE, progress: None })
        }
        None => Err(EffectNext::Finished {
            status: EffectStatus::Discarded,
            progress: None,
            error: Some("its stream was erased".into()),
        }),
        Some(body) => effects.plan(body, claimed.progress.as_deref(), claimed.created_at).map_err(dead),
    };
    let (next, attempts, failures) = match begun {
        Err(next) => (Some(next), 0, Vec::new()),
        Ok(plan) => match effects.rules(&host, claimed.stream_id.category(), claimed.generation).await {
            Err(error) => {
                tracing::warn!(%error, "the rules of an effect could not be read");
                let delay = NOT_NOW;
                (Some(EffectNext::Due { lane: claimed.lane.clone(), delay, progress: None }), 0, Vec::new())
            }
            Ok(rules) => {
                let mut running = Running {
                    effects: &effects,
                    host: &host,
                    claimed: &claimed,
                    lease: &lease,
                    kept: &kept,
                    rules,
                    plan,
                    slot: Some(slot),
                    clock,
                    attempts: 0,
                    failures: Vec::new(),
                    is_recorded: true,
                };
                let next = running.go().await;
                (next, running.attempts, running.failures)
            }
        },
    };
    let Some(next) = next else { return };
    measured::step(&claimed, &next);
    let is_due = matches!(next, EffectNext::Due { .. });
    let update = EffectUpdate { lease, next, attempts, failures };
    if effects.updates.record(update, kept.until()).await {
        // Its time may come before anybody looks by himself.
        if is_due {
            effects.wake();
        }
    } else {
        tracing::debug!(effect_id = %claimed.effect_id, "an effect was claimed by another host meanwhile");
    }
}

struct Running<'a> {
    effects: &'a Arc<Effects>,
    host: &'a Host,
    claimed: &'a ClaimedEffect,
    lease: &'a EffectLease,
    kept: &'a Kept,
    rules: Arc<EffectRules>,
    plan: Plan,
    /// The place that it was claimed for.
    slot: Option<Slot>,
    clock: Clock,
    attempts: u32,
    failures: Vec<FailedAttempt>,
    /// Whether the outbox knows how far it has come.
    is_recorded: bool,
}

/// The local times of a claim.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    /// Before the database was asked: the claim lasts from then on at least.
    pub(super) since: Instant,
    /// After it answered: by then it was the time that it said, or later. So nothing is done before it is due.
    pub(super) answered: Instant,
}

/// What came of a step.
enum Came {
    Outcome(EffectOutcome),
    Told(Option<String>),
    /// This host has no such kind.
    Unknown,
    Error(EffectError),
}

impl Running<'_> {
    /// As far as it goes now. None where the claim was lost: then there is nothing to record.
    async fn go(&mut self) -> Option<EffectNext> {
        loop {
            match self.plan.next(self.now_ms()) {
                Next::Over { status, error } => {
                    // Only what may be run again has to remember what was done of it.
                    let progress = (status == EffectStatus::Dead).then(|| self.plan.progress());
                    return Some(EffectNext::Finished { status, progress, error });
                }
                Next::Later { due_ms, step } => return Some(self.due(step, due_ms)),
                Next::Now(steps) => {
                    // What was done is durable before anything that comes behind it begins: it would be done again after a
                    // crash, behind what it was to come before.
                    // Nor is a stream told of a part before it is: run again it may end otherwise, and what follows must go on from
                    // what the stream heard.
                    let root = self.plan.root();
                    let begins = steps.iter().any(|step| *step != Step::Tell(root));
                    if begins && !self.is_recorded && !self.hold().await {
                        return None;
                    }
                    let first = *steps.first()?;
                    let taken = self.take_places(steps);
                    if taken.is_empty() {
                        return Some(self.due(first, self.now_ms()));
                    }
                    if !self.attempt_all(taken).await {
                        return None;
                    }
                    if self.effects.is_ending() {
                        let next = self.plan.next(self.now_ms());
                        if let Next::Now(steps) = next {
                            return Some(self.due(*steps.first()?, self.now_ms()));
                        }
                    }
                }
            }
        }
    }

    /// By the database's clock, which all hosts share: the time that it said at the claim, and what has passed since.
    fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.clock.answered.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.claimed.now.timestamp_millis().saturating_add(passed)
    }

    fn due(&self, step: Step, due_ms: i64) -> EffectNext {
        let delay_ms = u64::try_from(due_ms.saturating_sub(self.now_ms())).unwrap_or(0);
        let lane = self.lane(step).to_string();
        EffectNext::Due { lane, delay: Duration::from_millis(delay_ms), progress: Some(self.plan.progress()) }
    }

    fn lane(&self, step: Step) -> Lane {
        let category = self.claimed.stream_id.category();
        match step {
            Step::Run(node) => self.effects.lane(self.plan.kind(node), category, &self.rules),
            // As any other command for a stream of the category.
            Step::Tell(_) => Lane::new("dispatch", category, category),
        }
    }

    /// Records how far it has come, and goes on. False where the claim is lost.
    async fn hold(&mut self) -> bool {
        let (asked, lease) = (Instant::now(), self.effects.leases.length());
        let update = EffectUpdate {
            lease: self.lease.clone(),
            next: EffectNext::Held { progress: self.plan.progress(), lease },
            attempts: std::mem::take(&mut self.attempts),
            failures: std::mem::take(&mut self.failures),
        };
        let held = self.effects.updates.record(update, self.kept.until()).await;
        if held {
            self.kept.renewed(asked);
            self.is_recorded = true;
        }
        held
    }

    /// Places for as many steps as there are. An outcome needs none: it is told by a command to a stream that waits for it.
    fn take_places(&mut self, steps: Vec<Step>) -> Vec<(Step, Option<Slot>)> {
        let mut taken = Vec::with_capacity(steps.len());
        for step in steps {
            if taken.len() == AT_ONCE_MAX {
                break;
            }
            let Step::Run(node) = step else {
                taken.push((step, None));
                continue;
            };
            let lane = self.lane(step);
            let own = self.slot.take_if(|slot| *slot.lane() == lane);
            let place = own.or_else(|| {
                let terms = self.effects.terms(&lane.kind);
                let reserved = self.effects.targets.reserve(&lane, &terms, &self.rules, 1);
                reserved.slots.into_iter().next()
            });
            if let Some(place) = place {
                taken.push((Step::Run(node), Some(place)));
            }
        }
        // Behind a timer, say, it is in no lane's way but its own.
        if taken.iter().any(|(step, _)| matches!(step, Step::Run(_))) {
            self.slot = None;
        }
        taken
    }

    /// Makes one attempt at each step, and notes what came of it. False where the claim was lost meanwhile.
    async fn attempt_all(&mut self, steps: Vec<(Step, Option<Slot>)>) -> bool {
        let came = {
            let this = &*self;
            let attempts = stream::iter(steps.into_iter().map(|(step, slot)| this.attempt(step, slot)));
            let attempts = attempts.buffer_unordered(AT_ONCE_MAX).collect::<Vec<_>>();
            tokio::select! {
                came = attempts => came,
                () = this.kept.lost.cancelled() => return false,
            }
        };
        for (step, came, took) in came {
            self.note(step, came, took);
        }
        self.is_recorded = false;
        true
    }

    async fn attempt(&self, step: Step, slot: Option<Slot>) -> (Step, Came, Duration) {
        let began = Instant::now();
        let came = match step {
            Step::Run(node) => {
                let came = self.run(node).await;
                if let Some(slot) = slot {
                    match &came {
                        // An answer, whatever it says, is a target that is there. What was refused may never have been sent.
                        Came::Outcome(_) => slot.succeeded(),
                        Came::Error(EffectError::Transient { .. }) => slot.failed(),
                        _ => drop(slot),
                    }
                }
                came
            }
            Step::Tell(node) => self.tell(node).await,
        };
        (step, came, began.elapsed())
    }

    async fn run(&self, node: u32) -> Came {
        let kind = self.plan.kind(node);
        let name = super::kind_name(kind);
        let Some(runner) = self.effects.kinds.get(name) else {
            return Came::Unknown;
        };
        let terms = self.effects.terms(name);
        let context = self.context(Step::Run(node));
        // A runner may be the embedder's, and a panic would leave the effect to its lease, over and over.
        let attempt = AssertUnwindSafe(runner.run(kind, &context)).catch_unwind();
        let ended = tokio::select! {
            ended = tokio::time::timeout(terms.attempt_max, attempt) => ended,
            () = self.effects.ending.cancelled() => {
                return Came::Error(EffectError::NotNow("the host is shutting down".into()));
            }
        };
        match ended {
            Ok(Ok(Ok(outcome))) => Came::Outcome(outcome),
            Ok(Ok(Err(error))) => Came::Error(error),
            Ok(Err(_)) => {
                Came::Error(EffectError::transient("panicked", format!("the code of kind {name:?} panicked")))
            }
            Err(_) => {
                let message = format!("no answer within {} ms", terms.attempt_max.as_millis());
                Came::Error(EffectError::transient("timeout", message))
            }
        }
    }

    async fn tell(&self, node: u32) -> Came {
        let Some((name, payload)) = self.plan.reply(node) else { return Came::Told(None) };
        let context = self.context(Step::Tell(node));
        let told =
            tokio::time::timeout(commands::TERMS.attempt_max, commands::tell(&context, Command::json(name, payload)));
        let told = tokio::select! {
            told = told => told,
            () = self.effects.ending.cancelled() => {
                return Came::Error(EffectError::NotNow("the host is shutting down".into()));
            }
        };
        match told
            .unwrap_or_else(|_| Told::NotYet(EffectError::transient("timeout", "the stream did not answer in time")))
        {
            Told::Yes => Came::Told(None),
            Told::Never(reason) => Came::Told(Some(reason)),
            Told::NotYet(error) => Came::Error(error),
        }
    }

    fn context(&self, step: Step) -> EffectContext {
        let (Step::Run(node) | Step::Tell(node)) = step;
        EffectContext {
            effect_id: self.plan.node_id(self.claimed.effect_id, node),
            stream_id: self.claimed.stream_id.clone(),
            rules: Arc::clone(&self.rules),
            attempt: self.plan.tries(step).failed.saturating_add(1),
            command_id: self.plan.body.command_id.clone(),
            correlation_id: self.plan.body.correlation_id.clone(),
            traceparent: self.plan.body.traceparent.clone(),
            host: self.host.clone(),
        }
    }

    fn note(&mut self, step: Step, came: Came, took: Duration) {
        let now_ms = self.now_ms();
        let (Step::Run(node) | Step::Tell(node)) = step;
        let error = match came {
            Came::Outcome(outcome) => {
                self.attempts += 1;
                return self.plan.finish(node, outcome, now_ms);
            }
            Came::Told(untold) => return self.plan.told(node, untold),
            // Another host may have it, while a new version of the embedding program is rolled out: no attempt, but not for ever.
            Came::Unknown => {
                let kind = super::kind_name(self.plan.kind(node)).to_owned();
                let due_ms = later(now_ms, ELSEWHERE.mul_f64(0.5 + fastrand::f64()));
                let since_ms = self.plan.tries(step).since_ms.unwrap_or(now_ms);
                if due_ms <= later(since_ms, self.effects.terms(&kind).deadline) {
                    return self.plan.wait(step, due_ms, now_ms);
                }
                EffectError::permanent("unknown-kind", format!("no host runs effects of kind {kind:?}"))
            }
            Came::Error(EffectError::NotNow(reason)) => {
                tracing::debug!(effect_id = %self.claimed.effect_id, reason, "an effect waits");
                // Another host may take it up at once.
                let pause =
                    if self.effects.is_ending() { Duration::ZERO } else { NOT_NOW.mul_f64(0.5 + fastrand::f64()) };
                return self.plan.put_off(step, later(now_ms, pause));
            }
            Came::Error(error) => error,
        };
        self.attempts += 1;
        let failure = error.to_failure();
        let (code, message) = (failure.code.clone(), failure.message.clone());
        tracing::debug!(effect_id = %self.claimed.effect_id, %code, %message, "an attempt failed");
        measured::failed_attempt(&self.lane(step).kind, &code);
        self.failures.push(FailedAttempt { node, took, code, message });
        let terms = match step {
            Step::Run(node) => self.effects.terms(super::kind_name(self.plan.kind(node))),
            Step::Tell(_) => self.effects.terms("dispatch"),
        };
        match (self.next_attempt(step, &error, &terms, now_ms), step) {
            (Some(due_ms), _) => self.plan.again(step, due_ms, now_ms),
            (None, Step::Run(node)) => self.plan.finish(node, EffectOutcome::Failed(failure), now_ms),
            (None, Step::Tell(node)) => {
                self.plan.told(node, Some(format!("the outcome could not be told: {error}")));
            }
        }
    }

    /// When to try again; none where there is no sense in it any more.
    fn next_attempt(&self, step: Step, error: &EffectError, terms: &KindTerms, now_ms: i64) -> Option<i64> {
        let EffectError::Transient { retry_after, .. } = error else { return None };
        let tries = self.plan.tries(step);
        let failed = tries.failed.saturating_add(1);
        let due_ms = later(now_ms, terms.pause(failed, fastrand::f64(), *retry_after));
        let deadline_ms = later(tries.since_ms.unwrap_or(now_ms), terms.deadline);
        (failed < terms.attempts_max && due_ms <= deadline_ms).then_some(due_ms)
    }
}

fn later(ms: i64, by: Duration) -> i64 {
    ms.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
}

/// A leaf's kind, by the name of its runner.
pub(super) fn kind_name(kind: &FlatEffectKind) -> &str {
    match kind {
        FlatEffectKind::Dispatch { .. } => "dispatch",
        FlatEffectKind::Http(_) => "http",
        FlatEffectKind::EventStore(_) => "event-store",
        FlatEffectKind::Delay(_) => "delay",
        FlatEffectKind::Custom { kind, .. } => kind,
        FlatEffectKind::Parallel(_) => "parallel",
        FlatEffectKind::Sequential(_) => "sequential",
    }
}
