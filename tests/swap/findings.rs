//! What a shadow replay finds: each variant exactly what it changes, and nothing of one that changes nothing.

use super::*;

/// Three accounts that any variant has something to say of, under a journal.
async fn three_accounts(host: &Host) {
    deposit(host, "account-1", 50).await;
    withdraw(host, "account-1", 20).await.unwrap();
    withdraw_in_vain(host, "account-1", 80).await;
    rename(host, "account-1", "savings").await;
    deposit(host, "account-2", 13).await;
    withdraw(host, "account-2", 13).await.unwrap();
    deposit(host, "account-3", 5).await;
}

pub(crate) async fn the_same_logic_in_other_bytes_passes(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    three_accounts(&host).await;
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let view = verified(&host, same).await;
    assert_eq!((view.status, view.candidate, view.baseline), (VerificationStatus::Passed, same, Some(plain)));
    let report = view.report;
    assert!(report.failures.is_empty() && report.differences.is_empty(), "{report:?}");
    assert_eq!((report.streams, report.streams_total, report.erased), (3, Some(3), 0));
    assert_eq!((report.events, report.commands), (6, 7), "the rejected command is looked at too");
    assert!(report.candidate_ns > 0 && report.baseline_ns > 0);
    assert!(view.finished_at.unwrap() >= view.started_at);
}

/// Names of findings, and how often each is found.
type Counts = &'static [(&'static str, u64)];

/// The name of each finding, how often it is found, and nothing beside it.
#[rustfmt::skip]
const FOUND: [(&str, VerificationStatus, Counts, Counts); 7] = {
    use VerificationStatus::{Differs, Failed};
    [
        ("overdraft", Differs, &[], &[("command:Withdraw:accepted-instead-of-rejected", 1)]),
        ("fee", Differs, &[], &[("state-schema-unchanged", 2), ("state:/balance", 2)]),
        ("receipt", Differs, &[], &[("command:Withdraw:other-events", 2)]),
        ("notify", Differs, &[], &[("command:Withdraw:other-effects", 2)]),
        ("schema", Differs, &[], &[("state:/withdrawals", 3)]),
        ("trap", Failed, &[("trap", 1)], &[]),
        ("forgetful", Failed, &[("unreadable-event", 1)], &[("command:Rename:malformed-instead-of-accepted", 1)]),
    ]
};

pub(crate) async fn each_variant_is_found_by_what_it_changes_and_by_nothing_else(place: Place) {
    let (host, plain) = place.plain().await;
    // Before there is anything that one of them cannot read.
    let mut candidates = Vec::new();
    for (feature, ..) in FOUND {
        candidates.push(candidate(&host, feature).await);
    }
    keep_journal(&host, plain).await;
    three_accounts(&host).await;
    for ((feature, status, failures, differences), candidate) in FOUND.into_iter().zip(candidates) {
        let view = verified(&host, candidate).await;
        assert_eq!(counts(&view.report.failures), failures.iter().copied().collect(), "{feature}");
        assert_eq!(counts(&view.report.differences), differences.iter().copied().collect(), "{feature}");
        assert_eq!((view.status, view.report.streams), (status, 3), "{feature}");
    }
}

pub(crate) async fn a_finding_shows_where_it_is_and_what_was_before_and_after(place: Place) {
    let place = place.unsealed().await;
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    three_accounts(&host).await;
    let found = async |feature: &str, name: &str| {
        let report = verified(&host, candidate(&host, feature).await).await.report;
        let finding = report.differences.0.get(name).or(report.failures.0.get(name)).cloned().unwrap();
        finding.examples.into_iter().next().unwrap()
    };
    let fee = found("fee", "state:/balance").await;
    assert_eq!((fee.stream_id, fee.version), (stream("account-1"), Version::new(3)));
    assert_eq!((fee.baseline, fee.candidate), (Some(json!(30)), Some(json!(29))));
    let schema = found("schema", "state:/withdrawals").await;
    assert_eq!((schema.baseline, schema.candidate), (None, Some(json!(1))));
    // Of a command: the version that it was decided on, its recorded outcome, and the one of today.
    let overdraft = found("overdraft", "command:Withdraw:accepted-instead-of-rejected").await;
    assert_eq!((overdraft.stream_id, overdraft.version), (stream("account-1"), Version::new(2)));
    assert_eq!(overdraft.baseline, Some(json!({ "rejected": "insufficient-funds" })));
    assert!(overdraft.candidate.unwrap()["events"][0].as_str().unwrap().starts_with("Withdrawn.v1"));
    let receipt = found("receipt", "command:Withdraw:other-events").await;
    assert!(receipt.baseline.unwrap()["events"][0].as_str().unwrap().starts_with("Withdrawn.v1"));
    assert!(receipt.candidate.unwrap()["events"][0].as_str().unwrap().starts_with("Withdrawn.v2"));
    let notify = found("notify", "command:Withdraw:other-effects").await;
    assert_eq!(notify.baseline, Some(json!({ "effects": [] })));
    assert!(notify.candidate.unwrap()["effects"][0].as_str().unwrap().contains("account-notices"));
}

/// Streams of which the candidate traps on one: 150, or as many as `FOLDHOST_TEST_STREAMS` says.
fn many() -> usize {
    std::env::var("FOLDHOST_TEST_STREAMS").map_or(150, |streams| streams.parse().unwrap())
}

/// A fault on one stream in many is that stream's, and the others are looked at all the same.
pub(crate) async fn a_candidate_that_traps_on_one_stream_of_many_fails_and_the_stream_is_named(place: Place) {
    let place = place.unsealed().await;
    let (host, _) = place.plain().await;
    let (streams, unlucky) = (many(), many() / 2 + 1);
    for numbers in (0..streams).collect::<Vec<_>>().chunks(500) {
        let account = |number: &usize| {
            let amount = if *number == unlucky { 13 } else { 14 };
            let events = vec![deposited(1), deposited(amount), deposited(2)];
            StreamBatch::new(stream(&format!("account-{number}")), Version::EMPTY, events)
        };
        place.store.append_atomic(&numbers.iter().map(account).collect::<Vec<_>>()).await.unwrap();
    }
    let looking = host.verify_to_the_end(ACCOUNT, VerifyRequest::of(candidate(&host, "trap").await));
    let patience = PATIENCE.mul_f64(1.0 + streams as f64 / 10_000.0);
    let view = tokio::time::timeout(patience, looking).await.unwrap().unwrap();
    let (all, events) = (streams as u64, 3 * streams as u64);
    assert_eq!((view.status, view.report.streams, view.report.events), (VerificationStatus::Failed, all, events));
    assert_eq!(counts(&view.report.failures), BTreeMap::from([("trap", 1)]));
    assert!(view.report.differences.is_empty(), "{:?}", view.report.differences);
    let [example] = &view.report.failures.0["trap"].examples[..] else { panic!("{view:?}") };
    assert_eq!(
        (&example.stream_id, example.version),
        (&stream(&format!("account-{unlucky}")), Version::new(1)),
        "behind the first event"
    );
    assert!(example.message.as_ref().unwrap().contains("13 is an unlucky number"), "{example:?}");
}

/// What the baseline cannot fold, and the candidate can, is no failure of the candidate's.
pub(crate) async fn a_candidate_that_folds_what_the_active_one_cannot_mends_it(place: Place) {
    let host = place.host();
    let trap = deploy(&host, &["trap"]).await;
    assert!(trap.is_active());
    place.write("account-1", vec![deposited(13)]).await;
    place.write("account-2", vec![deposited(14)]).await;
    let plain = deploy(&host, &[]).await.digest;
    let view = verified(&host, plain).await;
    assert_eq!(view.status, VerificationStatus::Differs);
    assert!(view.report.failures.is_empty(), "{:?}", view.report.failures);
    assert_eq!(counts(&view.report.differences), BTreeMap::from([("mended", 1)]));
}

pub(crate) async fn a_state_that_depends_on_the_size_of_the_pages_is_a_failure(place: Place) {
    let host = place.host();
    let hostile = |note: u8| in_other_bytes("hostile", note);
    assert!(host.deploy(hostile(1)).await.unwrap().is_active());
    let fine = || SerializedEvent { event_type: "Fine.v1".into(), data: Vec::new() };
    let ordered = SerializedEvent { event_type: "Ordered.v1".into(), data: b"state-json count-pages".to_vec() };
    place.write("hostile-1", vec![fine(), ordered.clone(), fine(), fine()]).await;
    place.write("hostile-2", vec![fine(), fine(), fine(), fine()]).await;
    // One event is one page, however it is cut.
    place.write("hostile-3", vec![ordered]).await;
    let candidate = host.deploy(hostile(2)).await.unwrap().digest;
    let view = tokio::time::timeout(PATIENCE, host.verify_to_the_end("hostile", VerifyRequest::of(candidate)));
    let report = view.await.unwrap().unwrap().report;
    assert_eq!(counts(&report.failures), BTreeMap::from([("page-dependent", 1)]));
    let [example] = &report.failures.0["page-dependent"].examples[..] else { panic!("{report:?}") };
    assert_eq!(example.stream_id, stream("hostile-1"));
    assert!(example.message.as_ref().unwrap().contains("/pages"), "{example:?}");
    assert_eq!(report.streams, 3);
}

/// Snapshots of so many accounts that the share that is looked at has some of them.
async fn sixty_snapshots(place: &Place, host: &Host) {
    for number in 0..60 {
        let id = format!("account-{number}");
        place.write(&id, vec![deposited(50), withdrawn(20)]).await;
        assert_eq!(host.save_snapshot(&stream(&id)).await.unwrap(), Version::new(2));
        place.write(&id, vec![deposited(1)]).await;
    }
}

pub(crate) async fn a_snapshot_that_the_candidate_reads_otherwise_is_told(place: Place) {
    let (host, _) = place.plain().await;
    sixty_snapshots(&place, &host).await;
    let looked_at = async |features: &[&str]| {
        let deployed = deploy(&host, features).await.digest;
        let report = verified(&host, deployed).await.report;
        assert!(report.failures.is_empty(), "{features:?}: {report:?}");
        report
    };
    let snapshots = |report: &Report| {
        assert!(report.snapshots > 0 && report.snapshots < 60, "a sample of them: {}", report.snapshots);
        report.snapshots
    };
    // A snapshot holds what the former fold came to: from it, the fee of before is never taken.
    let fee = looked_at(&["fee"]).await;
    let unchanged = ("state-schema-unchanged", 60);
    let expected = BTreeMap::from([unchanged, ("state:/balance", 60), ("snapshot:other-state", snapshots(&fee))]);
    assert_eq!(counts(&fee.differences), expected);
    // Another state, and the schema says that it is the same.
    let undeclared = looked_at(&["undeclared"]).await;
    let unreadable = ("snapshot:unreadable-by-candidate", snapshots(&undeclared));
    assert_eq!(counts(&undeclared.differences), BTreeMap::from([unchanged, ("state:/withdrawals", 60), unreadable]));
    // Who says so does not read it.
    let schema = looked_at(&["schema"]).await;
    assert_eq!(schema.snapshots, 0);
    assert_eq!(counts(&schema.differences), BTreeMap::from([("state:/withdrawals", 60)]));
    // Whoever folds the same goes on from it.
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let same = verified(&host, same).await;
    assert_eq!((same.status, same.report.snapshots), (VerificationStatus::Passed, snapshots(&fee)));
}

/// Fuel for a page of a few dozen events, and not for one of a thousand: the host folds those event by event, and so does whoever
/// compares. What the active one folds so was once taken for what it cannot fold, and its states for what nobody can compare.
pub(crate) async fn pages_that_are_too_much_for_both_are_folded_in_small_ones_and_compared(place: Place) {
    let place = place.unsealed().await;
    let (host, _) = place.plain().await;
    let fee = candidate(&host, "fee").await;
    place.write("account-1", (0..1_500).map(|_| withdrawn(1)).collect()).await;
    place.write("account-2", vec![deposited(3)]).await;
    let reducer = ReducerLimits { fuel_per_call_max: 100_000, ..ReducerLimits::default() };
    let short = place.builder().limits(Limits { reducer, ..Limits::default() }).start().unwrap();
    let view = verified(&short, fee).await;
    assert!(view.report.failures.is_empty(), "{:?}", view.report.failures);
    let expected =
        BTreeMap::from([("fuel-exhausted-in-large-pages", 1), ("state-schema-unchanged", 1), ("state:/balance", 1)]);
    assert_eq!(counts(&view.report.differences), expected);
    let example = &view.report.differences.0["state:/balance"].examples[0];
    assert_eq!((&example.baseline, &example.candidate), (&Some(json!(-1_500)), &Some(json!(-3_000))));
    // It is slower there, which somebody has to mean.
    let of_the_state = ActivationPolicy::Accept(vec!["state*".into()]);
    let request = ActivateRequest { policy: of_the_state, ..ActivateRequest::of(fee) };
    let refused = short.activate(ACCOUNT, request).await.unwrap_err();
    assert!(refused.to_string().contains("fuel-exhausted-in-large-pages"), "{refused}");
}

/// The next load may be in pages of any size.
pub(crate) async fn a_trap_in_large_pages_alone_is_a_failure_and_fuel_spent_there_a_difference(place: Place) {
    let host = place.host();
    let hostile = |note: u8| in_other_bytes("hostile", note);
    assert!(host.deploy(hostile(1)).await.unwrap().is_active());
    let fine = || SerializedEvent { event_type: "Fine.v1".into(), data: Vec::new() };
    let ordered = |misdeed: &str| SerializedEvent { event_type: "Ordered.v1".into(), data: misdeed.into() };
    let trapping = std::iter::once(ordered("apply trap-in-large-pages")).chain((0..150).map(|_| fine()));
    place.write("hostile-1", trapping.collect()).await;
    place.write("hostile-2", (0..3).map(|_| ordered("apply linger")).collect()).await;
    place.write("hostile-3", vec![fine()]).await;
    let candidate = host.deploy(hostile(2)).await.unwrap().digest;
    let view = tokio::time::timeout(PATIENCE, host.verify_to_the_end("hostile", VerifyRequest::of(candidate)));
    let report = view.await.unwrap().unwrap().report;
    assert_eq!(counts(&report.failures), BTreeMap::from([("trap", 1)]));
    assert_eq!(report.failures.0["trap"].examples[0].stream_id, stream("hostile-1"));
    assert_eq!(counts(&report.differences), BTreeMap::from([("fuel-exhausted-in-large-pages", 1)]));
    let example = &report.differences.0["fuel-exhausted-in-large-pages"].examples[0];
    assert_eq!(example.stream_id, stream("hostile-2"));
}

/// A fault in deciding one command is told, and keeps neither the next ones nor the state from being looked at.
pub(crate) async fn a_fault_in_deciding_ends_no_comparison_of_the_stream(place: Place) {
    let place = place.unsealed().await;
    let (host, plain) = place.plain().await;
    let hesitant = deploy(&host, &["hesitant", "fee", "receipt"]).await.digest;
    keep_journal(&host, plain).await;
    deposit(&host, "account-1", 100).await;
    for amount in [13, 13, 5] {
        withdraw(&host, "account-1", amount).await.unwrap();
    }
    let report = verified(&host, hesitant).await.report;
    assert_eq!(counts(&report.failures), BTreeMap::from([("decide:trap", 2)]));
    let message = report.failures.0["decide:trap"].examples[0].message.as_ref().unwrap();
    assert!(message.starts_with("command Withdraw") && message.contains("no luck with 13"), "{message}");
    let expected =
        BTreeMap::from([("command:Withdraw:other-events", 1), ("state-schema-unchanged", 1), ("state:/balance", 1)]);
    assert_eq!((report.commands, counts(&report.differences)), (4, expected));
    // One that is at fault each time is folded anew a few times, and compared to the end.
    for _ in 0..4 {
        withdraw(&host, "account-1", 13).await.unwrap();
    }
    let report = verified(&host, hesitant).await.report;
    assert_eq!(counts(&report.failures), BTreeMap::from([("decide:trap", 3)]));
    assert_eq!((report.events, report.differences.0["state:/balance"].count), (8, 1));
}

/// What the active one cannot say is told as what nobody compared, and what it can say is compared.
pub(crate) async fn a_fault_of_the_active_one_in_deciding_is_told_and_ends_no_comparison(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    deposit(&host, "account-1", 200).await;
    for amount in [13, 5, 13, 13, 13, 5] {
        withdraw(&host, "account-1", amount).await.unwrap();
    }
    let hesitant = candidate(&host, "hesitant").await;
    let notify = deploy(&host, &["notify", "fee"]).await.digest;
    let request = VerifyRequest { baseline: Some(hesitant), ..VerifyRequest::of(notify) };
    let report = verified_as(&host, request).await.report;
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    // The last one is behind three faults: it is not asked any more, and that is told.
    let expected = BTreeMap::from([
        ("command:Withdraw:effects-not-compared", 5),
        ("command:Withdraw:other-effects", 1),
        ("state-schema-unchanged", 1),
        ("state:/balance", 1),
    ]);
    assert_eq!(counts(&report.differences), expected);
}

/// What the active one would reject by now it would ask nothing for: effects of a candidate that accepts it are others.
pub(crate) async fn effects_of_what_the_active_one_rejects_by_now_are_others(place: Place) {
    let host = place.host();
    let overdraft = deploy(&host, &["overdraft"]).await.digest;
    keep_journal(&host, overdraft).await;
    withdraw(&host, "account-1", 20).await.unwrap();
    let plain = deploy(&host, &[]).await.digest;
    let notify = deploy(&host, &["overdraft", "notify"]).await.digest;
    let request = VerifyRequest { baseline: Some(plain), ..VerifyRequest::of(notify) };
    let report = verified_as(&host, request).await.report;
    assert_eq!(counts(&report.differences), BTreeMap::from([("command:Withdraw:other-effects", 1)]));
}
