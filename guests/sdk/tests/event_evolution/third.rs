use foldhost_sdk::prelude::*;

#[derive(Debug, PartialEq, Event)]
pub enum InvoiceEvent {
    #[event(version = 3, v1 = InvoiceIssuedV1, v2 = InvoiceIssuedV2)]
    InvoiceIssued {
        customer_id: String,
        cents: u64,
        due_at_ms: Option<i64>,
    },
    #[event(version = 2, v1 = InvoiceSentV1 as "InvoiceSent")]
    InvoiceDelivered {
        at_ms: i64,
        channel: Channel,
    },
    PaymentReceived {
        cents: u64,
        at_ms: i64,
    },
    #[event(read_only)]
    PaidInFull {
        at_ms: i64,
    },
}

/// Recorded by its place in this list: new ones go to the end, and none is ever removed.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Channel {
    Email,
    Post,
}

/// Until 2026-03: whole euros.
#[derive(FormerEvent)]
pub struct InvoiceIssuedV1 {
    customer: String,
    euros: u32,
}

/// Until 2026-09: never due, and the customer's id was called `customer`.
#[derive(FormerEvent)]
pub struct InvoiceIssuedV2 {
    customer: String,
    cents: u64,
}

/// Until 2026-09: invoices went by e-mail and in no other way.
#[derive(FormerEvent)]
pub struct InvoiceSentV1 {
    at_ms: i64,
}

impl From<InvoiceIssuedV1> for InvoiceIssuedV2 {
    fn from(former: InvoiceIssuedV1) -> Self {
        Self { customer: former.customer, cents: u64::from(former.euros) * 100 }
    }
}

impl From<InvoiceIssuedV2> for InvoiceEvent {
    fn from(former: InvoiceIssuedV2) -> Self {
        Self::InvoiceIssued { customer_id: former.customer, cents: former.cents, due_at_ms: None }
    }
}

impl From<InvoiceSentV1> for InvoiceEvent {
    fn from(former: InvoiceSentV1) -> Self {
        Self::InvoiceDelivered { at_ms: former.at_ms, channel: Channel::Email }
    }
}

pub struct Invoice;

#[derive(Default, Serialize, Deserialize)]
pub struct InvoiceState {
    pub customer_id: String,
    pub cents: u64,
    pub paid_cents: u64,
    pub due_at_ms: Option<i64>,
    pub delivered: bool,
}

#[derive(Command)]
pub enum InvoiceCommand {
    ReceivePayment { cents: u64 },
}

impl Reducer for Invoice {
    const NAME: &'static str = "invoice";
    const STATE_SCHEMA: &'static str = "invoice.v2";
    type State = InvoiceState;
    type Command = InvoiceCommand;
    type Event = InvoiceEvent;

    fn decide(
        state: &InvoiceState,
        InvoiceCommand::ReceivePayment { cents }: InvoiceCommand,
        context: &Context,
    ) -> Result<Decision<InvoiceEvent>, Rejection> {
        if state.paid_cents >= state.cents {
            return Err(Rejection::new("already-paid", "the invoice is paid in full"));
        }
        Ok(Decision::event(InvoiceEvent::PaymentReceived { cents, at_ms: context.now_ms }))
    }

    fn apply(state: &mut InvoiceState, event: InvoiceEvent) {
        match event {
            InvoiceEvent::InvoiceIssued { customer_id, cents, due_at_ms } => {
                *state = InvoiceState { customer_id, cents, due_at_ms, ..InvoiceState::default() };
            }
            InvoiceEvent::InvoiceDelivered { .. } => state.delivered = true,
            InvoiceEvent::PaymentReceived { cents, .. } => state.paid_cents += cents,
            InvoiceEvent::PaidInFull { .. } => state.paid_cents = state.cents,
        }
    }
}
