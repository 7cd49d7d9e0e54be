//! Swaps while commands are under way.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

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

/// Every account is in use from the first swap to the last, and goes on with its state in memory: what a swap loses or counts
/// twice is missing or there in the end. Says how many swaps were not made.
async fn assert_nothing_is_lost(place: &Place, host: &Host, swap: impl AsyncFn(usize) -> bool) -> usize {
    // One at a time: the metrics are of the process.
    static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _alone = ALONE.lock().await;
    let before = ready();
    // Nobody has to ask the store any more who decides.
    for number in 0..ACCOUNTS {
        deposit(host, &account(number), 1).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..ACCOUNTS * CLIENTS)
        .map(|client| tokio::spawn(pays(host.clone(), account(client % ACCOUNTS), Arc::clone(&stop))))
        .collect();
    let mut failed = 0;
    for number in 0..SWAPS {
        failed += usize::from(!swap(number).await);
    }
    stop.store(true, Ordering::Relaxed);
    let mut paid = [1; ACCOUNTS];
    for (client, paying) in clients.into_iter().enumerate() {
        paid[client % ACCOUNTS] += paying.await.unwrap();
    }
    for (number, paid) in paid.into_iter().enumerate() {
        let id = account(number);
        withdraw_in_vain(host, &id, paid + 1).await;
        withdraw(host, &id, paid).await.unwrap();
        assert_eq!(state(host, &id).await["balance"], 0, "{id}");
    }
    // In memory a turn is over before a swap could be told to it.
    assert!(
        place.database.is_none() || ready() - before >= SWAPS,
        "{} streams had their state in the next component before a swap",
        ready() - before
    );
    failed
}

/// Streams whose next component had their state before the swap, in this process.
fn ready() -> usize {
    static METRICS: OnceLock<PrometheusHandle> = OnceLock::new();
    let text = METRICS.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap()).render();
    let counted = text.lines().find_map(|line| line.strip_prefix("foldhost_swapped_streams_total{outcome=\"ready\"} "));
    counted.map_or(0, |counted| counted.parse().unwrap())
}

pub(crate) async fn what_is_recorded_while_a_swap_is_made_is_in_the_state_that_is_decided_on_behind_it(place: Place) {
    let (host, plain) = place.plain().await;
    let other = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let (host, digests) = (&host, [other, plain]);
    let failed = assert_nothing_is_lost(&place, host, async |number| {
        host.activate(ACCOUNT, forced(digests[number % 2])).await.is_ok()
    })
    .await;
    assert_eq!(failed, 0);
    assert_eq!(place.activations().await.len(), SWAPS + 1);
}

/// Some swaps that streams were told of are not made, and of others the host does not learn that they were.
pub(crate) async fn what_is_recorded_while_a_swap_fails_is_in_the_state_that_is_decided_on_behind_it(place: Place) {
    let (host, plain) = place.plain().await;
    let other = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    drop(host);
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    let host = over(Arc::clone(&faulty) as Arc<dyn Store>).start().unwrap();
    let host = &host;
    let failed = assert_nothing_is_lost(&place, host, async |number| {
        match number % 3 {
            0 => faulty.fail_next(1, StoreCall::Activate, EventStoreError::Unavailable("on purpose".into())),
            1 => faulty.lose_next_activation_answer(),
            _ => {}
        }
        let active = place.activations().await[0].digest;
        host.activate(ACCOUNT, forced(if active == plain { other } else { plain })).await.is_ok()
    })
    .await;
    assert_eq!((failed, faulty.faults_left()), (SWAPS - SWAPS / 3, 0));
    let lost = (0..SWAPS).filter(|number| number % 3 == 1).count();
    assert_eq!(place.activations().await.len(), 1 + SWAPS / 3 + lost);
}

/// Canaries too: those of the share are told of another one than the others.
pub(crate) async fn what_is_recorded_while_a_canary_grows_is_in_the_state_that_is_decided_on_behind_it(place: Place) {
    let (host, _) = place.plain().await;
    let other = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let host = &host;
    let failed = assert_nothing_is_lost(&place, host, async |number| {
        // Grown step by step, withdrawn, and tried anew.
        let Some(share) = [2_500, 5_000, 7_500].get(number % 4) else {
            return host.withdraw_canary(ACCOUNT, None, None).await.is_ok();
        };
        let canary = CanaryRequest {
            digest: Some(other),
            share: Share::new(*share).unwrap(),
            policy: ActivationPolicy::Force("for the test".into()),
            by: None,
            reason: None,
        };
        host.canary(ACCOUNT, canary).await.is_ok()
    })
    .await;
    assert_eq!(failed, 0);
}
