//! Every kind of failure that the API tells of. Clients branch on the code, so a code never changes its meaning.

use axum::http::StatusCode;

/// One kind of failure.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) status: StatusCode,
    /// Kebab-case; stable.
    pub(super) code: &'static str,
    /// The kind in a few words, the same for every occurrence.
    pub(super) title: &'static str,
}

macro_rules! kinds {
    ($($name:ident = $status:ident, $code:literal, $title:literal;)*) => {
        $(pub(super) static $name: Kind = Kind { status: StatusCode::$status, code: $code, title: $title };)*

        #[cfg(test)]
        pub(super) static ALL: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    // The sender's to mend.
    INVALID_STREAM_ID = BAD_REQUEST, "invalid-stream-id", "The stream id is invalid";
    INVALID_COMMAND_NAME = BAD_REQUEST, "invalid-command-name", "The command's name is invalid";
    INVALID_PATH = BAD_REQUEST, "invalid-path", "The path cannot be read";
    INVALID_QUERY = BAD_REQUEST, "invalid-query", "The query cannot be read";
    INVALID_HEADER = BAD_REQUEST, "invalid-header", "A header cannot be read";
    INVALID_CURSOR = BAD_REQUEST, "invalid-cursor", "The cursor cannot be read";
    INVALID_BODY = BAD_REQUEST, "invalid-body", "The body cannot be read";
    INVALID_METADATA = BAD_REQUEST, "invalid-metadata", "The metadata cannot be recorded";
    MALFORMED_JSON = BAD_REQUEST, "malformed-json", "The body is not JSON";
    MALFORMED_COMMAND = BAD_REQUEST, "malformed-command", "The reducer cannot read the command";
    INVALID_SUBSCRIPTION = BAD_REQUEST, "invalid-subscription", "No subscription can be like that";
    INVALID_EFFECT_ID = BAD_REQUEST, "invalid-effect-id", "The effect's id is invalid";
    NOT_FOUND = NOT_FOUND, "not-found", "There is nothing at this path";
    UNKNOWN_CATEGORY = NOT_FOUND, "unknown-category", "No reducer decides for the category";
    UNKNOWN_COMMAND = NOT_FOUND, "unknown-command", "The reducer has no such command";
    UNKNOWN_STREAM = NOT_FOUND, "unknown-stream", "The stream has no events";
    VERSION_BEYOND_HEAD = NOT_FOUND, "version-beyond-head", "The stream has not come that far";
    UNKNOWN_SUBSCRIPTION = NOT_FOUND, "unknown-subscription", "There is no such subscription";
    UNKNOWN_EFFECT = NOT_FOUND, "unknown-effect", "There is no such effect";
    UNKNOWN_REDUCER = NOT_FOUND, "unknown-reducer", "There is no such reducer";
    UNKNOWN_VERIFICATION = NOT_FOUND, "unknown-verification", "There is no such verification";
    NOT_ACCEPTABLE = NOT_ACCEPTABLE, "not-acceptable", "The answer is in no form that the sender takes";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "The path does not take this method";
    BODY_TIMEOUT = REQUEST_TIMEOUT, "body-timeout", "The body did not come in time";
    FOREIGN_CURSOR = GONE, "foreign-cursor", "The cursor belongs to another database";
    STREAM_CLOSED = GONE, "stream-closed", "The stream was closed";
    STREAM_ERASED = GONE, "stream-erased", "The stream was erased";
    TOO_LARGE = PAYLOAD_TOO_LARGE, "too-large", "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body's media type is not taken here";
    // A rule's no, and conflicts.
    REJECTED = UNPROCESSABLE_ENTITY, "rejected", "A business rule rejected the command";
    COMMAND_ID_REUSED = UNPROCESSABLE_ENTITY, "command-id-reused", "The command id belongs to another command";
    COMPONENT_REFUSED = UNPROCESSABLE_ENTITY, "component-refused", "The component was refused";
    CONFLICT = CONFLICT, "conflict", "The stream is not in the expected version";
    NOT_ERASABLE = CONFLICT, "not-erasable", "The stream cannot be erased";
    SUBSCRIPTION_LOST = CONFLICT, "subscription-lost", "Another reader has the subscription";
    SUBSCRIPTION_IN_USE = CONFLICT, "subscription-in-use", "Somebody reads the subscription";
    SUBSCRIPTION_DIFFERS = CONFLICT, "subscription-differs", "The subscription reads other events";
    EFFECT_STATUS = CONFLICT, "effect-status", "The effect is in another status";
    EFFECT_UNREADABLE = CONFLICT, "effect-unreadable", "What the effect says cannot be read";
    NATIVE_REDUCER = CONFLICT, "native-reducer", "The reducer is linked into the host";
    // Swaps.
    SWAP_INVALID = UNPROCESSABLE_ENTITY, "swap-invalid", "No swap can be like that";
    OUTRUN = CONFLICT, "outrun", "Another activation came first";
    NOT_VERIFIED = CONFLICT, "not-verified", "The component was not verified against the active one";
    VERIFYING = CONFLICT, "verifying", "What was recorded since the report is being looked through";
    VERIFICATION_FAILED = CONFLICT, "verification-failed", "The component cannot take the active one's place";
    NOT_ACCEPTED = CONFLICT, "not-accepted", "The component differs in what was not accepted";
    EVENTS_UNREADABLE = CONFLICT, "events-unreadable", "The component cannot read recorded events";
    CANARY_UNDER_WAY = CONFLICT, "canary-under-way", "The reducer has a canary";
    NO_CANARY = CONFLICT, "no-canary", "The reducer has no canary";
    CANARY_WRITES = CONFLICT, "canary-writes", "The active reducer cannot read what the canary writes";
    NO_FORMER = CONFLICT, "no-former", "There is nothing to go back to";
    VERIFICATION_OVER = CONFLICT, "verification-over", "The verification is over";
    // Worth a retry.
    BUSY = TOO_MANY_REQUESTS, "busy", "Too many commands wait for the stream";
    CONTENDED = SERVICE_UNAVAILABLE, "contended", "Others kept changing the stream";
    OVERLOADED = SERVICE_UNAVAILABLE, "overloaded", "Too many commands wait on the host";
    SHUTTING_DOWN = SERVICE_UNAVAILABLE, "shutting-down", "The host is shutting down";
    STORE_UNAVAILABLE = SERVICE_UNAVAILABLE, "store-unavailable", "The event store is unavailable";
    NOT_READY = SERVICE_UNAVAILABLE, "not-ready", "The host is not ready";
    TOO_MANY_SUBSCRIBERS = SERVICE_UNAVAILABLE, "too-many-subscribers", "Too many subscriptions are open";
    REDUCER_NOT_STARTED = SERVICE_UNAVAILABLE, "reducer-not-started", "The reducer could not be started";
    TIMEOUT = GATEWAY_TIMEOUT, "timeout", "The answer took too long";
    // The reducer's or the operator's to mend.
    REDUCER_TRAP = INTERNAL_SERVER_ERROR, "reducer-trap", "The reducer trapped";
    REDUCER_FUEL_EXHAUSTED = INTERNAL_SERVER_ERROR, "reducer-fuel-exhausted", "The reducer ran for too long";
    REDUCER_TIME_EXHAUSTED = INTERNAL_SERVER_ERROR, "reducer-time-exhausted", "The reducer kept a processor for too long";
    REDUCER_MEMORY_EXHAUSTED = INTERNAL_SERVER_ERROR, "reducer-memory-exhausted", "The reducer wanted too much memory";
    REDUCER_BROKEN_ANSWER = INTERNAL_SERVER_ERROR, "reducer-broken-answer", "The reducer gave a broken answer";
    REDUCER_CANNOT_APPLY = INTERNAL_SERVER_ERROR, "reducer-cannot-apply", "The reducer cannot read its stream";
    REDUCER_CANNOT_RESTORE = INTERNAL_SERVER_ERROR, "reducer-cannot-restore", "The reducer cannot read a snapshot";
    REDUCER_TOO_OLD = INTERNAL_SERVER_ERROR, "reducer-too-old", "The reducer's contract does not have it";
    REDUCER_UNUSABLE = INTERNAL_SERVER_ERROR, "reducer-unusable", "The deployed component does not load";
    COMPONENT_UNCHECKED = INTERNAL_SERVER_ERROR, "component-unchecked", "The component could not be checked";
    LOST = INTERNAL_SERVER_ERROR, "lost", "The command was lost on its way";
    STORE_FAILED = INTERNAL_SERVER_ERROR, "store-failed", "The event store failed";
    STORE_ENCRYPTION = INTERNAL_SERVER_ERROR, "store-encryption", "The data cannot be decrypted here";
    STORE_SCHEMA = INTERNAL_SERVER_ERROR, "store-schema", "The event store has another schema";
    STREAM_CORRUPT = INTERNAL_SERVER_ERROR, "stream-corrupt", "The stream's record contradicts itself";
    STORE_FULL = INSUFFICIENT_STORAGE, "store-full", "The event store has no room";
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "The host failed";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_kebab_case_and_stands_once() {
        let mut seen = std::collections::HashSet::new();
        for kind in ALL {
            assert!(kind.code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{}", kind.code);
            assert!(seen.insert(kind.code), "{} is there twice", kind.code);
        }
    }

    #[test]
    fn the_documentation_names_every_code_under_its_status() {
        let documentation = include_str!("mod.rs");
        for kind in ALL {
            let row = documentation.lines().find(|line| line.starts_with(&format!("//! | {} |", kind.status.as_u16())));
            assert!(row.is_some_and(|row| row.contains(&format!("`{}`", kind.code))), "{}", kind.code);
        }
    }
}
