//! Appends that do not say just which version they follow.

use super::*;

fn open(id: &str, expected: ExpectedVersion, texts: &[&str]) -> StreamBatch {
    StreamBatch::new(stream(id), expected, events(texts))
}

pub(crate) async fn an_append_for_any_version_goes_behind_whatever_is_there(store: Arc<impl Store>) {
    let any = |id: &str, texts: &[&str]| open(id, ExpectedVersion::Any, texts);
    assert_eq!(store.append_many(&[any("order-1", &["A"])]).await.unwrap(), [appended(1)]);
    assert_eq!(
        store.append_many(&[any("order-1", &["B", "C"]), any("order-2", &["D"])]).await.unwrap(),
        [appended(3), appended(1)]
    );
    assert_eq!(types(&store, "order-1").await, ["A.v1", "B.v1", "C.v1"]);
    assert_eq!(
        store.append_atomic(&[any("order-1", &["E"]), any("order-3", &[])]).await.unwrap(),
        [Version::new(4), Version::EMPTY]
    );
}

pub(crate) async fn an_append_for_no_stream_takes_only_a_new_one(store: Arc<impl Store>) {
    let none = |texts: &[&str]| open("order-1", ExpectedVersion::NoStream, texts);
    assert_eq!(store.append_many(&[none(&["A"])]).await.unwrap(), [appended(1)]);
    assert_eq!(store.append_many(&[none(&["B"])]).await.unwrap(), [conflict(1)]);
    assert_eq!(types(&store, "order-1").await, ["A.v1"]);
}

pub(crate) async fn an_append_for_a_stream_that_exists_takes_no_new_one(store: Arc<impl Store>) {
    let exists = |id: &str| open(id, ExpectedVersion::Exists, &["B", "C"]);
    assert_eq!(store.append_many(&[exists("order-1")]).await.unwrap(), [conflict(0)]);
    store.append_many(&[batch("order-1", 0, &["A"])]).await.unwrap();
    assert_eq!(store.append_many(&[exists("order-2"), exists("order-1")]).await.unwrap(), [conflict(0), appended(3)]);
    let error = store.append_atomic(&[exists("order-1"), exists("order-2")]).await.unwrap_err();
    assert!(
        matches!(&error, EventStoreError::Conflict { expected: ExpectedVersion::Exists, actual, .. } if *actual == Version::EMPTY),
        "{error}"
    );
    assert_eq!(types(&store, "order-1").await.len(), 3);
    assert!(types(&store, "order-2").await.is_empty());
}

pub(crate) async fn open_and_exact_versions_go_into_one_append(store: Arc<impl Store>) {
    store.append_many(&[batch("order-1", 0, &["A"]), batch("order-2", 0, &["B"])]).await.unwrap();
    let mixed = [
        batch("order-1", 0, &["Stale", "Stale"]),
        open("order-2", ExpectedVersion::Any, &["C", "D"]),
        batch("order-3", 0, &["E"]),
        open("order-4", ExpectedVersion::Exists, &["F"]),
    ];
    assert_eq!(store.append_many(&mixed).await.unwrap(), [conflict(1), appended(3), appended(1), conflict(0)]);
    assert_eq!(types(&store, "order-2").await, ["B.v1", "C.v1", "D.v1"]);
}

pub(crate) async fn sixteen_writers_for_any_version_all_win_and_leave_no_hole(store: Arc<impl Store>) {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..16 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for number in 0..5 {
                let text = format!("W{writer}N{number}");
                let expected = if number == 0 { ExpectedVersion::Any } else { ExpectedVersion::Exists };
                let outcomes = store.append_many(&[open("order-1", expected, &[&text, &text])]).await.unwrap();
                assert!(matches!(outcomes[..], [AppendOutcome::Appended { .. }]), "{text}: {outcomes:?}");
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let types = types(&store, "order-1").await;
    assert_eq!(types.len(), 16 * 5 * 2);
    assert!(types.chunks(2).all(|pair| pair[0] == pair[1]), "a batch is not torn apart: {types:?}");
    for writer in 0..16 {
        let own: Vec<_> = types.iter().filter(|text| text.starts_with(&format!("W{writer}N"))).collect();
        assert!(own.is_sorted(), "a writer's second append is behind its first: {own:?}");
    }
}

/// The log is read in the order of the transactions' ids. One that is given out before the stream's lock is there puts a
/// newer event before an older one.
pub(crate) async fn open_versions_come_out_of_the_log_in_their_order(store: Arc<impl Store>) {
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..12_u64 {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            for number in 0..20 {
                let (one, other) = (format!("order-{}", number % 3), format!("order-{}", 3 + writer));
                // With a stream of its own in the same append, and in any order.
                let both = [open(&other, ExpectedVersion::Any, &["B"]), open(&one, ExpectedVersion::Any, &["A"])];
                let outcomes = match writer % 3 {
                    0 => store.append_many(&both[1..]).await.unwrap().len(),
                    1 => store.append_many(&both).await.unwrap().len(),
                    _ => store.append_atomic(&both).await.unwrap().len(),
                };
                assert!(outcomes > 0);
                let head = store.read_stream_backwards(&stream(&one), Version::MAX, 1.into()).await.unwrap();
                // Also writers that say which version they follow: some lose, none may tear the order.
                store.append_many(&[batch(&one, head[0].version.get(), &["C"])]).await.unwrap();
            }
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer.unwrap();
    }
    let count: usize = {
        let mut count = 0;
        for number in 0..15 {
            count += types(&store, &format!("order-{number}")).await.len();
        }
        count
    };
    let mut heads = std::collections::HashMap::new();
    let read = async {
        loop {
            let all: Vec<_> =
                log_events(Arc::clone(&store), None, LogFilter::default(), 100.into()).try_collect().await.unwrap();
            if all.len() == count {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    for (_, event) in tokio::time::timeout(Duration::from_secs(20), read).await.unwrap() {
        let head = heads.entry(event.stream_id.clone()).or_insert(Version::EMPTY);
        assert_eq!(event.version, head.next(), "stream {} in the log", event.stream_id);
        *head = event.version;
    }
}
