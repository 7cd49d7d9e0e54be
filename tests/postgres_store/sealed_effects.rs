//! Sealed effects as they lie in the tables, and what an erasure leaves of them.

use foldhost::event_store::sealing::{MasterKeys, SEAL_OVERHEAD_BYTES};
use foldhost::event_store::{
    ClaimedEffect, EffectClaim, EffectLease, EffectNext, EffectReopening, EffectStatus, EffectUpdate, FailedAttempt,
    NewEffect, OutboxStore as _,
};

use super::sealing::{SECRET, keys, rows_with_the_secret, sealing, secrets};
use super::*;

const LEASE: Duration = Duration::from_secs(60);

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
    let claim = EffectClaim { lanes: vec![(id.into(), 1)], lease: LEASE, bytes_max: usize::MAX };
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

/// An effect for each of these streams, in one lane and in their order.
async fn in_one_lane(store: &PostgresEventStore, ids: &[&str]) {
    for id in ids {
        let mut asked = StreamBatch::new(stream(id), Version::EMPTY, Vec::new());
        let (effect_id, body) = (uuid::Uuid::now_v7(), SECRET.into());
        let (kind, lane, delay) = ("http".into(), "http a".into(), Duration::ZERO);
        asked.effects.push(NewEffect { effect_id, kind, lane, delay, body });
        store.append_many(&[asked]).await.unwrap();
    }
}

/// All that waits in the lane, which is nobody's again at once: each stream, and why its effect stays shut or what it says.
async fn said(store: &PostgresEventStore) -> Vec<(String, Result<Option<String>, String>)> {
    let claim = EffectClaim { lanes: vec![("http a".into(), 10)], lease: Duration::ZERO, bytes_max: usize::MAX };
    let claimed = store.claim_effects(&claim).await.unwrap().into_iter().map(|claimed| {
        let said = match claimed.unopened {
            Some(reason) => {
                assert_eq!((claimed.body, claimed.progress), (None, None), "{reason}");
                Err(reason)
            }
            None => Ok(claimed.body.map(|body| String::from_utf8(body).unwrap())),
        };
        (claimed.stream_id.as_str().to_owned(), said)
    });
    claimed.collect()
}

#[tokio::test]
async fn an_effect_that_does_not_open_is_claimed_beside_those_that_do() {
    let (database, keys) = (database().await, keys());
    let store = sealing(&database, &keys);
    let ids = ["customer-1", "customer-2", "customer-3", "customer-4", "customer-5", "customer-6", "order-1"];
    in_one_lane(&store, &ids).await;
    let whole = Ok(Some(SECRET.to_owned()));
    assert_eq!(said(&store).await, ids.map(|id| (id.to_owned(), whole.clone())));
    let mut hand = database.connect().await;
    for damage in [
        "UPDATE effects SET body = set_byte(body, 30, get_byte(body, 30) # 1) WHERE stream_id = 'customer-2'",
        "UPDATE effects SET sealed = 99 WHERE stream_id = 'customer-3'",
        "UPDATE stream_keys SET wrapped_key = set_byte(wrapped_key, 30, get_byte(wrapped_key, 30) # 1)
         WHERE stream_id = 'customer-4'",
        "UPDATE effects SET progress = body, progress_sealed = sealed WHERE stream_id = 'customer-6'",
    ] {
        assert_eq!(hand.execute(damage).await.unwrap().rows_affected(), 1, "{damage}");
    }
    store.append_many(&[StreamBatch::new(stream("customer-5"), Version::EMPTY, secrets())]).await.unwrap();
    store.close_stream(&stream("customer-5"), true).await.unwrap();
    let said = said(&store).await;
    for (id, said) in &said {
        let expected = match id.as_str() {
            "customer-2" => Err("it was changed"),
            "customer-3" => Err("use a newer foldhost"),
            "customer-4" => Err("does not open under master key"),
            "customer-6" => Err("it was changed"),
            "customer-5" => Ok(None),
            _ => Ok(Some(SECRET)),
        };
        match (said, expected) {
            (Err(reason), Err(part)) => assert!(reason.contains(part) && reason.contains(id), "{reason}"),
            (Ok(text), Ok(expected)) => assert_eq!(text.as_deref(), expected, "{id}"),
            (said, expected) => panic!("{id}: {said:?}, and {expected:?} was expected"),
        }
    }
    assert_eq!(said.len(), ids.len());
}

/// Also the other way round, of a host that was given other keys. What it cannot open it may put back, with its other steps, and
/// nothing of how far it came goes out in plain.
#[tokio::test]
async fn a_host_without_the_keys_is_given_what_is_plain_and_puts_the_rest_back() {
    let (database, right) = (database().await, keys());
    let ids = ["customer-1", "order-1"];
    in_one_lane(&sealing(&database, &right), &ids).await;
    for (store, reason) in
        [(PostgresEventStore::clone(&database.store), "--encryption-keys"), (sealing(&database, &keys()), "master key")]
    {
        let claim = EffectClaim { lanes: vec![("http a".into(), 10)], lease: LEASE, bytes_max: usize::MAX };
        let claimed = store.claim_effects(&claim).await.unwrap();
        let [shut, plain] = claimed.as_slice() else { panic!("{claimed:?}") };
        assert!(shut.unopened.as_ref().is_some_and(|unopened| unopened.contains(reason)), "{shut:?}");
        assert_eq!((shut.body.as_ref(), shut.progress.as_ref()), (None, None));
        assert_eq!((plain.unopened.as_ref(), plain.body.as_deref()), (None, Some(SECRET.as_bytes())));
        let due = |progress| EffectNext::Due { lane: "http a".into(), delay: Duration::ZERO, progress };
        if reason == "master key" {
            let sealed_for_nobody = EffectUpdate { next: due(Some(SECRET.into())), ..step(shut) };
            let steps = [EffectUpdate { next: due(None), ..step(plain) }, sealed_for_nobody];
            let refused = store.update_effects(&steps).await.unwrap_err();
            let id = shut.effect_id.to_string();
            assert!(matches!(&refused, EventStoreError::Encryption(reason) if reason.contains(&id)), "{refused}");
            assert!(store.claim_effects(&claim).await.unwrap().is_empty(), "nothing of them was recorded");
        }
        let steps = [shut, plain].map(|claimed| EffectUpdate { next: due(None), ..step(claimed) });
        assert_eq!(store.update_effects(&steps).await.unwrap(), [true, true]);
    }
    let whole = Ok(Some(SECRET.to_owned()));
    assert_eq!(said(&sealing(&database, &right)).await, ids.map(|id| (id.to_owned(), whole.clone())));
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

/// Whatever order they are named in, the one with the lowest id is locked first: while it is waited for, none behind it is locked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn renewals_and_steps_lock_effects_in_the_order_of_their_ids() {
    let (database, keys) = (database().await, keys());
    let store = sealing(&database, &keys);
    in_one_lane(&store, &["customer-1", "customer-2", "customer-3"]).await;
    let claim = EffectClaim { lanes: vec![("http a".into(), 10)], lease: LEASE, bytes_max: usize::MAX };
    let ascending = store.claim_effects(&claim).await.unwrap();
    let descending: Vec<_> = ascending.iter().rev().cloned().collect();
    let (mut hand, mut watch) = (database.connect().await, database.connect().await);
    for (claimed, renews) in [(&ascending, true), (&descending, true), (&ascending, false), (&descending, false)] {
        hand.execute("BEGIN").await.unwrap();
        hand.execute("SELECT FROM effects WHERE stream_id = 'customer-1' FOR UPDATE").await.unwrap();
        let (store, claimed) = (PostgresEventStore::clone(&store), claimed.clone());
        let waits = tokio::spawn(async move {
            if renews {
                let leases: Vec<_> = claimed.iter().map(|claimed| step(claimed).lease).collect();
                return store.renew_effects(&leases, LEASE).await.unwrap();
            }
            let held = |claimed| EffectUpdate {
                next: EffectNext::Held { progress: SECRET.into(), lease: LEASE },
                ..step(claimed)
            };
            store.update_effects(&claimed.iter().map(held).collect::<Vec<_>>()).await.unwrap()
        });
        until_somebody_waits_for_a_lock(&mut watch).await;
        let behind = "SELECT FROM effects WHERE stream_id <> 'customer-1' FOR UPDATE NOWAIT";
        assert_eq!(hand.execute(behind).await.unwrap().rows_affected(), 2, "nobody has them");
        hand.execute("COMMIT").await.unwrap();
        assert_eq!(waits.await.unwrap(), [true; 3]);
    }
}
