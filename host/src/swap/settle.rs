//! What follows a swap: snapshots of the new schema at a bounded rate, and in the end those of the former schemas go.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::event_store::{Activation, EventStoreError, Store, TaskClaim, TaskProgress};
use crate::{Host, StreamId};

/// How long a host that says nothing keeps the work.
const LEASE: Duration = Duration::from_secs(30);
/// How often it is looked whether the former snapshots may go.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(600);
/// Streams whose names are fetched at once.
const PAGE: usize = 100;
/// Snapshots that one statement deletes.
const PRUNED_MAX: usize = 1_000;

/// Rebuilds and prunes for every reducer whose work nobody has. Killed or dropped anywhere, the next host goes on behind the
/// checkpoint: a snapshot is a cache.
///
/// # Errors
/// [`EventStoreError`]; the rest is done another time.
pub(crate) async fn settle(host: &Host) -> Result<(), EventStoreError> {
    let store = Arc::clone(host.store());
    for activation in store.active_reducers(None).await? {
        if host.registry().native(&activation.name).is_some() || !host.takes_snapshots(&activation.name) {
            continue;
        }
        let Some(claim) = store.claim_task(&activation.name, activation.generation, LEASE).await? else { continue };
        rebuild(host, &*store, &activation, &claim).await?;
    }
    Ok(())
}

/// Takes a snapshot of each stream that has one of another schema and none of this one. A stream's own turn would take it at its
/// next command; those without one would be folded from their first event when it comes.
async fn rebuild(
    host: &Host,
    store: &dyn Store,
    activation: &Activation,
    claim: &TaskClaim,
) -> Result<(), EventStoreError> {
    let (name, generation) = (activation.name.as_str(), activation.generation);
    let pace =
        Duration::from_secs(1) / u32::try_from(host.limits().snapshots_rebuilt_per_second_max).unwrap_or(u32::MAX);
    let held = async |progress| store.save_task(name, generation, claim.token, progress).await;
    let (mut after, mut renewed) = (claim.checkpoint.clone(), Instant::now());
    // Canary and active may have schemas of their own; each stream is given that of who decides for it.
    for schema in schemas(activation) {
        loop {
            let streams = store.streams_without_snapshot(name, &schema, after.as_ref(), PAGE).await?;
            for stream_id in &streams {
                let next = Instant::now() + pace;
                rebuild_one(host, activation, stream_id, &schema).await;
                tokio::time::sleep_until(next).await;
                // Long streams, or a low rate: a page may take longer than the lease, and another host would begin beside this one.
                if renewed.elapsed() >= LEASE / 3 {
                    if !held(TaskProgress::At(Some(stream_id.clone()), LEASE)).await? {
                        return Ok(());
                    }
                    renewed = Instant::now();
                }
            }
            let Some(last) = streams.last().cloned() else { break };
            after = Some(last);
            // Another swap came, or another host has it.
            if !held(TaskProgress::At(after.clone(), LEASE)).await? || !is_active(store, activation).await? {
                return Ok(());
            }
            renewed = Instant::now();
        }
        after = None;
    }
    // Those of the former schema stay: this may yet be gone back from. Until then nobody has to look again.
    let unsettled = match activation.canary {
        Some(_) => LOOKED_AT_EVERY,
        None => unsettled(host, activation),
    };
    if unsettled > Duration::ZERO {
        return held(TaskProgress::At(None, unsettled.clamp(LEASE, LOOKED_AT_EVERY))).await.map(drop);
    }
    let schemas = schemas(activation);
    while store.prune_snapshots(name, &schemas, PRUNED_MAX).await? == PRUNED_MAX as u64 {
        if !held(TaskProgress::At(None, LEASE)).await? {
            return Ok(());
        }
    }
    held(TaskProgress::Done).await.map(drop)
}

async fn rebuild_one(host: &Host, activation: &Activation, stream_id: &StreamId, schema: &str) {
    let canary = activation.canary.as_ref().filter(|canary| canary.share.holds(stream_id));
    let wanted = canary.map_or(&activation.descriptor.state_schema, |canary| &canary.descriptor.state_schema);
    if wanted != schema {
        return;
    }
    match host.save_snapshot(stream_id).await {
        Ok(_) => metrics::counter!("foldhost_snapshots_rebuilt_total").increment(1),
        Err(error) => tracing::debug!(%stream_id, %error, "a snapshot could not be rebuilt"),
    }
}

fn schemas(activation: &Activation) -> Vec<String> {
    let mut schemas = vec![activation.descriptor.state_schema.clone()];
    schemas.extend(activation.canary.as_ref().map(|canary| canary.descriptor.state_schema.clone()));
    schemas.dedup();
    schemas
}

async fn is_active(store: &dyn Store, activation: &Activation) -> Result<bool, EventStoreError> {
    let active = store.active_reducers(Some(&activation.name)).await?.pop();
    Ok(active.is_some_and(|active| active.generation == activation.generation))
}

/// How long it is until it has been active for so long that nobody goes back from it any more.
fn unsettled(host: &Host, activation: &Activation) -> Duration {
    let age = (chrono::Utc::now() - activation.activated_at).to_std().unwrap_or_default();
    Duration::from_secs(host.limits().former_snapshots_kept_seconds).saturating_sub(age)
}
