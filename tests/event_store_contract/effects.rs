//! Effects from their append until they are over.

use super::*;

pub(crate) const LEASE: Duration = Duration::from_secs(60);

pub(crate) fn effect(lane: &str) -> NewEffect {
    NewEffect {
        effect_id: Uuid::now_v7(),
        kind: "http".into(),
        lane: lane.into(),
        delay: Duration::ZERO,
        body: b"{\"url\":\"https://payments.example\"}".to_vec(),
    }
}

pub(crate) fn later(lane: &str, delay: Duration) -> NewEffect {
    NewEffect { delay, ..effect(lane) }
}

pub(crate) fn deciding(batch: StreamBatch, effects: &[NewEffect]) -> StreamBatch {
    StreamBatch { effects: effects.to_vec(), ..batch }
}

/// Appends effects to a new stream, with an event.
pub(crate) async fn decide(store: &Arc<impl Store>, id: &str, effects: &[NewEffect]) {
    let outcomes = store.append_many(&[deciding(batch(id, 0, &["A"]), effects)]).await.unwrap();
    assert_eq!(outcomes, [appended(1)]);
}

pub(crate) async fn claim(store: &Arc<impl Store>, lanes: &[(&str, usize)], lease: Duration) -> Vec<ClaimedEffect> {
    let lanes = lanes.iter().map(|(lane, effects_max)| ((*lane).to_owned(), *effects_max)).collect();
    store.claim_effects(&EffectClaim { lanes, lease, bytes_max: usize::MAX }).await.unwrap()
}

pub(crate) async fn claim_one(store: &Arc<impl Store>, lane: &str) -> ClaimedEffect {
    let mut claimed = claim(store, &[(lane, 1)], LEASE).await;
    claimed.pop().unwrap_or_else(|| panic!("nothing waits in {lane}"))
}

pub(crate) fn step(claimed: &ClaimedEffect, next: EffectNext) -> EffectUpdate {
    let lease =
        EffectLease { effect_id: claimed.effect_id, stream_id: claimed.stream_id.clone(), token: claimed.token };
    EffectUpdate { lease, next, attempts: 1, failures: Vec::new() }
}

pub(crate) fn over(status: EffectStatus) -> EffectNext {
    let error = (status != EffectStatus::Done).then(|| "the card was refused".to_owned());
    EffectNext::Finished { status, progress: Some(b"end".to_vec()), error }
}

pub(crate) async fn update(store: &Arc<impl Store>, claimed: &ClaimedEffect, next: EffectNext) -> bool {
    store.update_effects(&[step(claimed, next)]).await.unwrap() == [true]
}

pub(crate) async fn detail(store: &Arc<impl Store>, effect_id: Uuid) -> EffectDetail {
    store.effect(effect_id).await.unwrap().unwrap()
}

fn ids(claimed: &[ClaimedEffect]) -> Vec<Uuid> {
    claimed.iter().map(|effect| effect.effect_id).collect()
}

pub(crate) async fn effects_come_with_their_batch_or_not_at_all(store: Arc<impl Store>) {
    let asked: [NewEffect; 6] = std::array::from_fn(|_| effect("http a"));
    let fence = Some(Fence { reducer: "order".into(), generation: 9 });
    let remembers = with_commands(batch("order-3", 0, &["C"]), vec![record("c-1", 0..1)]);
    // Of many streams in one statement the losers' effects are not there.
    let outcomes = store
        .append_many(&[
            deciding(batch("order-1", 0, &["A", "B"]), &asked[..2]),
            deciding(batch("order-2", 7, &["Stale"]), &asked[2..3]),
            deciding(remembers.clone(), &asked[3..4]),
            deciding(StreamBatch { fence, ..batch("order-4", 0, &["Fenced"]) }, &asked[4..5]),
        ])
        .await
        .unwrap();
    assert_eq!(outcomes, [appended(2), conflict(0), appended(1), AppendOutcome::Fenced]);
    // Nor those of a command that was done before, nor of an append that is all or nothing and was nothing.
    let again = deciding(StreamBatch { expected: Version::new(1).into(), ..remembers }, &asked[5..]);
    assert_eq!(store.append_many(std::slice::from_ref(&again)).await.unwrap(), [AppendOutcome::Repeated]);
    assert!(store.append_atomic(&[deciding(batch("order-5", 0, &["D"]), &asked[4..5]), again]).await.is_err());
    let kept = store.effects(&EffectFilter::default(), 10).await.unwrap();
    let kept: Vec<_> = kept.iter().rev().map(|effect| (effect.effect_id, effect.stream_id.as_str())).collect();
    let expected = [(asked[0].effect_id, "order-1"), (asked[1].effect_id, "order-1"), (asked[3].effect_id, "order-3")];
    assert_eq!(kept, expected);
    // An append that is all or nothing and was all.
    let both = [deciding(batch("order-6", 0, &["D"]), &asked[2..3]), deciding(batch("order-7", 0, &[]), &asked[4..5])];
    assert_eq!(store.append_atomic(&both).await.unwrap(), [Version::new(1), Version::EMPTY]);
    assert_eq!(store.effects(&EffectFilter::default(), 10).await.unwrap().len(), 5);
}

pub(crate) async fn a_batch_may_have_effects_and_no_events(store: Arc<impl Store>) {
    let (first, stale) = (effect("http a"), effect("http a"));
    let asked = deciding(batch("customer-1", 0, &[]), std::slice::from_ref(&first));
    assert_eq!(store.append_many(std::slice::from_ref(&asked)).await.unwrap(), [appended(0)]);
    assert_eq!(store.append_many(&[asked]).await.unwrap(), [appended(0)], "it may be sent again");
    let late = deciding(batch("customer-1", 3, &[]), &[stale]);
    assert_eq!(store.append_many(&[late]).await.unwrap(), [conflict(0)]);
    let claimed = claim(&store, &[("http a", 10)], LEASE).await;
    assert_eq!(ids(&claimed), [first.effect_id]);
    assert_eq!(claimed[0].body.as_deref(), Some(first.body.as_slice()));
    assert!(types(&store, "customer-1").await.is_empty());
}

pub(crate) async fn a_claimed_effect_is_what_was_decided(store: Arc<impl Store>) {
    assert_eq!(activate(&store, "customer", b"code").await, 1);
    let fence = Some(Fence { reducer: "customer".into(), generation: 1 });
    let asked = effect("http https://payments.example");
    let batch = StreamBatch { fence, ..batch("customer-1", 0, &["A"]) };
    store.append_many(&[deciding(batch, std::slice::from_ref(&asked))]).await.unwrap();
    let claimed = claim_one(&store, &asked.lane).await;
    assert_eq!((claimed.effect_id, claimed.stream_id.as_str()), (asked.effect_id, "customer-1"));
    assert_eq!((claimed.generation, claimed.lane.as_str()), (Some(1), asked.lane.as_str()));
    assert_eq!((claimed.body.as_deref(), claimed.progress.as_deref()), (Some(asked.body.as_slice()), None));
    assert_eq!(claimed.created_at, claimed.due_at, "it was due at once");
    assert!(claimed.token > 0 && claimed.now >= claimed.due_at);
    let running = detail(&store, asked.effect_id).await;
    assert!(running.record.leased && running.record.due_at > Some(claimed.now));
    assert_eq!((running.record.status, running.record.attempts), (EffectStatus::Pending, 0));
    assert_eq!((running.record.kind.as_str(), running.body), ("http", Some(asked.body)));
    assert_eq!(store.effect(Uuid::now_v7()).await.unwrap(), None);
}

pub(crate) async fn effects_are_claimed_in_the_order_of_their_times(store: Arc<impl Store>) {
    let millis = Duration::from_millis;
    let asked = [
        later("delay", millis(3)),
        later("delay", millis(1)),
        effect("delay"),
        effect("http b"),
        later("delay", LEASE),
    ];
    decide(&store, "order-1", &asked).await;
    // Once all but the one of the next minute are due.
    let waits = async {
        while store.effect_backlog().await.unwrap().due < 4 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waits).await.unwrap();
    let two = claim(&store, &[("delay", 2), ("http a", 5)], LEASE).await;
    assert_eq!(ids(&two), [asked[2].effect_id, asked[1].effect_id]);
    let rest = claim(&store, &[("delay", 10), ("http b", 10)], LEASE).await;
    assert_eq!(ids(&rest), [asked[3].effect_id, asked[0].effect_id], "of two lanes, by their times");
    assert!(claim(&store, &[("delay", 10), ("http b", 10)], LEASE).await.is_empty());
}

pub(crate) async fn a_claim_takes_no_more_than_it_asks_for(store: Arc<impl Store>) {
    let asked: Vec<_> = (0..1_200).map(|_| effect("http a")).collect();
    decide(&store, "order-1", &asked).await;
    let impossible = "x".repeat(LANE_BYTES_MAX + 1);
    let nothing = [("http a", 0), ("http b", 5), ("", 5), ("http\0a", 5), (impossible.as_str(), 5)];
    assert!(claim(&store, &nothing, LEASE).await.is_empty());
    assert!(claim(&store, &[], LEASE).await.is_empty());
    let twice = claim(&store, &[("http a", 2), ("http a", 3), ("http a", 1)], LEASE).await;
    assert_eq!(ids(&twice), asked[..3].iter().map(|effect| effect.effect_id).collect::<Vec<_>>());
    let most = claim(&store, &[("http a", usize::MAX)], LEASE).await;
    assert_eq!(most.len(), EFFECTS_CLAIMED_MAX);
    assert_eq!(claim(&store, &[("http a", usize::MAX)], LEASE).await.len(), 197);
}

pub(crate) async fn a_claim_takes_no_more_bytes_than_it_asks_for_and_one_effect_in_any_case(store: Arc<impl Store>) {
    let sized = |lane: &str, bytes: usize| NewEffect { body: vec![b'x'; bytes], ..effect(lane) };
    // By their times, in turn from two lanes; the large one has small ones behind it.
    let asked = [100, 100, 5_000, 1, 100, 100].into_iter().zip(["http a", "http b"].into_iter().cycle());
    let asked: Vec<_> = asked.map(|(bytes, lane)| sized(lane, bytes)).collect();
    decide(&store, "order-1", &asked).await;
    let within = async |bytes_max| {
        let lanes = vec![("http a".into(), 10), ("http b".into(), 10)];
        ids(&store.claim_effects(&EffectClaim { lanes, lease: LEASE, bytes_max }).await.unwrap())
    };
    let of = |numbers: std::ops::Range<usize>| asked[numbers].iter().map(|effect| effect.effect_id).collect::<Vec<_>>();
    assert_eq!(within(0).await, of(0..1), "one in any case");
    // Nothing was claimed of what is beyond: it is due, and nobody's.
    for beyond in &asked[1..] {
        let record = detail(&store, beyond.effect_id).await.record;
        assert!(!record.leased && record.token == 0, "{record:?}");
    }
    assert_eq!(within(300).await, of(1..2), "small ones wait behind a large one");
    assert_eq!(within(300).await, of(2..3), "and it is claimed once it comes first");
    assert_eq!(within(101).await, of(3..5), "as many bytes as were asked for");
    let last = claim(&store, &[("http b", 1)], Duration::ZERO).await.pop().unwrap();
    assert_eq!(last.effect_id, asked[5].effect_id);
    // How far one has come counts as well.
    let next = EffectNext::Due { lane: "http c".into(), delay: Duration::ZERO, progress: Some(vec![b'x'; 100]) };
    assert!(update(&store, &last, next).await);
    decide(&store, "order-2", &[sized("http c", 50)]).await;
    let narrow = EffectClaim { lanes: vec![("http c".into(), 10)], lease: Duration::ZERO, bytes_max: 249 };
    assert_eq!(ids(&store.claim_effects(&narrow).await.unwrap()), [last.effect_id]);
    let wide = EffectClaim { bytes_max: 250, ..narrow };
    assert_eq!(store.claim_effects(&wide).await.unwrap().len(), 2);
}

pub(crate) async fn eight_claimers_at_once_never_take_one_effect_twice(store: Arc<impl Store>) {
    let mut asked = Vec::new();
    for id in 0..4 {
        let lane = if id % 2 == 0 { "http a" } else { "http b" };
        let effects: Vec<_> = (0..50).map(|_| effect(lane)).collect();
        decide(&store, &format!("order-{id}"), &effects).await;
        asked.extend(effects.iter().map(|effect| effect.effect_id));
    }
    let mut claimers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = Arc::clone(&store);
        claimers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let claimed = claim(&store, &[("http a", 3), ("http b", 4)], LEASE).await;
                if claimed.is_empty() {
                    return taken;
                }
                taken.extend(ids(&claimed));
            }
        });
    }
    let mut taken = claimers.join_all().await.concat();
    // One that another claimer looked at in the same moment was passed over by all.
    taken.extend(ids(&claim(&store, &[("http a", 200), ("http b", 200)], LEASE).await));
    taken.sort_unstable();
    asked.sort_unstable();
    assert_eq!(taken, asked, "each once");
}

pub(crate) async fn lanes_tell_when_their_first_effect_can_be_claimed(store: Arc<impl Store>) {
    assert!(store.effect_lanes(None, 10).await.unwrap().is_empty());
    let (hour, day) = (Duration::from_secs(3_600), Duration::from_secs(86_400));
    let asked = [effect("a"), effect("a"), later("b", hour), effect("c"), later("c", day), effect("d"), effect("ä")];
    decide(&store, "order-1", &asked).await;
    let lanes = store.effect_lanes(None, 10).await.unwrap();
    assert_eq!(
        lanes.iter().map(|due| due.lane.as_str()).collect::<Vec<_>>(),
        ["a", "b", "c", "d", "ä"],
        "in byte order"
    );
    let due_in: Vec<_> = lanes.iter().map(|due| due.due_in).collect();
    assert!(due_in[0].is_zero() && due_in[2].is_zero() && due_in[4].is_zero(), "{due_in:?}");
    assert!((hour - LEASE..=hour).contains(&due_in[1]), "{due_in:?}");

    // Of two the other one is left; of one that is claimed the end of its lease; and none of one that is over.
    claim(&store, &[("a", 1), ("c", 1)], hour).await;
    let last = claim_one(&store, "d").await;
    assert!(update(&store, &last, over(EffectStatus::Done)).await);
    let lanes = store.effect_lanes(None, 10).await.unwrap();
    assert_eq!(lanes.iter().map(|due| due.lane.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "ä"]);
    assert!(lanes[0].due_in.is_zero());
    assert!((hour - LEASE..=hour).contains(&lanes[2].due_in), "the lease ends before the day does: {lanes:?}");

    let page = store.effect_lanes(Some("a"), 2).await.unwrap();
    assert_eq!(page.iter().map(|due| due.lane.as_str()).collect::<Vec<_>>(), ["b", "c"]);
    assert!(store.effect_lanes(Some("ä"), 2).await.unwrap().is_empty());
    assert!(store.effect_lanes(None, 0).await.unwrap().is_empty());
}

pub(crate) async fn an_effect_that_no_store_could_take_is_refused(store: Arc<impl Store>) {
    let good = effect("http a");
    let long = "x".repeat(LANE_BYTES_MAX + 1);
    let with_lane = |lane: &str| NewEffect { lane: lane.into(), ..effect("") };
    let with_kind = |kind: &str| NewEffect { kind: kind.into(), ..effect("http a") };
    for effects in [
        vec![with_lane("")],
        vec![with_lane(&long)],
        vec![with_lane("http\0a")],
        vec![with_kind("")],
        vec![with_kind(&long)],
        vec![with_kind("ht\0tp")],
        vec![good.clone(), good.clone()],
    ] {
        let answer = store.append_many(&[deciding(batch("order-1", 0, &["A"]), &effects)]).await;
        assert!(matches!(answer, Err(EventStoreError::InvalidBatch(_))), "{answer:?}");
    }
    let both = [deciding(batch("order-1", 0, &["A"]), std::slice::from_ref(&good))];
    let both = [both[0].clone(), deciding(batch("order-2", 0, &["A"]), std::slice::from_ref(&good))];
    assert!(store.append_many(&both).await.is_err(), "one id in two streams");
    assert!(store.effects(&EffectFilter::default(), 10).await.unwrap().is_empty());

    let longest = NewEffect { delay: Duration::MAX, ..with_lane(&long[1..]) };
    decide(&store, "order-1", &[longest, good]).await;
    let claimed = claim(&store, &[("http a", 1), (&long[1..], 1)], Duration::MAX).await;
    assert_eq!(claimed.len(), 1, "the other is due in a hundred years");
    for next in [
        EffectNext::Finished { status: EffectStatus::Pending, progress: None, error: None },
        EffectNext::Due { lane: String::new(), delay: Duration::ZERO, progress: None },
        EffectNext::Due { lane: long.clone(), delay: Duration::ZERO, progress: None },
    ] {
        let answer = store.update_effects(&[step(&claimed[0], next)]).await;
        assert!(matches!(answer, Err(EventStoreError::InvalidBatch(_))), "{answer:?}");
    }
    let twice = [step(&claimed[0], over(EffectStatus::Done)), step(&claimed[0], over(EffectStatus::Done))];
    assert!(matches!(store.update_effects(&twice).await, Err(EventStoreError::InvalidBatch(_))));
    let next = EffectNext::Due { lane: "http a".into(), delay: Duration::MAX, progress: None };
    assert!(update(&store, &claimed[0], next).await);
}
