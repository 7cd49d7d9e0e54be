//! The fence between appends and swaps: no event of a deactivated reducer comes behind its deactivation.

use super::*;
use foldhost::event_store::ActivationChange;

/// A database with two components of one category, the first of which is active as generation 1.
async fn with_two_reducers() -> TestDatabase {
    let database = database().await;
    let descriptor = Descriptor {
        name: "order".into(),
        commands: Vec::new(),
        event_types: Vec::new(),
        writes: Vec::new(),
        state_schema: "order.v1".into(),
        sdk_version: "0".into(),
    };
    for component in [b"first".as_slice(), b"second"] {
        database.store.save_reducer(ReducerDigest::of(component), &descriptor, component, None).await.unwrap();
    }
    assert_eq!(
        database.store.activate(&ActivationChange::to("order", ReducerDigest::of(b"first"))).await.unwrap().generation,
        1
    );
    database
}

fn of_generation(generation: u64, batch: StreamBatch) -> StreamBatch {
    StreamBatch { fence: Some(Fence { reducer: "order".into(), generation }), ..batch }
}

/// A swap that is under way: its rows are written, and not committed.
async fn swap_in_progress(database: &TestDatabase) -> PgConnection {
    let mut swap = database.connect().await;
    swap.execute("BEGIN").await.unwrap();
    swap.execute(
        "INSERT INTO activations
         SELECT name, 2, (SELECT digest FROM reducers WHERE component = 'second') FROM active_reducers",
    )
    .await
    .unwrap();
    swap.execute("UPDATE active_reducers SET generation = 2").await.unwrap();
    swap
}

/// An append that is under way, under generation 1.
async fn append_in_progress(database: &TestDatabase) -> PgConnection {
    let mut append = database.connect().await;
    append.execute("BEGIN").await.unwrap();
    assert_eq!(fence_holds(&mut append, 1).await, [true]);
    append
        .execute("INSERT INTO events (stream_id, version, event_type, event_data) VALUES ('order-9', 1, 'Slow.v1', '')")
        .await
        .unwrap();
    append
}

async fn fence_holds(connection: &mut PgConnection, generation: i64) -> Vec<bool> {
    let ask = sqlx::query_scalar("SELECT fence_holds(ARRAY['order'], ARRAY[$1])").bind(generation);
    ask.fetch_one(connection).await.unwrap()
}

async fn events_count(connection: &mut PgConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM events WHERE stream_id LIKE 'order-%'")
        .fetch_one(connection)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_waits_for_a_swap_is_fenced_by_it() {
    let database = with_two_reducers().await;
    let mut swap = swap_in_progress(&database).await;
    let mut watch = database.connect().await;
    // A batch that names its version, and one that does not: each goes by a statement of its own.
    for expected in [ExpectedVersion::NoStream, ExpectedVersion::Any] {
        let store = Arc::clone(&database.store);
        let late = of_generation(1, StreamBatch { expected, ..batch("order-1", 0, 1) });
        let late = tokio::spawn(async move { store.append_many(&[late]).await.unwrap() });
        until_somebody_waits_for_a_lock(&mut watch).await;
        swap.execute("COMMIT").await.unwrap();
        assert_eq!(late.await.unwrap(), [AppendOutcome::Fenced], "{expected}");
        assert_eq!(events_count(&mut watch).await, 0);
        swap.execute("BEGIN; UPDATE active_reducers SET generation = 1; COMMIT; BEGIN").await.unwrap();
        swap.execute("UPDATE active_reducers SET generation = 2").await.unwrap();
    }
}

/// A statement reads what was committed when it began. Read by that, the fence held: the append's statement began before the
/// swap committed, and asked for the lock after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_that_began_before_a_swap_and_asks_after_it_is_fenced() {
    let database = with_two_reducers().await;
    let mut swap = swap_in_progress(&database).await;
    let mut gate = database.connect().await;
    gate.execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let mut append = database.connect().await;
    let append = tokio::spawn(async move {
        let ask = "SELECT pg_advisory_xact_lock(1)::text, fence_holds(ARRAY['order'], ARRAY[1]::bigint[]) AS fence,
                          (SELECT generation FROM active_reducers) AS seen";
        let answer = sqlx::query(ask).fetch_one(&mut append).await.unwrap();
        (answer.get::<Vec<bool>, _>("fence"), answer.get::<i64, _>("seen"))
    });
    let mut watch = database.connect().await;
    until_somebody_waits_for_a_lock(&mut watch).await;
    swap.execute("COMMIT").await.unwrap();
    gate.execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    let (fence, seen) = append.await.unwrap();
    assert_eq!(seen, 1, "the statement itself is older than the swap");
    assert_eq!(fence, [false], "and the fence is not");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_waits_for_the_appends_under_the_former_generation() {
    let database = with_two_reducers().await;
    let mut append = append_in_progress(&database).await;
    let store = Arc::clone(&database.store);
    let swap = tokio::spawn(async move {
        store.activate(&ActivationChange::to("order", ReducerDigest::of(b"second"))).await.unwrap()
    });
    let mut watch = database.connect().await;
    until_somebody_waits_for_a_lock(&mut watch).await;
    assert!(!swap.is_finished());
    append.execute("COMMIT").await.unwrap();
    assert_eq!(swap.await.unwrap().generation, 2);
    let late = of_generation(1, batch("order-1", 0, 1));
    assert_eq!(database.store.append_many(&[late]).await.unwrap(), [AppendOutcome::Fenced]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_swap_by_hand_waits_for_appends_too() {
    for change in [
        "UPDATE active_reducers SET digest = (SELECT digest FROM reducers WHERE component = 'second')",
        "DELETE FROM active_reducers",
    ] {
        let database = with_two_reducers().await;
        let mut append = append_in_progress(&database).await;
        let mut hand = database.connect().await;
        let swap = tokio::spawn(async move { hand.execute(change).await.unwrap().rows_affected() });
        let mut watch = database.connect().await;
        until_somebody_waits_for_a_lock(&mut watch).await;
        assert!(!swap.is_finished(), "{change}");
        append.execute("COMMIT").await.unwrap();
        assert_eq!(swap.await.unwrap(), 1, "{change}");
        assert_eq!(events_count(&mut watch).await, 1);
    }
}

#[tokio::test]
async fn appends_of_other_reducers_wait_for_no_swap() {
    let database = with_two_reducers().await;
    let swap = swap_in_progress(&database).await;
    let appended = database.store.append_many(&[batch("order-1", 0, 1), batch("invoice-1", 0, 1)]).await.unwrap();
    assert!(appended.iter().all(|outcome| matches!(outcome, AppendOutcome::Appended { .. })), "{appended:?}");
    let other = Some(Fence { reducer: "invoice".into(), generation: 1 });
    let fenced = database.store.append_many(&[StreamBatch { fence: other, ..batch("invoice-2", 0, 1) }]).await.unwrap();
    assert_eq!(fenced, [AppendOutcome::Fenced], "of a reducer that was never active");
    drop(swap);
}

/// Under a stricter level the fence would be read by the transaction's own snapshot, which may be older than the swap.
#[tokio::test]
async fn a_fence_is_asked_under_read_committed_alone() {
    let database = with_two_reducers().await;
    let mut connection = database.connect().await;
    for level in ["REPEATABLE READ", "SERIALIZABLE"] {
        connection.execute(sqlx::AssertSqlSafe(format!("BEGIN ISOLATION LEVEL {level}"))).await.unwrap();
        let error = connection.execute("SELECT fence_holds(ARRAY['order'], ARRAY[1]::bigint[])").await.unwrap_err();
        assert!(error.to_string().contains("READ COMMITTED"), "{error}");
        connection.execute("ROLLBACK").await.unwrap();
        // A pool that an embedder made, with such a default.
        let isolation = level.to_lowercase();
        let options = database.url.parse::<sqlx::postgres::PgConnectOptions>().unwrap();
        let options = options.options([("default_transaction_isolation", isolation)]);
        let strict = PostgresEventStore::from_pool(sqlx::PgPool::connect_with(options).await.unwrap());
        let error = strict.append_many(&[of_generation(1, batch("order-1", 0, 1))]).await.unwrap_err();
        assert!(matches!(&error, EventStoreError::Database(reason) if reason.contains("READ COMMITTED")), "{error}");
    }
    assert_eq!(events_count(&mut connection).await, 0);
}
