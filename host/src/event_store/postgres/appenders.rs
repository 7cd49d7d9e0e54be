//! The connections that append. They are kept out of the pool between appends: giving one back costs a round trip there (the
//! pool asks it whether it lives), and so does taking it, and an append is one round trip itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnection;
use sqlx::{Connection, PgPool, Postgres};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::error::database_error;
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

/// A connection for one append. Dropped before [`Appender::keep`], after an error or in the middle of a statement, it goes
/// back to the pool, which finds out whether it is of any more use.
pub(super) struct Appender<'a> {
    pub(super) connection: PoolConnection<Postgres>,
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

    /// How long an append may take: a little more than the server allows it, so that the server's word comes first.
    pub(super) fn statement_max(&self) -> Duration {
        self.shared.statement_max + Duration::from_secs(5)
    }

    pub(super) async fn take(&self) -> Result<Appender<'_>, EventStoreError> {
        let shared = &*self.shared;
        let gone = |_| EventStoreError::Unavailable("the store is closed".into());
        let permit = shared.permits.acquire().await.map_err(gone)?;
        // Popped in a statement of its own: the lock is never held across an await.
        let idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some((connection, since)) if since.elapsed() <= IDLE_TRUSTED_MAX => Some(connection),
            Some((mut connection, _)) => connection.ping().await.is_ok().then_some(connection),
            None => None,
        };
        let connection = match connection {
            Some(connection) => connection,
            None => shared.pool.acquire().await.map_err(database_error)?,
        };
        Ok(Appender { connection, shared, _permit: permit })
    }

    /// Lets go of what is kept, and takes no more appends.
    pub(super) async fn close(&self) {
        self.shared.permits.close();
        self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.shared.pool.close().await;
    }
}

impl Appender<'_> {
    /// Keeps the connection for the next append. Only after a statement that went well.
    pub(super) fn keep(self) {
        if self.shared.keep && !self.shared.permits.is_closed() {
            let kept = (self.connection, Instant::now());
            self.shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
    }
}
