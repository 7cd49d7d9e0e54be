//! The schema: numbered migrations, forward only, compiled in.

use sqlx::PgPool;
use sqlx::migrate::{Migrate, MigrateError, Migrator};
use sqlx::postgres::PgPoolOptions;

use super::error::database_error;
use crate::event_store::EventStoreError;

static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

pub(super) async fn run(pool: &PgPool) -> Result<usize, EventStoreError> {
    let before = applied(pool).await?.len();
    // The migrator holds an advisory lock: of many hosts that start at once, one migrates and the others wait.
    let patient = patient(pool);
    let migrated = MIGRATIONS.run(&patient).await.map_err(schema_error);
    patient.close().await;
    migrated?;
    Ok(applied(pool).await?.len().saturating_sub(before))
}

/// One connection without the pool's time limit: an index of a large table takes as long as it takes, and so does waiting for
/// another host's.
pub(super) fn patient(pool: &PgPool) -> PgPool {
    let options = pool.connect_options().as_ref().clone().options([("statement_timeout", "0")]);
    PgPoolOptions::new().max_connections(1).connect_lazy_with(options)
}

pub(super) async fn check(pool: &PgPool) -> Result<(), EventStoreError> {
    let applied = applied(pool).await?;
    if let Some(newer) = applied.iter().find(|version| !MIGRATIONS.version_exists(**version)) {
        return Err(EventStoreError::Schema(newer_schema(*newer)));
    }
    let missing = MIGRATIONS.iter().filter(|known| !applied.contains(&known.version)).count();
    if missing > 0 {
        let reason = format!("the database lacks {missing} migrations: run `foldhost migrate`");
        return Err(EventStoreError::Schema(reason));
    }
    Ok(())
}

async fn applied(pool: &PgPool) -> Result<Vec<i64>, EventStoreError> {
    let mut connection = pool.acquire().await.map_err(database_error)?;
    let table = &MIGRATIONS.table_name;
    // Looked for and not made: a check changes nothing, and a role that only serves may not create tables.
    let found: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(table.as_ref())
        .fetch_one(&mut *connection)
        .await
        .map_err(database_error)?;
    if !found {
        return Ok(Vec::new());
    }
    let applied = connection.list_applied_migrations(table).await.map_err(schema_error)?;
    Ok(applied.into_iter().map(|migration| migration.version).collect())
}

fn newer_schema(version: i64) -> String {
    format!("the database's schema has migration {version}, which this program does not know: use a newer foldhost")
}

fn schema_error(error: MigrateError) -> EventStoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => database_error(error),
        MigrateError::VersionMissing(version) => EventStoreError::Schema(newer_schema(version)),
        MigrateError::VersionMismatch(version) => EventStoreError::Schema(format!(
            "migration {version} was changed after the database had applied it: restore the file as it was"
        )),
        other => EventStoreError::Schema(format!("the schema could not be migrated: {other}")),
    }
}
