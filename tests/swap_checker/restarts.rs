//! The database goes away and comes back, in the middle of a verification and of activations under load.

use std::sync::Arc;
use std::time::Duration;

use foldhost::embedded_postgres::Durability;
use foldhost::event_store::VerificationStatus;
use foldhost::swap::{VerificationView, VerifyRequest};
use foldhost::{PoolConfig, PostgresEventStore, VerificationStore as _};
use foldhost_test_support::OwnServer;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::client::{COUNTERS, Client};
use super::operator::{Operator, deploy_all};
use super::past;
use super::places::Places;
use super::record::{Answer, Sent};
use super::tables;
use super::verdict::judge;
use crate::setting;

/// A history that takes a few seconds to fold.
const STREAMS: usize = 3_000;
const EVENTS_EACH: usize = 10;
const CLIENTS: usize = 4;
/// How long a verification may take to come further, restarts included.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_restarts_in_the_middle_costs_retries_and_no_more_and_the_verification_ends() {
    let seed = setting("FOLDHOST_TEST_SEED", || rand::random::<u32>().into());
    println!("FOLDHOST_TEST_SEED={seed}");
    let code_cache = tempfile::tempdir().unwrap();
    let mut server = OwnServer::start(Durability::Full).await;
    let database = server.database(&PoolConfig::default()).await;
    let places = Places::start(&database.url, code_cache.path()).await;
    let (kept, mut told) = deploy_all(&places).await;
    let mut sent = past::record(&mut database.connect().await, STREAMS, EVENTS_EACH).await;

    let stop = CancellationToken::new();
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(Client::new(number, seed, &places).send_until(stop.clone()));
    }
    let operating = tokio::spawn(Operator::new(0, seed, &places, &kept).activate_until(stop.clone()));
    let digests = kept["counter"].clone();
    // Whoever decides meanwhile, the two that are held against each other stay.
    let request = VerifyRequest { baseline: Some(digests[0]), threads: Some(1), ..VerifyRequest::of(digests[1]) };
    let verifying = tokio::spawn({
        let places = Arc::clone(&places);
        async move { places.on(0, |host| async move { host.verify_to_the_end("counter", request).await }).await }
    });
    let mut streams = 0;
    for restart in 0..2 {
        streams = until_further(&database.store, streams).await;
        match restart {
            0 => server.stop().await,
            _ => server.kill().await,
        }
        server.restart().await;
    }
    let view = tokio::time::timeout(PATIENCE, verifying).await.expect("the verification ends").unwrap();
    is_whole(&view.unwrap().unwrap());
    stop.cancel();
    told.add(operating.await.unwrap());
    sent.extend(clients.join_all().await.into_iter().flatten());
    places.stop().await;
    database.store.close().await;

    let store = PostgresEventStore::connect(&database.url, &PoolConfig::default()).await.unwrap();
    let history = tables::read(&store, &mut database.connect().await).await;
    store.close().await;
    judge(&sent, &told, &history).unwrap_or_else(|reason| panic!("FOLDHOST_TEST_SEED={seed}: {reason}"));
    println!("{} commands, {} events, {:?}", sent.len(), history.events.len(), told.counts);
    let unknown = |sent: &&Sent| sent.answers.iter().any(|answer| matches!(answer, Answer::Unknown(_)));
    assert!(told.swaps.len() > 20 && sent.iter().filter(unknown).count() > 0, "the restarts were in the middle");
    drop(database);
}

/// Waits until the verification has recorded that it has come further, and gives how far.
async fn until_further(store: &PostgresEventStore, streams: u64) -> u64 {
    let mut look = tokio::time::interval(Duration::from_millis(20));
    let further = async {
        loop {
            look.tick().await;
            let Ok(found) = store.verifications("counter", None, 1).await else { continue };
            let Some(verification) = found.first() else { continue };
            assert_eq!(verification.status, VerificationStatus::Running, "it was over before the database restarted");
            let now = verification.report["streams"].as_u64().unwrap_or_default();
            if now > streams {
                return now;
            }
        }
    };
    tokio::time::timeout(PATIENCE, further).await.expect("the verification goes on")
}

/// Each stream was looked at, and none twice; those that clients count on may have been there or not.
fn is_whole(view: &VerificationView) {
    assert_eq!(view.status, VerificationStatus::Passed, "{view:#?}");
    let streams = STREAMS as u64..=(STREAMS + CLIENTS) as u64 + u64::from(COUNTERS);
    assert!(streams.contains(&view.report.streams), "{view:#?}");
    assert!(view.report.events >= (STREAMS * EVENTS_EACH) as u64, "{view:#?}");
}
