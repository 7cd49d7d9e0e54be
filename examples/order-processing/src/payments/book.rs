//! What the ledger's entries add up to, and what is decided on it.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// A line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// An order was paid.
    Charged {
        /// This payment's own id.
        payment_id: String,
        /// Under which `Idempotency-Key` it was asked for.
        key: String,
        /// What for.
        #[serde(flatten)]
        charge: Charge,
    },
    /// A payment was declined.
    Declined {
        /// Under which `Idempotency-Key` it was asked for.
        key: String,
        /// What for.
        #[serde(flatten)]
        charge: Charge,
    },
    /// An order was cancelled, and given back what it had paid: one line, since half of it would be money that is gone.
    Cancelled {
        /// The order.
        order_id: String,
        /// How much it was given back.
        refunded_cents: i64,
    },
}

/// A payment that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// The order.
    pub order_id: String,
    /// Who pays.
    pub customer_id: String,
    /// How much.
    pub amount_cents: i64,
}

/// What somebody who asked for a payment is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChargeAnswer {
    /// It was made, now or when this was asked before.
    Paid {
        /// The payment's id.
        payment_id: String,
    },
    /// It is more than this service lets anybody pay.
    Declined,
    /// The order was cancelled.
    Cancelled,
    /// The order was paid, under another key.
    AlreadyPaid,
    /// The key is that of another payment.
    KeyReused,
}

impl Entry {
    /// The order that it is about.
    #[must_use]
    pub fn order_id(&self) -> &str {
        match self {
            Self::Charged { charge, .. } | Self::Declined { charge, .. } => &charge.order_id,
            Self::Cancelled { order_id, .. } => order_id,
        }
    }

    /// What it adds to what the order has paid.
    #[must_use]
    pub fn net_cents(&self) -> i64 {
        match self {
            Self::Charged { charge, .. } => charge.amount_cents,
            Self::Declined { .. } => 0,
            Self::Cancelled { refunded_cents, .. } => -refunded_cents,
        }
    }
}

/// The entries, and what they add up to.
#[derive(Debug, Default)]
pub(super) struct Book {
    entries: Vec<Entry>,
    /// Where the entry of each key is.
    keys: HashMap<String, usize>,
    orders: HashMap<String, Account>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    paid_cents: Option<i64>,
    is_cancelled: bool,
}

/// What is to be done: an answer that is known, or an entry that has to be durable before its answer is given.
pub(super) enum Decided<A> {
    Known(A),
    Booked(Entry, A),
}

impl Book {
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn take_in(&mut self, entry: Entry) {
        let account = self.orders.entry(entry.order_id().to_owned()).or_default();
        match &entry {
            Entry::Charged { key, charge, .. } => {
                account.paid_cents = Some(charge.amount_cents);
                self.keys.insert(key.clone(), self.entries.len());
            }
            Entry::Declined { key, .. } => {
                self.keys.insert(key.clone(), self.entries.len());
            }
            Entry::Cancelled { .. } => *account = Account { paid_cents: None, is_cancelled: true },
        }
        self.entries.push(entry);
    }

    /// What was answered under this key once is answered for good, also where the order was cancelled since: whoever asks
    /// again has lost the answer, and not changed its mind.
    pub(super) fn charge(&self, key: &str, charge: Charge, decline_above_cents: Option<i64>) -> Decided<ChargeAnswer> {
        if let Some(entry) = self.keys.get(key).and_then(|&at| self.entries.get(at)) {
            return Decided::Known(match entry {
                Entry::Charged { payment_id, charge: before, .. } if *before == charge => {
                    ChargeAnswer::Paid { payment_id: payment_id.clone() }
                }
                Entry::Declined { charge: before, .. } if *before == charge => ChargeAnswer::Declined,
                _ => ChargeAnswer::KeyReused,
            });
        }
        let account = self.orders.get(&charge.order_id).copied().unwrap_or_default();
        if account.is_cancelled {
            return Decided::Known(ChargeAnswer::Cancelled);
        }
        if account.paid_cents.is_some() {
            return Decided::Known(ChargeAnswer::AlreadyPaid);
        }
        let key = key.to_owned();
        if decline_above_cents.is_some_and(|most| charge.amount_cents > most) {
            return Decided::Booked(Entry::Declined { key, charge }, ChargeAnswer::Declined);
        }
        let payment_id = format!("pay-{}", self.entries.len() + 1);
        let answer = ChargeAnswer::Paid { payment_id: payment_id.clone() };
        Decided::Booked(Entry::Charged { payment_id, key, charge }, answer)
    }

    /// Gives the cents that are given back.
    pub(super) fn cancel(&self, order_id: String) -> Decided<i64> {
        let account = self.orders.get(&order_id).copied().unwrap_or_default();
        if account.is_cancelled {
            let refunded = self.entries.iter().find_map(|entry| match entry {
                Entry::Cancelled { order_id: cancelled, refunded_cents } if *cancelled == order_id => {
                    Some(*refunded_cents)
                }
                _ => None,
            });
            return Decided::Known(refunded.unwrap_or_default());
        }
        let refunded_cents = account.paid_cents.unwrap_or_default();
        Decided::Booked(Entry::Cancelled { order_id, refunded_cents }, refunded_cents)
    }
}
