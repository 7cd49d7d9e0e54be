//! Pages: the rows that fit into one, and the data of the large ones among them.

use sqlx::PgPool;

use super::error::database_error;
use crate::event_store::{EventStoreError, PageLimit};

/// A row of a page, as the statement brings it.
pub(super) trait Row {
    fn version(&self) -> i64;
    /// The data, or their size where they stayed behind.
    fn data(&mut self) -> (&mut Option<Vec<u8>>, Option<i32>);
}

/// Makes a [`Row`] of a struct with these fields.
macro_rules! page_row {
    ($row:ty) => {
        impl crate::event_store::postgres::pages::Row for $row {
            fn version(&self) -> i64 {
                self.version
            }

            fn data(&mut self) -> (&mut Option<Vec<u8>>, Option<i32>) {
                (&mut self.event_data, self.large_bytes)
            }
        }
    };
}
pub(super) use page_row;

/// Below this, data always come along.
const INLINE_BYTES_MIN: usize = 256;

/// The most data that an event brings along, so that a full page of such events is within the page's bytes: an event's share.
pub(super) fn inline_bytes(page: PageLimit) -> i32 {
    let share = (page.bytes_max / page.events_max.max(1)).max(INLINE_BYTES_MIN);
    i32::try_from(share).unwrap_or(i32::MAX)
}

/// Ends the page with the row that reaches its bytes, and fetches what stayed behind. `stream_of` says whose event a row is.
pub(super) async fn complete<R: Row>(
    pool: &PgPool,
    page: PageLimit,
    rows: &mut Vec<R>,
    stream_of: impl Fn(&R) -> String,
) -> Result<(), EventStoreError> {
    let (mut bytes, mut kept) = (0, 0);
    let (mut streams, mut versions) = (Vec::new(), Vec::new());
    for row in rows.iter_mut() {
        if bytes >= page.bytes_max {
            break;
        }
        kept += 1;
        let (data, large_bytes) = row.data();
        match (data, large_bytes) {
            (Some(data), _) => bytes += data.len(),
            (None, large_bytes) => {
                bytes += usize::try_from(large_bytes.unwrap_or(0)).unwrap_or(0);
                streams.push(stream_of(row));
                versions.push(row.version());
            }
        }
    }
    rows.truncate(kept);
    if streams.is_empty() {
        return Ok(());
    }
    let fetched = sqlx::query_file_scalar!("src/event_store/postgres/large_data.sql", &streams, &versions)
        .fetch_all(pool)
        .await
        .map_err(database_error)?;
    // Events do not go away, so each is there.
    if fetched.len() != streams.len() {
        let reason = format!("{} of {} large events came back", fetched.len(), streams.len());
        return Err(EventStoreError::Database(reason));
    }
    let behind = rows.iter_mut().filter_map(|row| Some(row.data().0).filter(|data| data.is_none()));
    behind.zip(fetched).for_each(|(data, fetched)| *data = Some(fetched));
    Ok(())
}
