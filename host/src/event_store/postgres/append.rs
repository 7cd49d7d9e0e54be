//! The append: batches of many streams, one statement, one round trip.

use sqlx::PgPool;

use super::appenders::Appenders;
use super::error::database_error;
use crate::event_store::batch::check;
use crate::event_store::{AppendOutcome, EventStoreError, StreamBatch};

/// The statement's parameters: a vector a column.
#[derive(Default)]
struct Columns<'a> {
    stream_ids: Vec<&'a str>,
    expected: Vec<i64>,
    reducers: Vec<Option<&'a str>>,
    generations: Vec<Option<i64>>,
    first_types: Vec<Option<&'a str>>,
    first_data: Vec<Option<&'a [u8]>>,
    first_metadata: Vec<Option<String>>,
    rest: Rest<'a>,
    commands: Commands<'a>,
}

/// Every event of a batch but its first.
#[derive(Default)]
struct Rest<'a> {
    stream_ids: Vec<&'a str>,
    versions: Vec<i64>,
    types: Vec<&'a str>,
    data: Vec<&'a [u8]>,
    metadata: Vec<String>,
}

/// Commands to be remembered.
#[derive(Default)]
struct Commands<'a> {
    stream_ids: Vec<&'a str>,
    ids: Vec<&'a str>,
    names: Vec<&'a str>,
    fingerprints: Vec<&'a [u8]>,
    first_versions: Vec<Option<i64>>,
    last_versions: Vec<i64>,
    rejections: Vec<Option<String>>,
    reducers: Vec<&'a [u8]>,
    generations: Vec<Option<i64>>,
}

impl<'a> Columns<'a> {
    fn of(batches: &'a [StreamBatch]) -> Result<Self, EventStoreError> {
        let mut columns = Self::default();
        for batch in batches {
            columns.push(batch)?;
        }
        Ok(columns)
    }

    fn push(&mut self, batch: &'a StreamBatch) -> Result<(), EventStoreError> {
        let stream_id = batch.stream_id.as_str();
        let generation = batch.fence.as_ref().map(|fence| fence.generation as i64);
        self.stream_ids.push(stream_id);
        self.expected.push(batch.expected.as_i64());
        self.reducers.push(batch.fence.as_ref().map(|fence| fence.reducer.as_str()));
        self.generations.push(generation);
        let first = batch.events.first();
        self.first_types.push(first.map(|(event, _)| event.event_type.as_str()));
        self.first_data.push(first.map(|(event, _)| event.data.as_slice()));
        self.first_metadata.push(first.map(|(_, metadata)| json(metadata)).transpose()?);
        for ((event, metadata), version) in batch.events.iter().zip(batch.expected.as_i64() + 1..).skip(1) {
            self.rest.stream_ids.push(stream_id);
            self.rest.versions.push(version);
            self.rest.types.push(&event.event_type);
            self.rest.data.push(&event.data);
            self.rest.metadata.push(json(metadata)?);
        }
        for command in &batch.commands {
            self.commands.stream_ids.push(stream_id);
            self.commands.ids.push(&command.command_id);
            self.commands.names.push(&command.name);
            self.commands.fingerprints.push(&command.fingerprint);
            self.commands.first_versions.push(command.first_version.map(crate::Version::as_i64));
            self.commands.last_versions.push(command.last_version.as_i64());
            let rejection = command.rejection.as_ref();
            let rejection = rejection.map(|no| json(&serde_json::json!({"code": no.code, "message": no.message})));
            self.commands.rejections.push(rejection.transpose()?);
            self.commands.reducers.push(command.reducer_digest.as_bytes());
            self.commands.generations.push(generation);
        }
        Ok(())
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, EventStoreError> {
    serde_json::to_string(value).map_err(|error| EventStoreError::InvalidBatch(error.to_string()))
}

pub(super) async fn append(
    appenders: &Appenders,
    pool: &PgPool,
    batches: &[StreamBatch],
) -> Result<Vec<AppendOutcome>, EventStoreError> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    check(batches)?;
    let columns = Columns::of(batches)?;
    let Columns { rest, commands, .. } = &columns;
    let mut appender = appenders.take().await?;
    let rows = sqlx::query_file!(
        "src/event_store/postgres/append.sql",
        &columns.stream_ids as &[&str],
        &columns.expected,
        &columns.reducers as &[Option<&str>],
        &columns.generations as &[Option<i64>],
        &columns.first_types as &[Option<&str>],
        &columns.first_data as &[Option<&[u8]>],
        &columns.first_metadata as &[Option<String>],
        &rest.stream_ids as &[&str],
        &rest.versions,
        &rest.types as &[&str],
        &rest.data as &[&[u8]],
        &rest.metadata,
        &commands.stream_ids as &[&str],
        &commands.ids as &[&str],
        &commands.names as &[&str],
        &commands.fingerprints as &[&[u8]],
        &commands.first_versions as &[Option<i64>],
        &commands.last_versions,
        &commands.rejections as &[Option<String>],
        &commands.reducers as &[&[u8]],
        &commands.generations as &[Option<i64>],
    )
    .fetch_all(&mut *appender.connection);
    // The server's own limit is of no use when the network swallows its answer.
    let rows = tokio::time::timeout(appenders.statement_max(), rows)
        .await
        .map_err(|_| EventStoreError::Unavailable("the database did not answer an append in time".into()))?
        .map_err(database_error)?;
    appender.keep();
    if rows.len() != batches.len() {
        let reason = format!("{} outcomes came back for {} streams", rows.len(), batches.len());
        return Err(EventStoreError::Unavailable(reason));
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
        heads = sqlx::query_file_scalar!("src/event_store/postgres/heads.sql", &lost)
            .fetch_all(pool)
            .await
            .unwrap_or_default();
    }
    let mut heads = heads.into_iter();
    let named = |outcome: Option<AppendOutcome>| {
        outcome
            .unwrap_or_else(|| AppendOutcome::Conflict { actual: crate::Version::from_i64(heads.next().unwrap_or(0)) })
    };
    Ok(outcomes.into_iter().map(named).collect())
}
