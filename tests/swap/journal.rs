//! The command journal: what it keeps, since when, and that nobody who sends commands notices it.

use super::*;

/// Its name, its payload, the version that it was decided on, and the rule that said no.
fn told(command: &JournaledCommand) -> (&str, &str, u64, Option<String>) {
    let Some(Payload::Json(payload)) = &command.payload else { panic!("{command:?}") };
    let rejected = command.rejection.as_ref().map(|no| no.code.to_string());
    (&command.name, payload, command.decided_at().get(), rejected)
}

pub(crate) async fn it_keeps_nothing_until_an_activation_says_so_and_then_all_that_is_decided(place: Place) {
    let (host, plain) = place.plain().await;
    deposit(&host, "account-1", 50).await;
    assert!(place.journal("account-1").await.is_empty());
    let begun_ms = chrono::Utc::now().timestamp_millis();
    keep_journal(&host, plain).await;
    withdraw(&host, "account-1", 20).await.unwrap();
    withdraw_in_vain(&host, "account-1", 31).await;
    rename(&host, "account-1", "savings").await;
    rename(&host, "account-1", "savings").await;
    // What no rule decided comes out otherwise next time, and is not kept.
    let unread = send(&host, "account-1", "Deposit", json!({ "euros": 1 })).await.unwrap_err();
    assert!(matches!(unread, CommandError::Malformed(_)), "{unread}");

    let ended_ms = chrono::Utc::now().timestamp_millis();
    let journal = place.journal("account-1").await;
    let expected = [
        ("Withdraw", r#"{"amount":20}"#, 1, None),
        ("Withdraw", r#"{"amount":31}"#, 2, Some("insufficient-funds".to_owned())),
        ("Rename", r#"{"name":"savings"}"#, 2, None),
        ("Rename", r#"{"name":"savings"}"#, 3, None),
    ];
    assert_eq!(journal.iter().map(told).collect::<Vec<_>>(), expected);
    for command in &journal {
        assert!((begun_ms..=ended_ms).contains(&command.now_ms), "{command:?}");
        assert_eq!(command.reducer_digest, Some(plain));
    }
    // Until an activation says otherwise.
    let overdraft = candidate(&host, "overdraft").await;
    let policy = || ActivationPolicy::Force("for the test".into());
    let next = host.activate(ACCOUNT, ActivateRequest { policy: policy(), ..ActivateRequest::of(overdraft) }).await;
    assert!(next.unwrap().journal, "it stays on over the next activation");
    withdraw(&host, "account-1", 31).await.unwrap();
    let off = ActivateRequest { journal: Some(false), ..ActivateRequest::of(overdraft) };
    assert!(!host.activate(ACCOUNT, off).await.unwrap().journal);
    withdraw(&host, "account-1", 1).await.unwrap();
    let journal = place.journal("account-1").await;
    assert_eq!(journal[4..].iter().map(told).collect::<Vec<_>>(), [("Withdraw", r#"{"amount":31}"#, 3, None)]);
    assert_eq!(journal[4].reducer_digest, Some(overdraft));
}

pub(crate) async fn a_retry_is_answered_with_the_first_outcome_and_kept_once(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    let under = |id: &str, name: &str, payload: Value| CommandRequest {
        command_id: Some(id.into()),
        ..request("account-1", name, &payload)
    };
    let deposited = host.send(under("first", "Deposit", json!({ "amount": 5 }))).await.unwrap();
    let rejected = host.send(under("second", "Withdraw", json!({ "amount": 9 }))).await.unwrap_err();
    deposit(&host, "account-1", 100).await;
    for host in [&host, &place.host()] {
        assert_eq!(host.send(under("first", "Deposit", json!({ "amount": 5 }))).await.unwrap(), deposited);
        let again = host.send(under("second", "Withdraw", json!({ "amount": 9 }))).await.unwrap_err();
        assert_eq!(again.to_string(), rejected.to_string(), "though there would be enough by now");
        let other = host.send(under("first", "Deposit", json!({ "amount": 6 }))).await.unwrap_err();
        assert!(matches!(other, CommandError::IdReused { .. }), "{other}");
    }
    assert_eq!(place.events("account-1").await.len(), 2);
    let mut ids: Vec<_> = place.journal("account-1").await.into_iter().map(|kept| kept.place.command_id).collect();
    assert_eq!(ids.len(), 3);
    ids.truncate(2);
    assert_eq!(ids, ["first", "second"]);
}

/// An answer is lost behind the commit: whoever sends the command again is told what became of it, and nothing is done twice.
pub(crate) async fn a_command_whose_answer_was_lost_is_done_once(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    deposit(&host, "account-1", 50).await;
    let faulty = Arc::new(FaultyStore::new(Arc::clone(&place.store)));
    let host = over(Arc::clone(&faulty) as Arc<dyn Store>).start().unwrap();
    for (id, amount, is_accepted) in [("accepted", 20, true), ("rejected", 31, false)] {
        let send = || async {
            let command_id = Some(id.to_owned());
            host.send(CommandRequest { command_id, ..request("account-1", "Withdraw", &json!({ "amount": amount })) })
                .await
        };
        faulty.lose_next_acknowledgement();
        let lost = send().await.unwrap_err();
        assert!(matches!(lost, CommandError::Store(EventStoreError::Unavailable(_))), "{id}: {lost}");
        let again = send().await;
        match again {
            Ok(reply) => assert!(is_accepted && reply.version == Version::new(2), "{id}: {reply:?}"),
            Err(CommandError::Rejected(_)) => assert!(!is_accepted, "{id}"),
            Err(other) => panic!("{id}: {other}"),
        }
    }
    assert_eq!(faulty.faults_left(), 0);
    assert_eq!(place.events("account-1").await.len(), 2);
    assert_eq!(place.journal("account-1").await.len(), 3);
}

/// Commands that come at once are decided one on top of the other and appended as one batch: each is decided anew on its own state.
pub(crate) async fn commands_of_one_batch_are_decided_anew_each_on_its_own_state(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    deposit(&host, "account-1", 50).await;
    let sent = (0..200).map(|_| withdraw(&host, "account-1", 1));
    let answers = futures::future::join_all(sent).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 50);
    let head = place.events("account-1").await.len();
    assert_eq!(head, 51);
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let report = verified(&host, same).await;
    assert_eq!((report.status, report.report.commands), (VerificationStatus::Passed, 201), "{report:?}");
    // On the state of the record, where all 150 find nothing left.
    let overdraft = verified(&host, candidate(&host, "overdraft").await).await.report;
    assert_eq!(
        counts(&overdraft.differences),
        BTreeMap::from([("command:Withdraw:accepted-instead-of-rejected", 150)])
    );
    let receipt = verified(&host, candidate(&host, "receipt").await).await.report;
    assert_eq!(counts(&receipt.differences), BTreeMap::from([("command:Withdraw:other-events", 50)]));
    let examples = &receipt.differences.0["command:Withdraw:other-events"].examples;
    assert_eq!(examples.iter().map(|example| example.version.get()).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
}

/// More than one read brings, in pages of events that end in the middle of them.
pub(crate) async fn a_long_journal_is_decided_anew_to_its_end(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    for round in 0..4 {
        deposit(&host, "account-1", 10).await;
        let in_vain = (0..130).map(|_| withdraw_in_vain(&host, "account-1", 1_000));
        futures::future::join_all(in_vain).await;
        withdraw(&host, "account-1", 1).await.unwrap();
        assert_eq!(place.events("account-1").await.len(), 2 * (round + 1));
    }
    let small = Limits { events_per_page_max: 3, ..Limits::default() };
    for limits in [Limits::default(), small] {
        let host = place.builder().limits(limits).start().unwrap();
        let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
        let view = verified(&host, same).await;
        assert_eq!((view.status, view.report.commands), (VerificationStatus::Passed, 4 * 132), "{view:?}");
        let receipt = verified(&host, candidate(&host, "receipt").await).await.report;
        assert_eq!(counts(&receipt.differences), BTreeMap::from([("command:Withdraw:other-events", 4)]));
    }
}

/// The end of an account is an event that no reducer is shown: what was decided right before it is on no other's way.
pub(crate) async fn what_was_decided_right_before_an_account_was_closed_is_decided_anew(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    deposit(&host, "account-1", 5).await;
    withdraw_in_vain(&host, "account-1", 9).await;
    host.close_stream(&stream("account-1"), false).await.unwrap();
    let report = verified(&host, candidate(&host, "overdraft").await).await.report;
    assert_eq!(report.commands, 2);
    let expected = BTreeMap::from([("command:Withdraw:accepted-instead-of-rejected", 1)]);
    assert_eq!(counts(&report.differences), expected);
}

/// An account that was hammered in vain: each rejection is decided anew, the deposit that they follow before them, and of all that
/// differ a few are shown.
pub(crate) async fn an_account_that_was_hammered_is_decided_anew_in_the_order_of_its_versions(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    let under = |id: String, name: &str, amount: u32| CommandRequest {
        command_id: Some(id),
        ..request("account-1", name, &json!({ "amount": amount }))
    };
    host.send(under("m".into(), "Deposit", 30)).await.unwrap();
    let in_vain = (0..250).map(|number| host.send(under(format!("{number:03}"), "Withdraw", 90)));
    assert!(futures::future::join_all(in_vain).await.iter().all(Result::is_err));
    host.send(under("z".into(), "Withdraw", 5)).await.unwrap();
    let same = verified(&host, host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest).await;
    assert_eq!((same.status, same.report.commands), (VerificationStatus::Passed, 252), "{same:?}");
    let report = verified(&host, candidate(&host, "overdraft").await).await.report;
    let finding = &report.differences.0["command:Withdraw:accepted-instead-of-rejected"];
    assert_eq!((finding.count, finding.examples.len()), (250, 5));
    assert!(finding.examples.iter().all(|example| example.version == Version::new(1)));
}
