//! A log of a million events: 90,000 streams of ten, and one of 100,000.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::effects;

/// Where in the log statements are asked to read.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) middle: Place,
    /// With 50,000 events behind it.
    pub(crate) near_the_end: Place,
}

/// A place in the log, as a cursor has it, and when its event was appended.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) transaction_id: i64,
    pub(crate) position: i64,
    pub(crate) created_at: String,
}

impl Default for Place {
    /// Before the first event.
    fn default() -> Self {
        Self { transaction_id: 0, position: 0, created_at: "-infinity".into() }
    }
}

/// Four categories and five types in equal parts, in 300 transactions. Each event's data are 60 bytes.
const STREAMS: &str = "
    INSERT INTO events (stream_id, version, event_type, event_data)
    SELECT (ARRAY['order', 'customer', 'invoice', 'shipment'])[1 + s % 4] || '-' || to_char(s, 'FM000000'), v,
           (ARRAY['Placed.v1', 'Added.v1', 'Paid.v1', 'Shipped.v1', 'Closed.v1'])[1 + v % 5], decode(repeat('ab', 60), 'hex')
    FROM generate_series(TRANSACTION * 300 + 1, TRANSACTION * 300 + 300) s, generate_series(1, 10) v";

/// Behind them, in 100 transactions.
const LONG_STREAM: &str = "
    INSERT INTO events (stream_id, version, event_type, event_data)
    SELECT 'long-1', v, 'Grown.v1', decode(repeat('ab', 60), 'hex')
    FROM generate_series(TRANSACTION * 1000 + 1, TRANSACTION * 1000 + 1000) v";

/// The tables beside the log, each large enough that reading it from end to end would show.
const BESIDE: [&str; 5] = [
    "INSERT INTO snapshots (stream_id, version, state_schema, reducer_digest, state_encoding, state_data)
     SELECT DISTINCT stream_id, 9, 'order.v1', decode(repeat('00', 32), 'hex'), 'raw', decode(repeat('ab', 60), 'hex')
     FROM events WHERE stream_id LIKE 'order-%'",
    "INSERT INTO snapshots (stream_id, version, state_schema, reducer_digest, state_encoding, state_data)
     VALUES ('long-1', 99900, 'long.v1', decode(repeat('00', 32), 'hex'), 'raw', 'state')",
    "INSERT INTO commands (stream_id, command_id, name, fingerprint, first_version, last_version, payload, payload_kind, decided_at_ms)
     SELECT stream_id, 'c-' || version, 'Place', decode(repeat('00', 32), 'hex'), version, version, '{}', 0, 1
     FROM events WHERE stream_id LIKE 'order-%'",
    "INSERT INTO stream_keys (stream_id, master_key_id, wrapped_key)
     SELECT DISTINCT stream_id, 'master', decode(repeat('00', 72), 'hex') FROM events WHERE stream_id LIKE 'customer-%'",
    "INSERT INTO subscriptions (name, category, event_type, epoch, transaction_id, global_position)
     SELECT 'reader-' || n, CASE WHEN n % 3 = 1 THEN 'order' END, CASE WHEN n % 3 = 2 THEN 'Paid.v1' END, 1,
            e.transaction_id, e.global_position
     FROM generate_series(1, 100) n,
          (SELECT * FROM events ORDER BY transaction_id, global_position OFFSET 950000 LIMIT 1) e",
];

/// The activation that the appends stand under, and the streams that they go on with.
const BEGINNING: [&str; 4] = [
    "INSERT INTO reducers (digest, name, descriptor, component) VALUES (decode(repeat('00', 32), 'hex'), 'order', '{}', '')",
    "INSERT INTO activations (name, generation, digest) SELECT name, 1, digest FROM reducers",
    "INSERT INTO active_reducers (name, generation, digest) SELECT name, generation, digest FROM activations",
    "INSERT INTO events (stream_id, version, event_type, event_data)
     SELECT 'order-' || to_char(80000 + 4 * n, 'FM000000'), v, 'Placed.v1', ''
     FROM generate_series(0, 49) n, generate_series(1, 10) v",
];

/// As little as the statements can be run over.
pub(crate) async fn begin(connection: &mut PgConnection) {
    for insert in BEGINNING {
        connection.execute(insert).await.unwrap();
    }
}

pub(crate) async fn fill(connection: &mut PgConnection) -> Places {
    for (insert, transactions) in [(STREAMS, 300), (LONG_STREAM, 100)] {
        for transaction in 0..transactions {
            let insert = insert.replace("TRANSACTION", &transaction.to_string());
            connection.execute(AssertSqlSafe(insert)).await.unwrap();
        }
    }
    for insert in BEGINNING[..3].iter().chain(&BESIDE).copied() {
        connection.execute(insert).await.unwrap();
    }
    effects::fill(connection).await;
    // The statistics that the planner goes by, and which pages hold only what all can see. Autovacuum comes to the same.
    connection.execute("VACUUM ANALYZE").await.unwrap();
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut *connection).await.unwrap();
    assert_eq!(count, 1_000_000);
    Places { middle: place(connection, 500_000).await, near_the_end: place(connection, 950_000).await }
}

async fn place(connection: &mut PgConnection, behind: i64) -> Place {
    let place = "SELECT transaction_id::text::bigint, global_position, created_at::text FROM events
                 ORDER BY transaction_id, global_position OFFSET $1 LIMIT 1";
    let (transaction_id, position, created_at) =
        sqlx::query_as(place).bind(behind).fetch_one(connection).await.unwrap();
    Place { transaction_id, position, created_at }
}
