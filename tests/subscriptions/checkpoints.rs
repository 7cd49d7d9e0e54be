//! What is handed out, and what an acknowledgement does.

use foldhost::event_store::{SubscriptionFilter, SubscriptionStart};
use foldhost::{EventStoreError, LogFilter, PageLimit};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

pub(super) async fn a_new_name_reads_the_whole_log_in_its_order(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 3).await;
    append(&store, "cart-1", "ItemAdded.v1", 2).await;
    place(&store, 1).await;
    let mut billing = reader(&store, SubscriptionConfig { page: 4.into(), ..config() });
    let taken = take(&mut billing, 6).await;
    assert_eq!(versions(&taken), [1, 2, 3, 1, 2, 4]);
    let log = store.read_all(None, &LogFilter::default(), 10.into()).await.unwrap();
    assert_eq!(taken, log);
}

pub(super) async fn a_reader_is_not_handed_the_same_event_twice(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 5).await;
    let mut billing = reader(&store, SubscriptionConfig { page: 2.into(), ..config() });
    assert_eq!(versions(&take(&mut billing, 5).await), [1, 2, 3, 4, 5]);
    place(&store, 2).await;
    assert_eq!(versions(&take(&mut billing, 2).await), [6, 7]);
    assert_eq!(status(&store).await.checkpoint, None, "nothing was acknowledged");
}

pub(super) async fn what_was_not_acknowledged_comes_again_after_a_restart(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 5).await;
    let mut billing = reader(&store, config());
    let taken = take(&mut billing, 5).await;
    billing.acknowledge(taken[1].0).await.unwrap();
    assert_eq!(status(&store).await.checkpoint, Some(taken[1].0));
    billing.release().await.unwrap();
    // A host that was started anew knows nothing but what the store tells it.
    let mut billing = reader(&cluster.host().await, config());
    let again = take(&mut billing, 3).await;
    assert_eq!(again, taken[2..]);
    billing.acknowledge(again[2].0).await.unwrap();
    billing.release().await.unwrap();
    place(&store, 1).await;
    assert_eq!(versions(&take(&mut reader(&store, config()), 1).await), [6]);
}

pub(super) async fn a_checkpoint_never_moves_back(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 3).await;
    let mut billing = reader(&store, config());
    let taken = take(&mut billing, 3).await;
    billing.acknowledge(taken[2].0).await.unwrap();
    let acknowledged_at = status(&store).await.acknowledged_at;
    assert!(acknowledged_at.is_some());
    // Batches that were worked on side by side may be done in any order.
    billing.acknowledge(taken[0].0).await.unwrap();
    store.acknowledge_subscription(&super::billing(), billing.token().unwrap(), taken[1].0).await.unwrap();
    let status = status(&store).await;
    assert_eq!((status.checkpoint, status.acknowledged_at), (Some(taken[2].0), acknowledged_at));
}

/// The cursor with one of its three numbers changed.
fn changed(cursor: Cursor, number: usize, change: impl Fn(i64) -> i64) -> Cursor {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = URL_SAFE_NO_PAD.decode(cursor.to_string()).unwrap();
    let place = &mut bytes[number * 8..number * 8 + 8];
    let value = change(i64::from_be_bytes(place.try_into().unwrap()));
    place.copy_from_slice(&value.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes).parse().unwrap()
}

pub(super) async fn a_cursor_that_was_not_handed_out_is_refused(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 3).await;
    let mut billing = reader(&store, SubscriptionConfig { page: 2.into(), ..config() });
    let taken = take(&mut billing, 2).await;
    let third = changed(taken[1].0, 2, |position| position + 1);
    let ahead = billing.acknowledge(third).await;
    assert!(matches!(ahead, Err(SubscriptionError::NotHandedOut { .. })), "{ahead:?}");
    // Whoever acknowledges by the token alone is held to the log.
    let (name, token) = (super::billing(), billing.token().unwrap());
    let far_ahead = changed(taken[1].0, 1, |transaction_id| transaction_id + 1_000_000_000);
    let ahead = store.acknowledge_subscription(&name, token, far_ahead).await;
    assert!(matches!(ahead, Err(SubscriptionError::NotHandedOut { .. })), "{ahead:?}");
    let foreign = changed(taken[1].0, 0, |epoch| !epoch);
    for outcome in [
        store.acknowledge_subscription(&name, token, foreign).await,
        store.reset_subscription(&name, Some(foreign)).await,
    ] {
        assert!(matches!(outcome, Err(SubscriptionError::Store(EventStoreError::ForeignCursor))), "{outcome:?}");
    }
    assert_eq!(status(&store).await.checkpoint, None);
    billing.acknowledge(taken[1].0).await.unwrap();
}

pub(super) async fn a_name_keeps_the_filter_that_it_was_made_with(cluster: impl Cluster) {
    let store = cluster.host().await;
    let orders = SubscriptionConfig { filter: SubscriptionFilter::category("order"), ..config() };
    reader(&store, orders.clone()).stand_by().await.unwrap();
    for filter in [
        SubscriptionFilter::default(),
        SubscriptionFilter::category("cart"),
        SubscriptionFilter { event_type: Some("OrderPlaced.v1".into()), ..SubscriptionFilter::category("order") },
    ] {
        let other = reader(&store, SubscriptionConfig { filter, ..config() }).next().await.unwrap_err();
        assert!(matches!(other, SubscriptionError::FilterDiffers { .. }), "{other:?}");
        assert!(other.to_string().contains("subscription billing reads the category order"), "{other}");
    }
    assert_eq!(status(&store).await.filter, orders.filter);
}

pub(super) async fn only_the_events_of_the_filter_are_handed_out(cluster: impl Cluster) {
    let store = cluster.host().await;
    for stream in ["order-1", "cart-1", "order-2"] {
        append(&store, stream, "Opened.v1", 1).await;
        append(&store, stream, "Closed.v1", 1).await;
    }
    let category = SubscriptionFilter::category("order");
    let event_type = SubscriptionFilter::event_type("Opened.v1");
    let both = SubscriptionFilter { event_type: event_type.event_type.clone(), ..category.clone() };
    for (name, filter, expected) in [
        ("a", category, &["order-1", "order-1", "order-2", "order-2"][..]),
        ("b", event_type, &["order-1", "cart-1", "order-2"]),
        ("c", both, &["order-1", "order-2"]),
    ] {
        let config = SubscriptionConfig { filter, ..SubscriptionConfig::new(name.parse().unwrap()) };
        let mut reader = reader(&store, config);
        let taken = take(&mut reader, expected.len()).await;
        let streams: Vec<_> = taken.iter().map(|(_, event)| event.stream_id.as_str()).collect();
        assert_eq!(streams, expected);
        // Nothing of the filter is behind what it acknowledged, whatever else there is.
        reader.acknowledge(taken[taken.len() - 1].0).await.unwrap();
        let listed = store.subscriptions(Some(&name.parse().unwrap())).await.unwrap();
        assert_eq!(listed[0].lag, None, "{name}");
    }
}

pub(super) async fn a_new_name_may_begin_behind_what_is_there(cluster: impl Cluster) {
    let store = cluster.host().await;
    place(&store, 3).await;
    // Until then an open transaction of another test hides them, and what is hidden is not passed over.
    take(&mut reader(&store, SubscriptionConfig::new("all".parse().unwrap())), 3).await;
    let mut billing = reader(&store, SubscriptionConfig { start: SubscriptionStart::Now, ..config() });
    billing.stand_by().await.unwrap();
    let begun = status(&store).await;
    assert!(begun.checkpoint.is_some() && begun.acknowledged_at.is_none(), "{begun:?}");
    place(&store, 2).await;
    let taken = take(&mut billing, 2).await;
    assert_eq!(versions(&taken), [4, 5]);
    billing.acknowledge(taken[0].0).await.unwrap();
    billing.release().await.unwrap();
    let mut billing = reader(&store, SubscriptionConfig { start: SubscriptionStart::Now, ..config() });
    assert_eq!(versions(&take(&mut billing, 1).await), [5], "a name that is there goes on");
}

pub(super) async fn what_no_subscription_can_have_is_refused(cluster: impl Cluster) {
    let longest = "x".repeat(255);
    longest.parse::<SubscriptionName>().unwrap();
    for name in ["", "a\0", "a\nb", "\u{85}", &format!("{longest}x")] {
        assert!(matches!(name.parse::<SubscriptionName>(), Err(SubscriptionError::Invalid(_))), "{name:?}");
    }
    let store = cluster.host().await;
    let page = |events_max, bytes_max| SubscriptionConfig { page: PageLimit { events_max, bytes_max }, ..config() };
    for config in [
        page(0, 1),
        page(10_001, 1),
        page(1, 0),
        page(1, (64 << 20) + 1),
        leased_for(Duration::from_millis(99)),
        leased_for(Duration::from_secs(3_601)),
        SubscriptionConfig { filter: SubscriptionFilter::category("a\0"), ..config() },
        SubscriptionConfig { filter: SubscriptionFilter::event_type(""), ..config() },
    ] {
        let refused = Subscription::new(Arc::clone(&store), config.clone());
        assert!(matches!(refused, Err(SubscriptionError::Invalid(_))), "{config:?}");
    }
}

pub(super) async fn a_waiting_reader_is_woken_by_an_append(cluster: impl Cluster) {
    let (store, other) = (cluster.host().await, cluster.host().await);
    let mut billing = reader(&store, config());
    billing.stand_by().await.unwrap();
    for (version, host) in [(1, &store), (2, &other), (3, &store)] {
        let (taken, ()) = tokio::join!(take(&mut billing, 1), place(host, 1));
        assert_eq!(versions(&taken), [version]);
    }
}

/// Dropped at any moment, also after the store has answered: what was read then was not handed out, and comes the next time.
pub(super) async fn a_call_that_is_dropped_loses_nothing(cluster: impl Cluster) {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let store = cluster.host().await;
    let mut billing = reader(&store, SubscriptionConfig { page: 2.into(), ..config() });
    let mut taken = Vec::new();
    for _ in 0..100 {
        place(&store, random.random_range(0..3)).await;
        let impatience = Duration::from_micros(random.random_range(0..3_000));
        if let Ok(batch) = tokio::time::timeout(impatience, billing.next()).await {
            taken.extend(batch.unwrap());
        }
    }
    place(&store, 1).await;
    let last = store.load_events(&"order-1".parse().unwrap(), foldhost::Version::EMPTY, 1_000.into()).await.unwrap();
    let count = last.len();
    let rest = take(&mut billing, count - taken.len()).await;
    taken.extend(rest);
    assert_eq!(versions(&taken), (1..=count as u64).collect::<Vec<_>>());
}
