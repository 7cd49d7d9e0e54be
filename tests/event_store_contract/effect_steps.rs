//! Claims of effects, and what is recorded under them.

use super::effects::{LEASE, claim, claim_one, decide, detail, effect, over, step, update};
use super::*;

pub(crate) async fn a_lease_that_ended_is_taken_over_and_the_former_claim_refused(store: Arc<impl Store>) {
    decide(&store, "order-1", &[effect("http a")]).await;
    let former = claim(&store, &[("http a", 1)], Duration::from_millis(50)).await.pop().unwrap();
    let taken_over = async {
        loop {
            if let Some(claimed) = claim(&store, &[("http a", 1)], LEASE).await.pop() {
                return claimed;
            }
            tokio::task::yield_now().await;
        }
    };
    let taken_over = tokio::time::timeout(Duration::from_secs(20), taken_over).await.unwrap();
    assert_eq!(taken_over.effect_id, former.effect_id);
    assert!(taken_over.token > former.token && taken_over.now - former.now >= chrono::TimeDelta::milliseconds(50));
    for next in [
        over(EffectStatus::Done),
        EffectNext::Due { lane: "http b".into(), delay: Duration::ZERO, progress: None },
        EffectNext::Held { progress: b"far".to_vec(), lease: LEASE },
    ] {
        assert!(!update(&store, &former, next).await);
    }
    let lease = |claimed: &ClaimedEffect| step(claimed, over(EffectStatus::Done)).lease;
    let renewed = store.renew_effects(&[lease(&former), lease(&taken_over), lease(&former)], LEASE).await.unwrap();
    assert_eq!(renewed, [false, true, false]);
    let record = detail(&store, former.effect_id).await.record;
    assert_eq!((record.lane.as_str(), record.attempts, record.token), ("http a", 0, taken_over.token));
    assert!(update(&store, &taken_over, over(EffectStatus::Done)).await);
    let elsewhere = ClaimedEffect { stream_id: stream("order-2"), ..taken_over };
    assert!(!update(&store, &elsewhere, over(EffectStatus::Done)).await, "no other stream's");
}

pub(crate) async fn a_claim_holds_on_after_its_lease_until_it_is_taken_over(store: Arc<impl Store>) {
    decide(&store, "order-1", &[effect("http a")]).await;
    let claimed = claim(&store, &[("http a", 1)], Duration::ZERO).await.pop().unwrap();
    assert!(update(&store, &claimed, EffectNext::Held { progress: b"half".to_vec(), lease: LEASE }).await);
    assert!(claim(&store, &[("http a", 1)], LEASE).await.is_empty(), "it is held anew");
    assert!(update(&store, &claimed, over(EffectStatus::Failed)).await);
    let over = detail(&store, claimed.effect_id).await;
    assert_eq!((over.record.status, over.record.attempts), (EffectStatus::Failed, 2));
    assert_eq!(over.progress.as_deref(), Some(&b"end"[..]));
    assert_eq!((over.record.due_at, over.record.leased), (None, false));
    assert!(over.record.finished_at >= Some(claimed.now));
    assert_eq!(over.record.error.as_deref(), Some("the card was refused"));
}

pub(crate) async fn a_step_that_is_sent_again_is_recorded_once(store: Arc<impl Store>) {
    decide(&store, "order-1", &[effect("http a"), effect("http a"), effect("http a")]).await;
    let claimed = claim(&store, &[("http a", 3)], LEASE).await;
    let failed = FailedAttempt {
        node: 2,
        took: Duration::from_micros(1_500),
        code: "timeout".into(),
        message: "no answer".into(),
    };
    let due = EffectNext::Due { lane: "http b".into(), delay: LEASE, progress: Some(b"tried".to_vec()) };
    let held = EffectNext::Held { progress: b"half".to_vec(), lease: LEASE };
    for (claimed, next) in claimed.iter().zip([over(EffectStatus::Dead), due, held]) {
        let step = EffectUpdate { failures: vec![failed.clone()], ..step(claimed, next) };
        for time in 0..3 {
            assert_eq!(store.update_effects(std::slice::from_ref(&step)).await.unwrap(), [true], "time {time}");
        }
        let kept = detail(&store, claimed.effect_id).await;
        assert_eq!(kept.record.attempts, 1, "{step:?}");
        let failures: Vec<_> = kept.failures.into_iter().map(|failure| failure.attempt).collect();
        assert_eq!(failures, std::slice::from_ref(&failed));
    }
    // What was given up is nobody's any more, also not to be held for longer.
    let leases: Vec<_> = claimed.iter().map(|claimed| step(claimed, over(EffectStatus::Done)).lease).collect();
    assert_eq!(store.renew_effects(&leases, LEASE).await.unwrap(), [false, false, true]);
}

pub(crate) async fn an_effect_that_is_to_be_tried_again_waits_in_its_new_lane(store: Arc<impl Store>) {
    decide(&store, "customer-1", &[effect("http a")]).await;
    let first = claim_one(&store, "http a").await;
    let next = EffectNext::Due { lane: "http b".into(), delay: Duration::ZERO, progress: Some(b"tried".to_vec()) };
    assert!(update(&store, &first, next).await);
    assert!(claim(&store, &[("http a", 1)], LEASE).await.is_empty());
    let second = claim_one(&store, "http b").await;
    assert_eq!((second.effect_id, second.progress.as_deref()), (first.effect_id, Some(&b"tried"[..])));
    assert!(second.due_at >= first.due_at && second.token > first.token);
    // Without progress, what was there stays.
    let next = EffectNext::Due { lane: "http b".into(), delay: Duration::ZERO, progress: None };
    assert!(update(&store, &second, next).await);
    assert_eq!(claim_one(&store, "http b").await.progress.as_deref(), Some(&b"tried"[..]));
}

/// With leases that end at once, every claim is taken over by the next, in the middle of what it does.
pub(crate) async fn of_claims_that_race_one_alone_brings_an_effect_to_its_end(store: Arc<impl Store>) {
    let asked: Vec<_> = (0..60).map(|_| effect("http a")).collect();
    decide(&store, "order-1", &asked).await;
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store = Arc::clone(&store);
        claimers.spawn(async move {
            let mut ended = Vec::new();
            while !store.effect_lanes(None, 1).await.unwrap().is_empty() {
                let claimed = claim(&store, &[("http a", 7)], Duration::ZERO).await;
                tokio::task::yield_now().await;
                let steps: Vec<_> = claimed.iter().map(|claimed| step(claimed, over(EffectStatus::Done))).collect();
                let held = store.update_effects(&steps).await.unwrap();
                let ids = claimed.iter().map(|claimed| claimed.effect_id).zip(held);
                ended.extend(ids.filter(|(_, held)| *held).map(|(id, _)| id));
            }
            ended
        });
    }
    let mut ended = claimers.join_all().await.concat();
    ended.sort_unstable();
    assert_eq!(ended, asked.iter().map(|effect| effect.effect_id).collect::<Vec<_>>(), "each once");
    for effect in &asked {
        assert_eq!(detail(&store, effect.effect_id).await.record.attempts, 1);
    }
}

pub(crate) async fn steps_are_refused_together_and_the_wrong_one_is_named(store: Arc<impl Store>) {
    decide(&store, "order-1", &[effect("http a"), effect("http a")]).await;
    let claimed = claim(&store, &[("http a", 2)], LEASE).await;
    let waits_in = |lane: String| EffectNext::Due { lane, delay: Duration::ZERO, progress: None };
    let wrong = [waits_in("x".repeat(LANE_BYTES_MAX + 1)), waits_in(String::new()), over(EffectStatus::Pending)];
    for wrong in wrong {
        let steps = [step(&claimed[0], over(EffectStatus::Done)), step(&claimed[1], wrong)];
        let refused = store.update_effects(&steps).await.unwrap_err();
        let id = claimed[1].effect_id.to_string();
        assert!(matches!(&refused, EventStoreError::InvalidBatch(reason) if reason.contains(&id)), "{refused}");
    }
    for effect in &claimed {
        let record = detail(&store, effect.effect_id).await.record;
        assert_eq!((record.status, record.attempts), (EffectStatus::Pending, 0));
        assert!(update(&store, effect, over(EffectStatus::Done)).await, "one by one they are taken");
    }
}
