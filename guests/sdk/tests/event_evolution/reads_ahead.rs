use foldhost_sdk::prelude::*;

#[derive(Debug, PartialEq, Event)]
pub enum InvoiceEvent {
    InvoiceIssued {
        customer: String,
        euros: u32,
    },
    #[event(name = "InvoiceIssued", version = 2, read_only)]
    InvoiceIssuedV2 {
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
