//! The append: batches of many streams, one statement, one round trip.

use sqlx::PgPool;

use super::error::database_error;
use crate::event_store::batch::check;
use crate::event_store::{AppendOutcome, EventStoreError, StreamBatch};

/// The statement's parameters: a vector a column.
#[derive(Default)]
struct Columns<'a> {
    stream_ids: Vec<String>,
    expected: Vec<i64>,
    reducers: Vec<Option<String>>,
    generations: Vec<Option<i64>>,
    event_stream: Vec<i64>,
    event_number: Vec<i32>,
    event_types: Vec<String>,
    event_data: Vec<&'a [u8]>,
    event_metadata: Vec<String>,
    command_stream: Vec<i64>,
    command_ids: Vec<String>,
    command_names: Vec<String>,
    command_fingerprints: Vec<&'a [u8]>,
    command_first: Vec<Option<i64>>,
    command_last: Vec<i64>,
    command_rejections: Vec<Option<String>>,
    command_reducers: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    fn of(batches: &'a [StreamBatch]) -> Result<Self, EventStoreError> {
        let mut columns = Self::default();
        for (batch, number) in batches.iter().zip(1..) {
            columns.push(batch, number)?;
        }
        Ok(columns)
    }

    fn push(&mut self, batch: &'a StreamBatch, number: i64) -> Result<(), EventStoreError> {
        self.stream_ids.push(batch.stream_id.as_str().to_owned());
        self.expected.push(batch.expected.as_i64());
        self.reducers.push(batch.fence.as_ref().map(|fence| fence.reducer.clone()));
        self.generations.push(batch.fence.as_ref().map(|fence| fence.generation as i64));
        for ((event, metadata), i) in batch.events.iter().zip(1..) {
            self.event_stream.push(number);
            self.event_number.push(i);
            self.event_types.push(event.event_type.clone());
            self.event_data.push(&event.data);
            self.event_metadata.push(json(metadata)?);
        }
        for command in &batch.commands {
            self.command_stream.push(number);
            self.command_ids.push(command.command_id.clone());
            self.command_names.push(command.name.clone());
            self.command_fingerprints.push(&command.fingerprint);
            self.command_first.push(command.first_version.map(crate::Version::as_i64));
            self.command_last.push(command.last_version.as_i64());
            let rejection = command.rejection.as_ref();
            let rejection = rejection.map(|no| json(&serde_json::json!({"code": no.code, "message": no.message})));
            self.command_rejections.push(rejection.transpose()?);
            self.command_reducers.push(command.reducer_digest.as_bytes());
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, EventStoreError> {
    serde_json::to_string(value).map_err(|error| EventStoreError::InvalidBatch(error.to_string()))
}

pub(super) async fn append(pool: &PgPool, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    check(batches)?;
    let columns = Columns::of(batches)?;
    let rows = sqlx::query_file!(
        "src/event_store/postgres/append.sql",
        &columns.stream_ids,
        &columns.expected,
        &columns.reducers as &[Option<String>],
        &columns.generations as &[Option<i64>],
        &columns.event_stream,
        &columns.event_number,
        &columns.event_types,
        &columns.event_data as &[&[u8]],
        &columns.event_metadata,
        &columns.command_stream,
        &columns.command_ids,
        &columns.command_names,
        &columns.command_fingerprints as &[&[u8]],
        &columns.command_first as &[Option<i64>],
        &columns.command_last,
        &columns.command_rejections as &[Option<String>],
        &columns.command_reducers as &[&[u8]],
    )
    .fetch_all(pool)
    .await
    .map_err(database_error)?;
    if rows.len() != batches.len() {
        let reason = format!("{} outcomes came back for {} streams", rows.len(), batches.len());
        return Err(EventStoreError::Database(reason));
    }
    let outcomes = batches.iter().zip(&rows).map(|(batch, row)| match row.admitted {
        false => Some(AppendOutcome::Fenced),
        true if row.won => Some(AppendOutcome::Appended { version: batch.last_version() }),
        true => None,
    });
    name_conflicts(pool, batches, outcomes.collect()).await
}

/// Asks for the heads of the streams that lost, in a statement of its own: the append's saw the log as it was before the
/// winner's commit.
async fn name_conflicts(
    pool: &PgPool,
    batches: &[StreamBatch],
    outcomes: Vec<Option<AppendOutcome>>,
) -> Result<Vec<AppendOutcome>, EventStoreError> {
    let lost: Vec<String> = batches
        .iter()
        .zip(&outcomes)
        .filter(|(_, outcome)| outcome.is_none())
        .map(|(batch, _)| batch.stream_id.as_str().to_owned())
        .collect();
    let mut heads = Vec::new();
    if !lost.is_empty() {
        // The winners are durable by now. Failing the whole answer for want of a number would tell them otherwise.
        heads = sqlx::query_file_scalar!("src/event_store/postgres/heads.sql", &lost).fetch_all(pool).await.unwrap_or_default();
    }
    let mut heads = heads.into_iter();
    let named = |outcome: Option<AppendOutcome>| {
        outcome.unwrap_or_else(|| AppendOutcome::Conflict { actual: crate::Version::from_i64(heads.next().unwrap_or(0)) })
    };
    Ok(outcomes.into_iter().map(named).collect())
}
