//! What allows an activation, and what becomes of those that two want at once.

use super::*;

/// Accounts of which each has something that `fee` makes another.
async fn with_withdrawals(place: &Place) -> (Host, ReducerDigest) {
    let (host, plain) = place.plain().await;
    for id in ["account-1", "account-2"] {
        deposit(&host, id, 50).await;
        withdraw(&host, id, 20).await.unwrap();
    }
    (host, plain)
}

fn under(digest: ReducerDigest, policy: ActivationPolicy) -> ActivateRequest {
    ActivateRequest { policy, ..ActivateRequest::of(digest) }
}

fn accept(names: &[&str]) -> ActivationPolicy {
    ActivationPolicy::Accept(names.iter().map(|&name| name.to_owned()).collect())
}

async fn refusal(host: &Host, request: ActivateRequest) -> SwapError {
    host.activate(ACCOUNT, request).await.unwrap_err()
}

/// Asserts that nothing has changed: the plain one decides, as the first generation.
async fn assert_plain_decides(place: &Place, host: &Host, plain: ReducerDigest) {
    let [made] = &place.activations().await[..] else { panic!("one activation was made") };
    assert_eq!((made.generation, made.digest), (1, plain));
    assert_eq!(deposit(host, "account-1", 1).await.reducer.digest, plain);
}

pub(crate) async fn a_candidate_that_nobody_verified_is_refused(place: Place) {
    let (host, plain) = with_withdrawals(&place).await;
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    for policy in [ActivationPolicy::Clean, accept(&["*"])] {
        let refused = refusal(&host, under(same, policy)).await;
        let SwapError::NotVerified { name, digest, baseline } = &refused else { panic!("{refused}") };
        assert_eq!((name.as_str(), *digest, baseline), (ACCOUNT, same, &plain.to_string()));
        assert!(refused.to_string().contains(&format!("foldhost verify account {same}")), "{refused}");
    }
    assert_plain_decides(&place, &host, plain).await;
    verified(&host, same).await;
    let status = host.activate(ACCOUNT, ActivateRequest::of(same)).await.unwrap();
    assert_eq!((status.reducer.digest, status.reducer.generation), (same, Some(2)));
    assert_eq!(deposit(&host, "account-1", 1).await.reducer, status.reducer);
    // A report against one that does not decide any more allows nothing.
    let third = host.deploy(in_other_bytes(ACCOUNT, 2)).await.unwrap().digest;
    verified_as(&host, VerifyRequest { baseline: Some(plain), ..VerifyRequest::of(third) }).await;
    assert!(matches!(refusal(&host, ActivateRequest::of(third)).await, SwapError::NotVerified { .. }));
}

pub(crate) async fn a_candidate_that_failed_is_refused_whatever_is_accepted(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 13).await;
    let trap = candidate(&host, "trap").await;
    let failed = verified(&host, trap).await.verification_id;
    for policy in [ActivationPolicy::Clean, accept(&["*"]), accept(&["trap"])] {
        let refused = refusal(&host, under(trap, policy)).await;
        let SwapError::VerificationFailed { verification_id, names } = &refused else { panic!("{refused}") };
        assert_eq!((*verification_id, names), (failed, &vec!["trap".to_owned()]));
    }
    assert_plain_decides(&place, &host, plain).await;
}

pub(crate) async fn a_difference_has_to_be_accepted_by_its_name_or_its_beginning(place: Place) {
    let (host, plain) = with_withdrawals(&place).await;
    let fee = candidate(&host, "fee").await;
    let report = verified(&host, fee).await.verification_id;
    // Warm accounts keep their balance: that is a difference of its own, and has to be meant as well.
    let of_warm_ones = "state-schema-unchanged";
    let refused = refusal(&host, under(fee, accept(&["state:*"]))).await;
    assert!(matches!(&refused, SwapError::NotAccepted { names, .. } if *names == [of_warm_ones]), "{refused}");
    let without = [accept(&[of_warm_ones, "state:/name"]), accept(&[of_warm_ones, "state:/bal"])];
    for policy in without {
        let refused = refusal(&host, under(fee, policy)).await;
        let SwapError::NotAccepted { verification_id, names } = &refused else { panic!("{refused}") };
        assert_eq!((*verification_id, names), (report, &vec!["state:/balance".to_owned()]));
    }
    for policy in [ActivationPolicy::Clean, accept(&[])] {
        let refused = refusal(&host, under(fee, policy)).await;
        let SwapError::NotAccepted { names, .. } = &refused else { panic!("{refused}") };
        assert_eq!(names[..], [of_warm_ones, "state:/balance"]);
    }
    assert_plain_decides(&place, &host, plain).await;
    let accepted = host.activate(ACCOUNT, under(fee, accept(&[of_warm_ones, "state:/balance"]))).await.unwrap();
    assert_eq!(accepted.reducer.digest, fee);

    let schema = candidate(&host, "schema").await;
    verified(&host, schema).await;
    let refused = refusal(&host, under(schema, accept(&["state:/withdrawals"]))).await;
    assert!(matches!(&refused, SwapError::NotAccepted { names, .. } if *names == ["state:/balance"]), "{refused}");
    let accepted = host.activate(ACCOUNT, under(schema, accept(&["state:/w*", "state:/balance*"]))).await.unwrap();
    assert_eq!((accepted.reducer.digest, accepted.reducer.generation), (schema, Some(3)));
}

pub(crate) async fn by_force_a_candidate_needs_a_reason_and_no_report(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 13).await;
    let trap = candidate(&host, "trap").await;
    let refused = refusal(&host, under(trap, ActivationPolicy::Force("  ".into()))).await;
    assert!(matches!(refused, SwapError::Invalid(_)), "{refused}");
    let [made] = &place.activations().await[..] else { panic!("one activation was made") };
    assert_eq!(made.digest, plain);
    let status = host.activate(ACCOUNT, under(trap, ActivationPolicy::Force("the audit is today".into()))).await;
    assert_eq!(status.unwrap().reducer.digest, trap);
    // Of the first host the stream is warm: its state was handed over as it stood.
    let broken = send(&place.host(), "account-1", "Deposit", json!({ "amount": 1 })).await.unwrap_err();
    assert!(matches!(broken, CommandError::Fault(_)), "{broken}");
}

/// What is recorded between the report and the activation is looked at once more, as far as types tell.
pub(crate) async fn events_that_came_behind_the_report_are_looked_at_too(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 1).await;
    let forgetful = candidate(&host, "forgetful").await;
    assert_eq!(verified(&host, forgetful).await.status, VerificationStatus::Passed);
    rename(&host, "account-1", "savings").await;
    let refused = refusal(&host, ActivateRequest::of(forgetful)).await;
    let SwapError::Unreadable { events, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*events, [EventCount { event_type: "Renamed.v1".into(), count: 1 }]);
    assert_plain_decides(&place, &host, plain).await;
}

pub(crate) async fn whoever_looked_at_another_generation_is_told_so(place: Place) {
    let (host, plain) = place.plain().await;
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    verified(&host, same).await;
    let at = |expected| ActivateRequest { expected_generation: Some(expected), ..ActivateRequest::of(same) };
    for expected in [0, 2] {
        let outrun = refusal(&host, at(expected)).await;
        assert!(
            matches!(&outrun, SwapError::Store(EventStoreError::Outrun { expected: told, active: 1, .. }) if *told == expected),
            "{outrun}"
        );
    }
    assert_plain_decides(&place, &host, plain).await;
    assert_eq!(host.activate(ACCOUNT, at(1)).await.unwrap().reducer.generation, Some(2));
}

/// Through two hosts, each with a candidate of its own.
pub(crate) async fn of_two_who_activate_at_once_exactly_one_wins(place: Place) {
    let (first, _) = with_withdrawals(&place).await;
    let second = place.host();
    let one = first.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let two = second.deploy(in_other_bytes(ACCOUNT, 2)).await.unwrap().digest;
    for digest in [one, two] {
        verified(&first, digest).await;
    }
    let at_once = |digest| ActivateRequest { expected_generation: Some(1), ..ActivateRequest::of(digest) };
    let (of_one, of_two) = tokio::join!(first.activate(ACCOUNT, at_once(one)), second.activate(ACCOUNT, at_once(two)));
    let (won, lost, winner) = if of_one.is_ok() { (of_one, of_two, one) } else { (of_two, of_one, two) };
    assert_eq!(won.unwrap().reducer.generation, Some(2));
    let lost = lost.unwrap_err();
    assert!(matches!(lost, SwapError::Store(EventStoreError::Outrun { expected: 1, active: 2, .. })), "{lost}");
    assert_eq!(place.activations().await.len(), 2);
    for (host, id) in [(&first, "account-1"), (&second, "account-2")] {
        assert_eq!(deposit(host, id, 1).await.reducer.digest, winner);
    }
}

/// The store fails at one call of the way, whichever: the former one decides, or the next, and the answer says which.
pub(crate) async fn an_activation_that_fails_on_its_way_has_changed_nothing(place: Place) {
    let (host, _) = place.plain().await;
    let targets = [host.deploy(in_other_bytes(ACCOUNT, 1)).await, host.deploy(in_other_bytes(ACCOUNT, 2)).await];
    let targets = targets.map(|deployed| deployed.unwrap().digest);
    let mut failed = 0;
    for calls in 0..8 {
        let before = place.activations().await;
        let target = targets[usize::from(before[0].digest == targets[0])];
        let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
        let unlucky = over(Arc::clone(&faulty) as Arc<dyn Store>).start().unwrap();
        faulty.let_through(calls, StoreCall::Reducers);
        faulty.fail_next(1, StoreCall::Reducers, EventStoreError::Unavailable("on purpose".into()));
        let answer = unlucky.activate(ACCOUNT, under(target, ActivationPolicy::Force("for the test".into()))).await;
        let after = place.activations().await;
        match answer {
            Ok(status) => {
                assert_eq!((after.len(), after[0].digest), (before.len() + 1, target), "after {calls} calls");
                assert_eq!(status.reducer.generation, Some(after[0].generation));
            }
            Err(_) => {
                assert_eq!(after, before, "after {calls} calls");
                failed += 1;
            }
        }
        assert_eq!(deposit(&host, "account-1", 1).await.reducer.digest, after[0].digest);
    }
    assert!((2..8).contains(&failed), "{failed} of them failed");
}

pub(crate) async fn only_a_component_that_is_kept_for_the_name_can_decide(place: Place) {
    let (host, _) = place.plain().await;
    let hostile = host.deploy(in_other_bytes("hostile", 1)).await.unwrap().digest;
    let force = || ActivationPolicy::Force("for the test".into());
    for digest in [hostile, ReducerDigest::of(b"nothing")] {
        let refused = refusal(&host, under(digest, force())).await;
        assert!(matches!(refused, SwapError::UnknownDigest { .. }), "{refused}");
    }
    assert_eq!(place.activations().await.len(), 1);
}

/// A report that passes because it left the commands out does not cover up the one that did not.
pub(crate) async fn a_report_that_left_something_out_allows_nothing(place: Place) {
    let (host, overdraft) = with_a_rejection(&place).await;
    let without = || without_commands(overdraft);
    assert_eq!(verified_as(&host, without()).await.status, VerificationStatus::Passed);
    assert!(matches!(refusal(&host, ActivateRequest::of(overdraft)).await, SwapError::NotVerified { .. }));
    assert_eq!(verified(&host, overdraft).await.status, VerificationStatus::Differs);
    assert_eq!(verified_as(&host, without()).await.status, VerificationStatus::Passed);
    let refused = refusal(&host, ActivateRequest::of(overdraft)).await;
    let SwapError::NotAccepted { names, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*names, ["command:Withdraw:accepted-instead-of-rejected"]);
}

/// What a candidate failed on, however little was looked at, stands against it until all of it is looked at again.
pub(crate) async fn a_failure_in_a_part_outweighs_an_older_report_over_all(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 1).await;
    let trap = candidate(&host, "trap").await;
    assert_eq!(verified(&host, trap).await.status, VerificationStatus::Passed);
    deposit(&host, "account-2", 13).await;
    let since = place.events("account-2").await[0].created_at;
    let scope = VerificationScope { streams: Streams::Since(since), ..VerificationScope::default() };
    let part = verified_as(&host, VerifyRequest { scope, ..VerifyRequest::of(trap) }).await;
    assert_eq!(part.status, VerificationStatus::Failed);
    let refused = refusal(&host, under(trap, accept(&["*"]))).await;
    let SwapError::VerificationFailed { verification_id, .. } = &refused else { panic!("{refused}") };
    assert_eq!(*verification_id, part.verification_id);
    assert_plain_decides(&place, &host, plain).await;
}
