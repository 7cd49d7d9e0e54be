//! Effects whose append, claim or step was not answered.

use std::sync::Arc;

use foldhost::event_store::{
    AppendOutcome, ClaimedEffect, EffectClaim, EffectFilter, EffectLease, EffectNext, EffectStatus, EffectUpdate,
    FailedAttempt, NewEffect, OutboxStore, StreamBatch,
};
use foldhost::{EventStore, ExpectedVersion, PoolConfig, PostgresEventStore, Version};
use sqlx::Executor;
use uuid::Uuid;

use crate::answers::{APPEND, behind_proxy};
use crate::proxy::Fault;
use crate::{Duration, WAITING, assert_unavailable, exactly, named, number, plain, recorded, stream, until_at_least};

const EFFECTS: &str = "SELECT count(*) FROM effects";
/// Parts of the statements' texts.
const CLAIM: &str = "FOR UPDATE SKIP LOCKED";
const STEP: &str = "INSERT INTO effect_attempts";

/// With two effects.
fn deciding(mut batch: StreamBatch) -> StreamBatch {
    let effect = || NewEffect {
        effect_id: Uuid::now_v7(),
        kind: "http".into(),
        lane: "http a".into(),
        delay: Duration::ZERO,
        body: b"body".to_vec(),
    };
    batch.effects = vec![effect(), effect()];
    batch
}

async fn claim(store: &PostgresEventStore, lease: Duration) -> Vec<ClaimedEffect> {
    let claim = EffectClaim { lanes: vec![("http a".into(), 10)], lease, bytes_max: usize::MAX };
    store.claim_effects(&claim).await.unwrap()
}

fn appended(version: u64) -> [AppendOutcome; 1] {
    [AppendOutcome::Appended { version: Version::new(version) }]
}

/// Whatever the batch is known again by: its effects are no other batch's.
#[tokio::test]
async fn effects_whose_append_was_not_answered_are_there_once() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let mut connection = database.connect().await;
    let (mut version, mut effects) = (0, 0);
    for (struck, fault) in [Fault::CutAfter, Fault::CutBefore].into_iter().cycle().take(8).enumerate() {
        let (id, at) = (format!("id-{struck}"), exactly(version));
        let (batch, count) = match struck / 2 {
            0 => (named("order-1", at, &id, 2), 2),
            // Neither remembered nor named: without its effects it could not be known again.
            1 => (plain("order-1", at, 1), 1),
            2 => (plain("order-1", at, 0), 0),
            _ => (recorded("order-1", at, &id, 1), 1),
        };
        proxy.strike(APPEND, fault);
        let outcomes = store.append_many(&[deciding(batch)]).await.unwrap();
        version += count;
        effects += 2;
        assert_eq!(outcomes, appended(version), "{struck}: {fault:?}");
        proxy.until_struck(struck + 1).await;
        assert_eq!(number(&mut connection, EFFECTS).await, effects, "{struck}: {fault:?}");
    }
    assert_eq!(store.effects(&EffectFilter::default(), 100).await.unwrap().len(), 16);
}

/// A batch without events leaves its stream as it was. Another one that came meanwhile makes the second attempt a conflict with
/// what the first one did; told so, the host would decide again, and run its effects twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_without_events_are_known_again_behind_another_append() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let store = Arc::new(store);
    proxy.strike(APPEND, Fault::HoldAnswer);
    let hasty = PoolConfig { statement_max: Duration::from_millis(200), ..PoolConfig::default() };
    let waits = PostgresEventStore::connect(&proxy.url, &hasty).await.unwrap();
    let append = tokio::spawn(async move { waits.append_many(&[deciding(plain("order-1", exactly(0), 0))]).await });
    let mut connection = database.connect().await;
    until_at_least(&mut connection, 2, EFFECTS).await;
    // Its answer is on the way, and given up after some seconds.
    database.store.append_many(&[named("order-1", exactly(0), "other", 1)]).await.unwrap();
    assert_eq!(append.await.unwrap().unwrap(), appended(0));
    assert_eq!(number(&mut connection, EFFECTS).await, 2);
    assert_eq!(claim(&store, Duration::from_secs(60)).await.len(), 2);
}

#[tokio::test]
async fn a_lost_commit_of_effects_is_told_as_unknown_or_found_by_its_commands() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let mut connection = database.connect().await;
    proxy.strike("COMMIT", Fault::CutAfter);
    let remembered = deciding(recorded("order-1", ExpectedVersion::Any, "id", 1));
    assert_eq!(store.append_many(&[remembered]).await.unwrap(), [AppendOutcome::Repeated]);
    assert_eq!(number(&mut connection, EFFECTS).await, 2);
    proxy.strike("COMMIT", Fault::CutBefore);
    assert_unavailable(&store.append_atomic(&[deciding(plain("order-2", exactly(0), 1))]).await);
    assert_eq!(number(&mut connection, EFFECTS).await, 2, "neither its event nor its effects");
    proxy.strike("COMMIT", Fault::CutAfter);
    assert_unavailable(&store.append_atomic(&[deciding(plain("order-2", exactly(0), 1))]).await);
    assert_eq!(number(&mut connection, EFFECTS).await, 4);
}

/// An append whose connection is cut while it waits goes on in the server, and its second attempt races with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_sent_again_while_the_first_append_is_under_way_are_there_once() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let store = Arc::new(store);
    let (mut hand, mut watch) = (database.connect().await, database.connect().await);
    for round in 0..12 {
        let id = format!("order-{round}");
        hand.execute("BEGIN").await.unwrap();
        let insert = "INSERT INTO events (stream_id, version, event_type, event_data) VALUES ($1, 1, 'Hand.v1', '')";
        sqlx::query(insert).bind(&id).execute(&mut hand).await.unwrap();
        proxy.strike(APPEND, Fault::CutDuring);
        let append = tokio::spawn({
            let store = Arc::clone(&store);
            async move { store.append_many(&[deciding(plain(&id, exactly(0), 2))]).await }
        });
        until_at_least(&mut watch, 2, WAITING).await;
        hand.execute("ROLLBACK").await.unwrap();
        assert_eq!(append.await.unwrap().unwrap(), appended(2), "round {round}");
        assert_eq!(number(&mut watch, EFFECTS).await, 2 * (round + 1), "round {round}");
    }
}

#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_made_again_when_its_lease_ends() {
    let (_database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    store.append_many(&[deciding(plain("order-1", exactly(0), 1))]).await.unwrap();
    proxy.strike(CLAIM, Fault::CutAfter);
    let lanes = vec![("http a".into(), 10)];
    let asked = EffectClaim { lanes, lease: Duration::from_millis(100), bytes_max: usize::MAX };
    assert_unavailable(&store.claim_effects(&asked).await);
    proxy.until_struck(1).await;
    assert_eq!(proxy.forwarded(CLAIM), 1, "sent again, it would have taken others, and these would have waited too");
    let again = async {
        loop {
            let claimed = claim(&store, Duration::from_secs(60)).await;
            if !claimed.is_empty() {
                return claimed;
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), again).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_step_whose_answer_was_lost_is_recorded_once() {
    let (database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let mut connection = database.connect().await;
    store.append_many(&[deciding(plain("order-1", exactly(0), 1))]).await.unwrap();
    store.append_many(&[deciding(plain("order-2", exactly(0), 1))]).await.unwrap();
    let lease = Duration::from_secs(60);
    let failed =
        FailedAttempt { node: 0, took: lease, code: "timeout".into(), message: "no answer within a minute".into() };
    let step = |claimed: &ClaimedEffect, next| EffectUpdate {
        lease: EffectLease {
            effect_id: claimed.effect_id,
            stream_id: stream(claimed.stream_id.as_str()),
            token: claimed.token,
        },
        next,
        attempts: 1,
        failures: vec![failed.clone()],
    };
    let over = |status| EffectNext::Finished { status, progress: None, error: Some("refused".into()) };
    let claimed = claim(&store, lease).await;
    let steps = [
        step(&claimed[0], over(EffectStatus::Dead)),
        step(&claimed[1], EffectNext::Held { progress: b"half".to_vec(), lease }),
        step(&claimed[2], EffectNext::Due { lane: "http b".into(), delay: lease, progress: Some(b"tried".to_vec()) }),
        step(&claimed[3], over(EffectStatus::Done)),
    ];
    for (struck, fault) in [Fault::CutAfter, Fault::CutBefore, Fault::CutAfter].into_iter().enumerate() {
        proxy.strike(STEP, fault);
        assert_eq!(store.update_effects(&steps).await.unwrap(), [true; 4], "{fault:?}");
        proxy.until_struck(struck + 1).await;
        assert_eq!(number(&mut connection, "SELECT count(*) FROM effect_attempts").await, 4, "{fault:?}");
        assert_eq!(number(&mut connection, "SELECT sum(attempts)::bigint FROM effects").await, 4, "{fault:?}");
    }
}
