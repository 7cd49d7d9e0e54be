//! What the database says, as a domain outcome. One function knows all of its errors.

use crate::event_store::EventStoreError;

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err asks for")]
pub(super) fn database_error(error: sqlx::Error) -> EventStoreError {
    use sqlx::Error;
    match &error {
        Error::Database(refusal) => match refusal.code().as_deref() {
            // A serialization failure, and a deadlock: the statement was given up whole.
            Some("40001" | "40P01") => EventStoreError::Contended(refusal.message().to_owned()),
            // Connections used up: a moment later there may be one.
            Some("53300") => EventStoreError::Unavailable(refusal.message().to_owned()),
            // 57: operator intervention (shutdown, cancelled, statement_timeout); 08: connection exceptions.
            Some(code) if ["57", "08"].contains(&&code[..2.min(code.len())]) => {
                EventStoreError::Unavailable(refusal.message().to_owned())
            }
            // 53: out of disk or memory. The statement was given up whole, and would be again.
            Some(code) if code.starts_with("53") => EventStoreError::OutOfResources(refusal.message().to_owned()),
            Some("3D000") => EventStoreError::Unavailable(format!("{}: create it with createdb", refusal.message())),
            Some("28P01" | "28000") => EventStoreError::Unavailable(refusal.message().to_owned()),
            Some("42P01") => EventStoreError::Schema(
                "the database has no foldhost schema, or an incomplete one: run `foldhost migrate`".into(),
            ),
            _ => EventStoreError::Database(refusal.message().to_owned()),
        },
        Error::Io(reason) => EventStoreError::Unavailable(reason.to_string()),
        Error::PoolTimedOut => {
            EventStoreError::Unavailable("no connection in time: it is down, or all connections are in use".into())
        }
        Error::PoolClosed => EventStoreError::Unavailable("the host is shutting down".into()),
        // An answer that cannot be read comes after the statement was done: nothing may be sent again for it.
        _ => EventStoreError::Unavailable(error.to_string()),
    }
}

/// Whether an append did nothing for the sake of one stream: by the primary key of events or of commands, in a race that another
/// statement won, or by the division by zero that append.sql does where a stream is not as it expects it.
pub(super) fn is_lost_whole(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(refusal) = error else { return false };
    let is_race =
        refusal.is_unique_violation() && matches!(refusal.constraint(), Some("events_pkey" | "commands_pkey"));
    is_race || refusal.code().as_deref() == Some("22012")
}
