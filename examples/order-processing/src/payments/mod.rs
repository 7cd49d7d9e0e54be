//! A payment service, as a shop would meet one over HTTP: it books into a durable ledger, answers a request that is sent twice
//! once, refuses what was cancelled, gives back what was paid, and fails by chance when it is told to.
//!
//! | request | answer |
//! |---|---|
//! | `POST /payments` `{"order_id","customer_id","amount_cents"}`, with `Idempotency-Key` | 201 `{"payment_id"}`; 402 declined; 409 cancelled, or paid under another key; 422 the key of another payment |
//! | `POST /cancellations` `{"order_id"}` | 200 `{"order_id","refunded_cents"}`: from now on the order is not paid any more, and what was paid is given back |
//! | `GET /ledger` (`?order_id=`) | 200 `{"entries"}`: all that was booked, in order |
//!
//! - `book`: what is decided, and what the entries add up to
//! - `ledger`: the entries in a file, durable before anybody is answered
//! - `faults`: failures by chance, from a seed
//! - `api`: the requests

mod api;
mod book;
mod faults;
mod ledger;
mod server;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use book::{Charge, ChargeAnswer, Entry};
pub use faults::Faults;
pub use ledger::LedgerError;
pub use server::RunningService;

use faults::Chance;
use ledger::Ledger;

/// How a payment service behaves.
#[derive(Clone, Debug, Default)]
pub struct PaymentConfig {
    /// Where its ledger is kept; in memory without it.
    pub ledger: Option<PathBuf>,
    /// Payments above this are declined, in cents; none without it.
    pub decline_above_cents: Option<i64>,
    /// How it fails.
    pub faults: Faults,
}

/// A payment service. It is served by [`RunningService`]; clones share the ledger.
#[derive(Clone, Debug)]
pub struct PaymentService {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Mutex<Ledger>,
    chance: Chance,
    decline_above_cents: Option<i64>,
}

impl PaymentService {
    /// A service over its ledger, which is read first.
    ///
    /// # Errors
    /// [`LedgerError`]
    pub fn open(config: &PaymentConfig) -> Result<Self, LedgerError> {
        let ledger = config.ledger.as_deref().map_or_else(|| Ok(Ledger::in_memory()), Ledger::open)?;
        let (chance, decline_above_cents) = (Chance::new(config.faults), config.decline_above_cents);
        Ok(Self { shared: Arc::new(Shared { ledger: Mutex::new(ledger), chance, decline_above_cents }) })
    }

    /// All that was booked, in the sequence in which it was.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.ledger().book().entries().to_vec()
    }

    /// All that was booked for an order, in the sequence in which it was.
    #[must_use]
    pub fn entries_of(&self, order_id: &str) -> Vec<Entry> {
        self.ledger().book().entries().iter().filter(|entry| entry.order_id() == order_id).cloned().collect()
    }

    /// What an order has paid and was not given back, in cents.
    #[must_use]
    pub fn net_cents(&self, order_id: &str) -> i64 {
        self.entries_of(order_id).iter().map(Entry::net_cents).sum()
    }

    /// The ledger. An entry is taken in after it is durable, in one step, so a panic elsewhere leaves nothing half done.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.shared.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
