use foldhost_sdk::{Event, FormerEvent};

#[derive(Event)]
enum InvoiceEvent {
    #[event(version = 3, v1 = IssuedV1, v2 = IssuedV2)]
    Issued { cents: i64 },
    #[event(version = 2, v1 = PaidV1)]
    Paid,
    #[event(version = 2, v1 = Plain)]
    Voided,
}

#[derive(FormerEvent)]
struct IssuedV1 {
    euros: i64,
}

#[derive(FormerEvent)]
struct IssuedV2 {
    cents: i32,
}

impl From<IssuedV2> for InvoiceEvent {
    fn from(IssuedV2 { cents }: IssuedV2) -> Self {
        Self::Issued { cents: cents.into() }
    }
}

#[derive(FormerEvent)]
struct PaidV1;

struct Plain;

impl From<Plain> for InvoiceEvent {
    fn from(_: Plain) -> Self {
        Self::Voided
    }
}

fn main() {}
