use foldhost_sdk::prelude::*;

#[derive(Debug, PartialEq, Event)]
pub enum InvoiceEvent {
    #[event(version = 2, v1 = InvoiceIssuedV1)]
    InvoiceIssued {
        customer: String,
        cents: u64,
    },
    InvoiceSent {
        at_ms: i64,
    },
    PaidInFull {
        at_ms: i64,
    },
}

/// Until 2026-03: whole euros.
#[derive(FormerEvent)]
pub struct InvoiceIssuedV1 {
    customer: String,
    euros: u32,
}

impl From<InvoiceIssuedV1> for InvoiceEvent {
    fn from(former: InvoiceIssuedV1) -> Self {
        Self::InvoiceIssued { customer: former.customer, cents: u64::from(former.euros) * 100 }
    }
}
