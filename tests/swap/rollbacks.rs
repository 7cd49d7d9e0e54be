//! The way back: to whom, over what was recorded since, and what stands in its way.

use super::*;

fn back() -> RollBackRequest {
    RollBackRequest { by: Some("ada".into()), reason: Some("totals are off".into()), ..RollBackRequest::default() }
}

async fn forced(host: &Host, digest: ReducerDigest) -> ReducerStatus {
    let policy = ActivationPolicy::Force("for the test".into());
    host.activate(ACCOUNT, ActivateRequest { policy, ..ActivateRequest::of(digest) }).await.unwrap()
}

pub(crate) async fn the_former_one_decides_again_over_what_was_recorded_since(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 50).await;
    deposit(&host, "account-2", 50).await;
    let overdraft = candidate(&host, "overdraft").await;
    forced(&host, overdraft).await;
    withdraw(&host, "account-1", 90).await.unwrap();
    let status = host.roll_back(ACCOUNT, back()).await.unwrap();
    assert_eq!((status.reducer.digest, status.reducer.generation), (plain, Some(3)));
    assert_eq!(state(&host, "account-1").await["balance"], -40, "what happened has happened");
    withdraw_in_vain(&host, "account-1", 1).await;
    assert_eq!(deposit(&host, "account-1", 50).await.reducer.digest, plain);

    let note = place.activations().await.remove(0).note;
    assert_eq!((note.kind, note.by.as_deref()), (ActivationKind::RolledBack, Some("ada")));
    assert_eq!((note.reason.as_deref(), note.policy), (Some("totals are off"), Some(json!({ "accept": ["*"] }))));
    // Only what came since is looked at, from its first event.
    let report = host.verification(note.verification_id.unwrap()).await.unwrap();
    assert_eq!((report.candidate, report.baseline), (plain, Some(overdraft)));
    assert_eq!((report.report.streams, report.report.events), (1, 2), "{report:?}");
    // And the way back from the way back is the way there.
    assert_eq!(host.roll_back(ACCOUNT, back()).await.unwrap().reducer.digest, overdraft);
}

/// Some states being others is what the swap was for: it does not keep anybody from going back.
pub(crate) async fn states_that_differ_are_told_and_no_reason_against_it(place: Place) {
    let (host, plain) = place.plain().await;
    forced(&host, candidate(&host, "schema").await).await;
    deposit(&host, "account-1", 50).await;
    withdraw(&host, "account-1", 20).await.unwrap();
    assert_eq!(host.roll_back(ACCOUNT, back()).await.unwrap().reducer.digest, plain);
    let note = place.activations().await.remove(0).note;
    let report = host.verification(note.verification_id.unwrap()).await.unwrap();
    assert_eq!(counts(&report.report.differences), BTreeMap::from([("state:/withdrawals", 1)]));
}

pub(crate) async fn newer_events_that_it_cannot_read_are_in_its_way_with_their_types_and_counts(place: Place) {
    let (host, plain) = place.plain().await;
    for id in ["account-1", "account-2", "account-3"] {
        deposit(&host, id, 50).await;
    }
    let receipt = candidate(&host, "receipt").await;
    verified(&host, receipt).await;
    host.activate(ACCOUNT, ActivateRequest::of(receipt)).await.unwrap();
    // Nothing is in its way yet.
    host.roll_back(ACCOUNT, back()).await.unwrap();
    host.roll_back(ACCOUNT, back()).await.unwrap();
    for id in ["account-1", "account-1", "account-2"] {
        withdraw(&host, id, 10).await.unwrap();
    }
    let refused = host.roll_back(ACCOUNT, back()).await.unwrap_err();
    let SwapError::Unreadable { digest, events, .. } = &refused else { panic!("{refused}") };
    assert_eq!((*digest, &events[..]), (plain, &[EventCount { event_type: "Withdrawn.v2".into(), count: 3 }][..]));
    assert!(refused.to_string().contains("3 of Withdrawn.v2"), "{refused}");
    assert_eq!(deposit(&host, "account-1", 1).await.reducer.digest, receipt, "nothing has changed");

    let no_reason = RollBackRequest { force: Some(" ".into()), ..back() };
    assert!(matches!(host.roll_back(ACCOUNT, no_reason).await.unwrap_err(), SwapError::Invalid(_)));
    let force = RollBackRequest { force: Some("two accounts have to wait".into()), reason: None, ..back() };
    assert_eq!(host.roll_back(ACCOUNT, force).await.unwrap().reducer.digest, plain);
    let note = place.activations().await.remove(0).note;
    assert_eq!((note.kind, note.policy), (ActivationKind::RolledBack, Some(json!({ "force": true }))));
    assert_eq!((note.reason.as_deref(), note.verification_id), (Some("two accounts have to wait"), None));
    // Those that have one wait for who reads it, and the others go on. Not through the host that has them warm.
    let other = place.host();
    let locked = send(&other, "account-1", "Deposit", json!({ "amount": 1 })).await.unwrap_err();
    assert!(matches!(locked, CommandError::Fault(_)), "{locked}");
    assert_eq!(deposit(&other, "account-3", 1).await.reducer.digest, plain);
    let ahead = RollBackRequest { to: Some(receipt), ..back() };
    assert_eq!(host.roll_back(ACCOUNT, ahead).await.unwrap().reducer.digest, receipt);
    let drawn = || async { other.state(&stream("account-2"), None).await };
    until("the other host reads it again", || async { drawn().await.is_ok() }).await;
    assert_eq!(deposit(&other, "account-2", 1).await.reducer.digest, receipt);
}

/// What it cannot fold is in its way, and what it could not fold before its time is not looked at.
pub(crate) async fn newer_events_that_it_traps_on_are_in_its_way(place: Place) {
    let host = place.host();
    let trap = deploy(&host, &["trap"]).await.digest;
    deposit(&host, "account-1", 5).await;
    forced(&host, candidate(&host, "overdraft").await).await;
    deposit(&host, "account-2", 13).await;
    let plain = deploy(&host, &[]).await.digest;
    forced(&host, plain).await;
    let to = RollBackRequest { to: Some(trap), ..back() };
    let refused = host.roll_back(ACCOUNT, to.clone()).await.unwrap_err();
    assert!(matches!(&refused, SwapError::VerificationFailed { names, .. } if *names == ["trap"]), "{refused}");
    assert_eq!(deposit(&host, "account-1", 1).await.reducer.digest, plain);
    let force = RollBackRequest { force: Some("nobody uses account-2".into()), ..to };
    assert_eq!(host.roll_back(ACCOUNT, force).await.unwrap().reducer.digest, trap);
}

pub(crate) async fn there_is_no_way_back_to_who_never_decided(place: Place) {
    let (host, plain) = place.plain().await;
    let none = host.roll_back(ACCOUNT, back()).await.unwrap_err();
    assert!(matches!(&none, SwapError::NoFormer(name) if name == ACCOUNT), "{none}");
    // Other rules make no former one.
    let rules = Some(EffectRules { rate_per_second_max: Some(5), ..EffectRules::default() });
    host.activate(ACCOUNT, ActivateRequest { rules, ..ActivateRequest::of(plain) }).await.unwrap();
    let none = host.roll_back(ACCOUNT, back()).await.unwrap_err();
    assert!(matches!(none, SwapError::NoFormer(_)), "{none}");
    let fee = candidate(&host, "fee").await;
    let never = host.roll_back(ACCOUNT, RollBackRequest { to: Some(fee), ..back() }).await.unwrap_err();
    assert!(matches!(never, SwapError::UnknownDigest { .. }), "{never}");
    let nobody = host.roll_back("nobody", back()).await.unwrap_err();
    assert!(matches!(&nobody, SwapError::NotActive(name) if name == "nobody"), "{nobody}");
}

pub(crate) async fn a_canary_is_gone_back_from_as_well(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 50).await;
    let overdraft = candidate(&host, "overdraft").await;
    let canary = CanaryRequest {
        digest: Some(overdraft),
        share: Share::new(10_000).unwrap(),
        policy: ActivationPolicy::Force("for the test".into()),
        by: None,
        reason: None,
    };
    host.canary(ACCOUNT, canary.clone()).await.unwrap();
    withdraw(&host, "account-1", 60).await.unwrap();
    let status = host.roll_back(ACCOUNT, back()).await.unwrap();
    assert_eq!((status.reducer.digest, status.reducer.generation, status.canary), (plain, Some(3), None));
    let note = place.activations().await.remove(0).note;
    assert_eq!((note.kind, note.by.as_deref()), (ActivationKind::CanaryWithdrawn, Some("ada")));
    withdraw_in_vain(&host, "account-1", 1).await;

    // One that was finished is a former one like any other, and its time begins where it was a canary.
    deposit(&host, "account-2", 50).await;
    deposit(&host, "account-3", 50).await;
    host.canary(ACCOUNT, canary).await.unwrap();
    withdraw(&host, "account-2", 60).await.unwrap();
    host.finish_canary(ACCOUNT, None, None).await.unwrap();
    withdraw(&host, "account-1", 1).await.unwrap();
    let status = host.roll_back(ACCOUNT, back()).await.unwrap();
    assert_eq!((status.reducer.digest, status.reducer.generation), (plain, Some(6)));
    let note = place.activations().await.remove(0).note;
    let report = host.verification(note.verification_id.unwrap()).await.unwrap().report;
    assert_eq!((report.streams, report.events), (2, 5), "accounts 1 and 2: {report:?}");
}

/// A long look at what was recorded is not waited for: whoever asks again finds it further on.
pub(crate) async fn who_does_not_wait_is_told_how_far_it_has_come(place: Place) {
    let (host, plain) = place.plain().await;
    forced(&host, candidate(&host, "overdraft").await).await;
    for number in 0..20 {
        deposit(&host, &format!("account-{number}"), 5).await;
    }
    let begun = host.roll_back_within(ACCOUNT, back(), Duration::ZERO).await.unwrap();
    let RollBackOutcome::Verifying(view) = begun else { panic!("{begun:?}") };
    assert_eq!(view.status, VerificationStatus::Running);
    let again = || host.roll_back_within(ACCOUNT, back(), Duration::ZERO);
    let done = async {
        loop {
            match again().await.unwrap() {
                RollBackOutcome::Done(status) => return status,
                RollBackOutcome::Verifying(further) => assert_eq!(further.verification_id, view.verification_id),
            }
        }
    };
    let status = tokio::time::timeout(PATIENCE, done).await.unwrap();
    assert_eq!(status.reducer.digest, plain);
    assert_eq!(place.activations().await[0].note.verification_id, Some(view.verification_id));
}

/// Two who type the same at once: the second would bring back what the first has just got rid of.
pub(crate) async fn of_two_who_go_back_from_the_same_one_the_second_is_told(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 50).await;
    let overdraft = candidate(&host, "overdraft").await;
    forced(&host, overdraft).await;
    let other = place.host();
    let seen = RollBackRequest { expected_generation: Some(2), ..back() };
    // What was recorded since is being looked through for the one, while the other goes back.
    let outcome = host.roll_back_within(ACCOUNT, seen.clone(), Duration::ZERO).await.unwrap();
    assert!(matches!(outcome, RollBackOutcome::Verifying(_)), "{outcome:?}");
    assert_eq!(other.roll_back(ACCOUNT, back()).await.unwrap().reducer.digest, plain);
    let outrun = host.roll_back_within(ACCOUNT, seen.clone(), Duration::ZERO).await.unwrap_err();
    assert!(matches!(outrun, SwapError::Store(EventStoreError::Outrun { expected: 2, active: 3, .. })), "{outrun}");
    let outrun = host.roll_back(ACCOUNT, seen).await.unwrap_err();
    assert!(matches!(outrun, SwapError::Store(EventStoreError::Outrun { .. })), "{outrun}");
    assert_eq!(deposit(&host, "account-1", 1).await.reducer.digest, plain);
}
