//! What the database says, as a domain outcome. One function knows all of its errors.

use sqlx::error::DatabaseError;
use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::event_store::EventStoreError;

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
pub(super) fn database_error(error: sqlx::Error) -> EventStoreError {
    use sqlx::Error;
    match &error {
        Error::Database(refusal) => refused(&**refusal),
        Error::Io(reason) => EventStoreError::Unavailable(reason.to_string()),
        Error::PoolTimedOut => no_connection(),
        Error::PoolClosed => EventStoreError::Unavailable("the host is shutting down".into()),
        // An answer that cannot be read comes after the statement was done: nothing may be sent again for it.
        _ => EventStoreError::Unavailable(error.to_string()),
    }
}

pub(super) fn no_connection() -> EventStoreError {
    EventStoreError::Unavailable("no connection in time: it is down, or all connections are in use".into())
}

fn refused(refusal: &dyn DatabaseError) -> EventStoreError {
    let message = refusal.message().to_owned();
    match refusal.code().as_deref() {
        Some("3D000") => EventStoreError::Unavailable(format!("{message}: create it with createdb")),
        // The server's last word on this connection, or at all: a shutdown, a backend that was ended, a panic. Whatever its code
        // says, what was being committed may be durable. A disk that was full under the WAL said 53100 and died in a commit.
        _ if is_last_word(refusal) => EventStoreError::Unavailable(message),
        // A serialization failure, a deadlock, and a lock_timeout that somebody set: the statement was given up whole.
        Some("40001" | "40P01" | "55P03") => EventStoreError::Contended(message),
        // 57: operator intervention (shutdown, cancelled, statement_timeout); 08: connection exceptions.
        Some(code) if ["57", "08"].contains(&&code[..2.min(code.len())]) => EventStoreError::Unavailable(message),
        // After a failover the address may lead to a standby for a while. Another connection may lead elsewhere.
        Some("25006") => {
            EventStoreError::Unavailable(format!("{message}: the server is a standby, or kept from writing"))
        }
        // 53: out of disk or memory. The statement was given up whole, and would be again.
        Some(code) if code.starts_with("53") => EventStoreError::OutOfResources(message),
        Some("42P01") => EventStoreError::Schema(
            "the database has no foldhost schema, or an incomplete one: run `foldhost migrate`".into(),
        ),
        _ => EventStoreError::Database(message),
    }
}

fn is_last_word(refusal: &dyn DatabaseError) -> bool {
    let refusal = refusal.try_downcast_ref::<PgDatabaseError>();
    refusal.is_some_and(|refusal| matches!(refusal.severity(), PgSeverity::Fatal | PgSeverity::Panic))
}

/// Whether an append did nothing for the sake of one stream: by the primary key of events, commands or effects, in a race that another
/// statement won, or by the division by zero that append.sql does where a stream is not as it expects it.
pub(super) fn is_lost_whole(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refusal) = error else { return false };
    let is_race = refusal.is_unique_violation()
        && matches!(refusal.constraint(), Some("events_pkey" | "commands_pkey" | "effects_pkey"));
    is_race || refusal.code().as_deref() == Some("22012")
}
