//! A service that listens.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{PaymentService, api};

/// A service that listens, until it is stopped or dropped.
#[derive(Debug)]
pub struct RunningService {
    address: SocketAddr,
    stop: DropGuard,
    served: JoinHandle<io::Result<()>>,
}

impl RunningService {
    /// Has the service listen; port 0 is a free one.
    ///
    /// # Errors
    /// Where it cannot listen there.
    pub async fn start(service: PaymentService, address: &str) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let served = axum::serve(listener, api::routes(service)).with_graceful_shutdown(stopped);
        Ok(Self { address, stop: stop.drop_guard(), served: tokio::spawn(async move { served.await }) })
    }

    /// As in `127.0.0.1:7071`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an order names as its payment service.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers the requests that have come, and ends.
    ///
    /// # Errors
    /// Where it could not be served to its end.
    pub async fn stop(self) -> io::Result<()> {
        drop(self.stop);
        self.served.await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
    }
}
