//! Accounts that are sealed, and the journal of their commands: in no table in plain, gone with their key, and proven nothing of by who
//! has no key.

use sqlx::PgConnection;

use super::*;

const SECRET: &str = "Ada Lovelace, St James's Square 12";

/// How many rows of a table hold the secret, as text or as bytes.
async fn rows_with_the_secret(connection: &mut PgConnection, table: &str) -> i64 {
    let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
    let count =
        format!("SELECT count(*) FROM {table} t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%'");
    sqlx::query_scalar(sqlx::AssertSqlSafe(count)).bind(SECRET).bind(hex).fetch_one(connection).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_journal_keeps_of_a_sealed_account_lies_in_no_table_in_plain() {
    let place = Place::postgres().await;
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    rename(&host, "account-1", SECRET).await;
    let mut connection = place.database.as_ref().unwrap().0.connect().await;
    assert_eq!(rows_with_the_secret(&mut connection, "commands").await, 0);
    assert_eq!(rows_with_the_secret(&mut connection, "events").await, 0);

    // One that is not sealed shows that the search finds what is there.
    let unsealed = database().await;
    let host = over(Arc::clone(&unsealed.store) as Arc<dyn Store>).start().unwrap();
    let digest = deploy(&host, &[]).await.digest;
    keep_journal(&host, digest).await;
    rename(&host, "account-1", SECRET).await;
    let mut other = unsealed.connect().await;
    assert_eq!(rows_with_the_secret(&mut other, "commands").await, 1);

    // Whoever has not the key reads neither.
    let keyless: Arc<dyn Store> = place.database.as_ref().unwrap().0.store.clone();
    let sealed = keyless.read_journal(&stream("account-1"), None, 10).await.unwrap_err();
    assert!(matches!(sealed, EventStoreError::Encryption(_)), "{sealed}");
}

pub(crate) async fn what_the_journal_kept_of_an_erased_account_says_nothing_any_more(place: Place) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    rename(&host, "account-1", SECRET).await;
    let [kept] = &place.journal("account-1").await[..] else { panic!("one command is kept") };
    assert!(matches!(&kept.payload, Some(Payload::Json(text)) if text.contains(SECRET)), "{kept:?}");
    host.close_stream(&stream("account-1"), true).await.unwrap();
    let left = place.journal("account-1").await;
    assert!(left.iter().all(|kept| kept.payload.is_none()), "{left:?}");
    // And no report finds it either.
    let forgetful = verified(&host, host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest).await;
    assert_eq!((forgetful.report.erased, forgetful.report.commands), (1, 0));
    assert!(!serde_json::to_string(&forgetful).unwrap().contains(SECRET));
}

/// What a report shows of a sealed account would be there for good: no erasure reaches it, and whoever reads the log reads its history.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_on_a_sealed_account_says_where_it_differs_and_holds_nothing_of_it() {
    let sealed = Place::postgres().await;
    let unsealed = Place::postgres().await.unsealed().await;
    for (place, is_sealed) in [(&sealed, true), (&unsealed, false)] {
        let (host, plain) = place.plain().await;
        keep_journal(&host, plain).await;
        rename(&host, "account-1", SECRET).await;
        rename(&host, "account-1", SECRET).await;
        deposit(&host, "account-1", 20).await;
        withdraw(&host, "account-1", 13).await.unwrap();
        // One keeps the name otherwise, and one says it as it panics.
        let quoted = verified(&host, deploy(&host, &["quoted"]).await.digest).await.report;
        let report = verified(&host, deploy(&host, &["quoted", "hesitant"]).await.digest).await.report;
        assert_eq!(quoted.differences.0["state:/name"].count, 1);
        assert_eq!(counts(&report.failures), BTreeMap::from([("decide:trap", 1)]));
        let example = &report.failures.0["decide:trap"].examples[0];
        assert_eq!((&example.stream_id, example.version), (&stream("account-1"), Version::new(2)));
        assert!(example.message.as_ref().unwrap().starts_with("command Withdraw"), "{example:?}");
        let policy = ActivationPolicy::Force("for the test".into());
        let request = ActivateRequest { policy, ..ActivateRequest::of(quoted_digest(&host).await) };
        host.activate(ACCOUNT, request).await.unwrap();

        let mut connection = place.database.as_ref().unwrap().0.connect().await;
        let (reports, events) = (
            rows_with_the_secret(&mut connection, "verifications").await,
            rows_with_the_secret(&mut connection, "events").await,
        );
        // One that is not sealed shows that the search finds what is there.
        assert_eq!((reports == 0, events == 0), (is_sealed, is_sealed), "{reports} reports and {events} events");
    }
}

async fn quoted_digest(host: &Host) -> ReducerDigest {
    deploy(host, &["quoted"]).await.digest
}

/// It would be asked again and again: a host without the keys, or one stream of a million that is damaged, ends a verification with a
/// failure, and never keeps it from ending.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_the_store_cannot_open_is_a_failure_that_says_why() {
    let place = Place::postgres().await;
    let (host, _) = place.plain().await;
    for id in ["account-1", "account-2", "account-3"] {
        deposit(&host, id, 5).await;
    }
    let same = host.deploy(in_other_bytes(ACCOUNT, 1)).await.unwrap().digest;
    let keyless: Arc<dyn Store> = place.database.as_ref().unwrap().0.store.clone();
    let keyless = over(keyless).start().unwrap();
    let view = verified(&keyless, same).await;
    assert_eq!((view.status, view.report.streams), (VerificationStatus::Failed, 3));
    assert_eq!(counts(&view.report.failures), BTreeMap::from([("unreadable-stream", 3)]));
    let message = view.report.failures.0["unreadable-stream"].examples[0].message.as_ref().unwrap();
    assert!(message.contains("--encryption-keys"), "{message}");
    assert_eq!(verified(&host, same).await.status, VerificationStatus::Passed, "whoever has the keys goes on");
}
