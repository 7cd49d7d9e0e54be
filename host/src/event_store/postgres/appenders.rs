//! The connections that append. They are kept out of the pool between appends: giving one back costs a round trip there (the
//! pool asks it whether it lives), and so does taking it, and an append is one round trip itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::{database_error, no_connection};
use super::retry::{BEYOND_STATEMENT_MAX, unanswered};
use crate::event_store::EventStoreError;

/// How long an idle connection is taken to live on without being asked.
const IDLE_TRUSTED_MAX: Duration = Duration::from_secs(1);
/// How long after a statement that was lost whole the next ones are sent in the form that decides stream by stream.
const CONTENDED_FOR: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
pub(super) struct Appenders {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    /// One for each connection that may append. Taken before the pool is asked, so that nobody waits there for a connection
    /// that is kept here.
    permits: Semaphore,
    idle: Mutex<Vec<(PoolConnection<Postgres>, Instant)>>,
    keep: bool,
    statement_max: Duration,
    started: Instant,
    /// Until when, in milliseconds since `started`, statements are sent in the form that decides stream by stream.
    contested_until_ms: AtomicU64,
}

/// A connection for one append. Unless it is [kept](Appender::keep) it is closed: dropped in the middle of something, it is in a
/// state that nobody knows. sqlx 0.9 forgets a BEGIN whose answer nobody waited for; such a connection went back to the pool, and
/// appends on it were acknowledged inside a transaction that nobody committed.
pub(super) struct Appender<'a> {
    /// There until it is kept or dropped.
    connection: Option<PoolConnection<Postgres>>,
    shared: &'a Shared,
    _permit: SemaphorePermit<'a>,
}

impl Appenders {
    /// Over a pool of their own.
    pub(super) fn of(pool: PgPool, statement_max: Duration) -> Self {
        Self::new(pool, true, statement_max)
    }

    /// Over a pool that others use too, so nothing is kept.
    pub(super) fn sharing(pool: PgPool) -> Self {
        Self::new(pool, false, super::PoolConfig::default().statement_max)
    }

    fn new(pool: PgPool, keep: bool, statement_max: Duration) -> Self {
        let permits = Semaphore::new(pool.options().get_max_connections() as usize);
        Self {
            shared: Arc::new(Shared {
                pool,
                permits,
                idle: Mutex::default(),
                keep,
                statement_max,
                started: Instant::now(),
                contested_until_ms: AtomicU64::new(0),
            }),
        }
    }

    /// Whether streams were raced for a moment ago.
    pub(super) fn is_contested(&self) -> bool {
        self.now_ms() < self.shared.contested_until_ms.load(Ordering::Relaxed)
    }

    /// Two hosts that fight over streams would lose statement after statement whole, and each is an error in the server's log.
    pub(super) fn see_contention(&self) {
        let until_ms = self.now_ms() + u64::try_from(CONTENDED_FOR.as_millis()).unwrap_or(u64::MAX);
        self.shared.contested_until_ms.store(until_ms, Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.shared.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// A connection, within the time that the pool has for it: with all of them waiting for a server that is down, whoever came
    /// last would else wait for everyone before.
    pub(super) async fn take(&self) -> Result<Appender<'_>, EventStoreError> {
        let acquire_max = self.shared.pool.options().get_acquire_timeout();
        tokio::time::timeout(acquire_max, self.acquire()).await.unwrap_or_else(|_| Err(no_connection()))
    }

    async fn acquire(&self) -> Result<Appender<'_>, EventStoreError> {
        let shared = &*self.shared;
        let gone = |_| EventStoreError::Unavailable("the store is closed".into());
        let permit = shared.permits.acquire().await.map_err(gone)?;
        let mut appender = Appender { connection: None, shared, _permit: permit };
        // Popped in a statement of its own: the lock is never held across an await.
        let idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some((connection, since)) = idle {
            let connection = appender.connection.insert(connection);
            if since.elapsed() <= IDLE_TRUSTED_MAX || connection.ping().await.is_ok() {
                return Ok(appender);
            }
            appender.close();
        }
        appender.connection = Some(shared.pool.acquire().await.map_err(database_error)?);
        Ok(appender)
    }

    /// What the server answers, if it answers. Its own limit is of no use when the network swallows what it says.
    pub(super) async fn in_time<T, E: From<EventStoreError>>(
        &self,
        asked: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::time::timeout(self.shared.answer_max(), asked).await.unwrap_or_else(|_| Err(unanswered().into()))
    }

    /// Lets go of what is kept, and takes no more appends.
    pub(super) async fn close(&self) {
        self.shared.permits.close();
        self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.pool.close().await;
    }
}

impl Shared {
    fn answer_max(&self) -> Duration {
        self.statement_max + BEYOND_STATEMENT_MAX
    }
}

impl Appender<'_> {
    #[expect(clippy::expect_used, reason = "`acquire` puts it in, and only what ends the value takes it out")]
    pub(super) fn connection(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect("an appender has its connection until it is kept or dropped")
    }

    /// Keeps the connection for the next append. Only when all that it was asked was answered.
    pub(super) fn keep(mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.shared.keep && !self.shared.permits.is_closed() {
            let kept = (connection, Instant::now());
            self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
    }

    /// Hands an answer on, and keeps the connection if it was one.
    pub(super) fn keep_after<T>(self, answer: Result<T, EventStoreError>) -> Result<T, EventStoreError> {
        if !matches!(answer, Err(EventStoreError::Unavailable(_))) {
            self.keep();
        }
        answer
    }

    fn close(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        let answer_max = self.shared.answer_max();
        let Ok(runtime) = Handle::try_current() else {
            // Nothing can be waited for any more.
            drop(connection.detach());
            return;
        };
        runtime.spawn(async move {
            connection.close_on_drop();
            // The server is let finish what it was asked, for as long as it may take. Else whoever gives up and asks again has
            // more statements under way than there are connections.
            drop(tokio::time::timeout(answer_max, connection.ping()).await);
        });
    }
}

impl Drop for Appender<'_> {
    fn drop(&mut self) {
        self.close();
    }
}
