//! From rows to events: opened where they were sealed, and with the code behind their generation.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use super::error::database_error;
use super::keys::Keys;
use crate::event_store::EventStoreError;
use crate::event_store::sealing::{Encryption, Place};
use crate::reducer::ReducerDigest;
use crate::{Event, EventMetadata, StreamId, Version};

/// One event with all that was recorded, as it lies in the table.
pub(super) struct EventRow {
    pub(super) stream_id: StreamId,
    pub(super) version: i64,
    pub(super) event_type: String,
    pub(super) event_data: Vec<u8>,
    pub(super) sealed: Option<i16>,
    pub(super) metadata: serde_json::Value,
    pub(super) created_at: DateTime<Utc>,
}

/// What reading needs.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    pub(super) pool: PgPool,
    pub(super) encryption: Option<Arc<Encryption>>,
    /// The digest of each activation, by name and generation. An activation is never changed, so what was read once holds.
    digests: Arc<RwLock<HashMap<(String, u64), ReducerDigest>>>,
}

impl Reader {
    pub(super) fn new(pool: PgPool, encryption: Option<Arc<Encryption>>) -> Self {
        Self { pool, encryption, digests: Arc::default() }
    }

    pub(super) fn encryption(&self) -> Option<&Encryption> {
        self.encryption.as_deref()
    }

    /// Rows as events. One whose key was dropped comes without its data.
    pub(super) async fn events(&self, rows: Vec<EventRow>) -> Result<Vec<Event>, EventStoreError> {
        let sealed = rows.iter().filter(|row| row.sealed.is_some()).map(|row| &row.stream_id);
        let keys = Keys::for_reading(&self.pool, self.encryption(), sealed).await?;
        let mut events = rows.into_iter().map(|row| event(row, &keys)).collect::<Result<Vec<_>, _>>()?;
        self.name_digests(&mut events).await?;
        Ok(events)
    }

    /// Fills in which code stands behind the generations.
    async fn name_digests(&self, events: &mut [Event]) -> Result<(), EventStoreError> {
        let lacks = |event: &&mut Event| event.metadata.reducer_digest.is_none() && event.metadata.generation.is_some();
        let mut unknown = Vec::new();
        for event in events.iter_mut().filter(lacks) {
            event.metadata.reducer_digest = self.digest(event);
            let category = event.stream_id.category();
            if event.metadata.reducer_digest.is_none() && !unknown.iter().any(|known| known == category) {
                unknown.push(category.to_owned());
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query_file!("src/event_store/postgres/generations.sql", &unknown)
            .fetch_all(&self.pool)
            .await
            .map_err(database_error)?;
        for row in rows {
            let digest = ReducerDigest::try_from(&row.digest[..])
                .map_err(|error| EventStoreError::Database(format!("an activation of {}: {error}", row.name)))?;
            let mut digests = self.digests.write().unwrap_or_else(PoisonError::into_inner);
            digests.insert((row.name, row.generation as u64), digest);
        }
        // One that still lacks it names a generation that the database does not have: what a hand or a restore did.
        for event in events.iter_mut().filter(lacks) {
            event.metadata.reducer_digest = self.digest(event);
        }
        Ok(())
    }

    fn digest(&self, event: &Event) -> Option<ReducerDigest> {
        let key = (event.stream_id.category().to_owned(), event.metadata.generation?);
        self.digests.read().unwrap_or_else(PoisonError::into_inner).get(&key).copied()
    }
}

fn event(row: EventRow, keys: &Keys) -> Result<Event, EventStoreError> {
    let EventRow { stream_id, version, event_type, event_data, sealed, metadata, created_at } = row;
    let version = Version::from_i64(version);
    let place = Place::Event { stream_id: &stream_id, version, event_type: &event_type };
    let data = keys.open(&stream_id, &place, sealed, event_data)?;
    let metadata: EventMetadata = serde_json::from_value(metadata).map_err(|error| corrupt(&stream_id, error))?;
    let erased = data.is_none();
    Ok(Event { data: data.unwrap_or_default(), erased, stream_id, version, event_type, metadata, created_at })
}

pub(super) fn corrupt(stream_id: &StreamId, reason: impl std::fmt::Display) -> EventStoreError {
    EventStoreError::Corrupt { stream_id: stream_id.clone(), reason: reason.to_string() }
}

pub(super) fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
