//! A long history that was there before.

use counter::CounterEvent;
use foldhost::StreamId;
use foldhost_sdk::Event as _;
use sqlx::PgConnection;

use super::record::{Answer, Sent};

/// Counters that generation 1 counted up, as clients would have had them who were never told what came of their commands.
pub(crate) async fn record(connection: &mut PgConnection, streams: usize, events_each: usize) -> Vec<Sent> {
    let insert = "INSERT INTO events (stream_id, version, event_type, event_data, metadata)
                  SELECT 'counter-old' || s, v, $1, $2, jsonb_build_object('command_id', 'old', 'generation', 1,
                                                                           'correlation_id', 'old-' || s)
                  FROM generate_series(1, $3) s, generate_series(1, $4) v ORDER BY s, v";
    let event = CounterEvent::Incremented { by: 1 };
    let inserted = sqlx::query(insert)
        .bind(event.event_type())
        .bind(event.to_bytes().unwrap())
        .bind(i32::try_from(streams).unwrap())
        .bind(i32::try_from(events_each).unwrap())
        .execute(connection)
        .await
        .unwrap();
    assert_eq!(inserted.rows_affected(), (streams * events_each) as u64);
    let sent = |number: usize| Sent {
        tag: format!("old-{number}"),
        stream_id: StreamId::new(&format!("counter-old{number}")).unwrap(),
        command_id: None,
        events_max: events_each,
        answers: vec![Answer::Unknown("nobody was told".into())],
    };
    (1..=streams).map(sent).collect()
}
