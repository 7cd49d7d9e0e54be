//! A component comes to a host that has others.

use super::*;

pub(crate) async fn the_first_component_decides_at_once_and_another_is_a_candidate_with_its_difference(place: Place) {
    let host = place.host();
    let request = DeployRequest { by: Some("ada".into()), ..DeployRequest::default() };
    let plain = host.deploy_with(component_with(ACCOUNT, &[]).to_vec(), request).await.unwrap();
    assert!(plain.is_new && plain.is_active());
    assert_eq!(plain.difference, None, "there is nobody to differ from");
    assert_eq!(plain.active.unwrap().reducer.generation, Some(1));

    let receipt = deploy(&host, &["receipt"]).await;
    assert!(receipt.is_new && !receipt.is_active());
    let decides = receipt.active.unwrap().reducer;
    assert_eq!((decides.digest, decides.generation), (plain.digest, Some(1)));
    let difference = receipt.difference.unwrap();
    let one = |name: &str| vec![name.to_owned()];
    assert_eq!(difference.event_types_added, one("Withdrawn.v2"));
    assert_eq!((difference.writes_added, difference.writes_removed), (one("Withdrawn.v2"), one("Withdrawn.v1")));
    assert_eq!((difference.event_types_removed, difference.state_schema), (vec![], None));
    assert_eq!(deposit(&host, "account-1", 5).await.reducer.digest, plain.digest, "a candidate decides nothing");

    let forgetful = deploy(&host, &["forgetful"]).await.difference.unwrap();
    assert_eq!((forgetful.commands_removed, forgetful.event_types_removed), (one("Rename"), one("Renamed.v1")));
    let schema = deploy(&host, &["schema"]).await.difference.unwrap();
    assert_eq!(schema.state_schema, Some(("account.v1".into(), "account.v2".into())));
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap();
    assert_eq!(same.difference, Some(Default::default()), "other bytes that say the same of themselves");

    assert!(!deploy(&host, &["receipt"]).await.is_new, "it is kept already");
    assert_eq!(place.activations().await.len(), 1);
    let kept = host.kept_reducers(ACCOUNT, 10).await.unwrap();
    assert_eq!(kept.len(), 5);
    let by_ada = kept.iter().find(|kept| kept.digest == plain.digest).unwrap();
    assert_eq!(by_ada.deployed_by.as_deref(), Some("ada"));
}

pub(crate) async fn a_component_that_cannot_read_stored_events_is_refused_with_their_types_and_counts(place: Place) {
    let (host, plain) = place.plain().await;
    for (id, name) in [("account-1", "savings"), ("account-1", "rent"), ("account-2", "savings")] {
        rename(&host, id, name).await;
    }
    // One of the same type that is no account's.
    place.write("cart-1", vec![SerializedEvent { event_type: "Renamed.v1".into(), data: vec![0] }]).await;
    let refused = host.deploy(component_with(ACCOUNT, &["forgetful"]).to_vec()).await.unwrap_err();
    let DeployError::Unreadable { name, events } = &refused else { panic!("{refused:?}") };
    assert_eq!(name, ACCOUNT);
    assert_eq!(*events, [EventCount { event_type: "Renamed.v1".into(), count: 3 }]);
    assert!(refused.to_string().contains("3 of Renamed.v1"), "{refused}");
    let kept = host.kept_reducers(ACCOUNT, 10).await.unwrap();
    assert_eq!(kept.iter().map(|kept| kept.digest).collect::<Vec<_>>(), [plain], "it was not kept");
}

/// Nothing says that what is recorded was recorded by this logic.
pub(crate) async fn where_events_are_recorded_and_nothing_decides_a_component_has_to_be_verified_first(place: Place) {
    place.write("account-1", vec![deposited(7)]).await;
    let host = place.host();
    let plain = deploy(&host, &[]).await;
    assert!(plain.active.is_none() && plain.difference.is_none());
    let nobody = send(&host, "account-1", "Deposit", json!({ "amount": 1 })).await.unwrap_err();
    assert!(matches!(nobody, CommandError::UnknownCategory { .. }), "{nobody}");
    let unproven = host.activate(ACCOUNT, ActivateRequest::of(plain.digest)).await.unwrap_err();
    assert!(matches!(unproven, SwapError::NotVerified { .. }), "{unproven}");

    let report = verified(&host, plain.digest).await;
    assert_eq!((report.status, report.baseline, report.report.events), (VerificationStatus::Passed, None, 1));
    let status = host.activate(ACCOUNT, ActivateRequest::of(plain.digest)).await.unwrap();
    assert_eq!(status.reducer.generation, Some(1));
    deposit(&host, "account-1", 1).await;
    assert_eq!(state(&host, "account-1").await["balance"], 8);

    // What no component has ever known, no descriptor tells; the replay does.
    place.write("account-2", vec![SerializedEvent { event_type: "Opened.v1".into(), data: vec![] }]).await;
    let other = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let report = verified(&host, other).await;
    assert_eq!(counts(&report.report.failures), BTreeMap::from([("unreadable-event", 1)]));
    let refused = host.activate(ACCOUNT, ActivateRequest::of(other)).await.unwrap_err();
    assert!(matches!(&refused, SwapError::VerificationFailed { names, .. } if *names == ["unreadable-event"]));
}

pub(crate) async fn the_active_component_under_other_rules_is_a_generation_of_its_own(place: Place) {
    let host = place.host();
    let rules = |rate| EffectRules { rate_per_second_max: Some(rate), ..EffectRules::default() };
    let deploy_with = async |component: &[u8], rate| {
        let request = DeployRequest { rules: Some(rules(rate)), by: Some("ada".into()) };
        host.deploy_with(component.to_vec(), request).await.unwrap()
    };
    let plain = component_with(ACCOUNT, &[]);
    for (rate, generation) in [(5, 1), (5, 1), (6, 2), (6, 2)] {
        let active = deploy_with(&plain, rate).await.active.unwrap();
        assert_eq!((active.reducer.generation, active.effects), (Some(generation), rules(rate)));
    }
    let kinds: Vec<_> = place.activations().await.into_iter().map(|made| (made.note.kind, made.note.by)).collect();
    let by = || Some("ada".to_owned());
    assert_eq!(kinds, [(ActivationKind::RulesChanged, by()), (ActivationKind::Activated, by())]);
    let candidate = deploy_with(&component_with(ACCOUNT, &["fee"]), 7).await;
    assert!(!candidate.is_active());
    let active = host.reducers().await.unwrap().pop().unwrap();
    assert_eq!((active.reducer.generation, active.effects), (Some(2), rules(6)), "a candidate changes nobody's rules");
}
