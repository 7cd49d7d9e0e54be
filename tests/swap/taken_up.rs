//! Shadow replays whose host goes, and those that two hosts want at once.

use super::*;

const STREAMS: u64 = 40;

/// Accounts of two events each.
async fn accounts(place: &Place, count: u64) {
    let batch = |number| {
        StreamBatch::new(stream(&format!("account-{number:05}")), Version::EMPTY, vec![deposited(50), withdrawn(1)])
    };
    let all: Vec<_> = (0..count).map(batch).collect();
    for batches in all.chunks(200) {
        place.store.append_atomic(batches).await.unwrap();
    }
}

fn unavailable() -> EventStoreError {
    EventStoreError::Unavailable("on purpose".into())
}

/// Asserts that each stream was looked at, and once.
fn assert_whole(view: &VerificationView, streams: u64) {
    assert_eq!(view.status, VerificationStatus::Differs, "{view:?}");
    assert_eq!((view.report.streams, view.report.events), (streams, 2 * streams));
    let expected = BTreeMap::from([("state-schema-unchanged", streams), ("state:/balance", streams)]);
    assert_eq!(counts(&view.report.differences), expected);
}

/// A host that has looked at the first streams, and died.
pub(crate) async fn what_a_host_left_is_gone_on_with_behind_its_checkpoint(place: Place) {
    let (host, plain) = place.plain().await;
    accounts(&place, STREAMS).await;
    let fee = candidate(&host, "fee").await;
    let whole = verified(&host, fee).await;
    assert_whole(&whole, STREAMS);

    let begun = NewVerification {
        verification_id: uuid::Uuid::now_v7(),
        name: ACCOUNT.into(),
        candidate: fee,
        baseline: Some(plain),
        scope: serde_json::to_value(VerificationScope::default()).unwrap(),
        started_by: Some("ada".into()),
    };
    let claim = place.store.begin_verification(&begun, Duration::from_secs(60)).await.unwrap();
    let VerificationClaim::Held(held, _) = claim else { panic!("{claim:?}") };
    // As it stood after 30 of them: what they differ in is told by other names, so that they are not found a second time unseen.
    let mut report = json!({ "streams": 30, "events": 60, "elapsed_ms": 5_000, "differences": {
        "state:/before": { "count": 30, "examples": [] } } });
    let checkpoint = stream("account-00029");
    let saved = place.store.save_verification(held, Some(&checkpoint), &report, Duration::from_secs(60)).await;
    assert!(saved.unwrap());
    let busy = host.verify(ACCOUNT, VerifyRequest::of(fee)).await.unwrap();
    assert_eq!((busy.verification_id, busy.report.streams), (begun.verification_id, 30));
    assert!(busy.is_held, "the host that died holds it until its lease ends");
    assert!(place.store.save_verification(held, Some(&checkpoint), &report, Duration::ZERO).await.unwrap());

    let view = verified(&host, fee).await;
    assert_eq!((view.verification_id, view.by.as_deref()), (begun.verification_id, Some("ada")));
    assert_eq!((view.report.streams, view.report.events), (STREAMS, 2 * STREAMS));
    let expected = BTreeMap::from([("state-schema-unchanged", 10), ("state:/balance", 10), ("state:/before", 30)]);
    assert_eq!(counts(&view.report.differences), expected);
    assert_eq!(view.report.differences.0["state:/balance"].examples[0].stream_id, stream("account-00030"));
    assert!(view.report.elapsed_ms >= 5_000, "with what it took the host before");
    // The one that was believed dead comes back, and has nothing to say any more.
    report["streams"] = json!(31);
    assert!(!place.store.save_verification(held, Some(&checkpoint), &report, Duration::from_secs(60)).await.unwrap());
    assert!(!place.store.finish_verification(held, VerificationStatus::Passed, &report).await.unwrap());
    assert_eq!(host.verification(view.verification_id).await.unwrap(), view);
}

/// Killed in the middle: nothing of it runs on, and nobody gave anything up.
pub(crate) async fn what_a_killed_host_left_is_gone_on_with_when_its_lease_ends(place: Place) {
    let (host, _) = place.plain().await;
    accounts(&place, STREAMS).await;
    let fee = candidate(&host, "fee").await;
    let place = Arc::new(place);
    let there = Arc::clone(&place);
    let killed = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let id = runtime.block_on(async {
            let faulty = Arc::new(FaultyStore::new(there.store_of_its_own().await));
            let host = over(Arc::clone(&faulty) as Arc<dyn Store>).start().unwrap();
            faulty.let_through(STREAMS as usize / 2, StoreCall::Load);
            faulty.fail_next(100_000, StoreCall::Load, unavailable());
            let request = VerifyRequest { threads: Some(1), ..VerifyRequest::of(fee) };
            let begun = host.verify(ACCOUNT, request).await.unwrap().verification_id;
            let is_midway = || async { host.verification(begun).await.unwrap().report.streams > 0 };
            until("it is on its way", is_midway).await;
            begun
        });
        runtime.shutdown_background();
        id
    });
    let killed = killed.await.unwrap();
    let left = host.verification(killed).await.unwrap();
    assert_eq!((left.status, left.is_held), (VerificationStatus::Running, true));
    assert!((1..STREAMS).contains(&left.report.streams), "{}", left.report.streams);
    let view = verified(&host, fee).await;
    assert_eq!(view.verification_id, killed);
    assert_whole(&view, STREAMS);
}

/// Neither reading nor recording fails for good: a verification waits, and counts nothing anew.
pub(crate) async fn a_store_that_fails_for_a_while_ends_no_verification_and_counts_no_stream_twice(place: Place) {
    let (host, _) = place.plain().await;
    accounts(&place, STREAMS).await;
    let fee = candidate(&host, "fee").await;
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    // Without the work behind swaps, which asks the same part of the store.
    let unlucky = over(Arc::clone(&faulty) as Arc<dyn Store>).snapshots(SnapshotConfig::never()).start().unwrap();
    // In the middle, and once more behind it; how far it has come by then cannot be recorded at first.
    for _ in 0..2 {
        faulty.let_through(STREAMS as usize / 3, StoreCall::Load);
        faulty.fail_next(1, StoreCall::Load, unavailable());
    }
    let request = VerifyRequest { threads: Some(1), ..VerifyRequest::of(fee) };
    faulty.let_through(1, StoreCall::Verifications);
    faulty.fail_next(2, StoreCall::Verifications, unavailable());
    let begun = unlucky.verify(ACCOUNT, request).await.unwrap();
    let is_over =
        || async { host.verification(begun.verification_id).await.unwrap().status != VerificationStatus::Running };
    until("it ends", is_over).await;
    assert_eq!(faulty.faults_left(), 0);
    assert_whole(&host.verification(begun.verification_id).await.unwrap(), STREAMS);
}

/// A stream that the database refuses to read, whenever it is asked, once kept a verification from ever coming to its end.
pub(crate) async fn a_stream_that_can_never_be_read_is_a_failure_that_says_why_and_the_others_are_looked_at(
    place: Place,
) {
    let (host, _) = place.plain().await;
    accounts(&place, 3).await;
    let fee = candidate(&host, "fee").await;
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    let unlucky = over(Arc::clone(&faulty) as Arc<dyn Store>).snapshots(SnapshotConfig::never()).start().unwrap();
    faulty.fail_next(100_000, StoreCall::Load, EventStoreError::Database("invalid page in block 7".into()));
    let view = verified(&unlucky, fee).await;
    assert_eq!((view.status, view.report.streams), (VerificationStatus::Failed, 3));
    assert_eq!(counts(&view.report.failures), BTreeMap::from([("unreadable-stream", 3)]));
    let message = view.report.failures.0["unreadable-stream"].examples[0].message.as_ref().unwrap();
    assert!(message.contains("invalid page in block 7"), "{message}");
    // One that can be read after all is read, and nothing is told of it.
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    let lucky = over(Arc::clone(&faulty) as Arc<dyn Store>).snapshots(SnapshotConfig::never()).start().unwrap();
    faulty.fail_next(4, StoreCall::Load, EventStoreError::Database("invalid page in block 7".into()));
    let view = verified(&lucky, fee).await;
    assert_eq!(faulty.faults_left(), 0);
    assert_whole(&view, 3);
}

/// A host that is shut down gives up what it holds: nobody waits for the end of its lease.
pub(crate) async fn a_verification_whose_host_shuts_down_is_gone_on_with_at_once(place: Place) {
    let (host, _) = place.plain().await;
    accounts(&place, STREAMS).await;
    let fee = candidate(&host, "fee").await;
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    let leaving = over(Arc::clone(&faulty) as Arc<dyn Store>).start().unwrap();
    // It never gets beyond the first streams.
    faulty.fail_next(100_000, StoreCall::Load, unavailable());
    let begun = leaving.verify(ACCOUNT, VerifyRequest::of(fee)).await.unwrap();
    let busy = host.verify(ACCOUNT, VerifyRequest::of(fee)).await.unwrap();
    assert_eq!((busy.verification_id, busy.status), (begun.verification_id, VerificationStatus::Running));
    assert!(busy.is_held);
    // Whoever ends the process behind it has given up the lease by then.
    assert!(leaving.shutdown().await);
    let view = host.verification(begun.verification_id).await.unwrap();
    assert_eq!((view.status, view.is_held), (VerificationStatus::Running, false), "it is not over, and free");
    let view = verified(&host, fee).await;
    assert_eq!(view.verification_id, begun.verification_id);
    assert_whole(&view, STREAMS);
}

pub(crate) async fn two_hosts_that_want_the_same_at_once_have_one_verification(place: Place) {
    let (host, _) = place.plain().await;
    accounts(&place, STREAMS).await;
    let fee = candidate(&host, "fee").await;
    let other = place.host();
    let (one, two) = tokio::join!(verified(&host, fee), verified(&other, fee));
    for view in [&one, &two] {
        assert_whole(view, STREAMS);
    }
    let listed = host.verifications(ACCOUNT, Some(fee), 10).await.unwrap();
    // The second may have come when the first was over already.
    assert!(listed.iter().all(|view| view.report.streams == STREAMS), "{listed:?}");
    assert!(listed.len() == 2 || one == two, "{listed:?}");
}

pub(crate) async fn one_that_was_given_up_ends_and_is_begun_anew(place: Place) {
    let (host, _) = place.plain().await;
    accounts(&place, STREAMS).await;
    let fee = candidate(&host, "fee").await;
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    let stuck = over(Arc::clone(&faulty) as Arc<dyn Store>).start().unwrap();
    faulty.fail_next(100_000, StoreCall::Load, unavailable());
    let begun = stuck.verify(ACCOUNT, VerifyRequest::of(fee)).await.unwrap();
    assert!(host.cancel_verification(begun.verification_id).await.unwrap());
    assert!(!host.cancel_verification(begun.verification_id).await.unwrap(), "it is over");
    let given_up = host.verification(begun.verification_id).await.unwrap();
    assert_eq!((given_up.status, given_up.is_held), (VerificationStatus::Cancelled, false));
    let policy = ActivationPolicy::Accept(vec!["*".into()]);
    let refused = host.activate(ACCOUNT, ActivateRequest { policy, ..ActivateRequest::of(fee) }).await.unwrap_err();
    assert!(matches!(refused, SwapError::NotVerified { .. }), "{refused}");
    let view = verified(&host, fee).await;
    assert_ne!(view.verification_id, begun.verification_id);
    assert_whole(&view, STREAMS);
    let (_, said) = place.history().await.into_iter().rfind(|(name, _)| name == "ReducerVerified.v1").unwrap();
    assert_eq!(said["verification_id"], json!(view.verification_id));
}
