//! What operators and janitors see and do of effects.

use super::effects::{LEASE, claim, claim_one, decide, detail, effect, later, over, step, update};
use super::*;

/// An effect that is over.
async fn finished(store: &Arc<impl Store>, id: &str, status: EffectStatus) -> Uuid {
    decide(store, id, &[effect("http a")]).await;
    let claimed = claim_one(store, "http a").await;
    assert!(update(store, &claimed, over(status)).await);
    claimed.effect_id
}

async fn reopening(store: &Arc<impl Store>, effect_id: Uuid) -> EffectReopening {
    let record = detail(store, effect_id).await.record;
    let lease = EffectLease { effect_id, stream_id: record.stream_id, token: record.token };
    EffectReopening { lease, lane: "http b".into(), progress: b"anew".to_vec() }
}

pub(crate) async fn a_dead_letter_is_reopened_once(store: Arc<impl Store>) {
    for (id, status) in [("order-1", EffectStatus::Done), ("order-2", EffectStatus::Failed)] {
        let effect_id = finished(&store, id, status).await;
        let reopening = reopening(&store, effect_id).await;
        assert!(!store.reopen_effect(&reopening).await.unwrap(), "{status:?}");
    }
    let dead = finished(&store, "customer-3", EffectStatus::Dead).await;
    let asked = reopening(&store, dead).await;
    let nowhere = EffectReopening { lane: String::new(), ..asked.clone() };
    assert!(matches!(store.reopen_effect(&nowhere).await, Err(EventStoreError::InvalidBatch(_))));
    assert!(store.reopen_effect(&asked).await.unwrap());
    assert!(!store.reopen_effect(&asked).await.unwrap(), "it is not dead any more");
    let open = detail(&store, dead).await.record;
    assert_eq!((open.status, open.error, open.finished_at), (EffectStatus::Pending, None, None));
    assert_eq!(open.attempts, 1, "those before count on");
    let claimed = claim_one(&store, "http b").await;
    assert_eq!((claimed.effect_id, claimed.progress.as_deref()), (dead, Some(&b"anew"[..])));
    assert!(update(&store, &claimed, over(EffectStatus::Dead)).await);
    assert!(!store.reopen_effect(&asked).await.unwrap(), "the dead letter that was read is another");
}

pub(crate) async fn an_effect_that_was_discarded_is_nobody_s(store: Arc<impl Store>) {
    assert!(!store.discard_effect(Uuid::now_v7(), "never there").await.unwrap());
    let dead = finished(&store, "order-1", EffectStatus::Dead).await;
    let done = finished(&store, "order-2", EffectStatus::Done).await;
    decide(&store, "order-3", &[effect("http a"), later("http a", LEASE)]).await;
    let running = claim_one(&store, "http a").await;
    let waits = store.effects(&EffectFilter::default(), 1).await.unwrap()[0].effect_id;
    let reason = format!("the shop\0closed {}", "é".repeat(EFFECT_ERROR_BYTES_MAX));
    for (effect_id, discarded) in [(dead, true), (done, false), (running.effect_id, true), (waits, true)] {
        assert_eq!(store.discard_effect(effect_id, &reason).await.unwrap(), discarded);
        assert!(!store.discard_effect(effect_id, "again").await.unwrap(), "it is over");
    }
    let record = detail(&store, running.effect_id).await.record;
    let error = record.error.unwrap();
    assert!(error.starts_with("the shop\u{fffd}closed é") && error.len() <= EFFECT_ERROR_BYTES_MAX, "{error}");
    assert_eq!((record.status, record.leased), (EffectStatus::Discarded, false));
    assert!(!update(&store, &running, over(EffectStatus::Done)).await, "its claim lost it");
    assert!(!store.renew_effects(&[step(&running, over(EffectStatus::Done)).lease], LEASE).await.unwrap()[0]);
    assert!(store.effect_lanes(None, 10).await.unwrap().is_empty());
}

pub(crate) async fn what_is_over_is_pruned_by_its_age_and_dead_letters_stay(store: Arc<impl Store>) {
    let mut over = Vec::new();
    for (id, status) in [
        ("order-1", EffectStatus::Done),
        ("order-2", EffectStatus::Failed),
        ("order-3", EffectStatus::Dead),
        ("order-4", EffectStatus::Done),
    ] {
        over.push(finished(&store, id, status).await);
    }
    decide(&store, "order-5", &[effect("http a")]).await;
    assert_eq!(store.prune_effects(Duration::from_secs(3_600), 10).await.unwrap(), 0, "none is as old");
    assert_eq!(store.prune_effects(Duration::MAX, 10).await.unwrap(), 0);
    assert_eq!(store.prune_effects(Duration::ZERO, 0).await.unwrap(), 0);
    assert_eq!(store.prune_effects(Duration::ZERO, 2).await.unwrap(), 2, "as many as were asked for");
    assert_eq!(store.effect(over[0]).await.unwrap(), None, "the oldest first");
    assert!(store.effect(over[3]).await.unwrap().is_some());
    assert_eq!(store.prune_effects(Duration::ZERO, 10).await.unwrap(), 1);
    let left = store.effects(&EffectFilter::default(), 10).await.unwrap();
    assert_eq!(left.iter().map(|effect| effect.stream_id.as_str()).collect::<Vec<_>>(), ["order-5", "order-3"]);
    assert!(store.discard_effect(over[2], "looked at").await.unwrap());
    assert_eq!(store.prune_effects(Duration::ZERO, 10).await.unwrap(), 1, "a discarded one is no dead letter");
}

pub(crate) async fn effects_are_listed_by_what_is_asked_for_and_in_pages(store: Arc<impl Store>) {
    let mut newest_first = Vec::new();
    for (id, status) in [
        ("order-1", Some(EffectStatus::Dead)),
        ("order-10", Some(EffectStatus::Done)),
        ("orders-1", Some(EffectStatus::Failed)),
        ("cart-1", Some(EffectStatus::Dead)),
        ("order-2", None),
        ("cart-2", None),
    ] {
        newest_first.insert(0, id);
        match status {
            Some(status) => drop(finished(&store, id, status).await),
            None => decide(&store, id, &[later("http a", LEASE)]).await,
        }
    }
    let list = async |filter: EffectFilter| {
        let effects = store.effects(&filter, 10).await.unwrap();
        effects.into_iter().map(|effect| effect.stream_id.as_str().to_owned()).collect::<Vec<_>>()
    };
    let status = |status| EffectFilter { status: Some(status), ..EffectFilter::default() };
    let category = |category: &str| EffectFilter { category: Some(category.into()), ..EffectFilter::default() };
    let of = |id: &str| EffectFilter { stream_id: Some(stream(id)), ..EffectFilter::default() };
    assert_eq!(list(EffectFilter::default()).await, newest_first);
    assert_eq!(list(status(EffectStatus::Dead)).await, ["cart-1", "order-1"]);
    assert_eq!(list(status(EffectStatus::Pending)).await, ["cart-2", "order-2"]);
    assert_eq!(list(status(EffectStatus::Done)).await, ["order-10"]);
    assert_eq!(list(status(EffectStatus::Failed)).await, ["orders-1"]);
    assert!(list(status(EffectStatus::Discarded)).await.is_empty());
    assert_eq!(list(category("order")).await, ["order-2", "order-10", "order-1"]);
    assert_eq!(list(of("order-1")).await, ["order-1"]);
    for nothing in ["ord", "order-", "or\0der", ""] {
        assert!(list(category(nothing)).await.is_empty(), "{nothing:?}");
    }
    for (asked, found) in [(EffectStatus::Dead, vec!["cart-1"]), (EffectStatus::Pending, vec!["cart-2"])] {
        assert_eq!(list(EffectFilter { category: Some("cart".into()), ..status(asked) }).await, found);
    }
    assert!(list(EffectFilter { category: Some("cart".into()), ..of("order-1") }).await.is_empty());

    let mut pages = Vec::new();
    let mut filter = EffectFilter::default();
    loop {
        let page = store.effects(&filter, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        filter.before = Some(last.effect_id);
        pages.push(page.len());
    }
    assert_eq!(pages, [4, 2]);
    assert!(store.effects(&EffectFilter::default(), 0).await.unwrap().is_empty());
}

pub(crate) async fn the_backlog_counts_what_waits(store: Arc<impl Store>) {
    assert_eq!(store.effect_backlog().await.unwrap(), EffectBacklog::default());
    finished(&store, "order-1", EffectStatus::Dead).await;
    finished(&store, "order-2", EffectStatus::Done).await;
    decide(&store, "order-3", &[effect("http a"), effect("http a"), later("http a", LEASE)]).await;
    assert_eq!(claim(&store, &[("http a", 1)], LEASE).await.len(), 1);
    let due = async {
        loop {
            let backlog = store.effect_backlog().await.unwrap();
            if !backlog.oldest_due.is_zero() {
                return backlog;
            }
            tokio::task::yield_now().await;
        }
    };
    let backlog = tokio::time::timeout(Duration::from_secs(20), due).await.unwrap();
    assert_eq!((backlog.due, backlog.waiting, backlog.dead), (2, 1, 1));
    assert!(backlog.oldest_due < LEASE);
    claim_one(&store, "http a").await;
    let running = store.effect_backlog().await.unwrap();
    assert_eq!((running.due, running.oldest_due), (2, Duration::ZERO), "what runs does not wait");
}

pub(crate) async fn failed_attempts_are_kept_with_what_went_wrong(store: Arc<impl Store>) {
    decide(&store, "order-1", &[effect("http a"), effect("http a")]).await;
    let claimed = claim(&store, &[("http a", 2)], LEASE).await;
    let failed = |node, message: &str| FailedAttempt {
        node,
        took: Duration::from_millis(3),
        code: "http-500".into(),
        message: message.into(),
    };
    let retry = EffectNext::Due { lane: "http a".into(), delay: Duration::ZERO, progress: None };
    let first = EffectUpdate {
        attempts: 3,
        failures: vec![failed(0, "first"), failed(u32::MAX, "second\0")],
        ..step(&claimed[0], retry)
    };
    let other = EffectUpdate { failures: vec![failed(1, "of another")], ..step(&claimed[1], over(EffectStatus::Dead)) };
    assert_eq!(store.update_effects(&[other, first]).await.unwrap(), [true, true]);
    let again = claim_one(&store, "http a").await;
    let many = vec![failed(0, &"long".repeat(EFFECT_ERROR_BYTES_MAX)); EFFECT_ATTEMPTS_SHOWN_MAX];
    let last = EffectUpdate { failures: many, attempts: u32::MAX, ..step(&again, over(EffectStatus::Dead)) };
    let shown = detail(&store, claimed[0].effect_id).await;
    assert_eq!(shown.record.attempts, 3);
    let messages: Vec<_> = shown.failures.iter().map(|failed| failed.attempt.message.as_str()).collect();
    assert_eq!(messages, ["first", "second\u{fffd}"], "oldest first");
    assert_eq!(shown.failures[1].attempt.node, u32::MAX);
    assert_eq!(shown.failures[0].attempt.took, Duration::from_millis(3));
    assert!(shown.failures[0].recorded_at >= claimed[0].now);
    assert_eq!(store.update_effects(&[last]).await.unwrap(), [true]);
    let shown = detail(&store, claimed[0].effect_id).await;
    assert_eq!(shown.failures.len(), EFFECT_ATTEMPTS_SHOWN_MAX, "the last ones");
    assert!(shown.failures.iter().all(|failed| failed.attempt.message.len() == EFFECT_ERROR_BYTES_MAX));
    assert_eq!(detail(&store, claimed[1].effect_id).await.failures.len(), 1);
}

pub(crate) async fn an_erased_stream_s_effects_say_nothing(store: Arc<impl Store>) {
    decide(&store, "customer-1", &[effect("http a"), effect("http a"), effect("http a")]).await;
    decide(&store, "customer-2", &[effect("http b")]).await;
    let claimed = claim(&store, &[("http a", 2)], LEASE).await;
    let failed = FailedAttempt {
        node: 0,
        took: Duration::ZERO,
        code: "http-500".into(),
        message: "Ada Lovelace has no account".into(),
    };
    let fails = |claimed, next| EffectUpdate { failures: vec![failed.clone()], ..step(claimed, next) };
    let held = |progress: &str| EffectNext::Held { progress: progress.into(), lease: LEASE };
    let steps = [fails(&claimed[0], over(EffectStatus::Dead)), fails(&claimed[1], held("Ada Lovelace"))];
    assert_eq!(store.update_effects(&steps).await.unwrap(), [true, true]);
    assert_eq!(detail(&store, claimed[1].effect_id).await.progress.unwrap(), b"Ada Lovelace", "readable until then");

    store.close_stream(&stream("customer-1"), true).await.unwrap();
    // And of one that ran on while its stream was erased.
    let late = fails(
        &claimed[1],
        EffectNext::Finished {
            status: EffectStatus::Dead,
            progress: Some(b"Ada Lovelace again".to_vec()),
            error: Some("Ada Lovelace has no account".into()),
        },
    );
    assert_eq!(store.update_effects(&[late]).await.unwrap(), [true]);
    for claimed in &claimed {
        let kept = detail(&store, claimed.effect_id).await;
        assert_eq!((kept.body, kept.progress, kept.record.error), (None, None, None));
        assert_eq!(kept.record.status, EffectStatus::Dead);
        assert!(!kept.failures.is_empty());
        for failed in kept.failures {
            assert_eq!((failed.attempt.code.as_str(), failed.attempt.message.as_str()), ("http-500", ""));
        }
    }
    let waits = claim_one(&store, "http a").await;
    assert_eq!((waits.body, waits.progress), (None, None), "whoever runs it sees that there is nothing to run");
    assert!(claim_one(&store, "http b").await.body.is_some(), "the neighbour's are as they were");
}

pub(crate) async fn activations_keep_the_rules_of_their_effects(store: Arc<impl Store>) {
    let rules = |origin: &str| EffectRules { origins: vec![origin.parse().unwrap()], ..EffectRules::default() };
    let (first, second) = (rules("https://a.example"), rules("https://b.example"));
    let digests = [ReducerDigest::of(b"one"), ReducerDigest::of(b"two")];
    store.save_reducer(digests[0], &descriptor("order"), b"one", None).await.unwrap();
    store.save_reducer(digests[1], &descriptor("order"), b"two", None).await.unwrap();
    let activate = async |digest, rules| {
        let activation =
            store.activate(&ActivationChange { rules, ..ActivationChange::to("order", digest) }).await.unwrap();
        assert_eq!(store.active_reducers(Some("order")).await.unwrap(), std::slice::from_ref(&activation));
        (activation.generation, activation.effects)
    };
    assert_eq!(activate(digests[0], None).await, (1, EffectRules::default()), "nothing outside");
    assert_eq!(activate(digests[0], Some(&first)).await, (2, first.clone()), "other rules are an activation");
    assert_eq!(activate(digests[0], Some(&first)).await, (2, first.clone()));
    assert_eq!(activate(digests[0], None).await, (2, first.clone()));
    assert_eq!(activate(digests[1], None).await, (3, first.clone()), "new code keeps them");
    assert_eq!(activate(digests[1], Some(&second)).await, (4, second.clone()));
    assert_eq!(activate(digests[0], Some(&EffectRules::default())).await, (5, EffectRules::default()));
    for (generation, rules) in [(1, EffectRules::default()), (2, first), (4, second)] {
        assert_eq!(store.effect_rules("order", generation).await.unwrap(), Some(rules), "{generation}");
    }
    for (name, generation) in [("order", 6), ("order", 0), ("order", u64::MAX), ("cart", 1)] {
        assert_eq!(store.effect_rules(name, generation).await.unwrap(), None);
    }
}
