//! The generated traits, implemented for every reducer.

use std::cell::RefCell;
use std::marker::PhantomData;

use super::bindings::exports::foldhost::reducer::reducer as wit;
use super::panic::leave_a_record;
use crate::{
    Context, DecideError, DispatchedCommand, EncodedDecision, EventStoreOperation, FlatEffect, FlatEffectKind, Fold,
    HttpRequest, LogLevel, LogLine, OwnedPayload, Payload, Reducer,
};

/// `R` as the component's exports.
pub struct Component<R>(PhantomData<R>);

/// The resource `aggregate`. The component model calls methods on a shared reference, one at a time.
pub struct Aggregate<R: Reducer>(RefCell<Fold<R>>);

impl<R: Reducer> wit::Guest for Component<R> {
    type Aggregate = Aggregate<R>;

    fn describe() -> wit::Descriptor {
        leave_a_record();
        let crate::Descriptor { name, commands, event_types, writes, state_schema, sdk_version } =
            crate::descriptor::<R>();
        wit::Descriptor { name, commands, event_types, writes, state_schema, sdk_version }
    }

    fn event_json(event_type: String, data: Vec<u8>) -> Result<String, String> {
        leave_a_record();
        crate::event_json::<R>(&event_type, &data)
    }

    fn event_upcast(event_type: String, data: Vec<u8>) -> Result<wit::UpcastEvent, String> {
        leave_a_record();
        let crate::UpcastEvent { event_type, json } = crate::event_upcast::<R>(&event_type, &data)?;
        Ok(wit::UpcastEvent { event_type, json })
    }

    fn event_from_json(event_type: String, json: String) -> Result<Vec<u8>, String> {
        leave_a_record();
        crate::event_from_json::<R>(&event_type, &json)
    }
}

/// For exports that stand before these: a resource has one type, so what is not exported is made of what it holds.
impl<R: Reducer> From<Fold<R>> for Aggregate<R> {
    fn from(fold: Fold<R>) -> Self {
        Self(RefCell::new(fold))
    }
}

impl<R: Reducer> wit::GuestAggregate for Aggregate<R> {
    fn new(stream_id: String) -> Self {
        leave_a_record();
        Self(RefCell::new(Fold::new(stream_id)))
    }

    fn restore(stream_id: String, snapshot: Vec<u8>) -> Result<wit::Aggregate, String> {
        leave_a_record();
        let fold = Fold::<R>::restore(stream_id, &snapshot)?;
        Ok(wit::Aggregate::new(Self(RefCell::new(fold))))
    }

    fn apply(&self, events: wit::EventBatch) -> Result<(), wit::ApplyError> {
        let wit::EventBatch { first_version, event_types, type_index, ends, data } = events;
        self.0
            .borrow_mut()
            .apply_packed(first_version, &event_types, &type_index, &ends, &data)
            .map_err(|crate::ApplyError { version, message }| wit::ApplyError { version, message })
    }

    fn decide(&self, command: wit::Command, context: wit::Context) -> Result<wit::Decision, wit::DecideError> {
        let wit::Context { stream_id, version, command_id, now_ms, seed } = context;
        let context = Context { stream_id, version, command_id, now_ms, seed };
        let payload = match &command.payload {
            wit::Payload::Json(json) => Payload::Json(json),
            wit::Payload::Binary(bytes) => Payload::Binary(bytes),
        };
        match self.0.borrow().decide(&command.name, payload, &context) {
            Ok(decision) => Ok(decision.into()),
            Err(DecideError::Rejected(rejection)) => Err(wit::DecideError::Rejected(wit::Rejection {
                code: rejection.code.into_owned(),
                message: rejection.message,
            })),
            Err(DecideError::Malformed(error)) => Err(wit::DecideError::Malformed(error.to_string())),
            Err(DecideError::Faulty(error)) => Err(wit::DecideError::Faulty(error.to_string())),
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.borrow().snapshot()
    }

    fn state_json(&self) -> String {
        self.0.borrow().state_json()
    }
}

impl From<EncodedDecision> for wit::Decision {
    fn from(decision: EncodedDecision) -> Self {
        let events = decision
            .events
            .into_iter()
            .map(|event| wit::NewEvent { event_type: event.event_type.to_owned(), data: event.data });
        Self {
            events: events.collect(),
            effects: decision.effects.into_iter().map(Into::into).collect(),
            log: decision.log.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<FlatEffect> for wit::Effect {
    fn from(effect: FlatEffect) -> Self {
        let kind = match effect.kind {
            FlatEffectKind::Dispatch { stream_id, command } => wit::EffectKind::Dispatch((stream_id, command.into())),
            FlatEffectKind::Http(request) => wit::EffectKind::Http(request.into()),
            FlatEffectKind::EventStore(operation) => wit::EffectKind::EventStore(operation.into()),
            FlatEffectKind::Delay(delay_ms) => wit::EffectKind::Delay(delay_ms),
            FlatEffectKind::Parallel(children) => wit::EffectKind::Parallel(children),
            FlatEffectKind::Sequential(children) => wit::EffectKind::Sequential(children),
            FlatEffectKind::Custom { kind, payload } => wit::EffectKind::Custom((kind, payload.into())),
        };
        Self { kind, reply_to: effect.reply_to }
    }
}

impl From<DispatchedCommand> for wit::Command {
    fn from(command: DispatchedCommand) -> Self {
        Self { name: command.name, payload: command.payload.into() }
    }
}

impl From<OwnedPayload> for wit::Payload {
    fn from(payload: OwnedPayload) -> Self {
        match payload {
            OwnedPayload::Json(json) => Self::Json(json),
            OwnedPayload::Binary(bytes) => Self::Binary(bytes),
        }
    }
}

impl From<HttpRequest> for wit::OutgoingRequest {
    fn from(HttpRequest { method, url, headers, body }: HttpRequest) -> Self {
        Self { method, url, headers, body }
    }
}

impl From<EventStoreOperation> for wit::EventStoreOperation {
    fn from(operation: EventStoreOperation) -> Self {
        match operation {
            EventStoreOperation::AppendEvents { stream_id, events } => {
                let events =
                    events.into_iter().map(|event| wit::NewEvent { event_type: event.event_type, data: event.data });
                Self::AppendEvents((stream_id, events.collect()))
            }
            EventStoreOperation::LoadEvents { stream_id, from_version } => Self::LoadEvents((stream_id, from_version)),
            EventStoreOperation::SaveSnapshot { stream_id } => Self::SaveSnapshot(stream_id),
            EventStoreOperation::LoadSnapshot { stream_id } => Self::LoadSnapshot(stream_id),
        }
    }
}

impl From<LogLine> for wit::LogLine {
    fn from(line: LogLine) -> Self {
        let level = match line.level {
            LogLevel::Debug => wit::LogLevel::Debug,
            LogLevel::Info => wit::LogLevel::Info,
            LogLevel::Warn => wit::LogLevel::Warn,
            LogLevel::Error => wit::LogLevel::Error,
        };
        Self { level, message: line.message }
    }
}
