//! The store in Postgres. All of the host's SQL is here, one statement a file.

mod append;
mod appenders;
mod connect;
mod error;
mod log;
mod migrate;
mod reducers;
mod snapshots;
mod streams;

use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;

pub use connect::PoolConfig;

use appenders::Appenders;

use super::{
    Activation, AppendOutcome, Cursor, EventStore, EventStoreError, LoadedStream, RecordedCommand, ReducerStore,
    Snapshot, StreamBatch,
};
use crate::reducer::{Descriptor, ReducerDigest};
use crate::{Event, PackedEvents, StreamId, Version};

/// Events, snapshots, commands and reducers in a Postgres database, version 14 or newer; tested on 15.
#[derive(Clone, Debug)]
pub struct PostgresEventStore {
    pool: PgPool,
    appenders: Appenders,
    /// The cluster's identity, asked for once: it is a part of every cursor.
    epoch: std::sync::Arc<OnceLock<i64>>,
}

impl PostgresEventStore {
    /// Connects to the database at `url`; its schema is neither made nor checked.
    ///
    /// # Errors
    /// [`EventStoreError::Unavailable`] when the database cannot be reached, [`EventStoreError::Database`] when it refuses.
    pub async fn connect(url: &str, config: &PoolConfig) -> Result<Self, EventStoreError> {
        let (pool, append_pool) = connect::open(url, config).await?;
        Ok(Self { pool, appenders: Appenders::of(append_pool, config.statement_max), epoch: std::sync::Arc::default() })
    }

    /// Takes over a pool that is there already, for appends and reads alike. What [`connect`](Self::connect) sets on its
    /// connections is left to whoever made the pool: durable commits, timeouts, the append's plan.
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self { appenders: Appenders::sharing(pool.clone()), pool, epoch: std::sync::Arc::default() }
    }

    /// Brings the database's schema up to date. Safe when many hosts do it at once.
    ///
    /// Returns the number of migrations that were applied.
    ///
    /// # Errors
    /// [`EventStoreError::Schema`] when the schema is newer than this program, or one of its migrations was changed.
    pub async fn migrate(&self) -> Result<usize, EventStoreError> {
        migrate::run(&self.pool).await
    }

    /// Checks that the database's schema is the one that this program knows, and changes nothing.
    ///
    /// # Errors
    /// [`EventStoreError::Schema`] when it is older or newer.
    pub async fn check_schema(&self) -> Result<(), EventStoreError> {
        migrate::check(&self.pool).await
    }

    /// Closes all connections, once they are idle; waits for those that are not for 5 seconds at most.
    pub async fn close(&self) {
        let closed = async {
            self.appenders.close().await;
            self.pool.close().await;
        };
        drop(tokio::time::timeout(Duration::from_secs(5), closed).await);
    }
}

#[async_trait]
impl EventStore for PostgresEventStore {
    async fn append(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
        append::append(&self.appenders, &self.pool, batches).await
    }

    async fn load(
        &self,
        stream_id: &StreamId,
        state_schema: &str,
        events_max: usize,
    ) -> Result<LoadedStream, EventStoreError> {
        snapshots::load(&self.pool, stream_id, state_schema, events_max).await
    }

    async fn load_events(
        &self,
        stream_id: &StreamId,
        after: Version,
        events_max: usize,
    ) -> Result<PackedEvents, EventStoreError> {
        streams::load_events(&self.pool, stream_id, after, events_max).await
    }

    async fn read_stream(
        &self,
        stream_id: &StreamId,
        after: Version,
        events_max: usize,
    ) -> Result<Vec<Event>, EventStoreError> {
        streams::read_stream(&self.pool, stream_id, after, events_max).await
    }

    async fn read_all(
        &self,
        after: Option<Cursor>,
        events_max: usize,
    ) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
        let epoch = log::epoch(&self.pool, &self.epoch).await?;
        log::read_all(&self.pool, epoch, after, events_max).await
    }

    async fn read_streams(
        &self,
        category: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        streams::read_streams(&self.pool, category, after, streams_max).await
    }

    async fn find_commands(
        &self,
        stream_id: &StreamId,
        command_ids: &[String],
    ) -> Result<Vec<RecordedCommand>, EventStoreError> {
        streams::find_commands(&self.pool, stream_id, command_ids).await
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError> {
        snapshots::save(&self.pool, snapshot).await
    }

    async fn ping(&self) -> Result<(), EventStoreError> {
        connect::ping(&self.pool).await
    }
}

#[async_trait]
impl ReducerStore for PostgresEventStore {
    async fn save_reducer(
        &self,
        digest: ReducerDigest,
        descriptor: &Descriptor,
        component: &[u8],
    ) -> Result<(), EventStoreError> {
        reducers::save(&self.pool, digest, descriptor, component).await
    }

    async fn activate(&self, name: &str, digest: ReducerDigest) -> Result<Activation, EventStoreError> {
        reducers::activate(&self.pool, name, digest).await
    }

    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError> {
        reducers::active(&self.pool, name).await
    }

    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
        reducers::load_component(&self.pool, digest).await
    }
}
