//! Sealed effects as they lie in the tables, and what an erasure leaves of them.

use foldhost::event_store::sealing::{MasterKeys, SEAL_OVERHEAD_BYTES};
use foldhost::event_store::{
    ClaimedEffect, EffectClaim, EffectLease, EffectNext, EffectReopening, EffectStatus, EffectUpdate, FailedAttempt,
    NewEffect, OutboxStore as _,
};

use super::sealing::{SECRET, keys, rows_with_the_secret, sealing, secrets};
use super::*;

/// A claimed effect of a stream that is sealed, and its store.
async fn claimed(database: &TestDatabase, keys: &MasterKeys, id: &str) -> (PostgresEventStore, ClaimedEffect) {
    let store = sealing(database, keys);
    let mut asked = StreamBatch::new(stream(id), Version::EMPTY, secrets());
    asked.effects.push(NewEffect {
        effect_id: uuid::Uuid::now_v7(),
        kind: "http".into(),
        lane: id.into(),
        delay: Duration::ZERO,
        body: SECRET.into(),
    });
    store.append_many(&[asked]).await.unwrap();
    let claim = EffectClaim { lanes: vec![(id.into(), 1)], lease: Duration::from_secs(60) };
    let claimed = store.claim_effects(&claim).await.unwrap().pop().unwrap();
    assert_eq!(claimed.body.as_deref(), Some(SECRET.as_bytes()));
    (store, claimed)
}

/// It came so far, and its attempt failed, with the secret in every text.
fn step(claimed: &ClaimedEffect) -> EffectUpdate {
    EffectUpdate {
        lease: EffectLease { effect_id: claimed.effect_id, stream_id: claimed.stream_id.clone(), token: claimed.token },
        next: EffectNext::Finished {
            status: EffectStatus::Dead,
            progress: Some(SECRET.into()),
            error: Some(SECRET.into()),
        },
        attempts: 1,
        failures: vec![FailedAttempt {
            node: 0,
            took: Duration::ZERO,
            code: "http-500".into(),
            message: SECRET.into(),
        }],
    }
}

#[tokio::test]
async fn what_effects_say_lies_in_no_table_in_plain_and_nothing_of_it_is_left_by_an_erasure() {
    let (database, keys) = (database().await, keys());
    let mut connection = database.connect().await;
    // One that is not sealed shows that the search finds what is there.
    for (id, found) in [("customer-1", 0), ("order-1", 1)] {
        let (store, claimed) = claimed(&database, &keys, id).await;
        assert_eq!(rows_with_the_secret(&mut connection, "effects").await, found, "{id}");
        let held = EffectNext::Held { progress: SECRET.into(), lease: Duration::from_secs(60) };
        let held = EffectUpdate { next: held, failures: Vec::new(), ..step(&claimed) };
        assert_eq!(store.update_effects(&[held]).await.unwrap(), [true]);
        assert_eq!(rows_with_the_secret(&mut connection, "effects").await, found, "{id}");
        assert_eq!(store.update_effects(&[step(&claimed)]).await.unwrap(), [true]);
        // The texts of what went wrong are plain until the stream is erased.
        assert_eq!(rows_with_the_secret(&mut connection, "effect_attempts").await, 1, "{id}");
        let kept = store.effect(claimed.effect_id).await.unwrap().unwrap();
        assert_eq!(kept.progress.as_deref(), Some(SECRET.as_bytes()));
        if id == "customer-1" {
            let body = "SELECT body FROM effects WHERE stream_id = 'customer-1'";
            let sealed: Vec<u8> = sqlx::query_scalar(body).fetch_one(&mut connection).await.unwrap();
            assert_eq!(sealed.len(), SECRET.len() + SEAL_OVERHEAD_BYTES);
            store.close_stream(&stream(id), true).await.unwrap();
            for table in ["effects", "effect_attempts"] {
                assert_eq!(rows_with_the_secret(&mut connection, table).await, 0, "{table}");
            }
            let reopening =
                EffectReopening { lease: step(&claimed).lease, lane: "again".into(), progress: SECRET.into() };
            assert!(store.reopen_effect(&reopening).await.unwrap());
            assert_eq!(rows_with_the_secret(&mut connection, "effects").await, 0, "nor what came later");
        }
    }
}

/// A batch of effects alone makes its stream's key.
#[tokio::test]
async fn effects_without_events_are_sealed_too() {
    let (database, keys) = (database().await, keys());
    let store = sealing(&database, &keys);
    let mut asked = StreamBatch::new(stream("customer-1"), Version::EMPTY, Vec::new());
    let body = SECRET.into();
    let effect_id = uuid::Uuid::now_v7();
    asked.effects.push(NewEffect { effect_id, kind: "http".into(), lane: "a".into(), delay: Duration::ZERO, body });
    store.append_many(&[asked]).await.unwrap();
    assert_eq!(rows_with_the_secret(&mut database.connect().await, "effects").await, 0);
    assert_eq!(store.effect(effect_id).await.unwrap().unwrap().body.as_deref(), Some(SECRET.as_bytes()));
    // Moved into another row, it does not open there.
    let moved = "INSERT INTO effects (effect_id, stream_id, kind, lane, due_at, body, sealed)
                 SELECT '018f3a1e-7a9b-7cc1-8d9e-1f2a3b4c5d6e', stream_id, kind, lane, due_at, body, sealed FROM effects";
    database.connect().await.execute(moved).await.unwrap();
    let moved = store.effect("018f3a1e-7a9b-7cc1-8d9e-1f2a3b4c5d6e".parse().unwrap()).await.unwrap_err();
    assert!(matches!(&moved, EventStoreError::Encryption(reason) if reason.contains("018f3a1e")), "{moved}");
    let without_keys = database.store.effect(effect_id).await.unwrap_err();
    assert!(matches!(&without_keys, EventStoreError::Encryption(reason) if reason.contains("--encryption-keys")));
}

/// The other way round, a step that comes while a key is being dropped waits, and writes no text.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_waits_for_an_erasure_leaves_no_text() {
    let (database, keys) = (database().await, keys());
    let (store, claimed) = claimed(&database, &keys, "customer-1").await;
    let mut erasure = database.connect().await;
    erasure.execute("BEGIN").await.unwrap();
    erasure
        .execute("UPDATE stream_keys SET wrapped_key = NULL, dropped_at = now() WHERE stream_id = 'customer-1'")
        .await
        .unwrap();
    let asked = step(&claimed);
    let recorded = tokio::spawn(async move { store.update_effects(&[asked]).await.unwrap() });
    let mut watch = database.connect().await;
    until_somebody_waits_for_a_lock(&mut watch).await;
    erasure.execute("COMMIT").await.unwrap();
    assert_eq!(recorded.await.unwrap(), [true]);
    for table in ["effects", "effect_attempts"] {
        assert_eq!(rows_with_the_secret(&mut watch, table).await, 0, "{table}");
    }
}
