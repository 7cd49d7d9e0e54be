//! Parts of the log, each in the log's order.

use super::*;

async fn filled(store: &Arc<impl Store>) -> Vec<(Cursor, Event)> {
    for (id, expected, texts) in [
        ("order-1", 0, &["A", "B"][..]),
        ("cart-1", 0, &["A"]),
        ("orders-1", 0, &["A", "C"]),
        ("order-2", 0, &["B"]),
        ("order-1", 2, &["A"]),
    ] {
        store.append_many(&[batch(id, expected, texts)]).await.unwrap();
    }
    log(store, 7).await
}

async fn check(store: &Arc<impl Store>, all: &[(Cursor, Event)], filter: &LogFilter, count: usize) {
    let wanted: Vec<_> = all.iter().filter(|(_, event)| filter.admits(event)).cloned().collect();
    assert_eq!(wanted.len(), count, "{filter:?}");
    assert_eq!(store.read_all(None, filter, 100.into()).await.unwrap(), wanted, "{filter:?}");
    for page in [1, 2] {
        let paged: Vec<_> =
            log_events(Arc::clone(store), None, filter.clone(), page.into()).try_collect().await.unwrap();
        assert_eq!(paged, wanted, "{filter:?}, pages of {page}");
    }
}

pub(crate) async fn the_log_of_one_category_is_its_part_of_the_log(store: Arc<impl Store>) {
    let all = filled(&store).await;
    for (category, count) in [("order", 4), ("orders", 2), ("cart", 1), ("orde", 0), ("order-1", 0)] {
        check(&store, &all, &LogFilter::category(category), count).await;
    }
}

pub(crate) async fn the_log_of_one_type_is_its_part_of_the_log(store: Arc<impl Store>) {
    let all = filled(&store).await;
    for (event_type, count) in [("A.v1", 4), ("B.v1", 2), ("C.v1", 1), ("A", 0)] {
        check(&store, &all, &LogFilter::event_type(event_type), count).await;
    }
    let both = LogFilter { category: Some("order".into()), ..LogFilter::event_type("A.v1") };
    check(&store, &all, &both, 2).await;
}

pub(crate) async fn the_log_between_two_times_is_its_part_of_the_log(store: Arc<impl Store>) {
    let all = filled(&store).await;
    let at = |place: usize| Some(all[place].1.created_at);
    let times = |from, until| LogFilter { from, until, ..LogFilter::default() };
    for filter in [
        times(None, None),
        times(at(0), None),
        times(at(3), None),
        times(None, at(3)),
        times(at(2), at(5)),
        times(at(5), at(2)),
        times(at(6).map(|time| time + Duration::from_secs(1)), None),
        times(None, at(0)),
        LogFilter { category: Some("order".into()), ..times(at(1), None) },
        LogFilter { event_type: Some("A.v1".into()), ..times(at(1), at(6)) },
    ] {
        let count = all.iter().filter(|(_, event)| filter.admits(event)).count();
        check(&store, &all, &filter, count).await;
    }
    assert_eq!(all.iter().filter(|(_, event)| times(at(0), None).admits(event)).count(), 7);
}

pub(crate) async fn a_filtered_log_is_read_on_from_any_cursor(store: Arc<impl Store>) {
    let all = filled(&store).await;
    for filter in [LogFilter::category("order"), LogFilter::event_type("A.v1")] {
        for (place, (cursor, _)) in all.iter().enumerate() {
            let behind = all[place + 1..].iter().filter(|(_, event)| filter.admits(event)).cloned();
            let read = store.read_all(Some(*cursor), &filter, 100.into()).await.unwrap();
            assert_eq!(read, behind.collect::<Vec<_>>(), "{filter:?} behind {place}");
        }
    }
}
