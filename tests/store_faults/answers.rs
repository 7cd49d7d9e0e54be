//! Answers that are lost: the server did it, and the store never hears. Or it did not, which looks the same from here.

use std::sync::Arc;

use foldhost::event_store::AppendOutcome;
use foldhost::{
    EventMetadata, EventStore, EventStoreError, ExpectedVersion, PoolConfig, PostgresEventStore, SerializedEvent,
    Version,
};
use foldhost_test_support::{TestDatabase, database};
use sqlx::Executor;

use crate::proxy::{Fault, Proxy};
use crate::{
    WAITING, assert_unavailable, event, events_of, exactly, named, number, plain, recorded, stream, until_at_least,
};

/// A part of both forms of the append.
pub(crate) const APPEND: &str = "INSERT INTO events";

/// A store whose connections lead through a proxy.
pub(crate) async fn behind_proxy(config: &PoolConfig) -> (TestDatabase, Proxy, PostgresEventStore) {
    let database = database().await;
    let proxy = Proxy::start(&database.url).await;
    let store = PostgresEventStore::connect(&proxy.url, config).await.unwrap();
    (database, proxy, store)
}

fn appended(version: u64) -> [AppendOutcome; 1] {
    [AppendOutcome::Appended { version: Version::new(version) }]
}

#[tokio::test]
async fn an_append_whose_answer_was_lost_is_known_by_its_ids_and_not_done_again() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    for (done, fault) in [Fault::CutAfter, Fault::CutBefore, Fault::CutAfter].into_iter().enumerate() {
        proxy.strike(APPEND, fault);
        let (done, id) = (done as u64, format!("id-{done}"));
        let outcomes = store.append_many(&[named("order-1", exactly(2 * done), &id, 2)]).await.unwrap();
        assert_eq!(outcomes, appended(2 * done + 2));
        proxy.until_struck(done as usize + 1).await;
    }
    assert_eq!(events_of(&mut database.connect().await, "order-1").await, 6);
}

/// Of many streams in one statement, one lost its version check, and is told so; the others are known again.
#[tokio::test]
async fn of_a_lost_answer_each_stream_is_told_its_own_outcome() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    store.append_many(&[named("order-2", exactly(0), "other", 1)]).await.unwrap();
    proxy.strike(APPEND, Fault::CutAfter);
    let batches = [
        named("order-1", exactly(0), "a", 3),
        named("order-2", exactly(0), "b", 1),
        named("order-3", exactly(0), "c", 1),
    ];
    let outcomes = store.append_many(&batches).await.unwrap();
    let at = |version| AppendOutcome::Appended { version: Version::new(version) };
    assert_eq!(outcomes, [at(3), AppendOutcome::Conflict { actual: Version::new(1) }, at(1)]);
    proxy.until_struck(1).await;
    assert_eq!(number(&mut database.connect().await, "SELECT count(*) FROM events").await, 5);
}

/// The read that tells whether an append is there may be cut as well.
#[tokio::test]
async fn an_append_is_known_again_though_the_look_at_it_is_cut_too() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    proxy.strike(APPEND, Fault::CutAfter);
    proxy.strike("WHERE e.stream_id = $1 AND e.version > $2", Fault::CutAfter);
    proxy.strike("WHERE e.stream_id = $1 AND e.version > $2", Fault::CutBefore);
    let outcomes = store.append_many(&[named("order-1", exactly(0), "id", 2)]).await.unwrap();
    assert_eq!(outcomes, appended(2));
    proxy.until_struck(3).await;
    assert_eq!(events_of(&mut database.connect().await, "order-1").await, 2);
}

/// A turn of a stream appends the commands of senders with an id and of senders without as one batch. Told as repeated, the
/// commands without an id were decided again.
#[tokio::test]
async fn a_batch_of_a_remembered_command_and_another_is_known_as_a_whole() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    proxy.strike(APPEND, Fault::CutAfter);
    let mut batch = recorded("order-1", exactly(0), "with-id", 1);
    batch.events.extend(named("order-1", exactly(0), "without", 2).events);
    assert_eq!(store.append_many(&[batch]).await.unwrap(), appended(3));
    proxy.until_struck(1).await;
    assert_eq!(events_of(&mut database.connect().await, "order-1").await, 3);
}

#[tokio::test]
async fn a_remembered_command_is_told_as_done_before_when_its_answer_was_lost() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let nameless = |expected| {
        let mut batch = recorded("order-1", expected, "id-1", 2);
        batch.events.iter_mut().for_each(|(_, metadata)| *metadata = EventMetadata::default());
        batch
    };
    proxy.strike(APPEND, Fault::CutAfter);
    assert_eq!(store.append_many(&[nameless(exactly(0))]).await.unwrap(), [AppendOutcome::Repeated]);
    proxy.until_struck(1).await;
    let found = store.find_commands(&stream("order-1"), &["id-1".into()]).await.unwrap().pop().unwrap();
    assert_eq!((found.first_version, found.last_version), (Some(Version::new(1)), Version::new(2)));
    assert_eq!(events_of(&mut database.connect().await, "order-1").await, 2);
}

/// An open version takes a transaction: its commit is what can be lost.
#[tokio::test]
async fn a_lost_commit_of_remembered_commands_is_found_by_them() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    proxy.strike("COMMIT", Fault::CutAfter);
    let batch = recorded("order-1", ExpectedVersion::Any, "many", 2);
    assert_eq!(store.append_many(&[batch]).await.unwrap(), [AppendOutcome::Repeated]);
    proxy.strike("COMMIT", Fault::CutBefore);
    let batch = recorded("order-1", ExpectedVersion::Exists, "not-yet", 1);
    assert_eq!(store.append_many(&[batch]).await.unwrap(), appended(3));
    proxy.strike("COMMIT", Fault::CutAfter);
    let both = [recorded("order-1", exactly(3), "both", 1), recorded("order-2", exactly(0), "both", 1)];
    let answer = store.append_atomic(&both).await;
    assert!(matches!(answer, Err(EventStoreError::Repeated { .. })), "{answer:?}");
    proxy.until_struck(3).await;
    let mut connection = database.connect().await;
    assert_eq!((events_of(&mut connection, "order-1").await, events_of(&mut connection, "order-2").await), (4, 1));
}

#[tokio::test]
async fn an_append_under_an_id_is_done_once_in_every_mode_whatever_is_lost() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let (any, exists) = (ExpectedVersion::Any, ExpectedVersion::Exists);
    let mut version = 0;
    for (fault, expected, struck) in [
        (Fault::CutAfter, ExpectedVersion::NoStream, APPEND),
        (Fault::CutAfter, exactly(2), APPEND),
        (Fault::CutBefore, exactly(4), APPEND),
        (Fault::CutAfter, any, "COMMIT"),
        (Fault::CutBefore, any, "COMMIT"),
        (Fault::CutAfter, exists, "COMMIT"),
        (Fault::CutBefore, exists, "COMMIT"),
        (Fault::CutAfter, any, APPEND),
        (Fault::CutBefore, any, "pg_advisory_xact_lock"),
        (Fault::CutAfter, any, "BEGIN"),
    ] {
        proxy.strike(struck, fault);
        let id = format!("id-{version}");
        let done = store.append_once(&stream("order-1"), expected, &id, vec![event(&id), event(&id)]).await;
        let places = (Version::new(version + 1), Version::new(version + 2));
        assert_eq!(done.unwrap(), places, "{fault:?} of {struck} with {expected:?}");
        version += 2;
    }
    proxy.until_struck(10).await;
    assert_eq!(events_of(&mut database.connect().await, "order-1").await, version);
}

#[tokio::test]
async fn what_cannot_be_known_again_is_sent_once_and_told_as_unknown() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let mut connection = database.connect().await;
    proxy.strike(APPEND, Fault::CutAfter);
    assert_unavailable(&store.append_many(&[plain("order-1", exactly(0), 1)]).await);
    assert_eq!((proxy.forwarded(APPEND), events_of(&mut connection, "order-1").await), (1, 1));
    proxy.strike(APPEND, Fault::CutBefore);
    assert_unavailable(&store.append_many(&[plain("order-1", exactly(1), 1)]).await);
    assert_eq!((proxy.forwarded(APPEND), events_of(&mut connection, "order-1").await), (1, 1));
    // One such among others: they share a statement, and so its fate.
    proxy.strike(APPEND, Fault::CutAfter);
    let mixed = [plain("order-1", exactly(1), 1), named("order-2", exactly(0), "id", 1)];
    assert_unavailable(&store.append_many(&mixed).await);
    assert_eq!((proxy.forwarded(APPEND), events_of(&mut connection, "order-2").await), (2, 1));
    // With an open version not even its ids tell where it may be.
    proxy.strike("COMMIT", Fault::CutAfter);
    assert_unavailable(&store.append_many(&[named("order-2", ExpectedVersion::Any, "open", 1)]).await);
    assert_eq!((proxy.forwarded(APPEND), events_of(&mut connection, "order-2").await), (3, 2));
    proxy.strike("COMMIT", Fault::CutAfter);
    assert_unavailable(&store.append_atomic(&[plain("order-3", exactly(0), 1)]).await);
    assert_eq!((proxy.forwarded(APPEND), events_of(&mut connection, "order-3").await), (4, 1));
}

/// A cut connection ends no statement. Both the first attempt and the second wait for a third party here, and race when it is
/// gone: whichever wins, it is one append, and no conflict with itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_sent_again_while_the_first_is_under_way_is_done_once() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let store = Arc::new(store);
    let (mut hand, mut watch) = (database.connect().await, database.connect().await);
    for round in 0..24 {
        let id = format!("order-{round}");
        let mut batch = recorded(&id, if round % 3 == 2 { ExpectedVersion::Any } else { exactly(0) }, "id", 2);
        match round % 3 {
            // Known by its ids alone, by what the stream remembers alone, or by both.
            0 => batch.commands.clear(),
            1 => batch.events.iter_mut().for_each(|(_, metadata)| *metadata = EventMetadata::default()),
            _ => {}
        }
        hand.execute("BEGIN").await.unwrap();
        let insert = "INSERT INTO events (stream_id, version, event_type, event_data) VALUES ($1, 1, 'Hand.v1', '')";
        sqlx::query(insert).bind(&id).execute(&mut hand).await.unwrap();
        proxy.strike(APPEND, Fault::CutDuring);
        let append = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.append_many(&[batch]).await }
        });
        until_at_least(&mut watch, 2, WAITING).await;
        hand.execute("ROLLBACK").await.unwrap();
        let outcome = append.await.unwrap().unwrap()[0];
        let done = outcome == appended(2)[0] || round % 3 != 0 && outcome == AppendOutcome::Repeated;
        assert!(done, "round {round}: {outcome:?}");
        assert_eq!(events_of(&mut watch, &id).await, 2);
    }
}

/// A connection that cannot be had is no statement that was sent.
#[tokio::test]
async fn what_was_never_sent_is_sent_later_though_it_could_not_be_known_again() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    proxy.refuse(3);
    let outcomes = store.append_many(&[plain("order-1", exactly(0), 1)]).await.unwrap();
    assert_eq!(outcomes, appended(1));
    assert_eq!((proxy.forwarded(APPEND), events_of(&mut database.connect().await, "order-1").await), (1, 1));
}

/// Raises an error as soon as a stream has events: for the second attempt, when the first has appended.
const SECOND_FAILS: &str = "
    CREATE FUNCTION fail_when_there() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF EXISTS (SELECT FROM events) THEN RAISE 'no room, says the test' USING ERRCODE = 'disk_full'; END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER fail BEFORE INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION fail_when_there()";

/// Any error but `Unavailable` promises that nothing was appended.
#[tokio::test]
async fn an_error_after_a_lost_answer_does_not_say_that_nothing_was_done() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let mut connection = database.connect().await;
    connection.execute(SECOND_FAILS).await.unwrap();
    proxy.strike(APPEND, Fault::CutAfter);
    assert_unavailable(&store.append_many(&[named("order-1", exactly(0), "id", 1)]).await);
    assert_eq!(events_of(&mut connection, "order-1").await, 1);
    let answer = store.append_many(&[named("order-1", exactly(1), "next", 1)]).await;
    assert!(matches!(answer, Err(EventStoreError::OutOfResources(_))), "{answer:?}");
}

#[tokio::test]
async fn a_read_whose_connection_is_cut_is_done_again() {
    let (_database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let data = SerializedEvent { event_type: "Happened.v1".into(), data: vec![7; 100] };
    store.append_events(&stream("order-1"), ExpectedVersion::NoStream, vec![data; 3]).await.unwrap();
    for (times, fault) in [Fault::CutBefore, Fault::CutAfter].into_iter().enumerate() {
        proxy.strike("FROM events", fault);
        assert_eq!(store.read_stream(&stream("order-1"), Version::EMPTY, 10.into()).await.unwrap().len(), 3);
        proxy.until_struck(times + 1).await;
    }
}
