//! The history of a reducer: what was done to it, by whom and why, as events that everybody can read.

use foldhost::event_store::HISTORY_CATEGORY;

use super::*;

fn by(name: &str) -> Option<String> {
    Some(name.to_owned())
}

/// Everything that can happen to a reducer, once.
async fn a_whole_life(host: &Host) -> (ReducerDigest, ReducerDigest, ReducerDigest) {
    let request = DeployRequest { by: by("ada"), ..DeployRequest::default() };
    let plain = host.deploy_with(component_with(ACCOUNT, &[]).to_vec(), request.clone()).await.unwrap().digest;
    deposit(host, "account-1", 50).await;
    withdraw(host, "account-1", 20).await.unwrap();
    let fee = host.deploy_with(component_with(ACCOUNT, &["fee"]).to_vec(), request.clone()).await.unwrap().digest;
    verified_as(host, VerifyRequest { by: by("bob"), ..VerifyRequest::of(fee) }).await;
    let activate = ActivateRequest {
        policy: ActivationPolicy::Accept(vec!["state*".into()]),
        by: by("bob"),
        reason: Some("fees were decided on".into()),
        ..ActivateRequest::of(fee)
    };
    host.activate(ACCOUNT, activate).await.unwrap();
    host.roll_back(ACCOUNT, RollBackRequest { by: by("cleo"), ..RollBackRequest::default() }).await.unwrap();
    let overdraft = host.deploy_with(component_with(ACCOUNT, &["overdraft"]).to_vec(), request).await.unwrap().digest;
    let canary = |digest, share: &str| CanaryRequest {
        digest,
        share: share.parse().unwrap(),
        policy: ActivationPolicy::Force("a try".into()),
        by: by("dan"),
        reason: None,
    };
    host.canary(ACCOUNT, canary(Some(overdraft), "5")).await.unwrap();
    host.canary(ACCOUNT, canary(None, "12.5%")).await.unwrap();
    host.withdraw_canary(ACCOUNT, by("dan"), Some("no".into())).await.unwrap();
    host.canary(ACCOUNT, canary(Some(overdraft), "5")).await.unwrap();
    host.finish_canary(ACCOUNT, by("dan"), Some("yes".into())).await.unwrap();
    let rules = Some(EffectRules { rate_per_second_max: Some(5), ..EffectRules::default() });
    let same = ActivateRequest { rules, by: by("eve"), ..ActivateRequest::of(overdraft) };
    host.activate(ACCOUNT, same).await.unwrap();
    (plain, fee, overdraft)
}

pub(crate) async fn all_that_is_done_to_a_reducer_is_told_with_who_and_why(place: Place) {
    let host = place.host();
    let (plain, fee, overdraft) = a_whole_life(&host).await;
    let history = place.history().await;
    let types: Vec<_> = history.iter().map(|(event_type, _)| event_type.trim_end_matches(".v1")).collect();
    assert_eq!(
        types,
        [
            "ReducerDeployed",
            "ReducerActivated",
            "ReducerDeployed",
            "ReducerVerified",
            "ReducerActivated",
            "ReducerVerified",
            "ReducerRolledBack",
            "ReducerDeployed",
            "CanaryStarted",
            "CanaryResized",
            "CanaryWithdrawn",
            "CanaryStarted",
            "CanaryFinished",
            "ReducerRulesChanged",
        ]
    );
    let said = |place: usize| &history[place].1;
    assert!(history.iter().all(|(_, said)| said["name"] == ACCOUNT));
    assert_eq!((&said(0)["by"], &said(0)["digest"]), (&json!("ada"), &json!(plain)));
    assert_eq!((&said(3)["by"], &said(3)["status"]), (&json!("bob"), &json!("differs")));
    let activated = said(4);
    assert_eq!((&activated["by"], &activated["reason"]), (&json!("bob"), &json!("fees were decided on")));
    assert_eq!(activated["policy"], json!({ "accept": ["state*"] }));
    assert_eq!(activated["verification_id"], said(3)["verification_id"]);
    assert_eq!(activated["before"], json!({ "generation": 1, "digest": plain }));
    let rolled_back = said(6);
    assert_eq!((&rolled_back["by"], &rolled_back["generation"]), (&json!("cleo"), &json!(3)));
    assert_eq!((&rolled_back["digest"], &rolled_back["before"]["digest"]), (&json!(plain), &json!(fee)));
    assert_eq!(rolled_back["verification_id"], said(5)["verification_id"]);
    assert_eq!(said(8)["canary"], json!({ "digest": overdraft, "share": "5%" }));
    assert_eq!((&said(8)["reason"], &said(8)["policy"]), (&json!("a try"), &json!({ "force": true })));
    assert_eq!(said(9)["canary"]["share"], "12.5%");
    assert_eq!((&said(10)["canary"], &said(10)["reason"]), (&Value::Null, &json!("no")));
    assert_eq!((&said(12)["digest"], &said(12)["reason"]), (&json!(overdraft), &json!("yes")));
    assert_eq!((&said(13)["by"], &said(13)["generation"]), (&json!("eve"), &json!(9)));

    // The activations say the same.
    let told = |made: &Activation| {
        let note = &made.note;
        json!([made.generation, made.digest, note.by, note.reason, note.policy, note.verification_id])
    };
    let mut activations: Vec<_> = place.activations().await.iter().map(told).collect();
    activations.reverse();
    let of_history = history.iter().map(|(_, said)| said).filter(|said| !said["generation"].is_null());
    let fields = ["generation", "digest", "by", "reason", "policy", "verification_id"];
    let of_history: Vec<_> = of_history.map(|said| json!(fields.map(|field| &said[field]))).collect();
    assert_eq!(activations, of_history);
}

/// Without a reducer, as any event: in its stream, in the log of all streams, and drawn by a host.
pub(crate) async fn whoever_reads_events_reads_the_history_too(place: Place) {
    let host = place.host();
    a_whole_life(&host).await;
    let count = place.history().await.len();
    let stream_id = history_stream(ACCOUNT).unwrap();
    let stream = place.store.read_stream(&stream_id, Version::EMPTY, 100.into()).await.unwrap();
    assert!(stream.iter().map(|event| event.version.get()).eq(1..=count as u64));
    let data: Vec<_> = stream.iter().map(|event| (event.event_type.as_str(), event.data.as_slice())).collect();
    let drawn = host.events_json(HISTORY_CATEGORY, &data).await.unwrap();
    assert_eq!(drawn.len(), count);
    for (event, json) in stream.iter().zip(drawn) {
        let said: Value = serde_json::from_str(&json.unwrap()).unwrap();
        assert_eq!(said["name"], ACCOUNT, "{}", event.event_type);
    }
    // A transaction of another test that is open holds readers of the log back.
    until("the log has all of it", || async {
        let all = place.store.read_all(None, &LogFilter::default(), 1_000.into()).await.unwrap();
        let of_history = all.iter().filter(|(_, event)| event.stream_id == stream_id);
        of_history.map(|(_, event)| event).eq(stream.iter())
    })
    .await;
    let activated = LogFilter::event_type("ReducerActivated.v1");
    let activated = place.store.read_all(None, &activated, 100.into()).await.unwrap();
    assert_eq!(activated.len(), 2);
    // Nobody writes it but the store.
    let refused = send(&host, stream_id.as_str(), "Deposit", json!({ "amount": 1 })).await.unwrap_err();
    assert!(matches!(refused, CommandError::UnknownCategory { .. }), "{refused}");
}

pub(crate) async fn what_changed_nothing_is_not_told(place: Place) {
    let (host, plain) = place.plain().await;
    let count = place.history().await.len();
    deploy(&host, &[]).await;
    host.activate(ACCOUNT, ActivateRequest::of(plain)).await.unwrap();
    let fee = ReducerDigest::of(b"nothing");
    assert!(host.activate(ACCOUNT, ActivateRequest::of(fee)).await.is_err());
    assert!(host.roll_back(ACCOUNT, RollBackRequest::default()).await.is_err());
    assert!(host.finish_canary(ACCOUNT, None, None).await.is_err());
    assert_eq!(place.history().await.len(), count);
    assert_eq!(place.activations().await.len(), 1);
}
