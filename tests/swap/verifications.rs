//! Which streams a shadow replay looks at, what it leaves alone, and what becomes of its report.

use super::*;

/// Accounts with an event each, whose candidate differs in each.
async fn accounts(place: &Place, count: usize) -> Vec<StreamId> {
    for number in 0..count {
        place.write(&format!("account-{number}"), vec![deposited(50), withdrawn(1)]).await;
    }
    place.store.read_streams(ACCOUNT, None, 10_000).await.unwrap()
}

fn of(candidate: ReducerDigest, streams: Streams) -> VerifyRequest {
    let scope = VerificationScope { streams, ..VerificationScope::default() };
    VerifyRequest { scope, ..VerifyRequest::of(candidate) }
}

pub(crate) async fn a_sample_looks_at_its_share_of_the_streams_and_allows_nothing(place: Place) {
    let (host, _) = place.plain().await;
    let streams = accounts(&place, 120).await;
    let fee = candidate(&host, "fee").await;
    let share = Share::new(2_000).unwrap();
    let wanted: Vec<_> = streams.into_iter().filter(|stream| share.holds(stream)).collect();
    assert!((10..40).contains(&wanted.len()), "{}", wanted.len());
    let report = verified_as(&host, of(fee, Streams::Sample(share))).await.report;
    assert_eq!((report.streams, report.events), (wanted.len() as u64, 2 * wanted.len() as u64));
    let finding = &report.differences.0["state:/balance"];
    assert_eq!(finding.count, wanted.len() as u64);
    assert!(finding.examples.iter().all(|example| wanted.contains(&example.stream_id)), "{finding:?}");
    // A sample proves nothing for the rest, whatever is accepted of it.
    let policy = ActivationPolicy::Accept(vec!["*".into()]);
    let refused = host.activate(ACCOUNT, ActivateRequest { policy, ..ActivateRequest::of(fee) }).await.unwrap_err();
    assert!(matches!(refused, SwapError::NotVerified { .. }), "{refused}");
}

pub(crate) async fn those_since_a_time_are_folded_from_their_first_event_and_the_others_not_at_all(place: Place) {
    // Where values are shown.
    let place = place.unsealed().await;
    let (host, _) = place.plain().await;
    accounts(&place, 20).await;
    place.write("account-7", vec![deposited(3)]).await;
    place.write("account-new", vec![deposited(4)]).await;
    let since = place.events("account-7").await[2].created_at;
    assert!(place.events("account-19").await[1].created_at < since, "the clock has moved on");
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let report = verified_as(&host, of(same, Streams::Since(since))).await.report;
    assert_eq!((report.streams, report.events), (2, 4));
    let fee = candidate(&host, "fee").await;
    let report = verified_as(&host, of(fee, Streams::Since(since))).await.report;
    let finding = &report.differences.0["state:/balance"];
    assert_eq!((finding.count, &finding.examples[0].stream_id), (1, &stream("account-7")));
    assert_eq!(finding.examples[0].candidate, Some(json!(51)), "with what was withdrawn before");
    let later = since + Duration::from_secs(3_600);
    assert_eq!(verified_as(&host, of(same, Streams::Since(later))).await.report.streams, 0);
}

pub(crate) async fn an_erased_stream_is_counted_and_not_folded(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    for id in ["account-1", "account-2"] {
        deposit(&host, id, 13).await;
        withdraw(&host, id, 3).await.unwrap();
    }
    host.close_stream(&stream("account-1"), true).await.unwrap();
    let report = verified(&host, candidate(&host, "trap").await).await.report;
    // Of the two commands of the other one, the withdrawal stands behind the event that the candidate traps on.
    assert_eq!((report.streams, report.erased, report.events, report.commands), (2, 1, 2, 1));
    assert_eq!(counts(&report.failures), BTreeMap::from([("trap", 1)]));
    assert_eq!(report.failures.0["trap"].examples[0].stream_id, stream("account-2"));
    // One that was closed and not erased is folded as any other.
    host.close_stream(&stream("account-2"), false).await.unwrap();
    let report = verified(&host, candidate(&host, "fee").await).await.report;
    let expected = BTreeMap::from([("state-schema-unchanged", 1), ("state:/balance", 1)]);
    assert_eq!((report.events, counts(&report.differences)), (2, expected));
}

/// The candidate would send a command to another stream with each withdrawal, and there are some to decide anew.
pub(crate) async fn it_appends_nothing_and_runs_nothing(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    for number in 0..20 {
        let id = format!("account-{number}");
        deposit(&host, &id, 30).await;
        withdraw(&host, &id, 10).await.unwrap();
        withdraw_in_vain(&host, &id, 100).await;
    }
    let (events, journal) = (place.all_events().await, place.journal("account-7").await);
    let report = verified(&host, candidate(&host, "notify").await).await.report;
    assert_eq!((report.commands, report.differences.0["command:Withdraw:other-effects"].count), (60, 20));
    assert_eq!(place.all_events().await, events);
    assert_eq!(place.journal("account-7").await, journal);
    let effects = place.store.effects(&Default::default(), 100).await.unwrap();
    assert!(effects.is_empty(), "{effects:?}");
    // What was not asked for: the same candidate asks for it where it decides.
    let policy = ActivationPolicy::Accept(vec!["command:Withdraw:other-effects".into()]);
    let notify = candidate(&host, "notify").await;
    host.activate(ACCOUNT, ActivateRequest { policy, ..ActivateRequest::of(notify) }).await.unwrap();
    withdraw(&host, "account-1", 1).await.unwrap();
    until("the notice comes", || async { place.events("account-notices").await.len() == 1 }).await;
}

pub(crate) async fn commands_are_left_out_where_nobody_wants_them(place: Place) {
    let (host, overdraft) = with_a_rejection(&place).await;
    let without = verified_as(&host, without_commands(overdraft)).await;
    assert_eq!((without.status, without.report.commands), (VerificationStatus::Passed, 0));
    assert_eq!(verified(&host, overdraft).await.status, VerificationStatus::Differs);
}

pub(crate) async fn a_report_is_bounded_and_kept_and_read_back_by_any_host(place: Place) {
    let (host, _) = place.plain().await;
    accounts(&place, 400).await;
    let fee = candidate(&host, "fee").await;
    let by = Some("ada".to_owned());
    let view = verified_as(&host, VerifyRequest { by: by.clone(), ..VerifyRequest::of(fee) }).await;
    let finding = &view.report.differences.0["state:/balance"];
    assert_eq!((finding.count, finding.examples.len()), (400, 5));
    let text = serde_json::to_string(&view).unwrap();
    assert!(text.len() < 4_000, "{} bytes", text.len());
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(Report::from_json(&read["report"]).unwrap(), view.report);
    assert_eq!((&read["status"], &read["by"]), (&json!("differs"), &json!("ada")));

    let other = place.host();
    assert_eq!(other.verification(view.verification_id).await.unwrap(), view);
    let later = verified(&other, fee).await;
    assert_ne!(later.verification_id, view.verification_id, "one that is over is not gone on with");
    let listed = other.verifications(ACCOUNT, Some(fee), 10).await.unwrap();
    assert_eq!(listed, [later, view.clone()]);
    let none = other.verification(uuid::Uuid::now_v7()).await.unwrap_err();
    assert!(matches!(none, SwapError::UnknownVerification(_)), "{none}");
    let (told, said) = place.history().await.into_iter().find(|(name, _)| name == "ReducerVerified.v1").unwrap();
    assert_eq!(said["verification_id"], json!(view.verification_id), "{told}");
    assert_eq!((&said["status"], &said["by"], &said["streams"]), (&json!("differs"), &json!("ada"), &json!(400)));
}

/// Any component can be held against any other, as long as both are kept.
pub(crate) async fn a_candidate_is_held_against_whom_one_asks_for(place: Place) {
    let (host, plain) = place.plain().await;
    accounts(&place, 3).await;
    let (fee, schema) = (candidate(&host, "fee").await, candidate(&host, "schema").await);
    let request = VerifyRequest { baseline: Some(fee), ..VerifyRequest::of(schema) };
    let report = verified_as(&host, request).await;
    assert_eq!(report.baseline, Some(fee));
    let expected = BTreeMap::from([("state:/balance", 3), ("state:/withdrawals", 3)]);
    assert_eq!(counts(&report.report.differences), expected);
    // It says nothing of the one that decides.
    let policy = ActivationPolicy::Accept(vec!["*".into()]);
    let refused = host.activate(ACCOUNT, ActivateRequest { policy, ..ActivateRequest::of(schema) }).await.unwrap_err();
    let SwapError::NotVerified { baseline, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*baseline, plain.to_string());
    let unknown = ReducerDigest::of(b"nothing");
    let refused = host.verify(ACCOUNT, VerifyRequest::of(unknown)).await.unwrap_err();
    assert!(matches!(refused, SwapError::UnknownDigest { .. }), "{refused}");
}
