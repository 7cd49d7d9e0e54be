//! The store in Postgres. All of the host's SQL is here, one statement a file.

mod activate;
mod append;
mod appenders;
mod connect;
mod error;
mod journal;
mod keys;
mod log;
mod migrate;
mod news;
mod outbox;
mod pages;
mod recorded;
mod reducers;
mod restore;
mod retry;
mod snapshots;
mod streams;
mod subscriptions;
mod verifications;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgPool;
use tokio::sync::{broadcast, watch};

pub use connect::PoolConfig;
pub use restore::Restored;

use append::AppendStore;
use appenders::Appenders;
use news::News;
use recorded::Reader;
use retry::Retry;

use super::sealing::Encryption;
use super::{
    Activation, ActivationChange, AppendOutcome, Cursor, EventCount, EventStore, EventStoreError, JournalPlace,
    JournaledCommand, KeptReducer, LoadedStream, LogFilter, PageLimit, PendingActivation, RecordedCommand, ReducerNews,
    ReducerStore, Snapshot, SnapshotKey, StreamBatch,
};
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};
use crate::{Event, PackedEvents, StreamId, Version};

/// Events, snapshots, commands, effects and reducers in a Postgres database, version 14 or newer; tested on 15 and 17.
#[derive(Clone, Debug)]
pub struct PostgresEventStore {
    pool: PgPool,
    appenders: Appenders,
    reader: Reader,
    retry: Retry,
    /// The database's identity, asked for once: it is a part of every cursor.
    epoch: Arc<OnceLock<i64>>,
    appended: Arc<watch::Sender<u64>>,
    news: News,
}

impl PostgresEventStore {
    /// Connects to the database at `url`; its schema is neither made nor checked.
    ///
    /// # Errors
    /// [`EventStoreError::Unavailable`] when the database cannot be reached, [`EventStoreError::Database`] when it refuses.
    pub async fn connect(url: &str, config: &PoolConfig) -> Result<Self, EventStoreError> {
        let (pool, append_pool) = connect::open(url, config).await?;
        let appenders = Appenders::of(append_pool, config.statement_max);
        Ok(Self::over(pool, appenders, config))
    }

    /// Takes over a pool that is there already, for appends and reads alike. What [`connect`](Self::connect) sets on its
    /// connections is left to whoever made the pool: durable commits, timeouts, the append's plan.
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        let appenders = Appenders::sharing(pool.clone());
        Self::over(pool, appenders, &PoolConfig::default())
    }

    fn over(pool: PgPool, appenders: Appenders, config: &PoolConfig) -> Self {
        let reader = Reader::new(pool.clone(), None);
        let (retry, appended) = (Retry::of(config), Arc::new(watch::Sender::new(0)));
        let news = News::of(pool.clone());
        Self { pool, appenders, reader, retry, epoch: Arc::default(), appended, news }
    }

    /// Seals the data of new events of some categories, and opens what was sealed.
    #[must_use]
    pub fn with_encryption(mut self, encryption: Encryption) -> Self {
        self.reader = Reader::new(self.pool.clone(), Some(Arc::new(encryption)));
        self
    }

    /// What this store seals and opens with.
    #[must_use]
    pub fn encryption(&self) -> Option<&Encryption> {
        self.reader.encryption()
    }

    /// The categories that have encrypted streams in the database, in byte order, whether this store encrypts them or not.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub async fn encrypted_categories(&self) -> Result<Vec<String>, EventStoreError> {
        keys::categories(&self.pool).await
    }

    fn append_store(&self) -> AppendStore<'_> {
        let encryption = self.reader.encryption();
        AppendStore { appenders: &self.appenders, pool: &self.pool, encryption, retry: self.retry }
    }

    /// Brings the database's schema up to date. Safe when many hosts do it at once.
    ///
    /// Returns the number of migrations that were applied.
    ///
    /// # Errors
    /// [`EventStoreError::Schema`] when the schema is newer than this program, one of its migrations was changed, or the log was
    /// restored from another cluster.
    pub async fn migrate(&self) -> Result<usize, EventStoreError> {
        let applied = migrate::run(&self.pool).await?;
        restore::check(&self.pool).await?;
        Ok(applied)
    }

    /// Makes a log that was restored from a backup readable in its order, and lets no cursor from before the restore pass for
    /// one of now: what was given out after the backup was taken stands for other events by now. Brings the schema up to date
    /// first. No host may run on the database meanwhile.
    ///
    /// # Errors
    /// [`EventStoreError::Database`] when the role does not own the table of events.
    pub async fn after_restore(&self) -> Result<Restored, EventStoreError> {
        migrate::run(&self.pool).await?;
        restore::after_restore(&self.pool).await
    }

    /// Checks that the database's schema is the one that this program knows, and changes nothing.
    ///
    /// # Errors
    /// [`EventStoreError::Schema`] when it is older or newer, or the log was restored from another cluster.
    pub async fn check_schema(&self) -> Result<(), EventStoreError> {
        migrate::check(&self.pool).await?;
        restore::check(&self.pool).await
    }

    /// Closes all connections, once they are idle; waits for those that are not for 5 seconds at most.
    pub async fn close(&self) {
        let closed = async {
            self.news.end();
            self.appenders.close().await;
            self.pool.close().await;
        };
        drop(tokio::time::timeout(Duration::from_secs(5), closed).await);
    }
}

#[async_trait]
impl EventStore for PostgresEventStore {
    async fn append_many(&self, batches: &[StreamBatch]) -> Result<Vec<AppendOutcome>, EventStoreError> {
        let outcomes = append::append_many(&self.append_store(), batches).await?;
        self.appended.send_modify(|appends| *appends += 1);
        Ok(outcomes)
    }

    async fn append_atomic(&self, batches: &[StreamBatch]) -> Result<Vec<Version>, EventStoreError> {
        let versions = append::append_atomic(&self.append_store(), batches).await?;
        self.appended.send_modify(|appends| *appends += 1);
        Ok(versions)
    }

    async fn load(
        &self,
        stream_id: &StreamId,
        snapshots: Option<&SnapshotKey>,
        page: PageLimit,
    ) -> Result<LoadedStream, EventStoreError> {
        match snapshots {
            Some(key) => self.retry.run(|| snapshots::load(&self.reader, stream_id, key, page)).await,
            None => {
                let tail = self.load_events(stream_id, Version::EMPTY, page).await?;
                Ok(LoadedStream { snapshot: None, tail })
            }
        }
    }

    async fn load_events(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<PackedEvents, EventStoreError> {
        self.retry.run(|| streams::load_events(&self.reader, stream_id, after, page)).await
    }

    async fn read_stream(
        &self,
        stream_id: &StreamId,
        after: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError> {
        self.retry.run(|| streams::read_stream(&self.reader, stream_id, after, page)).await
    }

    async fn read_stream_backwards(
        &self,
        stream_id: &StreamId,
        before: Version,
        page: PageLimit,
    ) -> Result<Vec<Event>, EventStoreError> {
        self.retry.run(|| streams::read_stream_backwards(&self.reader, stream_id, before, page)).await
    }

    async fn read_all(
        &self,
        after: Option<Cursor>,
        filter: &LogFilter,
        page: PageLimit,
    ) -> Result<Vec<(Cursor, Event)>, EventStoreError> {
        let read = || async {
            let epoch = log::epoch(&self.pool, &self.epoch).await?;
            log::read_all(&self.reader, epoch, after, filter, page).await
        };
        self.retry.run(read).await
    }

    async fn read_streams(
        &self,
        category: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        self.retry.run(|| streams::read_streams(&self.pool, category, after, streams_max)).await
    }

    async fn find_commands(
        &self,
        stream_id: &StreamId,
        command_ids: &[String],
    ) -> Result<Vec<RecordedCommand>, EventStoreError> {
        self.retry.run(|| streams::find_commands(&self.pool, stream_id, command_ids)).await
    }

    async fn read_journal(
        &self,
        stream_id: &StreamId,
        after: Option<&JournalPlace>,
        commands_max: usize,
    ) -> Result<Vec<JournaledCommand>, EventStoreError> {
        self.retry.run(|| journal::read(&self.reader, stream_id, after, commands_max)).await
    }

    async fn save_snapshot(&self, snapshot: &Snapshot) -> Result<(), EventStoreError> {
        snapshots::save(&self.reader, snapshot).await
    }

    async fn close_stream(&self, stream_id: &StreamId, erase: bool) -> Result<Version, EventStoreError> {
        let version = append::close_stream(&self.append_store(), stream_id, erase).await?;
        self.appended.send_modify(|appends| *appends += 1);
        Ok(version)
    }

    async fn is_sealed(&self, category: &str) -> Result<bool, EventStoreError> {
        // Also what this host does not encrypt, and another one did.
        Ok(self.encryption().is_some_and(|encryption| encryption.seals(category))
            || self.encrypted_categories().await?.iter().any(|sealed| sealed == category))
    }

    async fn log_lag(&self) -> Result<Duration, EventStoreError> {
        log::lag(&self.pool).await
    }

    fn appended(&self) -> watch::Receiver<u64> {
        self.appended.subscribe()
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
        deployed_by: Option<&str>,
    ) -> Result<bool, EventStoreError> {
        reducers::save(&self.pool, digest, descriptor, component, deployed_by).await
    }

    async fn begin_activation<'a>(
        &'a self,
        change: &'a ActivationChange<'a>,
    ) -> Result<Box<dyn PendingActivation + 'a>, EventStoreError> {
        Ok(Box::new(activate::begin(&self.pool, change).await?))
    }

    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError> {
        self.retry.run(|| reducers::active(&self.pool, name)).await
    }

    async fn activations(
        &self,
        name: &str,
        before: Option<u64>,
        activations_max: usize,
    ) -> Result<Vec<Activation>, EventStoreError> {
        self.retry.run(|| reducers::activations(&self.pool, name, before, activations_max)).await
    }

    async fn reducers(&self, name: &str, reducers_max: usize) -> Result<Vec<KeptReducer>, EventStoreError> {
        self.retry.run(|| reducers::kept(&self.pool, Some(name), None, reducers_max)).await
    }

    async fn reducer(&self, digest: ReducerDigest) -> Result<Option<KeptReducer>, EventStoreError> {
        Ok(self.retry.run(|| reducers::kept(&self.pool, None, Some(digest), 1)).await?.pop())
    }

    async fn effect_rules(&self, name: &str, generation: u64) -> Result<Option<EffectRules>, EventStoreError> {
        self.retry.run(|| reducers::effect_rules(&self.pool, name, generation)).await
    }

    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
        self.retry.run(|| reducers::load_component(&self.pool, digest)).await
    }

    async fn count_events(&self, category: &str, event_types: &[String]) -> Result<Vec<EventCount>, EventStoreError> {
        let count = async || {
            let mut connection = self.pool.acquire().await.map_err(error::database_error)?;
            reducers::count_events(&mut connection, category, event_types).await
        };
        self.retry.run(count).await
    }

    async fn streams_without_snapshot(
        &self,
        category: &str,
        wanted: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        self.retry.run(|| snapshots::missing(&self.pool, category, wanted, after, streams_max)).await
    }

    async fn prune_snapshots(
        &self,
        category: &str,
        schemas: &[String],
        snapshots_max: usize,
    ) -> Result<u64, EventStoreError> {
        snapshots::prune(&self.pool, category, schemas, snapshots_max).await
    }

    async fn announce(&self, digest: ReducerDigest) -> Result<(), EventStoreError> {
        news::announce(&self.pool, &ReducerNews::Candidate(digest)).await
    }

    fn news(&self) -> broadcast::Receiver<ReducerNews> {
        self.news.subscribe()
    }
}
