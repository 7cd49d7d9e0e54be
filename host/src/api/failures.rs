//! Which problem each failure of the host is: one function for each of its enums.

use serde_json::json;

use super::kinds;
use super::problem::Problem;
use crate::effects::EffectActionError;
use crate::event_store::{CursorError, EventStoreError, SubscriptionError};
use crate::reducer::{EffectRulesError, ReducerFault};
use crate::runtime::{CommandError, DeployError, ReadError, ReducerFailure};
use crate::stream::StreamIdError;
use crate::swap::SwapError;

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let detail = error.to_string();
        match error {
            CommandError::Rejected(rejection) => Self::new(&kinds::REJECTED, rejection.message.clone())
                .with("rejection", json!({ "code": rejection.code, "message": rejection.message })),
            CommandError::Malformed(_) => Self::new(&kinds::MALFORMED_COMMAND, detail),
            CommandError::UnknownCommand { known, .. } => {
                Self::new(&kinds::UNKNOWN_COMMAND, detail).with("known_commands", known)
            }
            CommandError::UnknownCategory { category } => {
                Self::new(&kinds::UNKNOWN_CATEGORY, detail).with("category", category)
            }
            CommandError::Conflict { expected, actual } => {
                Self::new(&kinds::CONFLICT, detail).with("expected", expected.to_string()).with("actual", actual.get())
            }
            CommandError::Contended { .. } => Self::new(&kinds::CONTENDED, detail),
            CommandError::IdReused { .. } => Self::new(&kinds::COMMAND_ID_REUSED, detail),
            CommandError::TooLarge(_) => Self::new(&kinds::TOO_LARGE, detail),
            CommandError::Metadata(_) => Self::new(&kinds::INVALID_METADATA, detail),
            CommandError::StreamClosed { version, .. } => {
                Self::new(&kinds::STREAM_CLOSED, detail).with("version", version.get())
            }
            CommandError::Overloaded { .. } => Self::new(&kinds::OVERLOADED, detail),
            CommandError::Busy { .. } => Self::new(&kinds::BUSY, detail),
            CommandError::ShuttingDown => Self::new(&kinds::SHUTTING_DOWN, detail),
            CommandError::Fault(failure) => (*failure).into(),
            CommandError::Store(error) => error.into(),
            CommandError::ReducerUnusable { .. } => Self::new(&kinds::REDUCER_UNUSABLE, detail),
            CommandError::Lost => Self::new(&kinds::LOST, detail),
        }
    }
}

impl From<ReducerFailure> for Problem {
    fn from(failure: ReducerFailure) -> Self {
        let detail = failure.to_string();
        let kind = match &failure.fault {
            ReducerFault::Trap { .. } => &kinds::REDUCER_TRAP,
            ReducerFault::FuelExhausted { .. } => &kinds::REDUCER_FUEL_EXHAUSTED,
            ReducerFault::TimeExhausted { .. } => &kinds::REDUCER_TIME_EXHAUSTED,
            ReducerFault::MemoryExhausted { .. } => &kinds::REDUCER_MEMORY_EXHAUSTED,
            ReducerFault::Unsupported { .. } => &kinds::REDUCER_TOO_OLD,
            ReducerFault::BrokenAnswer { .. } => &kinds::REDUCER_BROKEN_ANSWER,
            ReducerFault::Apply { .. } => &kinds::REDUCER_CANNOT_APPLY,
            ReducerFault::Snapshot(_) => &kinds::REDUCER_CANNOT_RESTORE,
            ReducerFault::Start(_) => &kinds::REDUCER_NOT_STARTED,
        };
        let mut problem = Self::new(kind, detail).with("reducer", json!(failure.reducer));
        if let Some(stream_id) = failure.stream_id {
            problem = problem.with("stream_id", stream_id.as_str());
        }
        if let Some(version) = failure.version {
            problem = problem.with("version", version.get());
        }
        if let Some(command) = failure.command {
            problem = problem.with("command", command);
        }
        problem
    }
}

impl From<EventStoreError> for Problem {
    fn from(error: EventStoreError) -> Self {
        let detail = error.to_string();
        match error {
            EventStoreError::Conflict { expected, actual, .. } => {
                Self::new(&kinds::CONFLICT, detail).with("expected", expected.to_string()).with("actual", actual.get())
            }
            EventStoreError::CommandIdReused { .. } | EventStoreError::Repeated { .. } => {
                Self::new(&kinds::COMMAND_ID_REUSED, detail)
            }
            EventStoreError::StreamClosed { version, .. } => {
                Self::new(&kinds::STREAM_CLOSED, detail).with("version", version.get())
            }
            EventStoreError::StreamErased { .. } => Self::new(&kinds::STREAM_ERASED, detail),
            EventStoreError::NotErasable { .. } => Self::new(&kinds::NOT_ERASABLE, detail),
            EventStoreError::Fenced { .. } | EventStoreError::Contended(_) => Self::new(&kinds::CONTENDED, detail),
            EventStoreError::Outrun { active, .. } => Self::new(&kinds::OUTRUN, detail).with("active", active),
            EventStoreError::Unread { events, .. } => {
                Self::new(&kinds::EVENTS_UNREADABLE, detail).with("events", json!(events))
            }
            EventStoreError::Encryption(_) => Self::new(&kinds::STORE_ENCRYPTION, detail),
            EventStoreError::OutOfResources(_) => Self::new(&kinds::STORE_FULL, detail),
            EventStoreError::ForeignCursor => Self::new(&kinds::FOREIGN_CURSOR, detail),
            EventStoreError::Corrupt { .. } => Self::new(&kinds::STREAM_CORRUPT, detail),
            EventStoreError::Unavailable(_) => Self::new(&kinds::STORE_UNAVAILABLE, detail),
            EventStoreError::InvalidBatch(_) | EventStoreError::Database(_) => Self::new(&kinds::STORE_FAILED, detail),
            EventStoreError::Schema(_) => Self::new(&kinds::STORE_SCHEMA, detail),
        }
    }
}

impl From<SubscriptionError> for Problem {
    fn from(error: SubscriptionError) -> Self {
        let detail = error.to_string();
        match error {
            SubscriptionError::Lost { .. } => Self::new(&kinds::SUBSCRIPTION_LOST, detail),
            SubscriptionError::FilterDiffers { stored, .. } => Self::new(&kinds::SUBSCRIPTION_DIFFERS, detail)
                .with("category", stored.category)
                .with("event_type", stored.event_type),
            SubscriptionError::ForeignCheckpoint { .. } => Self::new(&kinds::FOREIGN_CURSOR, detail),
            SubscriptionError::NotHandedOut { .. } => Self::new(&kinds::INVALID_CURSOR, detail),
            SubscriptionError::InUse { leased_until, .. } => {
                Self::new(&kinds::SUBSCRIPTION_IN_USE, detail).with("leased_until", json!(leased_until))
            }
            SubscriptionError::Unknown { .. } => Self::new(&kinds::UNKNOWN_SUBSCRIPTION, detail),
            SubscriptionError::Invalid(_) => Self::new(&kinds::INVALID_SUBSCRIPTION, detail),
            SubscriptionError::Store(error) => error.into(),
        }
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let detail = error.to_string();
        match error {
            ReadError::UnknownStream(_) => Self::new(&kinds::UNKNOWN_STREAM, detail),
            ReadError::BeyondHead { asked, head, .. } => {
                Self::new(&kinds::VERSION_BEYOND_HEAD, detail).with("asked", asked.get()).with("head", head.get())
            }
            ReadError::Command(error) => error.into(),
        }
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        let detail = error.to_string();
        match error {
            DeployError::Gate(error) => Self::new(&kinds::COMPONENT_REFUSED, detail).with("offences", error.offences),
            DeployError::Rules(error) => error.into(),
            DeployError::Native(_) => Self::new(&kinds::NATIVE_REDUCER, detail),
            DeployError::Unreadable { events, .. } => {
                Self::new(&kinds::EVENTS_UNREADABLE, detail).with("events", json!(events))
            }
            DeployError::Store(error) => error.into(),
            DeployError::Check(_) => Self::new(&kinds::COMPONENT_UNCHECKED, detail),
        }
    }
}

impl From<SwapError> for Problem {
    fn from(error: SwapError) -> Self {
        let detail = error.to_string();
        match error {
            SwapError::NotActive(_) | SwapError::UnknownDigest { .. } | SwapError::AmbiguousDigest { .. } => {
                Self::new(&kinds::UNKNOWN_REDUCER, detail)
            }
            SwapError::Native(_) => Self::new(&kinds::NATIVE_REDUCER, detail),
            SwapError::Unreadable { events, .. } => {
                Self::new(&kinds::EVENTS_UNREADABLE, detail).with("events", json!(events))
            }
            SwapError::NotVerified { .. } => Self::new(&kinds::NOT_VERIFIED, detail),
            SwapError::Verifying { verification_id, .. } => {
                Self::new(&kinds::VERIFYING, detail).with("verification_id", json!(verification_id))
            }
            SwapError::VerificationFailed { verification_id, names } => Self::new(&kinds::VERIFICATION_FAILED, detail)
                .with("verification_id", json!(verification_id))
                .with("names", names),
            SwapError::NotAccepted { verification_id, names } => Self::new(&kinds::NOT_ACCEPTED, detail)
                .with("verification_id", json!(verification_id))
                .with("names", names),
            SwapError::CanaryUnderWay { .. } => Self::new(&kinds::CANARY_UNDER_WAY, detail),
            SwapError::NoCanary { .. } => Self::new(&kinds::NO_CANARY, detail),
            SwapError::CanaryWrites { event_types, .. } => {
                Self::new(&kinds::CANARY_WRITES, detail).with("event_types", event_types)
            }
            SwapError::NoFormer(_) => Self::new(&kinds::NO_FORMER, detail),
            SwapError::Invalid(_) => Self::new(&kinds::SWAP_INVALID, detail),
            SwapError::Rules(error) => error.into(),
            SwapError::UnknownVerification(_) => Self::new(&kinds::UNKNOWN_VERIFICATION, detail),
            SwapError::Command(error) => error.into(),
            SwapError::Read(error) => error.into(),
            SwapError::Store(error) => error.into(),
        }
    }
}

impl From<EffectRulesError> for Problem {
    fn from(error: EffectRulesError) -> Self {
        // Rules stand in the query of a deployment.
        Self::new(&kinds::INVALID_QUERY, error.to_string())
    }
}

impl From<EffectActionError> for Problem {
    fn from(error: EffectActionError) -> Self {
        let detail = error.to_string();
        match error {
            EffectActionError::Unknown(_) => Self::new(&kinds::UNKNOWN_EFFECT, detail),
            // Not `status`: that is the answer's own, in every problem document.
            EffectActionError::Status { status, .. } => {
                Self::new(&kinds::EFFECT_STATUS, detail).with("effect_status", status.as_str())
            }
            EffectActionError::Unreadable { .. } => Self::new(&kinds::EFFECT_UNREADABLE, detail),
            EffectActionError::Store(error) => error.into(),
        }
    }
}

impl From<StreamIdError> for Problem {
    fn from(error: StreamIdError) -> Self {
        Self::new(&kinds::INVALID_STREAM_ID, error.to_string())
    }
}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Self {
        Self::new(&kinds::INVALID_CURSOR, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::reducer::ReducerDigest;
    use crate::runtime::DecidedBy;

    /// The ones that a test over a socket cannot provoke.
    #[test]
    fn failures_that_are_nobodys_request_have_a_status_and_a_code_of_their_own() {
        let corrupt = || EventStoreError::Corrupt {
            stream_id: "order-1".parse().unwrap_or_else(|error| panic!("{error}")),
            reason: "event 3 follows event 1".into(),
        };
        let failure = |fault| ReducerFailure {
            fault,
            reducer: DecidedBy { name: "order".into(), digest: ReducerDigest::of(b"code"), generation: Some(7) },
            stream_id: None,
            version: None,
            command: None,
        };
        let unreadable =
            EffectActionError::Unreadable { effect_id: Uuid::nil(), reason: "it is of a later host".into() };
        let cases: [(Problem, u16, &str); 9] = [
            (CommandError::Contended { attempts: 9 }.into(), 503, "contended"),
            (CommandError::Lost.into(), 500, "lost"),
            (failure(ReducerFault::Snapshot("x".into())).into(), 500, "reducer-cannot-restore"),
            (CommandError::ReducerUnusable { name: "a".into(), reason: "b".into() }.into(), 500, "reducer-unusable"),
            (CommandError::Store(EventStoreError::Schema("run migrate".into())).into(), 500, "store-schema"),
            (EventStoreError::Database("x".into()).into(), 500, "store-failed"),
            (corrupt().into(), 500, "stream-corrupt"),
            (unreadable.into(), 409, "effect-unreadable"),
            (DeployError::Check("cancelled".into()).into(), 500, "component-unchecked"),
        ];
        for (problem, status, code) in cases {
            assert_eq!((problem.kind.status.as_u16(), problem.kind.code), (status, code), "{}", problem.detail);
        }
    }
}
