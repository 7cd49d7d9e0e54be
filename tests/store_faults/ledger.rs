//! What was acknowledged, to be compared with what is there.

use std::collections::{BTreeMap, BTreeSet};

use foldhost::Version;
use sqlx::{PgConnection, Row};
use tokio::sync::watch;

/// One acknowledged append: a command's events, from the first version to the last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Acknowledged {
    pub(crate) stream_id: String,
    pub(crate) command_id: String,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// All that writers were told. Tells who waits how much that is.
#[derive(Debug)]
pub(crate) struct Ledger {
    acknowledged: watch::Sender<Vec<Acknowledged>>,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { acknowledged: watch::Sender::new(Vec::new()) }
    }

    pub(crate) fn acknowledge(&self, stream_id: &str, command_id: &str, first: Version, last: Version) {
        let (stream_id, command_id) = (stream_id.to_owned(), command_id.to_owned());
        let acknowledged = Acknowledged { stream_id, command_id, first: first.get(), last: last.get() };
        self.acknowledged.send_modify(|all| all.push(acknowledged));
    }

    pub(crate) fn count(&self) -> usize {
        self.acknowledged.borrow().len()
    }

    /// Waits for so many acknowledgements.
    pub(crate) async fn until(&self, count: usize) {
        self.acknowledged.subscribe().wait_for(|all| all.len() >= count).await.unwrap();
    }

    /// Every acknowledged append is in the log exactly once and where its writer was told; what nobody was told of is there
    /// once at most, and whole; no stream has a hole. Appends are told by `id`, a field of their events' metadata.
    pub(crate) async fn check(&self, connection: &mut PgConnection, id: &str, events_each: impl Fn(&str) -> u64) {
        let there = appends_in_log(connection, id).await;
        let told: BTreeSet<_> = self.acknowledged.borrow().iter().cloned().collect();
        assert_eq!(told.len(), self.count(), "one append was acknowledged twice");
        let lost: Vec<_> = told.difference(&there).collect();
        assert!(lost.is_empty(), "acknowledged, and not in the log: {lost:?}");
        let mut seen = BTreeSet::new();
        for append in &there {
            let Acknowledged { stream_id, command_id, first, last } = append;
            assert!(seen.insert((stream_id, command_id)), "{command_id} was done twice in {stream_id}");
            assert_eq!(last - first + 1, events_each(command_id), "{command_id} is there in part: {append:?}");
        }
    }
}

/// The log as appends: neighbouring events of one id. Fails where a stream has a hole.
async fn appends_in_log(connection: &mut PgConnection, id: &str) -> BTreeSet<Acknowledged> {
    let read = "SELECT stream_id, version, metadata->>$1 AS command_id FROM events
                WHERE stream_id NOT LIKE '$reducers-%' ORDER BY stream_id, version";
    let rows = sqlx::query(read).bind(id).fetch_all(connection).await.unwrap();
    let mut streams: BTreeMap<String, Vec<Acknowledged>> = BTreeMap::new();
    for row in rows {
        let (stream_id, version) = (row.get::<String, _>("stream_id"), row.get::<i64, _>("version") as u64);
        let command_id = row.get::<Option<String>, _>("command_id").unwrap_or_default();
        let appends = streams.entry(stream_id.clone()).or_default();
        let before = appends.last().map_or(0, |append| append.last);
        assert_eq!(version, before + 1, "{stream_id} has a hole behind version {before}");
        match appends.last_mut() {
            Some(append) if append.command_id == command_id => append.last = version,
            _ => appends.push(Acknowledged { stream_id, command_id, first: version, last: version }),
        }
    }
    streams.into_values().flatten().collect()
}

/// How many events a stream has, and that there is no hole in it.
pub(crate) async fn events_of(connection: &mut PgConnection, stream_id: &str) -> u64 {
    let row = sqlx::query("SELECT count(*), COALESCE(max(version), 0) FROM events WHERE stream_id = $1")
        .bind(stream_id)
        .fetch_one(connection)
        .await
        .unwrap();
    let (count, head): (i64, i64) = (row.get(0), row.get(1));
    assert_eq!(count, head, "{stream_id} has a hole");
    head as u64
}
