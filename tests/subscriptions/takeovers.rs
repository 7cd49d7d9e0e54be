//! Who reads, and how another one comes to.

use super::*;

pub(super) async fn the_others_stand_by_and_one_takes_over_at_the_release(cluster: impl Cluster) {
    let (first_host, second_host) = (cluster.host().await, cluster.host().await);
    place(&first_host, 2).await;
    let mut first = reader(&first_host, config());
    let taken = take(&mut first, 2).await;
    let reading = status(&first_host).await.reader;
    let standing_by = tokio::spawn(async move {
        let mut second = reader(&second_host, config());
        let taken = take(&mut second, 1).await;
        (second, taken)
    });
    place(&first_host, 1).await;
    take(&mut first, 1).await;
    assert_eq!(status(&first_host).await.reader, reading);
    first.acknowledge(taken[1].0).await.unwrap();
    let token = first.token().unwrap();
    assert!(!standing_by.is_finished());
    first.release().await.unwrap();
    let (second, taken) = in_time(standing_by).await.unwrap();
    assert_eq!(versions(&taken), [3]);
    assert!(second.token().unwrap() > token);
    assert_ne!(status(&first_host).await.reader, reading);
}

pub(super) async fn a_reader_that_is_killed_is_taken_over_from_its_last_acknowledgement(cluster: impl Cluster) {
    let (first_host, second_host) = (cluster.host().await, cluster.host().await);
    place(&first_host, 6).await;
    let config = SubscriptionConfig { page: 2.into(), ..leased_for(RENEWED) };
    let mut first = reader(&first_host, config.clone());
    let taken = take(&mut first, 4).await;
    first.acknowledge(taken[1].0).await.unwrap();
    let mut second = reader(&second_host, config);
    let (killed_with, again) = tokio::join!(
        async {
            let token = first.token().unwrap();
            drop(first);
            token
        },
        take(&mut second, 4)
    );
    assert_eq!(versions(&again), [3, 4, 5, 6], "in order, none is skipped, and what was acknowledged does not come");
    assert!(second.token().unwrap() > killed_with);
}

/// A reader on a thread of its own, which does nothing at all for a while: no renewal either.
pub(super) async fn a_reader_that_was_paused_for_longer_than_its_lease_cannot_acknowledge(cluster: impl Cluster) {
    let cluster = Arc::new(cluster);
    let store = cluster.host().await;
    place(&store, 2).await;
    let (has_read, reads) = tokio::sync::oneshot::channel();
    let (wake, woken) = std::sync::mpsc::channel::<()>();
    let paused_cluster = Arc::clone(&cluster);
    let paused = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let host = paused_cluster.host().await;
            let mut paused = reader(&host, leased_for(RENEWED));
            let taken = take(&mut paused, 2).await;
            has_read.send(taken.clone()).unwrap();
            // The runtime has no other thread.
            woken.recv().unwrap();
            assert_eq!(paused.token(), None);
            assert_lost(&paused.acknowledge(taken[1].0).await);
            let mut again = paused;
            let next = in_time(again.next()).await.unwrap();
            (next, again.token().unwrap())
        })
    });
    let taken = in_time(reads).await.unwrap();
    let mut successor = reader(&store, config());
    assert_eq!(take(&mut successor, 2).await, taken);
    successor.acknowledge(taken[0].0).await.unwrap();
    wake.send(()).unwrap();
    let token = successor.token().unwrap();
    // It stands by now, until this one is gone.
    successor.release().await.unwrap();
    let (next, later_token) = in_time(tokio::task::spawn_blocking(|| paused.join())).await.unwrap().unwrap();
    assert_eq!(next, taken[1..], "behind its successor's checkpoint, not behind its own reading");
    assert!(later_token > token);
}

pub(super) async fn a_former_token_changes_nothing(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 2).await;
    let (former, successor) = (claim(SHORT), claim(Duration::from_secs(60)));
    let former_token = take_over(&store, &former).await;
    let token = take_over(&store, &successor).await;
    assert!(token > former_token);
    let cursors: Vec<_> = take(&mut reader(&store, SubscriptionConfig::new("all".parse().unwrap())), 2).await;
    assert_lost(&store.acknowledge_subscription(&billing(), former_token, cursors[1].0).await);
    assert_lost(&store.renew_subscription(&billing(), former_token, Duration::from_secs(3_600)).await);
    assert_lost(&store.release_subscription(&billing(), former_token).await);
    let unchanged = status(&store).await;
    assert_eq!((unchanged.checkpoint, unchanged.token, unchanged.reader), (None, token, Some(successor.reader)));
    let standing_by = store.claim_subscription(&former).await.unwrap();
    assert!(
        matches!(standing_by, ClaimOutcome::StandBy { leased_for } if leased_for > Duration::ZERO
            && leased_for <= successor.lease),
        "{standing_by:?}"
    );
    store.acknowledge_subscription(&billing(), token, cursors[0].0).await.unwrap();
    store.renew_subscription(&billing(), token, successor.lease).await.unwrap();
    store.release_subscription(&billing(), token).await.unwrap();
    assert_lost(&store.release_subscription(&billing(), token).await);
    assert_lost(&store.renew_subscription(&billing(), token, successor.lease).await);
    assert_eq!(status(&store).await.checkpoint, Some(cursors[0].0));
}

/// As after an answer that was lost on its way.
pub(super) async fn the_same_reader_keeps_its_token(cluster: impl Cluster) {
    let store = cluster.host().await;
    let (short, long) = (claim(SHORT), Duration::from_secs(60));
    let token = take_over(&store, &short).await;
    let again = SubscriptionClaim { lease: long, ..short };
    assert_eq!(store.claim_subscription(&again).await.unwrap(), ClaimOutcome::Active { token, checkpoint: None });
    let other = store.claim_subscription(&claim(long)).await.unwrap();
    assert!(matches!(other, ClaimOutcome::StandBy { leased_for } if leased_for > SHORT), "{other:?}");
}

pub(super) async fn a_lease_is_renewed_while_a_batch_is_worked_on(cluster: impl Cluster) {
    let (store, other_host) = (cluster.host().await, cluster.host().await);
    place(&store, 1).await;
    let mut billing = reader(&store, leased_for(RENEWED));
    let taken = take(&mut billing, 1).await;
    let other = claim(SHORT);
    let end = status(&store).await.leased_until.unwrap() + RENEWED;
    let renewed = async {
        while status(&store).await.leased_until.unwrap() < end {
            let outcome = other_host.claim_subscription(&other).await.unwrap();
            assert!(matches!(outcome, ClaimOutcome::StandBy { .. }), "{outcome:?}");
            tokio::task::yield_now().await;
        }
    };
    in_time(renewed).await;
    billing.acknowledge(taken[0].0).await.unwrap();
}

pub(super) async fn an_acknowledgement_that_is_late_counts_until_somebody_takes_over(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 2).await;
    let cursors = take(&mut reader(&store, SubscriptionConfig::new("all".parse().unwrap())), 2).await;
    let token = take_over(&store, &claim(Duration::from_millis(100))).await;
    until_nobody_reads(&store).await;
    store.acknowledge_subscription(&billing(), token, cursors[0].0).await.unwrap();
    assert_eq!(status(&store).await.checkpoint, Some(cursors[0].0));
    take_over(&store, &claim(SHORT)).await;
    assert_lost(&store.acknowledge_subscription(&billing(), token, cursors[1].0).await);
    assert_eq!(status(&store).await.checkpoint, Some(cursors[0].0));
}
