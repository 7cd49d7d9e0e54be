//! What the source's log holds: ten days of old events, orders that grew side by side, and two transactions that overlapped.

use foldhost::runtime::replay_stream;
use foldhost::{Limits, NativeReducer};
use foldhost_test_support::orders;

use super::*;

/// The streams of two transactions that overlapped: the first one's event has the later position.
pub(crate) const OVERLAPPING: [&str; 2] = ["slow-1", "slow-2"];
/// More events than a new cluster has ids for: some share one, and two days may.
const OLD_DAYS: i32 = 10;
const OLD_EACH_DAY: i32 = 300;
const ORDERS: usize = 4;
const EVENTS_EACH: usize = 30;

/// Says how many events there are.
pub(crate) async fn write_history(database: &TestDatabase) -> usize {
    let mut connection = database.connect().await;
    burn_transaction_ids(&database.url, 5_000).await;
    for day in 0..OLD_DAYS {
        let old = "INSERT INTO events (stream_id, version, event_type, event_data, created_at)
                   SELECT 'old-1', version, 'Aged.v1', '', now() - make_interval(days => $1, hours => -12)
                   FROM generate_series($2 + 1, $2 + $3) version";
        let insert = sqlx::query(old).bind(OLD_DAYS - day).bind(day * OLD_EACH_DAY).bind(OLD_EACH_DAY);
        insert.execute(&mut connection).await.unwrap();
    }
    grow_orders(&database.store, 0..EVENTS_EACH / 2).await;
    overlap(database).await;
    burn_transaction_ids(&database.url, 5_000).await;
    grow_orders(&database.store, EVENTS_EACH / 2..EVENTS_EACH).await;
    (OLD_DAYS * OLD_EACH_DAY) as usize + ORDERS * EVENTS_EACH + OVERLAPPING.len()
}

fn orders() -> impl Iterator<Item = StreamId> {
    (1..=ORDERS).map(|number| StreamId::new(&format!("order-{number}")).unwrap())
}

async fn grow_orders(store: &PostgresEventStore, numbers: std::ops::Range<usize>) {
    let history = orders::history(EVENTS_EACH);
    for number in numbers {
        for order in orders() {
            let (version, event) = (Version::new(number as u64), history[number].clone());
            store.append_events(&order, version.into(), vec![event]).await.unwrap();
        }
    }
}

async fn overlap(database: &TestDatabase) {
    let (mut first, mut second) = (database.connect().await, database.connect().await);
    let insert = |stream: &str| {
        format!("INSERT INTO events (stream_id, version, event_type, event_data) VALUES ('{stream}', 1, 'Slow.v1', '')")
    };
    first.execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    second.execute(AssertSqlSafe(insert(OVERLAPPING[1]))).await.unwrap();
    first.execute(AssertSqlSafe(insert(OVERLAPPING[0]))).await.unwrap();
    first.execute("COMMIT").await.unwrap();
}

/// The state of each order as its fold leaves it.
pub(crate) async fn digests(store: &PostgresEventStore) -> Vec<(u64, String)> {
    let reducer = NativeReducer::<order::Order>::new();
    let mut digests = Vec::new();
    for order in orders() {
        let report = replay_stream(store, &reducer, &order, &Limits::default()).await.unwrap();
        digests.push((report.version.get(), report.state));
    }
    digests
}
