use super::*;

pub(crate) async fn a_stream_is_read_in_pages(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A", "B", "A", "C", "A"])]).await.unwrap();
    let page = store.load_events(&stream("order-1"), Version::new(1), 3.into()).await.unwrap();
    assert_eq!(page.first_version, 2);
    assert_eq!(page.event_types, ["B.v1", "A.v1", "C.v1"]);
    assert_eq!(page.type_index, [0, 1, 2]);
    assert_eq!(page.data, b"BAC");
    assert_eq!(page.last_version(), Some(Version::new(4)));
    let last = store.load_events(&stream("order-1"), Version::new(4), 3.into()).await.unwrap();
    assert_eq!((last.first_version, last.len()), (5, 1));
    assert!(store.load_events(&stream("order-1"), Version::new(5), 3.into()).await.unwrap().is_empty());
    assert!(store.load_events(&stream("order-1"), Version::MAX, 3.into()).await.unwrap().is_empty());
    assert!(store.load_events(&stream("order-2"), Version::EMPTY, 3.into()).await.unwrap().is_empty());
}

pub(crate) async fn the_log_of_all_streams_is_read_on_from_any_cursor(store: Arc<impl Store>) {
    for (id, expected, texts) in
        [("order-1", 0, &["A", "B"][..]), ("cart-1", 0, &["C"]), ("order-1", 2, &["D"]), ("order-2", 0, &["E"])]
    {
        store.append_many(&[batch(id, expected, texts)]).await.unwrap();
    }
    let all = log(&store, 5).await;
    let texts: Vec<_> = all.iter().map(|(_, event)| String::from_utf8(event.data.clone()).unwrap()).collect();
    assert_eq!(texts, ["A", "B", "C", "D", "E"]);
    assert_eq!(all[3].1.stream_id, stream("order-1"));
    assert_eq!(all[3].1.version, Version::new(3));
    for (place, (cursor, _)) in all.iter().enumerate() {
        // As a client would: through text.
        let cursor: Cursor = cursor.to_string().parse().unwrap();
        assert_eq!(store.read_all(Some(cursor), &LogFilter::default(), 100.into()).await.unwrap(), all[place + 1..]);
        let next = store.read_all(Some(cursor), &LogFilter::default(), 1.into()).await.unwrap();
        assert_eq!(next.first(), all.get(place + 1));
    }
}

pub(crate) async fn a_cursor_of_another_database_is_refused(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    let (cursor, _) = log(&store, 1).await.pop().unwrap();
    assert!(store.read_all(Some(cursor), &LogFilter::default(), 1.into()).await.unwrap().is_empty());
    assert!(matches!(
        store.read_all(Some(foreign(cursor)), &LogFilter::default(), 1.into()).await,
        Err(EventStoreError::ForeignCursor)
    ));
}

/// The cursor with each bit of its epoch turned.
fn foreign(cursor: Cursor) -> Cursor {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let mut bytes = engine.decode(cursor.to_string()).unwrap();
    bytes[..8].iter_mut().for_each(|byte| *byte = !*byte);
    engine.encode(bytes).parse().unwrap()
}

pub(crate) async fn the_streams_of_a_category_are_paged_in_byte_order(store: Arc<impl Store>) {
    let ids = ["order-b", "orders-1", "order-a", "cart-1", "order-Z", "order-é", "order.x-1", "orde-1"];
    for id in ids {
        store.append_many(&[batch(id, 0, &["A", "B"])]).await.unwrap();
    }
    let all = store.read_streams("order", None, 100).await.unwrap();
    assert_eq!(all, ["order-Z", "order-a", "order-b", "order-é"].map(stream));
    let mut paged = Vec::new();
    loop {
        let page = store.read_streams("order", paged.last(), 3).await.unwrap();
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert!(store.read_streams("invoice", None, 10).await.unwrap().is_empty());
    // Behind a stream of an earlier category the page begins with its own first.
    assert_eq!(store.read_streams("order", Some(&stream("cart-1")), 1).await.unwrap(), [stream("order-Z")]);
    assert!(store.read_streams("order", None, 0).await.unwrap().is_empty());
}

fn sizes(page: &[Event]) -> Vec<usize> {
    page.iter().map(|event| event.data.len()).collect()
}

pub(crate) async fn a_page_ends_with_the_event_that_reaches_its_bytes(store: Arc<impl Store>) {
    let id = stream("order-1");
    let sized = |bytes| SerializedEvent { event_type: "Sized.v1".into(), data: vec![7; bytes] };
    let history: Vec<_> = [600, 300, 200, 5_000, 0, 1].map(sized).into();
    store.append_events(&id, ExpectedVersion::NoStream, history).await.unwrap();
    let page = PageLimit { events_max: 10, bytes_max: 1_000 };
    let from_the_first = store.read_stream(&id, Version::EMPTY, page).await.unwrap();
    assert_eq!(sizes(&from_the_first), [600, 300, 200]);
    assert!(page.is_reached(3, 1_100) && !page.is_reached(3, 800));
    let large_alone = store.read_stream(&id, Version::new(3), page).await.unwrap();
    assert_eq!(sizes(&large_alone), [5_000], "an event that is larger than a page is a page of its own");
    assert_eq!(sizes(&store.read_stream(&id, Version::new(4), page).await.unwrap()), [0, 1]);
    assert_eq!(sizes(&store.read_stream_backwards(&id, Version::MAX, page).await.unwrap()), [1, 0, 5_000]);
    let loaded = store.load(&id, Some(&SnapshotKey::schema("order.v1")), page).await.unwrap();
    assert_eq!((loaded.tail.len(), loaded.tail.data.len()), (3, 1_100));
    assert_eq!(store.load_events(&id, Version::new(3), page).await.unwrap().len(), 1);
    log(&store, 6).await;
    let logged = store.read_all(None, &LogFilter::default(), page).await.unwrap();
    assert_eq!(logged.len(), 3);
}

pub(crate) async fn a_stream_is_read_backwards(store: Arc<impl Store>) {
    let id = stream("order-1");
    store.append_many(&[batch("order-1", 0, &["A", "B", "C", "D"])]).await.unwrap();
    let forwards = store.read_stream(&id, Version::EMPTY, 10.into()).await.unwrap();
    let mut backwards = store.read_stream_backwards(&id, Version::MAX, 10.into()).await.unwrap();
    backwards.reverse();
    assert_eq!(backwards, forwards);
    let page = store.read_stream_backwards(&id, Version::new(4), 2.into()).await.unwrap();
    assert_eq!(page.iter().map(|event| event.version.get()).collect::<Vec<_>>(), [3, 2]);
    assert!(store.read_stream_backwards(&id, Version::new(1), 2.into()).await.unwrap().is_empty());
    assert!(store.read_stream_backwards(&stream("order-2"), Version::MAX, 2.into()).await.unwrap().is_empty());
}

pub(crate) async fn a_stream_longer_than_a_page_is_read_to_its_end(store: Arc<impl Store>) {
    let texts: Vec<_> = (0..25).map(|number| format!("N{number}")).collect();
    let texts: Vec<_> = texts.iter().map(String::as_str).collect();
    store.append_many(&[batch("order-1", 0, &texts)]).await.unwrap();
    for page in [1, 7, 25, 100] {
        let events = stream_events(Arc::clone(&store), stream("order-1"), Version::new(5), page.into());
        let versions: Vec<_> = events.map_ok(|event| event.version.get()).try_collect().await.unwrap();
        assert_eq!(versions, (6..=25).collect::<Vec<_>>(), "pages of {page}");
    }
    let all = log(&store, 25).await;
    let streamed: Vec<_> =
        log_events(Arc::clone(&store), Some(all[3].0), LogFilter::default(), 4.into()).try_collect().await.unwrap();
    assert_eq!(streamed, all[4..]);
}

pub(crate) async fn who_waits_for_an_append_of_this_process_is_told(store: Arc<impl Store>) {
    let mut appended = store.appended();
    appended.mark_unchanged();
    let waiting = tokio::spawn(async move { appended.changed().await });
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap().unwrap().unwrap();
}
