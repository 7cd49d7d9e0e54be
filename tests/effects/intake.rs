//! From a decision to the outbox.

use foldhost::reducer::ReducerFault;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn effects_are_kept_with_the_events_that_they_came_with_and_run_afterwards() {
    let (host, recorder, _database) = host().await;
    let reply = ask(&host, "asker-1", vec![recorded("a", "succeed").reply_to("Hear")]).await.unwrap();
    assert_eq!(reply.version, Version::new(1));
    settled(&host).await;
    assert_eq!(recorder.ran(), ["a"]);
    assert_eq!(heard(&host, "asker-1").await, [serde_json::json!({"custom": "\"a\""})]);
    let detail = only_effect(&host).await;
    assert_eq!((detail.record.status, detail.record.attempts, detail.failures.len()), (EffectStatus::Done, 1, 0));
    assert_eq!(recorder.ids(), [detail.record.effect_id.to_string()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_without_an_event_may_ask_for_effects() {
    let (host, recorder, _database) = host().await;
    let number = Asked::keep(vec![recorded("a", "succeed")]);
    let command = Command::json("AskQuietly", format!(r#"{{"number":{number}}}"#));
    let reply = host.send(CommandRequest::new(stream("asker-1"), command)).await.unwrap();
    assert_eq!(reply.version, Version::EMPTY);
    settled(&host).await;
    assert_eq!(recorder.ran(), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_is_sent_twice_under_one_id_asks_for_its_effects_once() {
    let (host, recorder, _database) = host().await;
    let number = Asked::keep(vec![recorded("a", "succeed")]);
    for _ in 0..3 {
        let command = Command::json("Ask", format!(r#"{{"number":{number}}}"#));
        let command_id = Some("the-one".into());
        host.send(CommandRequest { command_id, ..CommandRequest::new(stream("asker-1"), command) }).await.unwrap();
    }
    settled(&host).await;
    assert_eq!(recorder.ran(), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_replies_with_a_command_that_the_reducer_does_not_have_is_no_decision() {
    let (host, _recorder, _database) = host().await;
    let asked = ask(&host, "asker-1", vec![recorded("a", "succeed").reply_to("Nobody")]).await.unwrap_err();
    let CommandError::Fault(failure) = &asked else { panic!("{asked:?}") };
    assert!(matches!(failure.fault, ReducerFault::BrokenAnswer { call: "decide", .. }), "{failure}");
    assert!(asked.to_string().contains(r#"replies with the command "Nobody""#), "{asked}");
    assert!(effects(&host).await.is_empty());
    assert!(host.store().read_stream(&stream("asker-1"), Version::EMPTY, 1.into()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_that_waits_for_more_than_ten_years_is_no_decision() {
    let (host, _recorder, _database) = host().await;
    let asked = ask(&host, "asker-1", vec![Effect::delay(u64::MAX)]).await.unwrap_err();
    assert!(asked.to_string().contains("ten years"), "{asked}");
    assert!(effects(&host).await.is_empty());
}

/// A replay folds events, and no event asks for anything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replay_runs_no_effect() {
    let (host, recorder, database) = host().await;
    ask(&host, "asker-1", vec![recorded("a", "succeed").reply_to("Hear")]).await.unwrap();
    settled(&host).await;
    let replayed = NativeReducer::<Asker>::new();
    let report = foldhost::runtime::replay_stream(&*database.store, &replayed, &stream("asker-1"), &limits()).await;
    assert_eq!(report.unwrap().version, Version::new(2));
    host.state(&stream("asker-1"), Some(Version::new(1))).await.unwrap();
    host.save_snapshot(&stream("asker-1")).await.unwrap();
    assert_eq!(effects(&host).await.len(), 1);
    assert_eq!(recorder.ran(), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erased_streams_effects_are_given_up_unread() {
    let database = database().await;
    let store = Arc::new(foldhost::InMemoryEventStore::new().erasable(["asker"]));
    let asking = builder(&store, idle()).start().unwrap();
    ask(&asking, "asker-1", vec![recorded("a", "succeed").reply_to("Hear")]).await.unwrap();
    asking.close_stream(&stream("asker-1"), true).await.unwrap();
    let recorder = Recorder::default();
    let running = builder(&store, limits()).effect_kind(recorder.clone()).start().unwrap();
    let over = settled(&running).await;
    assert_eq!(over[0].status, EffectStatus::Discarded);
    assert!(recorder.ran().is_empty());
    drop(database);
}

/// Such a name went into a lane, which no store took; every step that was recorded beside it was lost with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_effect_of_a_kind_that_cannot_be_named_so_is_no_decision_however_deep_it_stands() {
    let (host, _recorder, _database) = host().await;
    for name in ["", "a b", "a\0b", "a\nb", &"x".repeat(65)] {
        let payload = OwnedPayload::Json("{}".into());
        let custom = Effect::new(EffectKind::Custom { kind: name.into(), payload });
        let asked = ask(&host, "asker-1", vec![Effect::delay(1).then(custom)]).await.unwrap_err();
        assert!(asked.to_string().contains("a name has 1 to 64 bytes"), "{name:?}: {asked}");
    }
    assert!(effects(&host).await.is_empty());
}
