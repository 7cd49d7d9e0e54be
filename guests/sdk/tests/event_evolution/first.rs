use foldhost_sdk::prelude::*;

#[derive(Debug, PartialEq, Event)]
pub enum InvoiceEvent {
    InvoiceIssued { customer: String, euros: u32 },
    InvoiceSent { at_ms: i64 },
    PaidInFull { at_ms: i64 },
}
