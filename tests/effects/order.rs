//! What waits for what.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_begins_when_the_stream_has_heard_of_the_one_before_it() {
    let (host, recorder, _database) = host().await;
    let first = recorded("a", "succeed").reply_to("Hear");
    ask(&host, "asker-1", vec![Effect::sequential([first, recorded("b", "wait")])]).await.unwrap();
    until("the second step runs", || async { recorder.ran().len() == 2 }).await;
    assert_eq!(heard(&host, "asker-1").await.len(), 1);
    recorder.gate.add_permits(1);
    settled(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_fails_is_the_last_one() {
    let (host, recorder, _database) = host().await;
    let steps = [recorded("a", "succeed"), recorded("b", "fail"), recorded("c", "succeed")];
    ask(&host, "asker-1", vec![Effect::sequential(steps).reply_to("Hear")]).await.unwrap();
    let over = settled(&host).await;
    assert_eq!((recorder.ran(), over[0].status), (vec!["a".to_owned(), "b".to_owned()], EffectStatus::Failed));
    let all = heard(&host, "asker-1").await[0]["all"].clone();
    assert_eq!(all[1]["failed"]["code"], "no-way");
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delay_between_steps_begins_when_the_step_before_it_is_over() {
    let (host, recorder, _database) = host().await;
    let steps = [recorded("a", "wait"), Effect::delay(150), recorded("b", "succeed")];
    ask(&host, "asker-1", vec![Effect::sequential(steps)]).await.unwrap();
    until("the first step runs", || async { recorder.ran().len() == 1 }).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let released = std::time::Instant::now();
    recorder.gate.add_permits(1);
    until("the second step ran", || async { recorder.ran().len() == 2 }).await;
    assert!(released.elapsed() >= Duration::from_millis(150), "{:?}", released.elapsed());
    settled(&host).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tree_of_both_is_gone_through_from_its_leaves() {
    let (host, recorder, _database) = host().await;
    let at_once = Effect::parallel([recorded("b", "succeed"), recorded("c", "succeed")]);
    let tree = Effect::sequential([recorded("a", "succeed"), at_once, recorded("d", "succeed")]).reply_to("Hear");
    ask(&host, "asker-1", vec![tree]).await.unwrap();
    settled(&host).await;
    let mut ran = recorder.ran();
    ran[1..3].sort_unstable();
    assert_eq!(ran, ["a", "b", "c", "d"]);
    assert_eq!(heard(&host, "asker-1").await[0]["all"][1]["all"].as_array().unwrap().len(), 2);
}
