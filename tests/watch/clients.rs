//! Clients that send all the while, and count what was acknowledged.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::host::{Answer, WatchingHost};

const CLIENTS: usize = 4;
/// Commands that are waited for, before something is done in their midst.
const MEANWHILE: u64 = 50;
/// Between two commands of one client: the machine builds at the same time.
const PAUSE: Duration = Duration::from_millis(5);

/// Each adds ones to a stream of its own. The first command that fails fails the test.
pub(crate) struct Clients {
    name: &'static str,
    sent: Arc<AtomicU64>,
    stop: CancellationToken,
    clients: JoinSet<(String, u64)>,
}

impl Clients {
    pub(crate) fn start(host: &WatchingHost, name: &'static str) -> Self {
        let (sent, stop, mut clients) = (Arc::<AtomicU64>::default(), CancellationToken::new(), JoinSet::new());
        for number in 0..CLIENTS {
            let (url, stream) = (host.url.clone(), format!("{name}-client-{number}"));
            clients.spawn(client(url, stream, Arc::clone(&sent), stop.clone()));
        }
        Self { name, sent, stop, clients }
    }

    /// Waits until further commands were acknowledged.
    pub(crate) async fn send_on(&self) {
        let until = self.sent.load(Ordering::Relaxed) + MEANWHILE;
        while self.sent.load(Ordering::Relaxed) < until {
            tokio::time::sleep(PAUSE).await;
            assert!(!self.clients.is_empty(), "the clients of {} have ended", self.name);
        }
    }

    /// Ends them, and holds their streams against what was acknowledged: each of it is there, once.
    pub(crate) async fn stop_and_check(mut self, host: &WatchingHost) {
        self.stop.cancel();
        while let Some(client) = self.clients.join_next().await {
            let (stream, added) = client.expect("no command fails");
            let state = host.get(&format!("/streams/{stream}")).await;
            assert_eq!(state["state"]["total"], added, "{stream}");
        }
    }
}

async fn client(url: String, stream: String, sent: Arc<AtomicU64>, stop: CancellationToken) -> (String, u64) {
    let client = Client::new();
    let send = async |command: &str, arguments: Value| {
        let url = format!("{url}/streams/{stream}/commands/{command}");
        Answer::of(client.post(url).json(&arguments).send().await).await.accepted();
        sent.fetch_add(1, Ordering::Relaxed);
    };
    send("Open", json!({ "title": stream })).await;
    let mut added = 0;
    while !stop.is_cancelled() {
        send("Add", json!({ "amount": 1 })).await;
        added += 1;
        tokio::time::sleep(PAUSE).await;
    }
    (stream.clone(), added)
}
