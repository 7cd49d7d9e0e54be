//! Claims what is due, lane by lane, as far as there are places for it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::run::Clock;
use super::targets::{Lane, Slot};
use super::{Effects, measured, run};
use crate::Host;
use crate::event_store::{ClaimedEffect, EffectClaim, EventStoreError, LaneDue, Store};
use crate::runtime::WeakHost;

/// Lanes that one look sees.
const LANES_MAX: usize = 500;
/// How long a look waits after places became free, for more of them: each look costs two statements.
const GATHER: Duration = Duration::from_millis(3);
/// How long after the store failed it is asked again.
const AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How often effects that are over are looked for.
const PRUNE_EVERY: Duration = Duration::from_secs(60);
/// How many one statement deletes.
const PRUNED_MAX: usize = 5_000;

/// Pages of lanes that one look goes through: more are there only if somebody makes them up.
const PAGES_MAX: usize = 20;

/// What one look came to.
#[derive(Debug, Default)]
struct Looked {
    claimed: usize,
    /// Something is due that there is no place for.
    starved: bool,
    /// When something is due, or there may be a place for it.
    next: Option<Instant>,
}

impl Looked {
    fn at(&mut self, time: Instant) {
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
    }
}

/// One worker, until the host goes down. Only the one that `polls` looks for what others appended.
pub(super) async fn work(effects: Arc<Effects>, host: WeakHost, store: Arc<dyn Store>, polls: bool) {
    let poll = Duration::from_millis(effects.limits.poll_ms);
    while !effects.stopping.is_cancelled() {
        let Some(host) = host.upgrade() else { return };
        let looked = look(&effects, &host, &store).await;
        let looked = looked.unwrap_or_else(|error| {
            tracing::warn!(%error, "effects could not be claimed");
            Looked { next: Some(Instant::now() + AFTER_FAILURE), ..Looked::default() }
        });
        drop(host);
        // There may be more of the same; and whoever only waits for places is told of them.
        if looked.claimed > 0 && !looked.starved {
            continue;
        }
        let mut until = looked.next;
        if polls {
            let polled = Instant::now() + poll;
            until = Some(until.map_or(polled, |next| next.min(polled)));
        }
        tokio::select! {
            () = effects.stopping.cancelled() => return,
            () = effects.appended.notified() => {}
            () = effects.targets.freed.notified(), if looked.starved => tokio::time::sleep(GATHER).await,
            () = sleep_until(until) => {}
        }
    }
}

async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// Looks at the lanes, and claims from those that have something due and a place for it.
async fn look(effects: &Arc<Effects>, host: &Host, store: &Arc<dyn Store>) -> Result<Looked, EventStoreError> {
    let (mut looked, mut behind) = (Looked::default(), None);
    for _ in 0..PAGES_MAX {
        let asked = Instant::now();
        let lanes = store.effect_lanes(behind.as_deref(), LANES_MAX).await?;
        behind = lanes.last().filter(|_| lanes.len() >= LANES_MAX).map(|last| last.lane.clone());
        look_at(effects, host, store, lanes, asked, &mut looked).await?;
        if behind.is_none() {
            break;
        }
    }
    Ok(looked)
}

async fn look_at(
    effects: &Arc<Effects>,
    host: &Host,
    store: &Arc<dyn Store>,
    mut lanes: Vec<LaneDue>,
    asked: Instant,
    looked: &mut Looked,
) -> Result<(), EventStoreError> {
    // In any order: the first ones would else have all the places, as long as there is something in them.
    fastrand::shuffle(&mut lanes);
    let mut places = HashMap::new();
    for LaneDue { lane, due_in } in lanes {
        if due_in > Duration::ZERO {
            looked.at(asked + due_in);
            continue;
        }
        let slots = reserve(effects, host, &lane, looked).await;
        if !slots.is_empty() {
            places.insert(lane, slots);
        }
    }
    if !places.is_empty() {
        looked.claimed += claim(effects, host, store, places).await?;
    }
    Ok(())
}

async fn reserve(effects: &Arc<Effects>, host: &Host, lane: &str, looked: &mut Looked) -> Vec<Slot> {
    if effects.running_bytes.load(Ordering::Relaxed) >= effects.limits.running_bytes_max {
        looked.starved = true;
        return Vec::new();
    }
    let parsed = Lane::parse(lane);
    let rules = effects.pace_rules(host, &parsed.category).await;
    let terms = effects.terms(&parsed.kind);
    let reserved = effects.targets.reserve(&parsed, &terms, &rules, effects.limits.claim_max);
    if reserved.slots.is_empty() {
        looked.starved = true;
        if let Some(at) = reserved.more_at {
            looked.at(Instant::from_std(at));
        }
    }
    reserved.slots
}

/// Claims, and starts what was claimed. Dropped or killed in it, the claims end by themselves.
async fn claim(
    effects: &Arc<Effects>,
    host: &Host,
    store: &Arc<dyn Store>,
    mut places: HashMap<String, Vec<Slot>>,
) -> Result<usize, EventStoreError> {
    let lanes = places.iter().map(|(lane, slots)| (lane.clone(), slots.len())).collect();
    let bytes_max = effects.limits.running_bytes_max.saturating_sub(effects.running_bytes.load(Ordering::Relaxed));
    let since = Instant::now();
    let claimed = store.claim_effects(&EffectClaim { lanes, lease: effects.leases.length(), bytes_max }).await;
    let clock = Clock { since, answered: Instant::now() };
    let count = claimed.as_ref().map_or(0, Vec::len);
    for effect in claimed.iter().flatten() {
        measured::claimed(effect);
    }
    for effect in claimed.into_iter().flatten() {
        // As many as there are places were asked for.
        let Some(slot) = places.get_mut(&effect.lane).and_then(Vec::pop) else { continue };
        let bytes = Bytes::take(effects, &effect);
        let (effects, host) = (Arc::clone(effects), host.clone());
        let running = effects.running.clone();
        running.spawn(async move {
            run::run(effects, host, effect, slot, clock).await;
            drop(bytes);
        });
    }
    places.into_values().flatten().for_each(Slot::unused);
    Ok(count)
}

/// What one effect takes of the memory that all running ones share; given back when it is dropped.
struct Bytes {
    effects: Arc<Effects>,
    bytes: usize,
}

impl Bytes {
    fn take(effects: &Arc<Effects>, effect: &ClaimedEffect) -> Self {
        let bytes = [&effect.body, &effect.progress].into_iter().flatten().map(Vec::len).sum();
        effects.running_bytes.fetch_add(bytes, Ordering::Relaxed);
        Self { effects: Arc::clone(effects), bytes }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.effects.running_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.effects.targets.freed.notify_one();
    }
}

/// Deletes effects that have been over for long enough, now and then, until `stop`.
pub(super) async fn prune(store: Arc<dyn Store>, age: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PRUNE_EVERY.mul_f64(0.5 + fastrand::f64())) => {}
        }
        loop {
            match store.prune_effects(age, PRUNED_MAX).await {
                Ok(pruned) if pruned == PRUNED_MAX as u64 => {}
                Ok(_) => break,
                Err(error) => {
                    tracing::debug!(%error, "effects that are over could not be deleted");
                    break;
                }
            }
        }
    }
}
