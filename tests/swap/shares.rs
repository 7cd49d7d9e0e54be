//! A canary: a candidate decides for a share of the streams first.

use super::*;

fn canary(digest: ReducerDigest, percent: u16) -> CanaryRequest {
    CanaryRequest {
        digest: Some(digest),
        share: Share::new(percent * 100).unwrap(),
        policy: ActivationPolicy::Clean,
        by: Some("ada".into()),
        reason: None,
    }
}

/// Sixty accounts with 5 each, and a verified candidate that lets them go below zero.
async fn sixty_accounts(place: &Place) -> (Host, ReducerDigest, ReducerDigest, Vec<String>) {
    let (host, plain) = place.plain().await;
    let ids: Vec<_> = (0..60).map(|number| format!("account-{number}")).collect();
    for id in &ids {
        deposit(&host, id, 5).await;
    }
    let overdraft = candidate(&host, "overdraft").await;
    verified(&host, overdraft).await;
    (host, plain, overdraft, ids)
}

fn is_of(percent: u16, id: &str) -> bool {
    Share::new(percent * 100).unwrap().holds(&stream(id))
}

/// Asserts whom each account's commands are decided by, through either host, and who draws its state.
async fn assert_decided(hosts: [&Host; 2], ids: &[String], overdraft: ReducerDigest, decides: impl Fn(&str) -> bool) {
    let mut of_canary = 0;
    for (place, id) in ids.iter().enumerate() {
        let host = hosts[place % 2];
        let drawn = host.state(&stream(id), None).await.unwrap();
        match withdraw(host, id, 6).await {
            Ok(reply) => {
                assert!(decides(id), "{id} was decided by the canary");
                assert_eq!((reply.reducer.digest, drawn.reducer.digest), (overdraft, overdraft), "{id}");
                of_canary += 1;
                deposit(host, id, 6).await;
            }
            Err(CommandError::Rejected(_)) => {
                assert!(!decides(id), "{id} was not decided by the canary");
                assert_ne!(drawn.reducer.digest, overdraft, "{id}");
            }
            Err(other) => panic!("{id}: {other}"),
        }
    }
    assert_eq!(of_canary, ids.iter().filter(|id| decides(id)).count());
}

pub(crate) async fn it_decides_for_its_share_of_the_streams_on_every_host_and_signs_its_events(place: Place) {
    let (host, plain, overdraft, ids) = sixty_accounts(&place).await;
    let other = place.host();
    let count = ids.iter().filter(|id| is_of(30, id)).count();
    assert!((5..40).contains(&count), "{count}");
    let status = host.canary(ACCOUNT, canary(overdraft, 30)).await.unwrap();
    assert_eq!((status.reducer.digest, status.reducer.generation), (plain, Some(2)));
    assert_eq!(status.canary.as_ref().map(|canary| canary.digest), Some(overdraft));
    let drawn = || async { other.state(&stream("account-0"), None).await.unwrap().reducer };
    until("the other host knows", || async { drawn().await.generation == Some(2) }).await;
    assert_decided([&host, &other], &ids, overdraft, |id| is_of(30, id)).await;
    for id in &ids {
        deposit(&host, id, 1).await;
        let last = place.events(id).await.pop().unwrap();
        let decided = if is_of(30, id) { overdraft } else { plain };
        assert_eq!((last.metadata.generation, last.metadata.reducer_digest), (Some(2), Some(decided)), "{id}");
        let first = place.events(id).await.remove(0);
        assert_eq!((first.metadata.generation, first.metadata.reducer_digest), (Some(1), Some(plain)), "{id}");
    }
}

pub(crate) async fn it_grows_and_keeps_its_streams_and_is_finished(place: Place) {
    let (host, _, overdraft, ids) = sixty_accounts(&place).await;
    host.canary(ACCOUNT, canary(overdraft, 20)).await.unwrap();
    assert_decided([&host; 2], &ids, overdraft, |id| is_of(20, id)).await;
    let grown = CanaryRequest { digest: None, ..canary(overdraft, 60) };
    let status = host.canary(ACCOUNT, grown).await.unwrap();
    assert_eq!((status.reducer.generation, status.canary.unwrap().share), (Some(3), Share::new(6_000).unwrap()));
    assert!(ids.iter().filter(|id| is_of(20, id)).all(|id| is_of(60, id)));
    assert_decided([&host; 2], &ids, overdraft, |id| is_of(60, id)).await;
    let status = host.finish_canary(ACCOUNT, None, None).await.unwrap();
    assert_eq!((status.reducer.digest, status.reducer.generation), (overdraft, Some(4)));
    assert!(status.canary.is_none());
    assert_decided([&host; 2], &ids, overdraft, |_| true).await;
    let kinds: Vec<_> = place.activations().await.into_iter().map(|made| made.note.kind).collect();
    use ActivationKind::{Activated, CanaryFinished, CanaryResized, CanaryStarted};
    assert_eq!(kinds, [CanaryFinished, CanaryResized, CanaryStarted, Activated]);
}

pub(crate) async fn it_is_withdrawn_and_the_active_one_goes_on_with_what_it_wrote(place: Place) {
    let (host, plain, overdraft, ids) = sixty_accounts(&place).await;
    host.canary(ACCOUNT, canary(overdraft, 50)).await.unwrap();
    let id = ids.iter().find(|id| is_of(50, id)).unwrap();
    withdraw(&host, id, 50).await.unwrap();
    let status = host.withdraw_canary(ACCOUNT, None, None).await.unwrap();
    assert_eq!((status.reducer.digest, status.reducer.generation, status.canary), (plain, Some(3), None));
    assert_eq!(state(&host, id).await["balance"], -45);
    withdraw_in_vain(&host, id, 1).await;
    assert_eq!(deposit(&host, id, 50).await.reducer.digest, plain);
    assert_decided([&host; 2], &ids, overdraft, |_| false).await;
}

pub(crate) async fn what_the_active_one_cannot_read_no_canary_may_write(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 5).await;
    let receipt = candidate(&host, "receipt").await;
    verified(&host, receipt).await;
    for policy in [ActivationPolicy::Clean, ActivationPolicy::Force("I know better".into())] {
        let refused = host.canary(ACCOUNT, CanaryRequest { policy, ..canary(receipt, 5) }).await.unwrap_err();
        let SwapError::CanaryWrites { event_types, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*event_types, ["Withdrawn.v2"]);
    }
    // The other way round there is nothing against it: it reads what the plain one writes.
    host.activate(ACCOUNT, ActivateRequest::of(receipt)).await.unwrap();
    verified(&host, plain).await;
    let status = host.canary(ACCOUNT, canary(plain, 5)).await.unwrap();
    assert_eq!(status.canary.unwrap().digest, plain);
}

pub(crate) async fn it_needs_what_an_activation_needs_and_stands_alone(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 5).await;
    let none = CanaryRequest { digest: None, ..canary(plain, 5) };
    for refused in [
        host.finish_canary(ACCOUNT, None, None).await,
        host.withdraw_canary(ACCOUNT, None, None).await,
        host.canary(ACCOUNT, none).await,
    ] {
        assert!(matches!(refused.unwrap_err(), SwapError::NoCanary { .. }));
    }
    let itself = host.canary(ACCOUNT, canary(plain, 5)).await.unwrap_err();
    assert!(matches!(itself, SwapError::Invalid(_)), "{itself}");
    let overdraft = candidate(&host, "overdraft").await;
    let unproven = host.canary(ACCOUNT, canary(overdraft, 5)).await.unwrap_err();
    assert!(matches!(unproven, SwapError::NotVerified { .. }), "{unproven}");
    verified(&host, overdraft).await;
    host.canary(ACCOUNT, canary(overdraft, 5)).await.unwrap();

    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    verified(&host, same).await;
    for refused in [
        host.canary(ACCOUNT, canary(same, 5)).await,
        host.activate(ACCOUNT, ActivateRequest::of(same)).await,
        host.activate(ACCOUNT, ActivateRequest::of(overdraft)).await,
    ] {
        assert!(matches!(refused.unwrap_err(), SwapError::CanaryUnderWay { .. }));
    }
    // Other rules are the canary's too, and leave it where it is.
    let rules = Some(EffectRules { rate_per_second_max: Some(5), ..EffectRules::default() });
    let request = DeployRequest { rules, by: None };
    let status = host.deploy_with(component_with(ACCOUNT, &[]).to_vec(), request).await.unwrap().active.unwrap();
    assert_eq!((status.reducer.generation, status.canary.unwrap().digest), (Some(3), overdraft));
}

/// The active one goes on for its streams while a canary is tried. What it records of new kinds the canary would have to read, once it
/// decides for those streams too.
pub(crate) async fn one_that_cannot_read_what_the_active_one_recorded_since_neither_grows_nor_is_finished(
    place: Place,
) {
    let (host, plain) = place.plain().await;
    let ids: Vec<_> = (0..20).map(|number| format!("account-{number}")).collect();
    for id in &ids {
        deposit(&host, id, 5).await;
    }
    let forgetful = candidate(&host, "forgetful").await;
    verified(&host, forgetful).await;
    host.canary(ACCOUNT, canary(forgetful, 50)).await.unwrap();
    let id = ids.iter().find(|id| !is_of(50, id)).unwrap();
    assert_eq!(rename(&host, id, "savings").await.reducer.digest, plain);
    let grown = CanaryRequest { digest: None, ..canary(forgetful, 90) };
    for refused in [host.finish_canary(ACCOUNT, None, None).await, host.canary(ACCOUNT, grown.clone()).await]
        .map(Result::unwrap_err)
    {
        let SwapError::Unreadable { digest, events, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*digest, forgetful);
        assert_eq!(*events, [EventCount { event_type: "Renamed.v1".into(), count: 1 }]);
    }
    let policy = ActivationPolicy::Force("they are test accounts".into());
    let status = host.canary(ACCOUNT, CanaryRequest { policy, ..grown }).await.unwrap();
    assert_eq!(status.canary.unwrap().share, Share::new(9_000).unwrap());
    let status = host.withdraw_canary(ACCOUNT, None, None).await.unwrap();
    assert_eq!((status.reducer.digest, status.canary), (plain, None));
    assert_eq!(state(&host, id).await["name"], "savings");
}
