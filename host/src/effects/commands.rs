//! Commands on behalf of effects: what is dispatched, and what takes an outcome back.

use std::time::Duration;

use async_trait::async_trait;
use foldhost_sdk::{DispatchedCommand, EffectFailure, EffectOutcome, FlatEffectKind, OwnedPayload};

use super::{EffectContext, EffectError, EffectRunner, KindTerms};
use crate::event_store::EventStoreError;
use crate::reducer::{Command, Payload};
use crate::{CommandError, CommandMetadata, CommandReply, CommandRequest, Host, StreamId};

/// Terms of commands. They fail for good only where time does not help, so they are tried for long; and no breaker: one stream
/// whose reducer traps says nothing about the others.
pub(super) const TERMS: KindTerms = KindTerms {
    attempts_max: 500,
    deadline: Duration::from_secs(24 * 3_600),
    attempt_max: Duration::from_secs(60),
    backoff_min: Duration::from_millis(100),
    backoff_max: Duration::from_secs(300),
    concurrency_max: 256,
    breaker_failures_max: 0,
};

/// `dispatch`: a command for another stream, done once however often it is sent.
pub(super) struct Dispatch;

#[async_trait]
impl EffectRunner for Dispatch {
    fn kind(&self) -> &str {
        "dispatch"
    }

    fn terms(&self) -> KindTerms {
        TERMS
    }

    fn target(&self, effect: &FlatEffectKind) -> String {
        let FlatEffectKind::Dispatch { stream_id, .. } = effect else { return String::new() };
        stream_id.parse().map_or_else(|_| String::new(), |stream_id: StreamId| stream_id.category().to_owned())
    }

    async fn run(&self, effect: &FlatEffectKind, context: &EffectContext) -> Result<EffectOutcome, EffectError> {
        let FlatEffectKind::Dispatch { stream_id, command } = effect else {
            return Err(EffectError::permanent("invalid-effect", "it is no dispatch"));
        };
        let stream_id: StreamId =
            stream_id.parse().map_err(|error| EffectError::permanent("invalid-stream-id", format!("{error}")))?;
        let DispatchedCommand { name, payload } = command.clone();
        let payload = match payload {
            OwnedPayload::Json(json) => Payload::Json(json),
            OwnedPayload::Binary(bytes) => Payload::Binary(bytes),
        };
        // Of its own: the reply to the same effect has the effect's id, and a reducer may well dispatch to its own stream.
        let command_id = format!("{}.dispatch", context.effect_id);
        let sent = send(&context.host, context, stream_id.clone(), Command { name, payload }, command_id).await;
        match sent {
            Ok(reply) => {
                Ok(EffectOutcome::Dispatched { stream_id: stream_id.as_str().into(), version: reply.version.get() })
            }
            Err(CommandError::Rejected(no)) => {
                Ok(EffectOutcome::Rejected(EffectFailure { code: no.code.into_owned(), message: no.message }))
            }
            Err(error) => Err(judged(&error)),
        }
    }
}

/// Sends a command under an id that is the effect's, so that it is done once.
pub(super) async fn send(
    host: &Host,
    context: &EffectContext,
    stream_id: StreamId,
    command: Command,
    command_id: String,
) -> Result<CommandReply, CommandError> {
    let metadata = CommandMetadata {
        correlation_id: Some(context.correlation_id.clone().unwrap_or_else(|| context.command_id.clone())),
        causation_id: Some(context.effect_id.clone()),
        traceparent: context.traceparent.clone(),
        ..CommandMetadata::default()
    };
    let request = CommandRequest { command_id: Some(command_id), metadata, ..CommandRequest::new(stream_id, command) };
    host.send(request).await
}

/// Whether a command that was not done may be sent again. [`CommandError::Rejected`] is its receiver's answer, and never comes here.
pub(super) fn judged(error: &CommandError) -> EffectError {
    let message = error.to_string();
    match error {
        CommandError::Malformed(_) => EffectError::permanent("malformed-command", message),
        CommandError::UnknownCommand { .. } => EffectError::permanent("unknown-command", message),
        CommandError::TooLarge(_) => EffectError::permanent("too-large", message),
        CommandError::Metadata(_) => EffectError::permanent("invalid-metadata", message),
        CommandError::IdReused { .. } => EffectError::permanent("command-id-reused", message),
        CommandError::StreamClosed { .. } => EffectError::permanent("stream-closed", message),
        CommandError::Busy { .. }
        | CommandError::Overloaded { .. }
        | CommandError::Contended { .. }
        | CommandError::ShuttingDown
        | CommandError::Store(EventStoreError::Unavailable(_) | EventStoreError::Contended(_)) => {
            EffectError::NotNow(message)
        }
        CommandError::UnknownCategory { .. } => EffectError::transient("unknown-category", message),
        // Whatever ended its entity may do so each time.
        CommandError::Lost => EffectError::transient("lost", message),
        CommandError::ReducerUnusable { .. } => EffectError::transient("reducer-unusable", message),
        CommandError::Fault(_) => EffectError::transient("reducer-fault", message),
        CommandError::Conflict { .. } | CommandError::Rejected(_) => EffectError::transient("conflict", message),
        CommandError::Store(_) => EffectError::transient("store-failed", message),
    }
}

/// What became of an outcome that was sent to its stream.
pub(super) enum Told {
    /// The stream knows it, or has said all that it will say.
    Yes,
    /// It will never know, for this reason.
    Never(String),
    /// It may know another time.
    NotYet(EffectError),
}

/// Tells a stream an outcome. What is told twice changes it once, and a rule's no is an answer.
pub(super) async fn tell(context: &EffectContext, command: Command) -> Told {
    let (stream_id, command_id) = (context.stream_id.clone(), context.effect_id.clone());
    match send(&context.host, context, stream_id, command, command_id).await {
        Ok(_) | Err(CommandError::Rejected(_)) => Told::Yes,
        // It was told before, by an attempt that nobody heard the end of, in words that differ: a server's date, say.
        Err(CommandError::IdReused { .. }) => Told::Yes,
        // Nothing can change it any more, so there is nothing to tell.
        Err(CommandError::StreamClosed { .. }) => Told::Yes,
        Err(error) => match judged(&error) {
            EffectError::Permanent { code, message } => {
                Told::Never(format!("the outcome could not be told: {code}: {message}"))
            }
            error => Told::NotYet(error),
        },
    }
}
