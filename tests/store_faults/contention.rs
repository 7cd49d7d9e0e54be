//! Neighbours in the database: other isolation levels, and deadlocks.

use foldhost::event_store::ActivationChange;
use std::sync::Arc;

use foldhost::event_store::{AppendOutcome, Fence};
use foldhost::reducer::{Descriptor, ReducerDigest};
use foldhost::{EventStore, EventStoreError, ExpectedVersion, PostgresEventStore, ReducerStore, Version};
use foldhost_test_support::{TestDatabase, database};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};
use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::{WAITING, event, events_of, exactly, named, number, recorded, stream, until_at_least, writers};

const STRICT: [&str; 2] = ["repeatable read", "serializable"];

/// A store over somebody else's pool, whose transactions are stricter than the store's own would be.
async fn over_strict_pool(database: &TestDatabase, isolation: &str) -> PostgresEventStore {
    let options: PgConnectOptions = database.url.parse().unwrap();
    let options = options.options([("default_transaction_isolation", isolation)]);
    PostgresEventStore::from_pool(PgPoolOptions::new().max_connections(8).connect_with(options).await.unwrap())
}

/// Under a stricter level an append could not see the swap that it waited for.
#[tokio::test]
async fn an_append_under_a_reducer_is_refused_in_a_stricter_transaction() {
    let database = database().await;
    let descriptor = Descriptor {
        name: "order".into(),
        commands: Vec::new(),
        event_types: Vec::new(),
        writes: Vec::new(),
        state_schema: "order.v1".into(),
        sdk_version: "0".into(),
    };
    database.store.save_reducer(ReducerDigest::of(b"code"), &descriptor, b"code", None).await.unwrap();
    database.store.activate(&ActivationChange::to("order", ReducerDigest::of(b"code"))).await.unwrap();
    for isolation in STRICT {
        let store = over_strict_pool(&database, isolation).await;
        for expected in [exactly(0), ExpectedVersion::Any] {
            let mut batch = named("order-1", expected, "id", 1);
            batch.fence = Some(Fence { reducer: "order".into(), generation: 1 });
            let refused = store.append_many(&[batch]).await;
            let says_why = matches!(&refused, Err(EventStoreError::Database(reason))
                if reason.contains("READ COMMITTED") && reason.contains(isolation));
            assert!(says_why, "{refused:?}");
        }
    }
    assert_eq!(events_of(&mut database.connect().await, "order-1").await, 0);
}

/// Appends at the version that it takes the stream to have, and again at the one that it is told, until it has won.
async fn win(store: &PostgresEventStore, id: &str) -> Version {
    let mut head = Version::EMPTY;
    loop {
        match store.append_many(&[named("order-raced", ExpectedVersion::Exact(head), id, 1)]).await.unwrap()[..] {
            [AppendOutcome::Appended { version }] => return version,
            [AppendOutcome::Conflict { actual }] => {
                assert!(actual > head, "{id} lost at version {head} to nobody");
                head = actual;
            }
            ref other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_stricter_transactions_every_race_has_one_winner_and_no_error() {
    for isolation in STRICT {
        let mut random = crate::random("in_stricter_transactions_every_race_has_one_winner_and_no_error");
        let database = database().await;
        let store = Arc::new(over_strict_pool(&database, isolation).await);
        let ledger = Arc::new(Ledger::new());
        let mut racers = JoinSet::new();
        for racer in 0..8 {
            let (store, ledger) = (Arc::clone(&store), Arc::clone(&ledger));
            racers.spawn(async move {
                for append in 0..8 {
                    let id = format!("racer{racer}-{append}x1");
                    let version = win(&store, &id).await;
                    ledger.acknowledge("order-raced", &id, version, version);
                }
            });
        }
        let writers = writers::start(&store, &ledger, &mut random, 4, 15);
        tokio::join!(writers::finish(racers), writers::finish(writers));
        let mut connection = database.connect().await;
        ledger.check(&mut connection, "command_id", writers::events_each).await;
        assert_eq!(events_of(&mut connection, "order-raced").await, 64, "{isolation}");
    }
}

/// The append has one stream and wants the other; the transaction by hand has the other and wants the one. The server ends the
/// append's statement, which looked first; that is sent again, and waits for the transaction's end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_is_the_victim_of_a_deadlock_is_done_again_once() {
    for expected in [ExpectedVersion::NoStream, ExpectedVersion::Any] {
        let database = database().await;
        let mut hand = database.connect().await;
        let mut watch = database.connect().await;
        let name: String = sqlx::query_scalar("SELECT current_database()").fetch_one(&mut watch).await.unwrap();
        // Time enough for the hand to close the circle before the append looks for one.
        watch.execute(AssertSqlSafe(format!("ALTER DATABASE {name} SET deadlock_timeout = '2s'"))).await.unwrap();
        hand.execute("SET deadlock_timeout = '5min'").await.unwrap();
        let insert = |id: &str| {
            AssertSqlSafe(format!(
                "INSERT INTO events (stream_id, version, event_type, event_data) VALUES ('{id}', 1, 'Hand.v1', '')"
            ))
        };
        hand.execute("BEGIN").await.unwrap();
        hand.execute(insert("order-2")).await.unwrap();
        let store = Arc::clone(&database.store);
        let append = tokio::spawn(async move {
            let batches = [recorded("order-1", expected, "id", 2), recorded("order-2", expected, "id", 1)];
            store.append_many(&batches).await
        });
        until_at_least(&mut watch, 1, WAITING).await;
        // Comes back when the append's statement was ended.
        hand.execute(insert("order-1")).await.unwrap();
        until_at_least(&mut watch, 1, WAITING).await;
        hand.execute("ROLLBACK").await.unwrap();
        let at = |version| AppendOutcome::Appended { version: Version::new(version) };
        assert_eq!(append.await.unwrap().unwrap(), [at(2), at(1)], "{expected:?}");
        let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        until_at_least(&mut watch, 1, deadlocks).await;
        assert_eq!(number(&mut watch, "SELECT count(*) FROM events").await, 3);
        let again = database.store.append_once(&stream("order-1"), expected, "more", vec![event("more")]).await;
        assert_eq!(again.is_ok(), expected == ExpectedVersion::Any, "{again:?}");
    }
}
