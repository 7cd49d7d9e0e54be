//! What only Postgres can get wrong: open transactions, locks, a server that is gone, a restored database.

use std::sync::atomic::{AtomicBool, Ordering};

use foldhost::EventStoreError;
use foldhost::embedded_postgres::Durability;
use foldhost::event_store::SubscriptionStart;
use foldhost_test_support::OwnServer;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::{Connection, Executor, PgConnection, Row};

use super::*;

const WRITERS: u64 = 4;
const EVENTS_PER_WRITER: u64 = 60;

/// Appends one event a transaction, each of which stays open for a while behind its insert: they commit in another order than
/// they began.
async fn write_slowly(url: String, writer: u64, mut random: StdRng) {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    for version in 1..=EVENTS_PER_WRITER {
        connection.execute("BEGIN").await.unwrap();
        sqlx::query("INSERT INTO events (stream_id, version, event_type, event_data) VALUES ($1, $2, 'Slow.v1', '')")
            .bind(format!("slow-{writer}"))
            .bind(version as i64)
            .execute(&mut connection)
            .await
            .unwrap();
        // The load, and not a wait for anything.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..10))).await;
        connection.execute("COMMIT").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_skipped_beside_transactions_that_stay_open() {
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let cluster = Postgres(database().await);
    let hosts = [cluster.host().await, cluster.host().await];
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let random = StdRng::seed_from_u64(seed.wrapping_add(writer));
            tokio::spawn(write_slowly(cluster.0.url.clone(), writer, random))
        })
        .collect();
    let done = Arc::new(AtomicBool::new(false));
    let (store, is_done) = (Arc::clone(&hosts[0]), Arc::clone(&done));
    let appending = tokio::spawn(async move {
        let mut count = 0_u64;
        while !is_done.load(Ordering::Relaxed) {
            place(&store, 2).await;
            count += 2;
        }
        count
    });
    // Two readers in turns, each with what the other one acknowledged behind it.
    let mut heads = std::collections::HashMap::<StreamId, u64>::new();
    let mut turn = 0;
    let slow = |heads: &std::collections::HashMap<StreamId, u64>| -> u64 {
        heads.iter().filter(|(stream, _)| stream.category() == "slow").map(|(_, head)| head).sum()
    };
    while slow(&heads) < WRITERS * EVENTS_PER_WRITER {
        let mut billing = reader(&hosts[turn % 2], SubscriptionConfig { page: 50.into(), ..config() });
        for _ in 0..3 {
            let batch = in_time(billing.next()).await.unwrap();
            for (_, event) in &batch {
                let head = heads.entry(event.stream_id.clone()).or_default();
                assert_eq!(event.version.get(), *head + 1, "of {}", event.stream_id);
                *head += 1;
            }
            billing.acknowledge(batch[batch.len() - 1].0).await.unwrap();
        }
        billing.release().await.unwrap();
        turn += 1;
    }
    done.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let appended = appending.await.unwrap();
    let order = StreamId::new("order-1").unwrap();
    let rest = appended - heads.get(&order).copied().unwrap_or_default();
    take(&mut reader(&hosts[0], config()), usize::try_from(rest).unwrap()).await;
}

/// The renewals fail, and nobody tells the reader anything: it knows by its own clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_is_cut_off_from_its_database_gives_up_in_time() {
    let mut server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&PoolConfig::default()).await;
    place(&database.store, 2).await;
    let mut billing = reader(&database.store, leased_for(RENEWED));
    let taken = take(&mut billing, 2).await;
    billing.acknowledge(taken[0].0).await.unwrap();
    server.kill().await;
    let killed_at = std::time::Instant::now();
    in_time(billing.lost()).await;
    let took = killed_at.elapsed();
    assert!(took <= RENEWED + Duration::from_secs(1), "{took:?}");
    assert_eq!(billing.token(), None);
    // Without a question to the database, which would not be answered.
    assert_lost(&billing.acknowledge(taken[1].0).await);
    server.restart().await;
    let again = in_time(async {
        loop {
            match billing.next().await {
                Ok(batch) => return batch,
                Err(SubscriptionError::Store(error)) => println!("{error}"),
                Err(error) => panic!("{error}"),
            }
        }
    });
    assert_eq!(again.await, taken[1..]);
}

/// An acknowledgement that began before a takeover committed, and waits for its row, sees the new token.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_acknowledgement_that_waits_for_a_takeover_is_refused_by_it() {
    let database = database().await;
    let store = &database.store;
    place(store, 1).await;
    let cursor = take(&mut reader(store, SubscriptionConfig::new("all".parse().unwrap())), 1).await[0].0;
    let token = take_over(store, &claim(Duration::from_secs(60))).await;
    let mut takeover = database.connect().await;
    takeover.execute("BEGIN").await.unwrap();
    takeover
        .execute("UPDATE subscriptions SET reader = gen_random_uuid(), token = nextval('subscription_tokens') WHERE name = 'billing'")
        .await
        .unwrap();
    let late = Arc::clone(store);
    let late = tokio::spawn(async move { late.acknowledge_subscription(&billing(), token, cursor).await });
    let mut watch = database.connect().await;
    in_time(async {
        let ask = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while watch.fetch_one(ask).await.unwrap().get::<i64, _>(0) == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    takeover.execute("COMMIT").await.unwrap();
    assert_lost(&in_time(late).await.unwrap());
    assert_eq!(status(store).await.checkpoint, None);
}

/// What a transaction has written and not committed is not there yet, and comes; what it hides may come too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_that_begins_now_is_handed_what_an_open_transaction_has_written() {
    let database = database().await;
    let store = &database.store;
    place(store, 1).await;
    take(&mut reader(store, SubscriptionConfig::new("all".parse().unwrap())), 1).await;
    let mut open = database.connect().await;
    open.execute("BEGIN").await.unwrap();
    open.execute("INSERT INTO events (stream_id, version, event_type, event_data) VALUES ('slow-1', 1, 'Slow.v1', '')")
        .await
        .unwrap();
    place(store, 1).await;
    let mut billing = reader(store, SubscriptionConfig { start: SubscriptionStart::Now, ..config() });
    billing.stand_by().await.unwrap();
    // Nobody may be shown it, and it has been there for that long.
    in_time(async {
        while status(store).await.lag.unwrap() < Duration::from_millis(20) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(store.read_all(status(store).await.checkpoint, &Default::default(), 10.into()).await.unwrap(), []);
    open.execute("COMMIT").await.unwrap();
    let taken = take(&mut billing, 2).await;
    let streams: Vec<_> = taken.iter().map(|(_, event)| event.stream_id.as_str()).collect();
    assert_eq!(streams, ["slow-1", "order-1"]);
    assert_eq!(versions(&taken), [1, 2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_from_before_a_restore_is_told_and_a_reset_mends_it() {
    let cluster = Postgres(database().await);
    let store = cluster.host().await;
    place(&store, 2).await;
    let mut billing = reader(&store, config());
    let taken = take(&mut billing, 2).await;
    billing.acknowledge(taken[1].0).await.unwrap();
    let token = billing.token().unwrap();
    billing.release().await.unwrap();
    cluster.0.connect().await.execute("UPDATE log_epoch SET epoch = epoch + 1").await.unwrap();
    // A host that was started since: one knows its epoch for as long as it runs.
    let store = cluster.host().await;
    let mut billing = reader(&store, config());
    let foreign = billing.next().await.unwrap_err();
    assert!(matches!(foreign, SubscriptionError::ForeignCheckpoint { .. }), "{foreign:?}");
    assert!(foreign.to_string().contains("reset the subscription"), "{foreign}");
    let listed = status(&store).await;
    assert!(listed.checkpoint_is_foreign && listed.lag.is_none() && listed.reader.is_none(), "{listed:?}");
    let late = store.acknowledge_subscription(&super::billing(), token, taken[1].0).await;
    assert!(matches!(late, Err(SubscriptionError::Store(EventStoreError::ForeignCursor))), "{late:?}");
    store.reset_subscription(&super::billing(), None).await.unwrap();
    assert_eq!(versions(&take(&mut billing, 2).await), [1, 2]);
}

/// One look into an index for each subscription, however long the log is.
#[tokio::test]
async fn the_lag_is_found_without_reading_the_log() {
    let database = database().await;
    let mut connection = database.connect().await;
    let prepare = format!(
        "PREPARE list (text, bigint) AS {}",
        include_str!("../../host/src/event_store/postgres/list_subscriptions.sql")
    );
    connection
        .execute(
            // Nothing of the rare ones is behind the checkpoints, and to find that the whole log must not be read.
            "INSERT INTO events (stream_id, version, event_type, event_data)
             SELECT 'rare-1', n, 'Rare.v1', '' FROM generate_series(1, 100) n;
             INSERT INTO subscriptions (name, category, event_type, epoch, transaction_id, global_position)
             SELECT name, category, event_type, 0, pg_current_xact_id(), 100
             FROM (VALUES ('all', NULL, NULL), ('category', 'order', NULL), ('type', NULL, 'Type3.v1'),
                          ('both', 'order', 'Type3.v1'), ('rare category', 'rare', NULL), ('rare type', NULL, 'Rare.v1'))
                  s(name, category, event_type);
             INSERT INTO events (stream_id, version, event_type, event_data)
             SELECT 'order-' || n / 100, n % 100 + 1, 'Type' || n % 5 || '.v1', '' FROM generate_series(0, 49999) n;
             ANALYZE events; ANALYZE subscriptions",
        )
        .await
        .unwrap();
    connection.execute(sqlx::AssertSqlSafe(prepare)).await.unwrap();
    // As the store's connections are set.
    connection.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan").await.unwrap();
    let rows = connection.fetch_all("EXECUTE list (NULL, 0)").await.unwrap();
    let lagging: Vec<_> = rows.iter().filter(|row| row.get::<Option<f64>, _>("lag_s").is_some()).collect();
    let lagging: Vec<&str> = lagging.iter().map(|row| row.get("name")).collect();
    assert_eq!(lagging, ["all", "both", "category", "type"]);
    let plan = connection
        .fetch_all("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS) EXECUTE list (NULL, 0)")
        .await
        .unwrap();
    let plan: Vec<_> = plan.iter().map(|row| row.get::<String, _>(0)).collect();
    let plan = plan.join("\n");
    for index in ["events_of_type_in_log_order", "events_of_category_in_log_order", "events_in_log_order"] {
        assert!(plan.contains(&format!("using {index} ")), "{index} is not used:\n{plan}");
    }
    assert!(!plan.contains("Seq Scan on events") && !plan.contains("Bitmap"), "{plan}");
    let buffers = plan.lines().find_map(|line| line.trim().strip_prefix("Buffers: shared hit=")).unwrap();
    let buffers: u64 = buffers.split_whitespace().next().unwrap().parse().unwrap();
    assert!(buffers < 100, "{buffers} pages:\n{plan}");
}
