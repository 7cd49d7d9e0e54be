//! What each kind does.

use foldhost::event_store::{SnapshotKey, StreamBatch};
use foldhost::reducer::EffectRules;
use foldhost_sdk::{DispatchedCommand, EventStoreOperation, NewEvent};
use serde_json::json;

use super::*;

fn dispatch(to: &str, name: &str, payload: &str) -> Effect {
    let command = DispatchedCommand { name: name.into(), payload: OwnedPayload::Json(payload.into()) };
    Effect::new(EffectKind::Dispatch { stream_id: to.into(), command })
}

fn operation(operation: EventStoreOperation) -> Effect {
    Effect::new(EffectKind::EventStore(operation)).reply_to("Hear")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispatched_command_changes_its_stream_and_both_streams_know_where_it_came_from() {
    let (host, _recorder, _database) = host().await;
    let number = Asked::keep(vec![dispatch("asker-2", "Note", r#"{"text":"hi"}"#).reply_to("Hear")]);
    let mut request = CommandRequest::new(stream("asker-1"), Command::json("Ask", format!(r#"{{"number":{number}}}"#)));
    request.metadata.correlation_id = Some("the-visit".into());
    host.send(request).await.unwrap();
    settled(&host).await;
    assert_eq!(heard(&host, "asker-2").await, [json!("hi")]);
    assert_eq!(heard(&host, "asker-1").await, [json!({"dispatched": {"stream_id": "asker-2", "version": 1}})]);
    let effect_id = only_effect(&host).await.record.effect_id.to_string();
    let received = host.store().read_stream(&stream("asker-2"), Version::EMPTY, 10.into()).await.unwrap();
    assert_eq!(received[0].metadata.command_id.as_deref(), Some(format!("{effect_id}.dispatch").as_str()));
    let told = host.store().read_stream(&stream("asker-1"), Version::new(1), 10.into()).await.unwrap();
    assert_eq!(told[0].metadata.command_id.as_deref(), Some(effect_id.as_str()));
    for event in [&received[0], &told[0]] {
        assert_eq!(event.metadata.correlation_id.as_deref(), Some("the-visit"));
        assert_eq!(event.metadata.causation_id.as_deref(), Some(effect_id.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_may_dispatch_to_itself_and_hear_of_it() {
    let (host, _recorder, _database) = host().await;
    ask(&host, "asker-1", vec![dispatch("asker-1", "Note", r#"{"text":"me"}"#).reply_to("Hear")]).await.unwrap();
    settled(&host).await;
    let own = json!({"dispatched": {"stream_id": "asker-1", "version": 2}});
    assert_eq!(heard(&host, "asker-1").await, [json!("me"), own]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rules_no_is_an_outcome_and_without_anybody_to_hear_it_a_dead_letter() {
    let (host, _recorder, _database) = host().await;
    let told = dispatch("asker-2", "No", "{}").reply_to("Hear");
    ask(&host, "asker-1", vec![told, dispatch("asker-2", "No", "{}")]).await.unwrap();
    let over = settled(&host).await;
    assert_eq!([over[0].status, over[1].status], [EffectStatus::Failed, EffectStatus::Dead]);
    assert_eq!(heard(&host, "asker-1").await, [json!({"rejected": {"code": "no", "message": "for the test"}})]);
    assert_eq!(over[1].error.as_deref(), Some("rejected: no: for the test"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_cannot_be_dispatched_fails_by_its_reason() {
    let (host, _recorder, _database) = host().await;
    for (effect, code) in [
        (dispatch("", "Note", "{}"), "invalid-stream-id"),
        (dispatch("asker-2", "Nothing", "{}"), "unknown-command"),
        (dispatch("asker-2", "Note", r#"{"word":1}"#), "malformed-command"),
        (dispatch("nobody-2", "Note", "{}"), "unknown-category"),
    ] {
        let asked = format!("asker-{code}");
        ask(&host, &asked, vec![effect.reply_to("Hear")]).await.unwrap();
        settled(&host).await;
        assert_eq!(heard(&host, &asked).await[0]["failed"]["code"], code);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_ring_in_the_order_of_their_times_and_after_a_downtime_all_at_once() {
    let database = database().await;
    let asking = builder(&database.store, idle()).start().unwrap();
    // Further apart than a busy machine takes from one to the next.
    for (id, delay_ms) in [("late", 3_000), ("early", 20), ("middle", 1_500)] {
        let note = dispatch("asker-rung", "Note", &json!({ "text": id }).to_string());
        ask(&asking, "asker-1", vec![Effect::delay(delay_ms).then(note)]).await.unwrap();
    }
    ask(&asking, "asker-2", vec![Effect::delay(30).reply_to("Ring"), Effect::delay(3_600_000)]).await.unwrap();
    // Nobody runs effects meanwhile: that is the downtime.
    until("all but one are due", || async { asking.store().effect_backlog().await.unwrap().due == 4 }).await;
    assert!(asking.shutdown().await);
    // One at a time, so that the order in which they are claimed is the one in which they are done.
    let mut one_by_one = limits();
    one_by_one.effects.workers = 1;
    one_by_one.effects.running_max = 1;
    let host = builder(&database.store, one_by_one).start().unwrap();
    until("all that were due have rung", || async {
        let due = host.store().effect_backlog().await.unwrap();
        due.due == 0 && due.waiting == 1
    })
    .await;
    assert_eq!(heard(&host, "asker-rung").await, [json!("early"), json!("middle"), json!("late")]);
    assert_eq!(heard(&host, "asker-2").await, [json!("ring")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn steps_run_one_after_another_and_parts_at_once() {
    let (host, recorder, _database) = host().await;
    let names = ["a", "b", "c", "d"];
    let steps = Effect::sequential(names.map(|name| recorded(name, "succeed"))).reply_to("Hear");
    ask(&host, "asker-1", vec![steps]).await.unwrap();
    settled(&host).await;
    assert_eq!((recorder.ran(), recorder.at_once_max()), (names.map(str::to_owned).to_vec(), 1));
    let all = json!({"all": names.map(|name| json!({"custom": format!("\"{name}\"")}))});
    assert_eq!(heard(&host, "asker-1").await, std::slice::from_ref(&all));

    // Each waits for the others.
    let parts = Effect::parallel(names.map(|name| recorded(name, "wait"))).reply_to("Hear");
    ask(&host, "asker-2", vec![parts]).await.unwrap();
    until("all of them run", || async { recorder.at_once_max() == 4 }).await;
    recorder.gate.add_permits(4);
    settled(&host).await;
    assert_eq!(heard(&host, "asker-2").await, [all]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_read_page_by_page_and_a_snapshot_is_written_and_read() {
    let (host, _recorder, _database) = host().await;
    for number in 0..120 {
        let note = Command::json("Note", json!({ "text": number.to_string() }).to_string());
        host.send(CommandRequest::new(stream("asker-2"), note)).await.unwrap();
    }
    let stream_id = || "asker-2".to_owned();
    let load = |from_version| operation(EventStoreOperation::LoadEvents { stream_id: stream_id(), from_version });
    ask(&host, "asker-1", vec![load(1)]).await.unwrap();
    settled(&host).await;
    let first = &heard(&host, "asker-1").await[0]["events"];
    assert_eq!((first["events"].as_array().unwrap().len(), &first["next"]), (100, &json!(101)));
    assert_eq!(first["events"][0], json!({"version": 1, "event_type": "Heard.v1", "json": r#"{"json":"\"0\""}"#}));
    ask(&host, "asker-1", vec![load(101)]).await.unwrap();
    settled(&host).await;
    let second = &heard(&host, "asker-1").await[1]["events"];
    assert_eq!((second["events"].as_array().unwrap().len(), &second["next"]), (20, &json!(null)));

    let save = operation(EventStoreOperation::SaveSnapshot { stream_id: stream_id() });
    let loaded = operation(EventStoreOperation::LoadSnapshot { stream_id: stream_id() });
    let missing = operation(EventStoreOperation::LoadSnapshot { stream_id: "asker-9".into() });
    ask(&host, "asker-1", vec![save.then(loaded)]).await.unwrap();
    ask(&host, "asker-3", vec![missing]).await.unwrap();
    settled(&host).await;
    let told = heard(&host, "asker-1").await;
    assert_eq!(told[2], json!("done"));
    let snapshot = &told[3]["snapshot"];
    assert_eq!((&snapshot["version"], &snapshot["state_schema"]), (&json!(120), &json!("asker.v1")));
    assert!(snapshot["state"].as_str().unwrap().starts_with(r#"{"heard":["\"0\"","#));
    assert_eq!(heard(&host, "asker-3").await, [json!("no_snapshot")]);
    let kept = host.store().load(&stream("asker-2"), Some(&SnapshotKey::schema("asker.v1")), 1.into()).await.unwrap();
    assert_eq!(kept.snapshot.unwrap().version, Version::new(120));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_appended_once_and_only_those_that_their_reducer_writes_and_reads() {
    let (host, _recorder, _database) = host().await;
    let noted = foldhost_sdk::Event::to_bytes(&asker::AskerEvent::Heard { json: "1".into() }).unwrap();
    let append = |event_type: &str, data: &[u8]| {
        let events = vec![NewEvent { event_type: event_type.into(), data: data.to_vec() }];
        operation(EventStoreOperation::AppendEvents { stream_id: "asker-2".into(), events })
    };
    for (asked, effect) in [
        ("asker-good", append("Heard.v1", &noted)),
        ("asker-unknown", append("Unheard.v1", &noted)),
        ("asker-broken", append("Heard.v1", &[255])),
    ] {
        ask(&host, asked, vec![effect]).await.unwrap();
    }
    settled(&host).await;
    assert_eq!(heard(&host, "asker-good").await, [json!({"appended": {"version": 1}})]);
    assert_eq!(heard(&host, "asker-unknown").await[0]["failed"]["code"], "unknown-event-type");
    assert_eq!(heard(&host, "asker-broken").await[0]["failed"]["code"], "unreadable-event");
    assert_eq!(heard(&host, "asker-2").await, [json!(1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reducer_operates_on_streams_of_other_categories_only_where_its_rules_name_them() {
    let database = database().await;
    let event = foldhost::SerializedEvent { event_type: "Incremented.v1".into(), data: vec![2] };
    let batch = StreamBatch::new(stream("counter-1"), Version::EMPTY, vec![event]);
    database.store.append_many(&[batch]).await.unwrap();
    let counters = || NativeReducer::<counter::Counter>::new();
    let load = || operation(EventStoreOperation::LoadEvents { stream_id: "counter-1".into(), from_version: 1 });
    let kept_in = builder(&database.store, limits()).reducer(counters()).start().unwrap();
    ask(&kept_in, "asker-1", vec![load()]).await.unwrap();
    settled(&kept_in).await;
    assert_eq!(heard(&kept_in, "asker-1").await[0]["failed"]["code"], "category-not-allowed");
    assert!(kept_in.shutdown().await);

    let rules = EffectRules { categories: vec!["counter".into()], ..EffectRules::default() };
    let let_out = builder(&database.store, limits()).reducer(counters()).effect_rules("asker", rules).start().unwrap();
    ask(&let_out, "asker-2", vec![load()]).await.unwrap();
    settled(&let_out).await;
    let outcome = heard(&let_out, "asker-2").await;
    assert_eq!(outcome[0]["events"]["events"][0]["event_type"], "Incremented.v1", "{outcome:?}");
}
