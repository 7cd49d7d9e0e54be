//! What other hosts did to reducers, as it happens: LISTEN on a connection of its own. It only saves the wait until somebody looks.

use std::sync::{Arc, Once};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgListener, PgPoolOptions};
use tokio::sync::broadcast;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::database_error;
use crate::event_store::{EventStoreError, ReducerNews};

const CHANNEL: &str = "foldhost_reducers";
/// News that nobody has heard yet; who comes late is told that some are missing.
const KEPT: usize = 256;
/// How long after a lost connection another one is made.
const PAUSE: Duration = Duration::from_secs(1);

/// Hears from the first subscription on.
#[derive(Clone, Debug)]
pub(super) struct News {
    pool: PgPool,
    sender: broadcast::Sender<ReducerNews>,
    begun: Arc<Once>,
    stop: CancellationToken,
    /// Ends the listener with the last of the stores that share it.
    _guard: Arc<DropGuard>,
}

impl News {
    pub(super) fn of(pool: PgPool) -> Self {
        let stop = CancellationToken::new();
        let guard = Arc::new(stop.clone().drop_guard());
        Self { pool, sender: broadcast::Sender::new(KEPT), begun: Arc::new(Once::new()), stop, _guard: guard }
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<ReducerNews> {
        let receiver = self.sender.subscribe();
        self.begun.call_once(|| {
            let (pool, sender, stop) = (self.pool.clone(), self.sender.clone(), self.stop.clone());
            tokio::spawn(async move { stop.run_until_cancelled(listen(pool, sender)).await });
        });
        receiver
    }

    pub(super) fn end(&self) {
        self.stop.cancel();
    }
}

async fn listen(pool: PgPool, sender: broadcast::Sender<ReducerNews>) {
    loop {
        if let Err(error) = hear(&pool, &sender).await {
            tracing::debug!(%error, "news of reducers are not heard, and looked for instead");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hear(pool: &PgPool, sender: &broadcast::Sender<ReducerNews>) -> Result<(), sqlx::Error> {
    // A connection of its own, and none of the pool's: it is kept for good.
    let own = PgPoolOptions::new().max_connections(1).connect_lazy_with((*pool.connect_options()).clone());
    let mut listener = PgListener::connect_with(&own).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // None where the connection was lost and made anew: something may have been missed.
        let news = match listener.try_recv().await? {
            Some(notification) => ReducerNews::read(notification.payload()),
            None => ReducerNews::Missed,
        };
        // Nobody hears it: they will subscribe again, or never.
        sender.send(news).ok();
    }
}

/// Tells all hosts, once the executor's transaction is durable.
pub(super) async fn send<'e>(executor: impl sqlx::PgExecutor<'e>, news: &ReducerNews) -> Result<(), EventStoreError> {
    sqlx::query_file!("src/event_store/postgres/notify.sql", news.written())
        .execute(executor)
        .await
        .map(drop)
        .map_err(database_error)
}

/// Tells all hosts now.
pub(super) async fn announce(pool: &PgPool, news: &ReducerNews) -> Result<(), EventStoreError> {
    send(pool, news).await
}
