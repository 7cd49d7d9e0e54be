//! States, differences and decisions of any version under any component that is kept; and how one is named.

use super::*;

/// An account of four events, through whoever decides.
async fn four_events(host: &Host) -> StreamId {
    deposit(host, "account-1", 50).await;
    withdraw(host, "account-1", 20).await.unwrap();
    rename(host, "account-1", "savings").await;
    withdraw(host, "account-1", 5).await.unwrap();
    stream("account-1")
}

fn balance(json: &str) -> i64 {
    serde_json::from_str::<Value>(json).unwrap()["balance"].as_i64().unwrap()
}

pub(crate) async fn a_state_of_any_version_is_drawn_by_any_component(place: Place) {
    let (host, plain) = place.plain().await;
    let id = four_events(&host).await;
    let fee = candidate(&host, "fee").await;
    // A snapshot of the active one is no state of another's.
    host.save_snapshot(&id).await.unwrap();
    for (at, of_plain, of_fee) in [(0, 0, 0), (1, 50, 50), (2, 30, 29), (3, 30, 29), (4, 25, 23)] {
        let at = Some(Version::new(at));
        for (digest, expected) in [(plain, of_plain), (fee, of_fee)] {
            let view = host.state_under(&id, at, Some(digest)).await.unwrap();
            assert_eq!((balance(&view.json), Some(view.version)), (expected, at), "under {digest}");
            assert_eq!(view.reducer.digest, digest);
        }
    }
    let head = host.state_under(&id, None, Some(fee)).await.unwrap();
    assert_eq!((balance(&head.json), head.version), (23, Version::new(4)));
    let active = host.state_under(&id, None, None).await.unwrap();
    assert_eq!((balance(&active.json), active.reducer.generation), (25, Some(1)));

    let beyond = host.state_under(&id, Some(Version::new(5)), Some(fee)).await.unwrap_err();
    assert!(matches!(beyond, SwapError::Read(ReadError::BeyondHead { .. })), "{beyond}");
    let nothing = host.state_under(&stream("account-2"), None, Some(fee)).await.unwrap_err();
    assert!(matches!(nothing, SwapError::Read(ReadError::UnknownStream(_))), "{nothing}");
    let unknown = host.state_under(&id, None, Some(ReducerDigest::of(b"nothing"))).await.unwrap_err();
    assert!(matches!(unknown, SwapError::UnknownDigest { .. }), "{unknown}");
    // One that cannot read what is there says which event, and the stream goes on.
    let trap = candidate(&host, "trap").await;
    deposit(&host, "account-3", 13).await;
    let fault = host.state_under(&stream("account-3"), None, Some(trap)).await.unwrap_err();
    assert!(fault.to_string().contains("13 is an unlucky number"), "{fault}");
    deposit(&host, "account-3", 1).await;
}

pub(crate) async fn the_fields_are_named_in_which_two_components_differ(place: Place) {
    let (host, plain) = place.plain().await;
    let id = four_events(&host).await;
    let (fee, schema) = (candidate(&host, "fee").await, candidate(&host, "schema").await);
    let difference = host.state_difference(&id, None, plain, fee).await.unwrap();
    assert_eq!(difference.fields, [("/balance".to_owned(), Some(json!(25)), Some(json!(23)))]);
    assert_eq!(
        (difference.version, balance(&difference.from.json), balance(&difference.to.json)),
        (Version::new(4), 25, 23)
    );
    let earlier = host.state_difference(&id, Some(Version::new(1)), plain, fee).await.unwrap();
    assert_eq!((earlier.version, earlier.fields), (Version::new(1), vec![]));
    let both = host.state_difference(&id, Some(Version::new(2)), fee, schema).await.unwrap();
    let expected = [("/balance", Some(json!(29)), Some(json!(30))), ("/withdrawals", None, Some(json!(1)))];
    assert_eq!(both.fields, expected.map(|(path, from, to)| (path.to_owned(), from, to)));
}

fn dry(name: &str, payload: &Value) -> DryRun {
    DryRun {
        stream_id: stream("account-1"),
        command: Command::json(name, payload.to_string()),
        at: None,
        digest: None,
        now_ms: None,
        command_id: None,
    }
}

pub(crate) async fn a_dry_run_says_what_would_be_and_does_nothing(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    four_events(&host).await;
    let (receipt, notify) = (candidate(&host, "receipt").await, candidate(&host, "notify").await);
    let (events, journal, history) =
        (place.events("account-1").await, place.journal("account-1").await, place.history().await);

    let now = host.dry_run(dry("Withdraw", &json!({ "amount": 5 }))).await.unwrap();
    assert_eq!((now.version, now.reducer.digest), (Version::new(4), plain));
    let decided = now.decided.unwrap();
    assert_eq!(decided.events, [("Withdrawn.v1".to_owned(), Some(r#"{"amount":5}"#.to_owned()))]);
    assert_eq!((balance(&decided.state), decided.effects.len()), (20, 0));
    // At the second version there were 30 left, and 25 at the fourth.
    let past = DryRun { at: Some(Version::new(2)), ..dry("Withdraw", &json!({ "amount": 30 })) };
    assert_eq!(balance(&host.dry_run(past).await.unwrap().decided.unwrap().state), 0);
    let rejected = host.dry_run(dry("Withdraw", &json!({ "amount": 30 }))).await.unwrap().decided.unwrap_err();
    assert_eq!(rejected.code, "insufficient-funds");
    let under = |digest, at| DryRun { digest: Some(digest), at, ..dry("Withdraw", &json!({ "amount": 1 })) };
    let other = host.dry_run(under(receipt, Some(Version::new(3)))).await.unwrap();
    assert_eq!((other.version, other.reducer.digest), (Version::new(3), receipt));
    let written = other.decided.unwrap().events;
    assert_eq!(written, [("Withdrawn.v2".to_owned(), Some(r#"{"amount":1,"receipt":4}"#.to_owned()))]);
    assert_eq!(host.dry_run(under(notify, None)).await.unwrap().decided.unwrap().effects.len(), 1);
    // A stream that is not there yet has a first command too.
    let first = DryRun { stream_id: stream("account-9"), ..dry("Deposit", &json!({ "amount": 1 })) };
    assert_eq!(host.dry_run(first).await.unwrap().version, Version::EMPTY);

    assert_eq!(place.events("account-1").await, events);
    assert_eq!((place.journal("account-1").await, place.history().await), (journal, history));
    assert!(place.events("account-9").await.is_empty() && place.events("account-notices").await.is_empty());
    assert!(place.store.effects(&Default::default(), 10).await.unwrap().is_empty());
}

pub(crate) async fn a_dry_run_that_makes_no_sense_is_refused_as_the_command_would_be(place: Place) {
    let (host, _) = place.plain().await;
    let forgetful = candidate(&host, "forgetful").await;
    deposit(&host, "account-1", 5).await;
    let of_forgetful = DryRun { digest: Some(forgetful), ..dry("Rename", &json!({ "name": "rent" })) };
    let unknown = host.dry_run(of_forgetful).await.unwrap_err();
    assert!(matches!(unknown, SwapError::Command(CommandError::UnknownCommand { .. })), "{unknown}");
    let malformed = host.dry_run(dry("Deposit", &json!({ "euros": 1 }))).await.unwrap_err();
    assert!(matches!(malformed, SwapError::Command(CommandError::Malformed(_))), "{malformed}");
    let beyond = DryRun { at: Some(Version::new(2)), ..dry("Deposit", &json!({ "amount": 1 })) };
    let beyond = host.dry_run(beyond).await.unwrap_err();
    assert!(matches!(beyond, SwapError::Read(ReadError::BeyondHead { .. })), "{beyond}");
}

/// Two texts whose digests begin with the same six digits.
fn twins() -> (Vec<u8>, Vec<u8>) {
    let mut seen = BTreeMap::new();
    for number in 0_u32.. {
        let text = number.to_string().into_bytes();
        let beginning = ReducerDigest::of(&text).to_string()[..6].to_owned();
        if let Some(twin) = seen.insert(beginning, text.clone()) {
            return (twin, text);
        }
    }
    unreachable!("there are no more than 2^24 beginnings")
}

pub(crate) async fn a_component_is_known_by_the_beginning_of_its_digest(place: Place) {
    let (host, plain) = place.plain().await;
    let descriptor = host.reducer(ACCOUNT).await.unwrap().descriptor().clone();
    let (one, two) = twins();
    for component in [&one, &two] {
        place.store.save_reducer(ReducerDigest::of(component), &descriptor, component, None).await.unwrap();
    }
    let text = plain.to_string();
    for beginning in [&text[..], &text[..8], &text[..6], &text[..8].to_uppercase()] {
        assert_eq!(host.find_reducer(ACCOUNT, beginning).await.unwrap().digest, plain, "{beginning}");
    }
    let one = ReducerDigest::of(&one);
    let ambiguous = host.find_reducer(ACCOUNT, &one.to_string()[..6]).await.unwrap_err();
    assert!(matches!(ambiguous, SwapError::AmbiguousDigest { count: 2, .. }), "{ambiguous}");
    assert_eq!(host.find_reducer(ACCOUNT, &one.to_string()[..16]).await.unwrap().digest, one);
    let other = ReducerDigest::of(b"nothing").to_string();
    for unknown in [&text[..5], "", "zzzzzzzz", &other, &other[..8]] {
        let refused = host.find_reducer(ACCOUNT, unknown).await.unwrap_err();
        assert!(matches!(refused, SwapError::UnknownDigest { .. }), "{unknown}: {refused}");
    }
    let foreign = host.find_reducer("hostile", &text).await.unwrap_err();
    assert!(matches!(foreign, SwapError::UnknownDigest { .. }), "{foreign}");
}
