//! What becomes of snapshots: those of the same schema are gone on with, those of another stay beside the new ones until the swap is
//! settled.

use super::*;

async fn snapshot_of(place: &Place, id: &str, schema: &str) -> Option<Version> {
    let loaded = place.store.load(&stream(id), Some(&SnapshotKey::schema(schema)), 1.into()).await.unwrap();
    loaded.snapshot.map(|snapshot| snapshot.version)
}

async fn forced(host: &Host, digest: ReducerDigest) {
    let policy = ActivationPolicy::Force("for the test".into());
    host.activate(ACCOUNT, ActivateRequest { policy, ..ActivateRequest::of(digest) }).await.unwrap();
}

/// Accounts with a snapshot each, at the second of three events.
async fn with_snapshots(place: &Place, host: &Host, count: usize) -> Vec<String> {
    let ids: Vec<_> = (0..count).map(|number| format!("account-{number:03}")).collect();
    for id in &ids {
        place.write(id, vec![deposited(50), withdrawn(20)]).await;
        assert_eq!(host.save_snapshot(&stream(id)).await.unwrap(), Version::new(2));
        place.write(id, vec![withdrawn(1)]).await;
    }
    ids
}

/// A fold of other fees tells whether a snapshot was read: what it holds was folded without any.
pub(crate) async fn one_of_the_same_schema_is_gone_on_with(place: Place) {
    let (host, _) = place.plain().await;
    with_snapshots(&place, &host, 1).await;
    place.write("account-none", vec![deposited(50), withdrawn(20), withdrawn(1)]).await;
    forced(&host, candidate(&host, "fee").await).await;
    assert_eq!(snapshot_of(&place, "account-000", "account.v1").await, Some(Version::new(2)));
    assert_eq!(state(&host, "account-000").await["balance"], 28);
    assert_eq!(state(&host, "account-none").await["balance"], 27);
}

/// In the background, at the rate that is allowed, and only where there was one before.
pub(crate) async fn those_of_another_schema_are_made_behind_the_swap_and_the_former_ones_stay(place: Place) {
    let limits = Limits { snapshots_rebuilt_per_second_max: 20, ..Limits::default() };
    let host = place.builder().limits(limits).start().unwrap();
    let plain = deploy(&host, &[]).await.digest;
    let ids = with_snapshots(&place, &host, 25).await;
    place.write("account-none", vec![deposited(50)]).await;
    let begun = std::time::Instant::now();
    forced(&host, candidate(&host, "schema").await).await;
    let is_made = async |id: &str| snapshot_of(&place, id, "account.v2").await == Some(Version::new(3));
    until("the last one is made", || is_made(&ids[24])).await;
    assert!(begun.elapsed() >= Duration::from_millis(1_200), "24 of them at 20 a second: {:?}", begun.elapsed());
    for id in &ids {
        assert!(is_made(id).await, "{id}");
        assert_eq!(snapshot_of(&place, id, "account.v1").await, Some(Version::new(2)), "{id}: for the way back");
        let counted = json!({ "balance": 29, "name": null, "withdrawals": 2 });
        assert_eq!(state(&host, id).await, counted);
    }
    assert_eq!(snapshot_of(&place, "account-none", "account.v2").await, None);
    // Nor does the way back take them away.
    let request = RollBackRequest { to: Some(plain), ..RollBackRequest::default() };
    host.roll_back(ACCOUNT, request).await.unwrap();
    assert_eq!(state(&host, &ids[0]).await, json!({ "balance": 29, "name": null }));
    assert_eq!(snapshot_of(&place, &ids[0], "account.v1").await, Some(Version::new(2)));
}

pub(crate) async fn the_former_ones_go_when_nobody_goes_back_any_more(place: Place) {
    let limits = Limits { former_snapshots_kept_seconds: 0, ..Limits::default() };
    let host = place.builder().limits(limits).start().unwrap();
    deploy(&host, &[]).await;
    let ids = with_snapshots(&place, &host, 5).await;
    forced(&host, candidate(&host, "schema").await).await;
    for id in &ids {
        until("the former one goes", || async { snapshot_of(&place, id, "account.v1").await.is_none() }).await;
        assert_eq!(snapshot_of(&place, id, "account.v2").await, Some(Version::new(3)), "{id}");
    }
}

/// Each stream gets the one of who decides for it, and loses none while the canary may be withdrawn.
pub(crate) async fn a_canary_of_another_schema_has_its_own(place: Place) {
    let limits = Limits { former_snapshots_kept_seconds: 0, ..Limits::default() };
    let host = place.builder().limits(limits).start().unwrap();
    deploy(&host, &[]).await;
    let ids = with_snapshots(&place, &host, 30).await;
    let share = Share::new(5_000).unwrap();
    let canary = CanaryRequest {
        digest: Some(candidate(&host, "schema").await),
        share,
        policy: ActivationPolicy::Force("for the test".into()),
        by: None,
        reason: None,
    };
    host.canary(ACCOUNT, canary).await.unwrap();
    let (of_canary, others): (Vec<_>, Vec<_>) = ids.iter().partition(|id| share.holds(&stream(id)));
    assert!(of_canary.len() > 5 && others.len() > 5, "{} {}", of_canary.len(), others.len());
    for id in of_canary {
        until("its own is made", || async { snapshot_of(&place, id, "account.v2").await.is_some() }).await;
        assert!(snapshot_of(&place, id, "account.v1").await.is_some(), "{id}: it may be withdrawn");
    }
    for id in &others {
        assert_eq!(snapshot_of(&place, id, "account.v2").await, None, "{id}");
        assert_eq!(snapshot_of(&place, id, "account.v1").await, Some(Version::new(2)), "{id}");
    }
}

/// The host that was at it is gone; another one goes on when its lease ends, or with the next swap.
pub(crate) async fn the_next_swap_goes_on_where_the_last_host_left(place: Place) {
    let (host, _) = place.plain().await;
    let ids = with_snapshots(&place, &host, 20).await;
    let slow = place.builder().limits(Limits { snapshots_rebuilt_per_second_max: 1, ..Limits::default() });
    let slow = slow.start().unwrap();
    drop(host);
    forced(&slow, candidate(&slow, "schema").await).await;
    let made = async || {
        let mut made = 0;
        for id in &ids {
            made += usize::from(snapshot_of(&place, id, "account.v2").await.is_some());
        }
        made
    };
    until("the first is made", || async { made().await > 0 }).await;
    assert!(slow.shutdown().await);
    let left = made().await;
    assert!(left < 20, "it was on its way: {left}");
    let next = place.host();
    let rules = Some(EffectRules { rate_per_second_max: Some(5), ..EffectRules::default() });
    let active = next.reducers().await.unwrap().pop().unwrap().reducer.digest;
    next.activate(ACCOUNT, ActivateRequest { rules, ..ActivateRequest::of(active) }).await.unwrap();
    until("all are made", || async { made().await == 20 }).await;
}
