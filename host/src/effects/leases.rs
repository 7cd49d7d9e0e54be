//! The claims that this host holds, renewed while their effects run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::event_store::{EffectLease, Store};

/// Claims that one statement renews.
const RENEWED_MAX: usize = 1_000;

struct Held {
    lease: EffectLease,
    until: Instant,
    lost: CancellationToken,
}

/// All claims of one host.
#[derive(Clone)]
pub(super) struct Leases {
    held: Arc<Mutex<HashMap<Uuid, Held>>>,
    length: Duration,
}

/// One claim, for as long as its effect runs.
pub(super) struct Kept {
    leases: Leases,
    effect_id: Uuid,
    token: u64,
    /// Cancelled when the claim is somebody else's, or may be.
    pub(super) lost: CancellationToken,
}

impl Leases {
    pub(super) fn new(length: Duration) -> Self {
        Self { held: Arc::default(), length }
    }

    /// How long a claim lasts.
    pub(super) fn length(&self) -> Duration {
        self.length
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Uuid, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a claim that was made at `since`, which is before the database was asked for it.
    pub(super) fn keep(&self, lease: &EffectLease, since: Instant) -> Kept {
        let (lost, until) = (CancellationToken::new(), since + self.length);
        self.held().insert(lease.effect_id, Held { lease: lease.clone(), until, lost: lost.clone() });
        Kept { leases: self.clone(), effect_id: lease.effect_id, token: lease.token, lost }
    }

    /// Renews all claims three times in their length, until `stop`.
    pub(super) async fn renew(self, store: Arc<dyn Store>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.length / 3) => {}
            }
            let leases: Vec<_> = self.held().values().map(|held| held.lease.clone()).collect();
            for leases in leases.chunks(RENEWED_MAX) {
                let asked = Instant::now();
                // Bounded: a store that hangs must not keep anybody from giving up in time.
                match tokio::time::timeout(self.length / 6, store.renew_effects(leases, self.length)).await {
                    Ok(Ok(held)) => self.renewed(leases, &held, asked),
                    Ok(Err(error)) => tracing::warn!(%error, "the claims of effects could not be renewed"),
                    Err(_) => tracing::warn!("the claims of effects could not be renewed in time"),
                }
                self.give_up_late();
            }
        }
    }

    fn renewed(&self, leases: &[EffectLease], still: &[bool], asked: Instant) {
        let mut held = self.held();
        for (lease, still) in leases.iter().zip(still) {
            let Some(kept) = held.get_mut(&lease.effect_id).filter(|kept| kept.lease.token == lease.token) else {
                continue;
            };
            if *still {
                kept.until = asked + self.length;
            } else {
                kept.lost.cancel();
            }
        }
    }

    /// Others may have claimed them by now, and two that do the same thing are what a claim is there to prevent.
    fn give_up_late(&self) {
        let now = Instant::now();
        self.held().values().filter(|held| held.until <= now).for_each(|held| held.lost.cancel());
    }
}

impl Kept {
    /// When the claim ends, unless it is renewed.
    pub(super) fn until(&self) -> Instant {
        self.leases.held().get(&self.effect_id).map_or_else(Instant::now, |held| held.until)
    }

    /// The store had it last from `since` on.
    pub(super) fn renewed(&self, since: Instant) {
        if let Some(held) = self.leases.held().get_mut(&self.effect_id).filter(|held| held.lease.token == self.token) {
            held.until = held.until.max(since + self.leases.length);
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut held = self.leases.held();
        if held.get(&self.effect_id).is_some_and(|held| held.lease.token == self.token) {
            held.remove(&self.effect_id);
        }
    }
}
