//! What there is to look at when orders did not come out as they have to.

use std::fmt::Write as _;

use foldhost::StreamId;
use foldhost::event_store::{EffectFilter, OutboxStore as _};
use foldhost_test_support::TestDatabase;
use order::OrderEvent;
use order_processing::payments::Entry;

use super::customers::Order;

/// Orders that are told in full; of the others, there are so many.
const TOLD_MAX: usize = 5;

pub(crate) struct Report<'a> {
    database: &'a TestDatabase,
    seed: u64,
    wrong: usize,
    text: String,
}

impl<'a> Report<'a> {
    pub(crate) fn new(database: &'a TestDatabase, seed: u64) -> Self {
        Self { database, seed, wrong: 0, text: String::new() }
    }

    /// An order with its events, its effects and its entries.
    pub(crate) async fn add(&mut self, order: &Order, reason: &str, events: &[OrderEvent], entries: &[Entry]) {
        self.wrong += 1;
        if self.wrong > TOLD_MAX {
            return;
        }
        writeln!(self.text, "\n{reason}\n{order:?}").unwrap();
        events.iter().for_each(|event| writeln!(self.text, "  event   {event:?}").unwrap());
        let filter =
            EffectFilter { stream_id: Some(StreamId::new(&order.stream_id).unwrap()), ..EffectFilter::default() };
        for record in self.database.store.effects(&filter, 100).await.unwrap() {
            writeln!(self.text, "  effect  {record:?}").unwrap();
            let detail = self.database.store.effect(record.effect_id).await.unwrap();
            for failure in detail.into_iter().flat_map(|detail| detail.failures) {
                writeln!(self.text, "          {failure:?}").unwrap();
            }
        }
        entries.iter().for_each(|entry| writeln!(self.text, "  ledger  {entry:?}").unwrap());
    }

    pub(crate) fn is_empty_or_panics(&self) {
        let Self { seed, wrong, text, .. } = self;
        assert!(*wrong == 0, "FOLDHOST_TEST_SEED={seed}: {wrong} orders did not come out as they have to\n{text}");
    }
}
