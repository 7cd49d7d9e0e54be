//! Writers whose every append can be recognised, and who take no error for an answer.

use std::sync::Arc;

use foldhost::event_store::AppendOutcome;
use foldhost::{EventStore, EventStoreError, ExpectedVersion, PostgresEventStore, Version};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinSet;

use crate::ledger::Ledger;
use crate::{exactly, named, recorded, stream};

/// The stream that all writers share.
const SHARED: &str = "order-shared";

/// One writer, with a stream of its own.
struct Writer {
    store: Arc<PostgresEventStore>,
    ledger: Arc<Ledger>,
    number: usize,
    own: String,
    /// Its own stream's.
    version: u64,
}

/// How many events a command of a writer leads to: its id says it.
pub(crate) fn events_each(command_id: &str) -> u64 {
    command_id.rsplit_once('x').unwrap().1.parse().unwrap()
}

/// Starts writers that append `appends_each` times, in every way that can be told from any other append.
pub(crate) fn start(
    store: &Arc<PostgresEventStore>,
    ledger: &Arc<Ledger>,
    random: &mut StdRng,
    writers: usize,
    appends_each: usize,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for number in 0..writers {
        let mut random = StdRng::seed_from_u64(random.random());
        let (store, ledger) = (Arc::clone(store), Arc::clone(ledger));
        let mut writer = Writer { store, ledger, number, own: format!("order-{number}"), version: 0 };
        tasks.spawn(async move {
            for append in 0..appends_each {
                writer.append(append, &mut random).await;
            }
        });
    }
    tasks
}

/// Waits for all of them; one that got an error fails the test.
pub(crate) async fn finish(mut writers: JoinSet<()>) {
    while let Some(ended) = writers.join_next().await {
        ended.unwrap();
    }
}

impl Writer {
    async fn append(&mut self, append: usize, random: &mut StdRng) {
        let count = random.random_range(1..=3_usize);
        let id = format!("{}-{append}x{count}", self.number);
        let own = exactly(self.version);
        match random.random_range(0..6) {
            // Known by the ids in the events' metadata.
            0 => {
                let outcomes = self.store.append_many(&[named(&self.own, own, &id, count)]).await.unwrap();
                let version = Version::new(self.version + count as u64);
                assert_eq!(outcomes, [AppendOutcome::Appended { version }], "{id}");
                self.acknowledge_own(&id, count);
            }
            // Known by what the stream remembers.
            1 => {
                let batch = recorded(&self.own, own, &id, count);
                let outcomes = self.store.append_many(&[batch]).await.unwrap();
                assert!(
                    matches!(outcomes[0], AppendOutcome::Appended { .. } | AppendOutcome::Repeated),
                    "{outcomes:?}"
                );
                self.acknowledge_own(&id, count);
            }
            2 => {
                let events = named(&self.own, own, &id, count).events.into_iter().map(|(event, _)| event).collect();
                let (_, last) = self.store.append_once(&stream(&self.own), own, &id, events).await.unwrap();
                assert_eq!(last.get(), self.version + count as u64);
                self.acknowledge_own(&id, count);
            }
            3 => {
                let any = ExpectedVersion::Any;
                let events = named(SHARED, any, &id, count).events.into_iter().map(|(event, _)| event).collect();
                let (first, last) = self.store.append_once(&stream(SHARED), any, &id, events).await.unwrap();
                self.ledger.acknowledge(SHARED, &id, first, last);
            }
            4 => {
                let batch = recorded(SHARED, ExpectedVersion::Any, &id, count);
                let outcomes = self.store.append_many(&[batch]).await.unwrap();
                assert!(
                    matches!(outcomes[0], AppendOutcome::Appended { .. } | AppendOutcome::Repeated),
                    "{outcomes:?}"
                );
                let found = self.store.find_commands(&stream(SHARED), std::slice::from_ref(&id)).await.unwrap();
                self.ledger.acknowledge(SHARED, &id, found[0].first_version.unwrap(), found[0].last_version);
            }
            // All or none, in two streams.
            _ => {
                let batches =
                    [recorded(&self.own, own, &id, count), recorded(SHARED, ExpectedVersion::Any, &id, count)];
                match self.store.append_atomic(&batches).await {
                    Ok(_) | Err(EventStoreError::Repeated { .. }) => {}
                    Err(error) => panic!("{id}: {error}"),
                }
                let found = self.store.find_commands(&stream(SHARED), std::slice::from_ref(&id)).await.unwrap();
                self.ledger.acknowledge(SHARED, &id, found[0].first_version.unwrap(), found[0].last_version);
                self.acknowledge_own(&id, count);
            }
        }
    }

    fn acknowledge_own(&mut self, id: &str, count: usize) {
        let first = Version::new(self.version + 1);
        self.version += count as u64;
        self.ledger.acknowledge(&self.own, id, first, Version::new(self.version));
    }
}
