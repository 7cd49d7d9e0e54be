//! What an operator sees and does.

use super::*;

pub(super) async fn a_subscription_is_listed_with_its_reader_and_its_lag(cluster: impl Cluster) {
    let store = cluster.host().await;
    assert_eq!(store.subscriptions(None).await.unwrap(), []);
    let mut audit = reader(&store, SubscriptionConfig::new("audit".parse().unwrap()));
    audit.stand_by().await.unwrap();
    audit.release().await.unwrap();
    let mut billing = reader(&store, config());
    billing.stand_by().await.unwrap();
    let listed = store.subscriptions(None).await.unwrap();
    let names: Vec<_> = listed.iter().map(|status| status.name.as_str()).collect();
    assert_eq!(names, ["audit", "billing"]);
    assert_eq!((listed[0].reader, listed[0].leased_until, listed[0].lag), (None, None, None));
    let reading = &listed[1];
    assert_eq!((Some(reading.token), reading.lag), (billing.token(), None));
    assert!(reading.reader.is_some() && reading.leased_until.is_some());
    assert!(!reading.checkpoint_is_foreign && reading.checkpoint.is_none() && reading.acknowledged_at.is_none());

    place(&store, 2).await;
    let taken = take(&mut billing, 2).await;
    let appended_at = taken[0].1.created_at;
    let older = async {
        // The age of the oldest event that was not acknowledged, and it grows.
        while status(&store).await.lag.unwrap() < Duration::from_millis(20) {
            tokio::task::yield_now().await;
        }
    };
    in_time(older).await;
    assert!(status(&store).await.lag.unwrap() <= (chrono::Utc::now() - appended_at).to_std().unwrap());
    billing.acknowledge(taken[0].0).await.unwrap();
    assert!(status(&store).await.lag.is_some());
    billing.acknowledge(taken[1].0).await.unwrap();
    let done = status(&store).await;
    assert_eq!((done.lag, done.checkpoint), (None, Some(taken[1].0)));
    assert!(done.acknowledged_at.unwrap() >= appended_at);
}

pub(super) async fn a_name_is_deleted_once_nobody_reads(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 2).await;
    let unknown = store.delete_subscription(&billing()).await;
    assert!(matches!(unknown, Err(SubscriptionError::Unknown { .. })), "{unknown:?}");
    let mut billing = reader(&store, config());
    let taken = take(&mut billing, 2).await;
    billing.acknowledge(taken[1].0).await.unwrap();
    let in_use = store.delete_subscription(&super::billing()).await;
    let leased_until = status(&store).await.leased_until.unwrap();
    assert!(
        matches!(in_use, Err(SubscriptionError::InUse { leased_until: told, .. }) if told <= leased_until),
        "{in_use:?}"
    );
    billing.release().await.unwrap();
    store.delete_subscription(&super::billing()).await.unwrap();
    assert_eq!(store.subscriptions(None).await.unwrap(), []);
    // A lease that ran out is nobody's.
    let silent = claim(Duration::from_millis(100));
    take_over(&store, &silent).await;
    until_nobody_reads(&store).await;
    store.delete_subscription(&super::billing()).await.unwrap();
    // Made anew, it begins anew.
    assert_eq!(versions(&take(&mut reader(&store, config()), 2).await), [1, 2]);
}

pub(super) async fn a_name_made_again_takes_no_acknowledgement_of_the_former_one(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 1).await;
    let cursor = take(&mut reader(&store, SubscriptionConfig::new("all".parse().unwrap())), 1).await[0].0;
    let former_token = take_over(&store, &claim(Duration::from_secs(60))).await;
    store.release_subscription(&billing(), former_token).await.unwrap();
    store.delete_subscription(&billing()).await.unwrap();
    let unknown = store.acknowledge_subscription(&billing(), former_token, cursor).await;
    assert!(matches!(unknown, Err(SubscriptionError::Unknown { .. })), "{unknown:?}");
    assert!(take_over(&store, &claim(Duration::from_secs(60))).await > former_token);
    assert_lost(&store.acknowledge_subscription(&billing(), former_token, cursor).await);
    assert_eq!(status(&store).await.checkpoint, None);
}

pub(super) async fn a_reset_takes_the_token_from_the_active_reader(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 3).await;
    let unknown = store.reset_subscription(&billing(), None).await;
    assert!(matches!(unknown, Err(SubscriptionError::Unknown { .. })), "{unknown:?}");
    let mut billing = reader(&store, config());
    let taken = take(&mut billing, 3).await;
    billing.acknowledge(taken[2].0).await.unwrap();
    let token = billing.token().unwrap();
    store.reset_subscription(&super::billing(), Some(taken[0].0)).await.unwrap();
    assert_lost(&billing.acknowledge(taken[2].0).await);
    let reset = status(&store).await;
    assert_eq!((reset.checkpoint, reset.acknowledged_at), (Some(taken[0].0), None));
    assert!(reset.token > token && reset.reader.is_some());
    // Nobody else may read before the lease of the one that may still be at work has run out.
    let other = store.claim_subscription(&claim(SHORT)).await.unwrap();
    assert!(matches!(other, ClaimOutcome::StandBy { .. }), "{other:?}");
    assert_eq!(versions(&take(&mut billing, 2).await), [2, 3]);
    assert!(billing.token().unwrap() > token);
    store.reset_subscription(&super::billing(), None).await.unwrap();
    assert_lost(&billing.acknowledge(taken[2].0).await);
    assert_eq!(take(&mut billing, 3).await, taken);
}
