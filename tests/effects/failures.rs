//! What goes wrong, and who learns of it.

use std::sync::atomic::Ordering;

use foldhost::effects::EffectActionError;
use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_that_may_pass_is_tried_again_and_each_attempt_is_recorded_with_its_error() {
    let (host, recorder, _database) = host().await;
    recorder.failures.store(2, Ordering::SeqCst);
    ask(&host, "asker-1", vec![recorded("a", "flaky").reply_to("Hear")]).await.unwrap();
    settled(&host).await;
    let detail = only_effect(&host).await;
    assert_eq!((detail.record.status, detail.record.attempts), (EffectStatus::Done, 3));
    let failures: Vec<_> = detail.failures.iter().map(|failure| failure.attempt.code.as_str()).collect();
    assert_eq!(failures, ["not-yet", "not-yet"]);
    assert!(recorder.ids().iter().all(|id| *id == detail.record.effect_id.to_string()), "all under one id");
    assert_eq!(heard(&host, "asker-1").await, [json!({"custom": "\"a\""})]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_its_last_attempt_it_has_failed_for_good_and_its_stream_is_told_once() {
    let (host, recorder, _database) = host().await;
    recorder.failures.store(100, Ordering::SeqCst);
    ask(&host, "asker-1", vec![recorded("a", "flaky").reply_to("Hear")]).await.unwrap();
    let over = settled(&host).await;
    assert_eq!((over[0].status, over[0].attempts, recorder.ran().len()), (EffectStatus::Failed, 3, 3));
    assert_eq!(heard(&host, "asker-1").await, [json!({"failed": {"code": "not-yet", "message": "for the test"}})]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_run_again_when_somebody_says_so() {
    let (host, recorder, _database) = host().await;
    recorder.failures.store(3, Ordering::SeqCst);
    ask(&host, "asker-1", vec![recorded("a", "succeed").then(recorded("b", "flaky"))]).await.unwrap();
    let dead = settled(&host).await.remove(0);
    assert_eq!((dead.status, dead.error.as_deref()), (EffectStatus::Dead, Some("not-yet: for the test")));
    host.retry_effect(dead.effect_id).await.unwrap();
    assert_eq!(settled(&host).await[0].status, EffectStatus::Done);
    assert_eq!(recorder.ran(), ["a", "b", "b", "b", "b"], "what was done is not done again");
    let again = host.retry_effect(dead.effect_id).await.unwrap_err();
    assert!(matches!(again, EffectActionError::Status { status: EffectStatus::Done, .. }), "{again}");
    let detail = only_effect(&host).await;
    assert_eq!(detail.failures.len(), 3);
    assert_eq!(detail.record.attempts, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_is_given_up_is_run_no_more_and_says_why() {
    let (host, recorder, _database) = host().await;
    ask(&host, "asker-1", vec![Effect::delay(3_600_000).then(recorded("a", "succeed"))]).await.unwrap();
    let waiting = only_effect(&host).await.record;
    host.discard_effect(waiting.effect_id, "a mistake").await.unwrap();
    let given_up = only_effect(&host).await.record;
    assert_eq!((given_up.status, given_up.error.as_deref()), (EffectStatus::Discarded, Some("a mistake")));
    assert!(recorder.ran().is_empty());
    let unknown = uuid::Uuid::now_v7();
    for answer in [host.discard_effect(unknown, "x").await, host.retry_effect(unknown).await] {
        assert!(matches!(answer, Err(EffectActionError::Unknown(id)) if id == unknown));
    }
    let again = host.discard_effect(waiting.effect_id, "x").await.unwrap_err();
    assert!(matches!(again, EffectActionError::Status { status: EffectStatus::Discarded, .. }), "{again}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runner_that_panics_or_hangs_fails_its_own_effect_and_nothing_else() {
    let database = database().await;
    let recorder = Recorder::default();
    let mut limits = limits();
    limits.effects.kinds.get_mut("recorded").unwrap().attempt_ms_max = Some(50);
    let host = builder(&database.store, limits).effect_kind(recorder.clone()).start().unwrap();
    for (id, does) in [("asker-panic", "panic"), ("asker-hang", "hang"), ("asker-well", "succeed")] {
        ask(&host, id, vec![recorded(id, does).reply_to("Hear")]).await.unwrap();
    }
    settled(&host).await;
    assert_eq!(heard(&host, "asker-panic").await[0]["failed"]["code"], "panicked");
    assert_eq!(heard(&host, "asker-hang").await[0]["failed"]["code"], "timeout");
    assert_eq!(heard(&host, "asker-well").await, [json!({"custom": "\"asker-well\""})]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_that_this_host_does_not_run_is_tried_again_and_fails_by_that_name() {
    let (host, _recorder, _database) = host().await;
    let payload = OwnedPayload::Json("{}".into());
    let unknown = Effect::new(EffectKind::Custom { kind: "unheard-of".into(), payload }).reply_to("Hear");
    let mut kinds = limits();
    let at_once = KindOverrides { deadline_seconds: Some(0), ..KindOverrides::default() };
    kinds.effects.kinds.insert("unheard-of".into(), at_once);
    let other = builder(&Arc::new(foldhost::InMemoryEventStore::new()), kinds).start().unwrap();
    ask(&other, "asker-1", vec![unknown]).await.unwrap();
    settled(&other).await;
    assert_eq!(heard(&other, "asker-1").await[0]["failed"]["code"], "unknown-kind");
    drop(host);
}

/// Whoever asked has had its say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_a_rule_refuses_was_told_all_the_same() {
    let (host, recorder, _database) = host().await;
    ask(&host, "asker-1", vec![recorded("a", "succeed").reply_to("Refuse")]).await.unwrap();
    assert_eq!(settled(&host).await[0].status, EffectStatus::Done);
    assert_eq!(recorder.ran(), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_its_command_cannot_hold_is_a_dead_letter() {
    let (host, _recorder, _database) = host().await;
    // `Ring` has no field for an outcome.
    ask(&host, "asker-1", vec![recorded("a", "succeed").reply_to("Ring")]).await.unwrap();
    let dead = settled(&host).await.remove(0);
    assert_eq!(dead.status, EffectStatus::Dead);
    assert!(dead.error.as_deref().unwrap().starts_with("the outcome could not be told: malformed-command"), "{dead:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_stream_hears_nothing_and_its_effects_are_done() {
    let (host, recorder, _database) = host().await;
    ask(&host, "asker-1", vec![recorded("a", "wait").reply_to("Hear")]).await.unwrap();
    until("it runs", || async { !recorder.ran().is_empty() }).await;
    host.close_stream(&stream("asker-1"), false).await.unwrap();
    recorder.gate.add_permits(1);
    assert_eq!(settled(&host).await[0].status, EffectStatus::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_nobody_can_read_is_a_dead_letter_and_holds_up_nothing() {
    let database = database().await;
    let asking = builder(&database.store, idle()).start().unwrap();
    ask(&asking, "asker-1", vec![recorded("a", "succeed"), recorded("b", "succeed")]).await.unwrap();
    let first = effects(&asking).await.pop().unwrap().effect_id;
    let mut connection = database.connect().await;
    sqlx::query("UPDATE effects SET body = '\\x00ff' WHERE effect_id = $1::uuid")
        .bind(first.to_string())
        .execute(&mut connection)
        .await
        .unwrap();
    let recorder = Recorder::default();
    let host = builder(&database.store, limits()).effect_kind(recorder.clone()).start().unwrap();
    let over = settled(&host).await;
    assert_eq!([over[0].status, over[1].status], [EffectStatus::Dead, EffectStatus::Done]);
    assert!(over[0].error.as_deref().unwrap().starts_with("unreadable: "), "{over:?}");
    assert_eq!(recorder.ran(), ["b"]);
}

/// Its stream heard that the payment had failed, and went on from there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_that_is_run_again_leaves_alone_what_its_stream_was_told_of() {
    let (host, recorder, _database) = host().await;
    recorder.failures.store(3, Ordering::SeqCst);
    let parts = [recorded("pay/x", "fail").reply_to("Hear"), recorded("mail/x", "flaky")];
    ask(&host, "asker-1", vec![Effect::parallel(parts)]).await.unwrap();
    let dead = settled(&host).await.remove(0);
    assert_eq!(dead.status, EffectStatus::Dead);
    host.retry_effect(dead.effect_id).await.unwrap();
    assert_eq!(settled(&host).await[0].status, EffectStatus::Failed);
    let times = |name: &str| recorder.ran().iter().filter(|ran| *ran == name).count();
    assert_eq!((times("pay/x"), times("mail/x"), heard(&host, "asker-1").await.len()), (1, 4, 1));
}
