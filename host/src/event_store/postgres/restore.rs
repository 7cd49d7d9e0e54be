//! A log that came out of a backup.

use sqlx::{PgConnection, PgPool};

use super::error::database_error;
use crate::event_store::EventStoreError;

/// What [`after_restore`](super::PostgresEventStore::after_restore) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// Events whose place in the log was made anew; 0 where the cluster's ids are beyond the log's already.
    pub events_reordered: u64,
    /// Named subscriptions that go on from their checkpoint.
    pub subscriptions: u64,
}

pub(super) async fn check(pool: &PgPool) -> Result<(), EventStoreError> {
    let mut connection = pool.acquire().await.map_err(database_error)?;
    if is_ahead(&mut connection).await? {
        return Err(EventStoreError::Schema(
            "the log was restored from another PostgreSQL cluster and would be read in the wrong order: stop all hosts \
             and run `foldhost migrate --after-restore`"
                .into(),
        ));
    }
    Ok(())
}

/// One transaction. Dropped or killed anywhere in it, the log is as it came out of the backup.
pub(super) async fn after_restore(pool: &PgPool) -> Result<Restored, EventStoreError> {
    let patient = super::migrate::patient(pool);
    let restored = restore(&patient).await;
    patient.close().await;
    restored
}

async fn restore(pool: &PgPool) -> Result<Restored, EventStoreError> {
    let mut transaction = pool.begin().await.map_err(database_error)?;
    sqlx::query_file!("src/event_store/postgres/lock_log.sql")
        .execute(&mut *transaction)
        .await
        .map_err(database_error)?;
    let mut events_reordered = 0;
    if is_ahead(&mut transaction).await? {
        events_reordered = reorder(&mut transaction).await?;
    }
    sqlx::query_file!("src/event_store/postgres/renew_epoch.sql")
        .execute(&mut *transaction)
        .await
        .map_err(database_error)?;
    let epoch = sqlx::query_file_scalar!("src/event_store/postgres/epoch.sql")
        .fetch_one(&mut *transaction)
        .await
        .map_err(database_error)?;
    let adopted = sqlx::query_file_scalar!("src/event_store/postgres/adopt_checkpoints.sql", epoch)
        .fetch_one(&mut *transaction)
        .await
        .map_err(database_error)?;
    transaction.commit().await.map_err(database_error)?;
    Ok(Restored { events_reordered, subscriptions: adopted as u64 })
}

async fn is_ahead(connection: &mut PgConnection) -> Result<bool, EventStoreError> {
    sqlx::query_file_scalar!("src/event_store/postgres/is_ahead.sql")
        .fetch_one(connection)
        .await
        .map_err(database_error)
}

async fn reorder(connection: &mut PgConnection) -> Result<u64, EventStoreError> {
    // First the checkpoints, which are told by the order that is about to go.
    sqlx::query_file!("src/event_store/postgres/restore_checkpoints.sql")
        .execute(&mut *connection)
        .await
        .map_err(database_error)?;
    sqlx::query_file!("src/event_store/postgres/allow_change_of_events.sql")
        .execute(&mut *connection)
        .await
        .map_err(database_error)?;
    let reordered = sqlx::query_file!("src/event_store/postgres/restore_order.sql")
        .execute(&mut *connection)
        .await
        .map_err(database_error)?;
    sqlx::query_file!("src/event_store/postgres/refuse_change_of_events.sql")
        .execute(&mut *connection)
        .await
        .map_err(database_error)?;
    Ok(reordered.rows_affected())
}
