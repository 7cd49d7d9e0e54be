use super::*;

const LEASE: Duration = Duration::from_secs(60);

async fn kept(store: &Arc<impl Store>, component: &[u8]) -> ReducerDigest {
    let digest = ReducerDigest::of(component);
    store.save_reducer(digest, &descriptor("order"), component, None).await.unwrap();
    digest
}

fn begun(candidate: ReducerDigest, baseline: Option<ReducerDigest>) -> NewVerification {
    NewVerification {
        verification_id: Uuid::now_v7(),
        name: "order".into(),
        candidate,
        baseline,
        scope: serde_json::json!({ "streams": "all" }),
        started_by: Some("ada".into()),
    }
}

fn held(claim: VerificationClaim) -> (VerificationLease, foldhost::event_store::Verification) {
    match claim {
        VerificationClaim::Held(lease, verification) => (lease, verification),
        VerificationClaim::Running(other) => panic!("another holds it: {other:?}"),
    }
}

pub(crate) async fn a_verification_is_held_by_one_at_a_time_and_goes_on_behind_its_checkpoint(store: Arc<impl Store>) {
    let (candidate, baseline) = (kept(&store, b"two").await, kept(&store, b"one").await);
    let asked = begun(candidate, Some(baseline));
    let (first, verification) = held(store.begin_verification(&asked, LEASE).await.unwrap());
    assert_eq!((verification.status, verification.checkpoint), (VerificationStatus::Running, None));
    assert_eq!((verification.candidate, verification.baseline), (candidate, Some(baseline)));
    let again = begun(candidate, Some(baseline));
    let running = store.begin_verification(&again, LEASE).await.unwrap();
    assert!(matches!(&running, VerificationClaim::Running(other) if other.verification_id == asked.verification_id));

    let report = serde_json::json!({ "streams": 2 });
    let (to, at_once) = (stream("order-2"), Duration::ZERO);
    assert!(store.save_verification(first, Some(&to), &report, at_once).await.unwrap());
    assert!(!store.verification(asked.verification_id).await.unwrap().unwrap().is_held, "its lease is over");
    let (second, verification) = held(store.begin_verification(&again, LEASE).await.unwrap());
    assert_eq!((second.verification_id, second.token), (first.verification_id, first.token + 1));
    assert_eq!((verification.checkpoint, &verification.report), (Some(to.clone()), &report));
    // Without a stream the checkpoint stays.
    assert!(store.save_verification(second, None, &report, LEASE).await.unwrap());
    // Whoever lost it changes nothing any more.
    assert!(!store.save_verification(first, Some(&stream("order-9")), &report, LEASE).await.unwrap());
    assert!(!store.finish_verification(first, VerificationStatus::Passed, &report).await.unwrap());

    let report = serde_json::json!({ "streams": 3, "events": 7 });
    assert!(store.finish_verification(second, VerificationStatus::Differs, &report).await.unwrap());
    assert!(!store.finish_verification(second, VerificationStatus::Passed, &report).await.unwrap(), "once");
    let found = store.verification(asked.verification_id).await.unwrap().unwrap();
    assert_eq!((found.status, found.is_held, &found.report), (VerificationStatus::Differs, false, &report));
    assert_eq!((found.checkpoint, found.started_by.as_deref()), (Some(to), Some("ada")));
    assert!(found.finished_at.is_some());
    let history = store.read_stream(&history_stream("order").unwrap(), Version::EMPTY, 100.into()).await.unwrap();
    let last = history.last().unwrap();
    let told: serde_json::Value = serde_json::from_slice(&last.data).unwrap();
    assert_eq!((last.event_type.as_str(), &told["status"]), ("ReducerVerified.v1", &"differs".into()));
    assert_eq!((&told["streams"], &told["events"]), (&3.into(), &7.into()));
    let (next, _) = held(store.begin_verification(&again, LEASE).await.unwrap());
    assert_eq!(next.verification_id, again.verification_id, "one that is over is not gone on with");
}

pub(crate) async fn a_verification_of_another_kind_is_another_one(store: Arc<impl Store>) {
    let (candidate, baseline) = (kept(&store, b"two").await, kept(&store, b"one").await);
    let mut ids = std::collections::BTreeSet::new();
    let sample =
        NewVerification { scope: serde_json::json!({ "streams": { "sample": "5%" } }), ..begun(candidate, None) };
    for asked in [begun(candidate, Some(baseline)), begun(candidate, None), begun(baseline, None), sample] {
        ids.insert(held(store.begin_verification(&asked, LEASE).await.unwrap()).0.verification_id);
    }
    assert_eq!(ids.len(), 4);
}

pub(crate) async fn a_verification_that_was_given_up_is_nobody_s(store: Arc<impl Store>) {
    let candidate = kept(&store, b"one").await;
    let (lease, _) = held(store.begin_verification(&begun(candidate, None), LEASE).await.unwrap());
    assert!(store.cancel_verification(lease.verification_id).await.unwrap());
    assert!(!store.cancel_verification(lease.verification_id).await.unwrap());
    let report = serde_json::json!({});
    assert!(!store.save_verification(lease, None, &report, LEASE).await.unwrap());
    assert!(!store.finish_verification(lease, VerificationStatus::Passed, &report).await.unwrap());
    let found = store.verification(lease.verification_id).await.unwrap().unwrap();
    assert_eq!(found.status, VerificationStatus::Cancelled);
    assert!(!store.cancel_verification(Uuid::now_v7()).await.unwrap());
    assert_eq!(store.verification(Uuid::now_v7()).await.unwrap(), None);
}

pub(crate) async fn verifications_are_listed_the_newest_first(store: Arc<impl Store>) {
    let digests = [kept(&store, b"one").await, kept(&store, b"two").await];
    let mut begun_ids = Vec::new();
    for candidate in [digests[0], digests[1], digests[0]] {
        let (lease, _) = held(store.begin_verification(&begun(candidate, None), LEASE).await.unwrap());
        store.cancel_verification(lease.verification_id).await.unwrap();
        begun_ids.insert(0, lease.verification_id);
    }
    let ids = async |candidate, most| {
        let found = store.verifications("order", candidate, most).await.unwrap();
        found.into_iter().map(|found| found.verification_id).collect::<Vec<_>>()
    };
    assert_eq!(ids(None, 10).await, begun_ids);
    assert_eq!(ids(None, 2).await, begun_ids[..2]);
    assert_eq!(ids(Some(digests[0]), 10).await, [begun_ids[0], begun_ids[2]]);
    assert!(store.verifications("cart", None, 10).await.unwrap().is_empty());
}

pub(crate) async fn a_task_is_done_once_and_taken_over_when_its_lease_ends(store: Arc<impl Store>) {
    let first = store.claim_task("order", 1, LEASE).await.unwrap().unwrap();
    assert_eq!(first.checkpoint, None);
    assert_eq!(store.claim_task("order", 1, LEASE).await.unwrap(), None);
    assert!(store.claim_task("order", 2, LEASE).await.unwrap().is_some(), "each generation has its own");
    let at = |id: &str, lease| TaskProgress::At(Some(stream(id)), lease);
    assert!(store.save_task("order", 1, first.token, at("order-5", Duration::ZERO)).await.unwrap());
    let second = store.claim_task("order", 1, LEASE).await.unwrap().unwrap();
    assert_eq!(second.checkpoint, Some(stream("order-5")));
    assert!(!store.save_task("order", 1, first.token, at("order-9", LEASE)).await.unwrap(), "it was taken over");
    assert!(store.save_task("order", 1, second.token, TaskProgress::At(None, Duration::ZERO)).await.unwrap());
    let third = store.claim_task("order", 1, LEASE).await.unwrap().unwrap();
    assert_eq!(third.checkpoint, Some(stream("order-5")), "without a stream it stays");
    assert!(store.save_task("order", 1, third.token, TaskProgress::Done).await.unwrap());
    assert_eq!(store.claim_task("order", 1, LEASE).await.unwrap(), None);
    assert!(!store.save_task("order", 1, third.token, TaskProgress::Done).await.unwrap());
}
