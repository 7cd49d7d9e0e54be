//! Who uses a server, and what earlier runs left on it.
//!
//! Test binaries of one run and of several may share a server. Each holds a shared advisory lock for as long as it lives;
//! whoever gets the lock alone knows that nobody needs what lies there.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use super::servers::Server;
use super::template;

/// Held by one binary at a time, while it tidies up and makes the template.
const PREPARING: i64 = 7_261_123_001;

/// Held shared by every binary that uses the server. `remove_test_containers` in scripts/lib.sh asks for it too.
const IN_USE: i64 = 7_261_123_002;

/// The age from which a database that is not connected to counts as left behind, though the server is in use.
const AGE_MAX: Duration = Duration::from_secs(60 * 60);

/// A session that has entered a server: its binary prepares, and no other does at this time.
#[derive(Debug)]
pub(crate) struct Entered {
    session: PgConnection,
    /// Nobody else uses the server.
    is_alone: bool,
}

/// Marks the server as used, and waits until no other binary prepares it.
pub(crate) async fn enter(server: &Server) -> Result<Entered, sqlx::Error> {
    let mut session = PgConnection::connect(&server.url("postgres")).await?;
    sqlx::query("SELECT pg_advisory_lock($1)").bind(PREPARING).execute(&mut session).await?;
    let is_alone = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(IN_USE).fetch_one(&mut session).await?;
    // Beside the exclusive lock and not in its place: between the two the server must not be free.
    sqlx::query("SELECT pg_advisory_lock_shared($1)").bind(IN_USE).execute(&mut session).await?;
    Ok(Entered { session, is_alone })
}

impl Entered {
    pub(crate) fn session(&mut self) -> &mut PgConnection {
        &mut self.session
    }

    /// Drops what earlier runs left: all of it when nobody else is here, otherwise only databases that are old and idle.
    pub(crate) async fn drop_leftovers(&mut self) -> Result<(), sqlx::Error> {
        let left: Vec<String> = sqlx::query_scalar(
            "SELECT datname::text FROM pg_database
             WHERE (datname LIKE 'test\\_%' OR datname LIKE 'foldhost\\_template%')
               AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE pg_stat_activity.datid = pg_database.oid)",
        )
        .fetch_all(&mut self.session)
        .await?;
        let age_min = if self.is_alone { Duration::ZERO } else { AGE_MAX };
        for name in left.iter().filter(|name| *name != template::name()) {
            // A template of another schema may be needed again, by another checkout that is at work right now.
            let made = name.strip_prefix("test_");
            if self.is_alone || made.is_some_and(|uuid| is_older(uuid, age_min)) {
                drop_unless_in_use(&mut self.session, name).await?;
            }
        }
        Ok(())
    }

    /// Lets others prepare. The session that is returned keeps the server marked as used until it is closed.
    pub(crate) async fn finish(mut self) -> Result<PgConnection, sqlx::Error> {
        if self.is_alone {
            sqlx::query("SELECT pg_advisory_unlock($1)").bind(IN_USE).execute(&mut self.session).await?;
        }
        sqlx::query("SELECT pg_advisory_unlock($1)").bind(PREPARING).execute(&mut self.session).await?;
        Ok(self.session)
    }
}

/// Without FORCE: whoever has connected in the meantime, a person with psql too, keeps the database.
async fn drop_unless_in_use(session: &mut PgConnection, name: &str) -> Result<(), sqlx::Error> {
    const OBJECT_IN_USE: &str = "55006";
    match session.execute(AssertSqlSafe(format!("DROP DATABASE \"{name}\""))).await {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(OBJECT_IN_USE) => Ok(()),
        dropped => dropped.map(|_| ()),
    }
}

/// Whether a version 7 UUID was made at least this long ago. What is none is not ours to judge, and not old.
pub(crate) fn is_older(uuid: &str, age: Duration) -> bool {
    let made = Uuid::parse_str(uuid).ok().and_then(|uuid| uuid.get_timestamp());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    made.is_some_and(|made| {
        let (seconds, nanos) = made.to_unix();
        Duration::new(seconds, nanos) + age <= now
    })
}
