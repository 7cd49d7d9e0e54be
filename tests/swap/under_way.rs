//! Swaps while commands are under way.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

const ACCOUNTS: usize = 8;
/// Of each account.
const CLIENTS: usize = 2;
const SWAPS: usize = 40;

/// Who pays one after the other into an account until `stop`, and how much it was.
async fn pays(host: Host, id: String, stop: Arc<AtomicBool>) -> u32 {
    let mut paid = 0;
    while !stop.load(Ordering::Relaxed) {
        deposit(&host, &id, 1).await;
        paid += 1;
    }
    paid
}

fn forced(digest: ReducerDigest) -> ActivateRequest {
    ActivateRequest { policy: ActivationPolicy::Force("for the test".into()), ..ActivateRequest::of(digest) }
}

fn account(number: usize) -> String {
    format!("account-{number}")
}

/// Every account is in use from the first swap to the last, so that no state is read from the store: what a swap loses or counts
/// twice is missing or there in the end.
async fn assert_nothing_is_lost(host: &Host, swap: impl AsyncFn(usize)) {
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..ACCOUNTS * CLIENTS)
        .map(|client| tokio::spawn(pays(host.clone(), account(client % ACCOUNTS), Arc::clone(&stop))))
        .collect();
    for number in 0..SWAPS {
        swap(number).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut paid = [0; ACCOUNTS];
    for (client, paying) in clients.into_iter().enumerate() {
        paid[client % ACCOUNTS] += paying.await.unwrap();
    }
    for (number, paid) in paid.into_iter().enumerate() {
        let id = account(number);
        assert!(paid > 0, "{id}");
        withdraw_in_vain(host, &id, paid + 1).await;
        withdraw(host, &id, paid).await.unwrap();
        assert_eq!(state(host, &id).await["balance"], 0, "{id}");
    }
}

pub(crate) async fn what_is_recorded_while_a_swap_is_made_is_in_the_state_that_is_decided_on_behind_it(place: Place) {
    let (host, plain) = place.plain().await;
    let other = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let (host, digests) = (&host, [other, plain]);
    assert_nothing_is_lost(host, async |number| {
        host.activate(ACCOUNT, forced(digests[number % 2])).await.unwrap();
    })
    .await;
    assert_eq!(place.activations().await.len(), SWAPS + 1);
}

/// The store fails at one call after the other: half of the swaps that streams are told of are not made.
pub(crate) async fn what_is_recorded_while_a_swap_fails_is_decided_on_as_if_there_had_been_none(place: Place) {
    let (host, plain) = place.plain().await;
    let other = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    drop(host);
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    let host = over(Arc::clone(&faulty) as Arc<dyn Store>).snapshots(SnapshotConfig::never()).start().unwrap();
    let (host, faulty, digests) = (&host, &faulty, [other, plain]);
    let failed = &std::cell::Cell::new(0);
    assert_nothing_is_lost(host, async |number| {
        faulty.let_through(number % 8, StoreCall::Reducers);
        faulty.fail_next(1, StoreCall::Reducers, EventStoreError::Unavailable("on purpose".into()));
        failed.set(failed.get() + usize::from(host.activate(ACCOUNT, forced(digests[number % 2])).await.is_err()));
    })
    .await;
    assert!((SWAPS / 8..SWAPS).contains(&failed.get()), "{} of {SWAPS} failed", failed.get());
}

/// Canaries too: those of the share are told of another one than the others.
pub(crate) async fn what_is_recorded_while_a_canary_grows_is_in_the_state_that_is_decided_on_behind_it(place: Place) {
    let (host, _) = place.plain().await;
    let other = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let host = &host;
    assert_nothing_is_lost(host, async |number| {
        // Grown step by step, withdrawn, and tried anew.
        let Some(share) = [2_500, 5_000, 7_500].get(number % 4) else {
            host.withdraw_canary(ACCOUNT, None, None).await.unwrap();
            return;
        };
        let canary = CanaryRequest {
            digest: Some(other),
            share: Share::new(*share).unwrap(),
            policy: ActivationPolicy::Force("for the test".into()),
            by: None,
            reason: None,
        };
        host.canary(ACCOUNT, canary).await.unwrap();
    })
    .await;
}
