//! Hosts that die, and hosts that go.

use std::sync::atomic::Ordering;
use std::time::Instant;

use tokio::runtime::Runtime;

use super::*;

/// A host on a runtime of its own, which can be taken away from under it: nothing of it runs on.
struct Mortal {
    runtime: Option<Runtime>,
    host: Option<Host>,
}

impl Mortal {
    fn start(store: &Arc<impl Store>, recorder: &Recorder) -> Self {
        let runtime = Runtime::new().unwrap();
        let entered = runtime.enter();
        let host = builder(store, limits()).effect_kind(recorder.clone()).start().unwrap();
        drop(entered);
        Self { runtime: Some(runtime), host: Some(host) }
    }

    fn kill(mut self) {
        self.host.take();
        self.runtime.take().unwrap().shutdown_background();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_host_ran_another_runs_again_under_the_same_id_and_the_stream_hears_it_once() {
    let (database, recorder) = (database().await, Recorder::default());
    let killed = Mortal::start(&database.store, &recorder);
    let asking = builder(&database.store, idle()).start().unwrap();
    ask(&asking, "asker-1", vec![recorded("a", "wait").reply_to("Hear")]).await.unwrap();
    until("it runs", || async { recorder.ran().len() == 1 }).await;
    killed.kill();
    let other = builder(&database.store, limits()).effect_kind(recorder.clone()).start().unwrap();
    recorder.gate.add_permits(1);
    settled(&other).await;
    let ids = recorder.ids();
    assert!(ids.len() == 2 && ids[0] == ids[1], "{ids:?}");
    assert_eq!(heard(&other, "asker-1").await.len(), 1);
}

/// The step before was done and recorded: a crash in the middle of the next one does not do it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sequence_goes_on_from_the_step_in_which_its_host_died() {
    let (database, recorder) = (database().await, Recorder::default());
    let killed = Mortal::start(&database.store, &recorder);
    let asking = builder(&database.store, idle()).start().unwrap();
    let steps = [("a", "succeed"), ("b", "succeed"), ("c", "wait"), ("d", "succeed")];
    let steps = Effect::sequential(steps.map(|(name, does)| recorded(name, does))).reply_to("Hear");
    ask(&asking, "asker-1", vec![steps]).await.unwrap();
    until("the third step runs", || async { recorder.ran().len() == 3 }).await;
    killed.kill();
    let other = builder(&database.store, limits()).effect_kind(recorder.clone()).start().unwrap();
    recorder.gate.add_permits(1);
    settled(&other).await;
    assert_eq!(recorder.ran(), ["a", "b", "c", "c", "d"]);
    assert_eq!(heard(&other, "asker-1").await[0]["all"].as_array().unwrap().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_goes_finishes_what_runs_and_gives_the_rest_back_at_once() {
    let (database, recorder) = (database().await, Recorder::default());
    let mut long_lease = limits();
    long_lease.effects.lease_seconds = 600;
    long_lease.drain_max = Duration::from_millis(400);
    let going = builder(&database.store, long_lease).effect_kind(recorder.clone()).start().unwrap();
    ask(&going, "asker-1", vec![recorded("ends/a", "wait").reply_to("Hear")]).await.unwrap();
    ask(&going, "asker-2", vec![recorded("hangs/b", "wait").reply_to("Hear")]).await.unwrap();
    until("both run", || async { recorder.ran().len() == 2 }).await;
    recorder.gate.add_permits(1);
    going.shutdown().await;
    let other = builder(&database.store, limits()).effect_kind(recorder.clone()).start().unwrap();
    let began = Instant::now();
    recorder.gate.add_permits(1);
    settled(&other).await;
    assert!(began.elapsed() < Duration::from_secs(60), "nobody waited for a lease of ten minutes");
    assert_eq!((heard(&other, "asker-1").await.len(), heard(&other, "asker-2").await.len()), (1, 1));
    assert_eq!(recorder.ran().len(), 3);
}

/// Two of them, so that every effect has two who would run it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_share_the_effects_and_each_is_run_by_one() {
    let (database, recorder) = (database().await, Recorder::default());
    let asking = builder(&database.store, idle()).start().unwrap();
    let start = || builder(&database.store, limits()).effect_kind(recorder.clone()).start().unwrap();
    let hosts = [start(), start()];
    let streams: Vec<_> = (0..20).map(|number| format!("asker-{number}")).collect();
    for id in &streams {
        let several = (0..10).map(|number| recorded(&format!("{number}/{id}"), "succeed").reply_to("Hear"));
        ask(&asking, id, several.collect()).await.unwrap();
    }
    settled(&asking).await;
    let mut ids = recorder.ids();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), all), (200, 200));
    for id in &streams {
        assert_eq!(heard(&asking, id).await.len(), 10);
    }
    drop(hosts);
}

/// One host after another is killed while it runs effects that dispatch, reply and wait; in the end every stream heard everything
/// once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_any_kills_every_outcome_is_heard_and_none_twice() {
    use rand::rngs::StdRng;
    use rand::{Rng as _, SeedableRng as _};

    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (database, recorder) = (database().await, Recorder::default());
    recorder.failures.store(30, Ordering::SeqCst);
    let asking = builder(&database.store, idle()).start().unwrap();
    let mut expected = Vec::new();
    for number in 0..60 {
        let id = format!("asker-{number}");
        let timer = Effect::delay(random.random_range(0..300)).reply_to("Ring");
        let steps = [recorded(&format!("{number}/a"), "succeed"), recorded(&format!("{number}/b"), "succeed")];
        ask(&asking, &id, vec![timer, Effect::sequential(steps).reply_to("Hear")]).await.unwrap();
        expected.push(id);
    }
    for _ in 0..6 {
        let killed = Mortal::start(&database.store, &recorder);
        tokio::time::sleep(Duration::from_millis(random.random_range(5..150))).await;
        killed.kill();
    }
    let last = builder(&database.store, limits()).effect_kind(recorder.clone()).start().unwrap();
    settled(&last).await;
    for id in expected {
        let mut kinds: Vec<_> = heard(&last, &id).await.iter().map(|told| told == "ring").collect();
        kinds.sort_unstable();
        assert_eq!(kinds, [false, true], "seed {seed}: {id}");
    }
}

/// Each host that was dropped went on polling for effects.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_dropped_without_a_word_leaves_no_task_behind() {
    let store = Arc::new(foldhost::InMemoryEventStore::new());
    // Streams in use hold their host until they are idle.
    let idle_soon = Limits { entity_idle_max: Duration::from_millis(20), ..limits() };
    let host = builder(&store, idle_soon).effect_kind(Recorder::default()).start().unwrap();
    ask(&host, "asker-1", vec![recorded("a", "succeed").reply_to("Hear"), Effect::delay(3_600_000)]).await.unwrap();
    until("the effect is done", || async { heard(&host, "asker-1").await.len() == 1 }).await;
    drop(host);
    until("nobody holds the store", || async { Arc::strong_count(&store) == 1 }).await;
}
