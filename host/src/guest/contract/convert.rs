//! What a guest answers, as the rest of the host knows it.

use foldhost_sdk as sdk;

use super::types::{DispatchedCommand, Effect, EventStoreOperation, LogLevel, OutgoingRequest, OwnedPayload};
use super::v1_2::EffectKind;

/// All text and data that an effect brings.
pub(in crate::guest) fn effect_bytes(effect: &Effect<EffectKind>) -> usize {
    let kind = match &effect.kind {
        EffectKind::Dispatch((stream_id, DispatchedCommand { name, payload })) => {
            stream_id.len() + name.len() + payload_bytes(payload)
        }
        EffectKind::Http(OutgoingRequest { method, url, headers, body }) => {
            let headers: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
            method.len() + url.len() + headers + body.len()
        }
        EffectKind::EventStore(EventStoreOperation::AppendEvents((stream_id, events))) => {
            let events: usize = events.iter().map(|event| event.event_type.len() + event.data.len()).sum();
            stream_id.len() + events
        }
        EffectKind::EventStore(
            EventStoreOperation::LoadEvents((stream_id, _))
            | EventStoreOperation::SaveSnapshot(stream_id)
            | EventStoreOperation::LoadSnapshot(stream_id),
        ) => stream_id.len(),
        EffectKind::Delay(_) => 0,
        EffectKind::Parallel(children) | EffectKind::Sequential(children) => size_of_val(children.as_slice()),
        EffectKind::Custom((name, payload)) => name.len() + payload_bytes(payload),
    };
    kind + effect.reply_to.as_ref().map_or(0, String::len)
}

fn payload_bytes(payload: &OwnedPayload) -> usize {
    match payload {
        OwnedPayload::Json(text) => text.len(),
        OwnedPayload::Binary(bytes) => bytes.len(),
    }
}

pub(in crate::guest) fn flat_effect(effect: Effect<EffectKind>) -> sdk::FlatEffect {
    let kind = match effect.kind {
        EffectKind::Dispatch((stream_id, DispatchedCommand { name, payload })) => {
            let command = sdk::DispatchedCommand { name, payload: owned_payload(payload) };
            sdk::FlatEffectKind::Dispatch { stream_id, command }
        }
        EffectKind::Http(OutgoingRequest { method, url, headers, body }) => {
            sdk::FlatEffectKind::Http(sdk::HttpRequest { method, url, headers, body })
        }
        EffectKind::EventStore(operation) => sdk::FlatEffectKind::EventStore(store_operation(operation)),
        EffectKind::Delay(delay_ms) => sdk::FlatEffectKind::Delay(delay_ms),
        EffectKind::Parallel(children) => sdk::FlatEffectKind::Parallel(children),
        EffectKind::Sequential(children) => sdk::FlatEffectKind::Sequential(children),
        EffectKind::Custom((kind, payload)) => sdk::FlatEffectKind::Custom { kind, payload: owned_payload(payload) },
    };
    sdk::FlatEffect { kind, reply_to: effect.reply_to }
}

fn owned_payload(payload: OwnedPayload) -> sdk::OwnedPayload {
    match payload {
        OwnedPayload::Json(json) => sdk::OwnedPayload::Json(json),
        OwnedPayload::Binary(bytes) => sdk::OwnedPayload::Binary(bytes),
    }
}

fn store_operation(operation: EventStoreOperation) -> sdk::EventStoreOperation {
    match operation {
        EventStoreOperation::AppendEvents((stream_id, events)) => {
            let events =
                events.into_iter().map(|event| sdk::NewEvent { event_type: event.event_type, data: event.data });
            sdk::EventStoreOperation::AppendEvents { stream_id, events: events.collect() }
        }
        EventStoreOperation::LoadEvents((stream_id, from_version)) => {
            sdk::EventStoreOperation::LoadEvents { stream_id, from_version }
        }
        EventStoreOperation::SaveSnapshot(stream_id) => sdk::EventStoreOperation::SaveSnapshot { stream_id },
        EventStoreOperation::LoadSnapshot(stream_id) => sdk::EventStoreOperation::LoadSnapshot { stream_id },
    }
}

pub(in crate::guest) fn level(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Error => tracing::Level::ERROR,
    }
}
