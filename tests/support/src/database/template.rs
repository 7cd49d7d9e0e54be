//! The database that the tests' are copies of: migrated once a server, and never seen half-made.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use foldhost::{PoolConfig, PostgresEventStore};
use sqlx::migrate::Migrator;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::servers::Server;

/// The schema's files, as this crate was compiled with them.
static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// A template's name until it is complete.
pub(super) const UNFINISHED: &str = "foldhost_unfinished";

/// The template's name. It holds a hash over the migrations: a server that is used again never serves an old schema.
pub(super) fn name() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let mut hasher = DefaultHasher::new();
        migrations().hash(&mut hasher);
        format!("foldhost_template_{:016x}", hasher.finish())
    });
    &NAME
}

/// Each migration's version and checksum.
fn migrations() -> Vec<(i64, Vec<u8>)> {
    MIGRATIONS.iter().map(|migration| (migration.version, migration.checksum.to_vec())).collect()
}

/// Makes the template unless it is there. Whoever calls this holds the lock that lets one binary prepare at a time.
pub(super) async fn ensure(server: &Server, session: &mut PgConnection) -> Result<(), sqlx::Error> {
    let is_there: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(name())
        .fetch_one(&mut *session)
        .await?;
    if is_there {
        return Ok(());
    }
    session.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {UNFINISHED} WITH (FORCE)"))).await?;
    // As the embedded server's are. An image may have been made without a locale, and then its encoding is SQL_ASCII.
    let create = format!("CREATE DATABASE {UNFINISHED} ENCODING 'UTF8' TEMPLATE template0");
    session.execute(AssertSqlSafe(create)).await?;
    migrate(&server.url(UNFINISHED)).await?;
    // Nobody may be connected to a template while it is copied. The new name comes last: it says that all is done.
    for step in ["ALLOW_CONNECTIONS false", &format!("RENAME TO {}", name())] {
        session.execute(AssertSqlSafe(format!("ALTER DATABASE {UNFINISHED} {step}"))).await?;
    }
    Ok(())
}

async fn migrate(url: &str) -> Result<(), sqlx::Error> {
    let store = PostgresEventStore::connect(url, &PoolConfig::default()).await.unwrap();
    store.migrate().await.unwrap();
    store.close().await;
    let mut connection = PgConnection::connect(url).await?;
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
            .fetch_all(&mut connection)
            .await?;
    connection.close().await?;
    // A new file in migrations/ does not make cargo compile the host again. The template would have the name of the new
    // schema and the tables of the old one, and keep them when the host is compiled at last.
    assert_eq!(
        versions(&applied),
        versions(&migrations()),
        "foldhost was compiled with other migrations than its tests: touch host/src/event_store/postgres/migrate.rs"
    );
    assert_eq!(applied, migrations(), "a migration that foldhost was compiled with has changed since");
    Ok(())
}

fn versions(migrations: &[(i64, Vec<u8>)]) -> Vec<i64> {
    migrations.iter().map(|(version, _)| *version).collect()
}
