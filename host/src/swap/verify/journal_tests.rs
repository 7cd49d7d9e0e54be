#![allow(clippy::unwrap_used)]

use super::*;
use crate::event_store::{CommandRecord, JournalEntry, StreamBatch};
use crate::reducer::Rejection;
use crate::{InMemoryEventStore, SerializedEvent};

/// A journal in a store in memory.
struct Written {
    store: InMemoryEventStore,
    stream_id: StreamId,
}

impl Written {
    fn new() -> Self {
        Self { store: InMemoryEventStore::new(), stream_id: StreamId::new("account-1").unwrap() }
    }

    /// Appends so many events by one command; by a rejected one where there are none.
    async fn command(&self, at: u64, id: &str, events: usize, payload: &str) {
        let event = || SerializedEvent { event_type: "Deposited.v1".into(), data: vec![1] };
        let mut batch =
            StreamBatch::new(self.stream_id.clone(), Version::new(at), (0..events).map(|_| event()).collect());
        batch.commands.push(CommandRecord {
            command_id: id.into(),
            name: "Deposit".into(),
            fingerprint: [0; 32],
            events: 0..events,
            rejection: (events == 0).then(|| Rejection::new("closed", "it is closed")),
            reducer_digest: None,
            journal: Some(JournalEntry { payload: Payload::Json(payload.into()), now_ms: 0 }),
        });
        self.store.append_atomic(&[batch]).await.unwrap();
    }

    /// Ids and versions of all commands in the order that a fold meets them in, and how many were held at once.
    async fn read(&self, head: u64) -> (Vec<(String, u64)>, usize) {
        let mut journal = Journal::of(&self.store, &self.stream_id, true);
        let (mut read, mut held) = (Vec::new(), 0);
        for at in 0..=head {
            while let Some(command) = journal.take_at(Version::new(at)).await.unwrap() {
                held = held.max(journal.with_events.len() + journal.without_events.len());
                read.push((command.place.command_id.clone(), at));
            }
            assert!(journal.next_version().is_none_or(|next| next.get() > at));
        }
        (read, held)
    }
}

/// The deposit that all the rejections were decided behind stands in the middle of them, and is wanted before them.
#[tokio::test]
async fn any_number_of_rejections_on_one_version_is_read_with_a_page_or_two_of_them_in_memory() {
    let written = Written::new();
    written.command(0, "5000-begin", 1, "{}").await;
    written.command(1, "5000-deposit", 3, "{}").await;
    let mut expected = vec![("5000-begin".to_owned(), 0), ("5000-deposit".to_owned(), 1)];
    for number in 0..10_000 {
        let id = format!("{number:04}-in-vain");
        written.command(4, &id, 0, "{}").await;
        expected.push((id, 4));
    }
    written.command(4, "9999-last", 2, "{}").await;
    expected.push(("9999-last".to_owned(), 4));
    let (read, held) = written.read(6).await;
    assert_eq!(read, expected);
    assert!(held <= 3 * PAGE, "{held} were held at once");
}

#[tokio::test]
async fn commands_of_a_megabyte_are_held_a_few_at_once() {
    let written = Written::new();
    let megabyte = format!("\"{}\"", "x".repeat(1 << 20));
    written.command(0, "zz", 1, &megabyte).await;
    for number in 0..60 {
        written.command(1, &format!("{number:02}"), 0, &megabyte).await;
    }
    let (read, held) = written.read(1).await;
    assert_eq!((read.len(), &read[0]), (61, &("zz".to_owned(), 0)));
    assert!(held <= 2 * FIRST_PAGE, "{held} were held at once");
}

/// Rejections and deposits by turns, with ids in no order, and more of each than a page.
#[tokio::test]
async fn commands_come_in_the_order_of_the_versions_that_they_were_decided_on_whatever_their_ids() {
    let written = Written::new();
    let (mut head, mut counts) = (0, Vec::new());
    for round in 0..40_u64 {
        let in_vain = if round % 7 == 3 { 250 } else { round % 4 };
        for number in 0..in_vain {
            let id = format!("{}-{round}-{number}", (number * 7_919 + round) % 10);
            written.command(head, &id, 0, "{}").await;
        }
        let events = 1 + round % 3;
        written.command(head, &format!("{}-{round}", round * 31 % 10), events as usize, "{}").await;
        counts.push((head, in_vain as usize + 1));
        head += events;
    }
    let (read, held) = written.read(head).await;
    for (at, count) in counts {
        let here: Vec<_> = read.iter().filter(|(_, version)| *version == at).collect();
        assert_eq!(here.len(), count, "at {at}");
    }
    assert!(read.is_sorted_by_key(|(_, at)| *at));
    assert!(held <= 3 * PAGE, "{held} were held at once");
}
