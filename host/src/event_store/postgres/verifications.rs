//! Shadow replays on record, and the work that follows a swap.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::error::database_error;
use super::{PostgresEventStore, connect, reducers};
use crate::StreamId;
use crate::event_store::outbox::bounded;
use crate::event_store::{
    EventStoreError, NewVerification, TaskClaim, TaskProgress, Verification, VerificationClaim, VerificationLease,
    VerificationStatus, VerificationStore,
};
use crate::reducer::ReducerDigest;

#[async_trait]
impl VerificationStore for PostgresEventStore {
    async fn begin_verification(
        &self,
        begun: &NewVerification,
        lease: Duration,
    ) -> Result<VerificationClaim, EventStoreError> {
        begin(&self.pool, begun, lease).await
    }

    async fn save_verification(
        &self,
        held: VerificationLease,
        checkpoint: Option<&StreamId>,
        report: &Value,
        lease: Duration,
    ) -> Result<bool, EventStoreError> {
        // Sent again it does no harm: a claim's later step comes after this one was answered.
        self.retry.run(|| save(&self.pool, held, checkpoint, report, lease)).await
    }

    async fn finish_verification(
        &self,
        held: VerificationLease,
        status: VerificationStatus,
        report: &Value,
    ) -> Result<bool, EventStoreError> {
        finish(&self.pool, held.verification_id, Some(held.token), status, Some(report)).await
    }

    async fn cancel_verification(&self, verification_id: Uuid) -> Result<bool, EventStoreError> {
        finish(&self.pool, verification_id, None, VerificationStatus::Cancelled, None).await
    }

    async fn verification(&self, verification_id: Uuid) -> Result<Option<Verification>, EventStoreError> {
        let find = || find(&self.pool, verification_id);
        self.retry.run(find).await
    }

    async fn verifications(
        &self,
        name: &str,
        candidate: Option<ReducerDigest>,
        verifications_max: usize,
    ) -> Result<Vec<Verification>, EventStoreError> {
        self.retry.run(|| list(&self.pool, Some(name), candidate, None, verifications_max)).await
    }

    async fn claim_task(
        &self,
        name: &str,
        generation: u64,
        lease: Duration,
    ) -> Result<Option<TaskClaim>, EventStoreError> {
        let row = sqlx::query_file!(
            "src/event_store/postgres/claim_task.sql",
            name,
            generation as i64,
            bounded(lease).as_secs_f64()
        );
        let row = row.fetch_optional(&self.pool).await.map_err(database_error)?;
        row.map(|row| {
            let checkpoint = row.checkpoint.map(|id| stream_id(&id)).transpose()?;
            Ok(TaskClaim { token: row.token as u64, checkpoint })
        })
        .transpose()
    }

    async fn save_task(
        &self,
        name: &str,
        generation: u64,
        token: u64,
        progress: TaskProgress,
    ) -> Result<bool, EventStoreError> {
        let (checkpoint, lease, done) = match progress {
            TaskProgress::At(checkpoint, lease) => (checkpoint, lease, false),
            TaskProgress::Done => (None, Duration::ZERO, true),
        };
        sqlx::query_file!(
            "src/event_store/postgres/save_task.sql",
            name,
            generation as i64,
            token as i64,
            checkpoint.as_ref().map(StreamId::as_str),
            bounded(lease).as_secs_f64(),
            done
        )
        .execute(&self.pool)
        .await
        .map(|saved| saved.rows_affected() > 0)
        .map_err(database_error)
    }
}

async fn begin(pool: &PgPool, begun: &NewVerification, lease: Duration) -> Result<VerificationClaim, EventStoreError> {
    let NewVerification { verification_id, name, candidate, baseline, scope, started_by } = begun;
    let baseline = baseline.as_ref().map(|digest| digest.as_bytes().as_slice());
    let candidate = candidate.as_bytes().as_slice();
    let mut transaction = connect::begin(pool).await?;
    reducers::lock_history(&mut transaction, name).await?;
    let row = sqlx::query_file!(
        "src/event_store/postgres/begin_verification.sql",
        verification_id.to_string(),
        name,
        candidate,
        baseline,
        scope,
        started_by.as_deref(),
        bounded(lease).as_secs_f64()
    );
    let row = row.fetch_optional(&mut *transaction).await.map_err(database_error)?;
    let (id, token) = match row {
        Some(row) => (row.verification_id, Some(row.token as u64)),
        None => {
            let running = sqlx::query_file_scalar!(
                "src/event_store/postgres/running_verification.sql",
                name,
                candidate,
                baseline,
                scope
            );
            (running.fetch_one(&mut *transaction).await.map_err(database_error)?, None)
        }
    };
    let verification_id = id.parse().map_err(|error: uuid::Error| EventStoreError::Database(error.to_string()))?;
    let found = find_in(&mut transaction, verification_id).await?;
    transaction.commit().await.map_err(database_error)?;
    let found = found.ok_or_else(|| EventStoreError::Database(format!("the verification {id} left no row")))?;
    Ok(match token {
        Some(token) => VerificationClaim::Held(VerificationLease { verification_id, token }, found),
        None => VerificationClaim::Running(found),
    })
}

async fn save(
    pool: &PgPool,
    held: VerificationLease,
    checkpoint: Option<&StreamId>,
    report: &Value,
    lease: Duration,
) -> Result<bool, EventStoreError> {
    sqlx::query_file!(
        "src/event_store/postgres/save_verification.sql",
        held.verification_id.to_string(),
        held.token as i64,
        checkpoint.map(StreamId::as_str),
        report,
        bounded(lease).as_secs_f64()
    )
    .execute(pool)
    .await
    .map(|saved| saved.rows_affected() > 0)
    .map_err(database_error)
}

/// The end, and what the history says of it, in one transaction.
async fn finish(
    pool: &PgPool,
    verification_id: Uuid,
    token: Option<u64>,
    status: VerificationStatus,
    report: Option<&Value>,
) -> Result<bool, EventStoreError> {
    let Some(verification) = find(pool, verification_id).await? else { return Ok(false) };
    let mut transaction = connect::begin(pool).await?;
    reducers::lock_history(&mut transaction, &verification.name).await?;
    let finished = sqlx::query_file!(
        "src/event_store/postgres/finish_verification.sql",
        verification_id.to_string(),
        token.map(|token| token as i64),
        status.as_str(),
        report
    );
    let finished = finished.execute(&mut *transaction).await.map_err(database_error)?;
    if finished.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(finished) = find_in(&mut transaction, verification_id).await? {
        reducers::tell(&mut transaction, &finished.name, &finished.told()).await?;
    }
    transaction.commit().await.map_err(database_error)?;
    Ok(true)
}

async fn find(pool: &PgPool, verification_id: Uuid) -> Result<Option<Verification>, EventStoreError> {
    Ok(list(pool, None, None, Some(verification_id), 1).await?.pop())
}

async fn find_in(
    connection: &mut PgConnection,
    verification_id: Uuid,
) -> Result<Option<Verification>, EventStoreError> {
    Ok(list(connection, None, None, Some(verification_id), 1).await?.pop())
}

async fn list<'e>(
    executor: impl sqlx::PgExecutor<'e>,
    name: Option<&str>,
    candidate: Option<ReducerDigest>,
    verification_id: Option<Uuid>,
    verifications_max: usize,
) -> Result<Vec<Verification>, EventStoreError> {
    let rows = sqlx::query_file!(
        "src/event_store/postgres/list_verifications.sql",
        name,
        candidate.as_ref().map(|digest| digest.as_bytes().as_slice()),
        verification_id.map(|id| id.to_string()),
        i64::try_from(verifications_max).unwrap_or(i64::MAX)
    )
    .fetch_all(executor)
    .await
    .map_err(database_error)?;
    let broken = |reason: String| EventStoreError::Database(format!("a verification: {reason}"));
    let digest = |bytes: &[u8]| ReducerDigest::try_from(bytes).map_err(|error| broken(error.to_string()));
    rows.into_iter()
        .map(|row| {
            Ok(Verification {
                verification_id: row.verification_id.parse().map_err(|error: uuid::Error| broken(error.to_string()))?,
                name: row.name,
                candidate: digest(&row.candidate)?,
                baseline: row.baseline.as_deref().map(digest).transpose()?,
                scope: row.scope,
                status: VerificationStatus::of(&row.status)
                    .ok_or_else(|| broken(format!("status {:?}: use a newer foldhost", row.status)))?,
                checkpoint: row.checkpoint.as_deref().map(stream_id).transpose()?,
                report: row.report,
                started_by: row.started_by,
                started_at: row.started_at,
                finished_at: row.finished_at,
                is_held: row.is_held,
            })
        })
        .collect()
}

fn stream_id(id: &str) -> Result<StreamId, EventStoreError> {
    StreamId::new(id).map_err(|error| EventStoreError::Database(error.to_string()))
}
