//! One target does not delay another, and no reducer takes more than its part.

use std::sync::atomic::Ordering;
use std::time::Instant;

use foldhost::reducer::EffectRules;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_hangs_holds_up_its_own_effects_and_no_others() {
    let (host, recorder, _database) = host().await;
    let hanging = (0..40).map(|number| recorded(&format!("slow/{number}"), "wait")).collect();
    ask(&host, "asker-1", hanging).await.unwrap();
    until("the slow target is full", || async { recorder.ran().len() == 4 }).await;
    let well = (0..40).map(|number| recorded(&format!("well/{number}"), "succeed")).collect();
    ask(&host, "asker-2", well).await.unwrap();
    until("the others are done", || async {
        recorder.ran().iter().filter(|name| name.starts_with("well/")).count() == 40
    })
    .await;
    assert_eq!(recorder.ran().iter().filter(|name| name.starts_with("slow/")).count(), 4);
    recorder.gate.add_permits(40);
    let over = settled(&host).await;
    assert!(over.iter().all(|effect| effect.status == EffectStatus::Done));
    assert!(recorder.at_once_max() <= 8, "four a target");
}

/// With one place for each target, a dead one that is asked by every effect would be asked sixty times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_is_dead_is_left_alone_after_some_failures() {
    let database = database().await;
    let recorder = Recorder::default();
    recorder.failures.store(usize::MAX, Ordering::SeqCst);
    let mut limits = limits();
    limits.effects.kinds.get_mut("recorded").unwrap().attempts_max = Some(1_000);
    let host = builder(&database.store, limits).effect_kind(recorder.clone()).start().unwrap();
    let dead = (0..20).map(|number| recorded(&format!("dead/{number}"), "flaky")).collect();
    let began = Instant::now();
    ask(&host, "asker-1", dead).await.unwrap();
    until("the breaker opened and one asked again", || async { recorder.ran().len() > 8 }).await;
    assert!(began.elapsed() > Duration::from_millis(900), "the breaker was open for a second: {:?}", began.elapsed());
    recorder.failures.store(0, Ordering::SeqCst);
    let over = settled(&host).await;
    assert!(over.iter().all(|effect| effect.status == EffectStatus::Done), "{over:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reducers_own_rules_bound_how_many_of_its_effects_run_at_once_and_how_often() {
    let database = database().await;
    let recorder = Recorder::default();
    let rules = EffectRules { concurrency_max: Some(2), ..EffectRules::default() };
    let start = |rules: EffectRules| {
        let builder = builder(&database.store, limits()).effect_kind(recorder.clone());
        builder.effect_rules("asker", rules).start().unwrap()
    };
    let host = start(rules);
    let asked = || (0..6).map(|number| recorded(&format!("{number}/a"), "wait")).collect();
    ask(&host, "asker-1", asked()).await.unwrap();
    until("two run", || async { recorder.ran().len() == 2 }).await;
    recorder.gate.add_permits(6);
    settled(&host).await;
    assert_eq!(recorder.at_once_max(), 2);
    assert!(host.shutdown().await);

    let host = start(EffectRules { rate_per_second_max: Some(5), ..EffectRules::default() });
    let began = Instant::now();
    ask(&host, "asker-1", (0..11).map(|number| recorded(&format!("{number}/b"), "succeed")).collect()).await.unwrap();
    settled(&host).await;
    // Five at once, and the sixth to the eleventh one every 200 ms.
    assert!(began.elapsed() >= Duration::from_millis(1_100), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_of_one_effect_keep_to_their_own_targets_bounds() {
    let (host, recorder, _database) = host().await;
    let parts = (0..10).map(|number| recorded(&format!("one/{number}"), "wait"));
    ask(&host, "asker-1", vec![Effect::parallel(parts).reply_to("Hear")]).await.unwrap();
    until("as many as may run", || async { recorder.ran().len() == 4 }).await;
    recorder.gate.add_permits(10);
    settled(&host).await;
    assert_eq!((recorder.at_once_max(), recorder.ran().len()), (4, 10));
    assert_eq!(heard(&host, "asker-1").await[0]["all"].as_array().unwrap().len(), 10);
}

/// What a timer leads to is no timer any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timers_ring_while_what_other_timers_led_to_hangs() {
    let database = database().await;
    let recorder = Recorder::default();
    let mut few = limits();
    few.effects.kinds.get_mut("delay").unwrap().concurrency_max = Some(2);
    let host = builder(&database.store, few).effect_kind(recorder.clone()).start().unwrap();
    let hanging = (0..4).map(|number| Effect::delay(1).then(recorded(&format!("slow/{number}"), "wait")));
    ask(&host, "asker-1", hanging.collect()).await.unwrap();
    until("all of them hang", || async { recorder.ran().len() == 4 }).await;
    ask(&host, "asker-2", vec![Effect::delay(1).reply_to("Ring")]).await.unwrap();
    until("it rang", || async { heard(&host, "asker-2").await.len() == 1 }).await;
    recorder.gate.add_permits(4);
    settled(&host).await;
}

/// One reducer with as many targets as it likes, on a host with eight places.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_reducer_takes_all_of_a_hosts_places() {
    let database = database().await;
    let recorder = Recorder::default();
    let mut few = limits();
    few.effects.running_max = 8;
    let host = builder(&database.store, few).effect_kind(recorder.clone()).start().unwrap();
    let many = (0..20).map(|number| recorded(&format!("{number}/a"), "wait"));
    ask(&host, "asker-1", many.collect()).await.unwrap();
    until("as many as may run", || async { recorder.ran().len() == 2 }).await;
    recorder.gate.add_permits(20);
    settled(&host).await;
    assert_eq!(recorder.at_once_max(), 2);
}
