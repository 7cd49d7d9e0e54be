//! The listener: connections, and how they end.

use std::pin::pin;
use std::time::Duration;

use axum::serve::Listener;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Api, MetricsText, routes};
use crate::Host;

/// How long a connection may be without a whole request head, from its last answer on. It ends idle connections too.
const HEAD_READ_MAX: Duration = Duration::from_secs(75);

/// Serves the API until `shutdown` is done. Then it takes no more connections, ends the event streams, lets the requests that are
/// under way finish for as long as [`Limits::drain_max`](crate::Limits::drain_max), and closes what is left. Drain the host itself
/// afterwards, with [`Host::shutdown`].
///
/// # Errors
/// None at present: a connection that fails ends alone.
pub async fn serve(
    listener: TcpListener,
    host: Host,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_api(listener, Api::new(host), shutdown).await;
    Ok(())
}

/// As [`serve`], with `metrics` at `GET /metrics`.
///
/// # Errors
/// None at present.
pub async fn serve_with(
    listener: TcpListener,
    host: Host,
    metrics: MetricsText,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    serve_api(listener, Api { metrics: Some(metrics), ..Api::new(host) }, shutdown).await;
    Ok(())
}

pub(super) async fn serve_api(mut listener: TcpListener, api: Api, shutdown: impl Future<Output = ()>) {
    let (drain_max, ending) = (api.host.limits().drain_max, api.ending.clone());
    let service = TowerToHyperService::new(routes(api));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_READ_MAX);
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            // Errors of a connection are passed over in there, and at the limit of open files it waits a second.
            (stream, _) = Listener::accept(&mut listener) => {
                connections.spawn(connection(http.clone(), stream, service.clone(), ending.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    ending.cancel();
    let drained = tokio::time::timeout(drain_max, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests were still under way, and their connections are closed"
        );
        connections.shutdown().await;
    }
}

async fn connection(
    http: http1::Builder,
    stream: TcpStream,
    service: TowerToHyperService<axum::Router>,
    ending: CancellationToken,
) {
    // Without it a small answer can wait 40 ms for the acknowledgement of the one before. Where it fails, it only is slower.
    drop(stream.set_nodelay(true));
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let served = match ending.run_until_cancelled(connection.as_mut()).await {
        Some(served) => served,
        None => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended before its answer");
    }
}
