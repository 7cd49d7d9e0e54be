//! Effects as JSON: for diffs, and for the files that scenarios stand in.

use foldhost_sdk::testing::exact_value;
use foldhost_sdk::{DispatchedCommand, Effect, EffectKind, EventStoreOperation, HttpRequest, NewEvent, OwnedPayload};
use serde_json::{Map, Value, json};

/// An effect as JSON: an object with one field that says what it does, and `reply_to` where it has one.
///
/// | | |
/// |---|---|
/// | dispatch | `{"dispatch": {"stream": "order-2", "command": "ShipOrder", "payload": {...}}}` |
/// | http | `{"http": {"method": "POST", "url": "...", "headers": [["name", "value"]], "body": "..."}}` |
/// | delay | `{"delay_ms": 1000}` |
/// | event store | `{"event_store": {"append_events": {"stream": "...", "events": [{"event_type": "...", "data": {"hex": "..."}}]}}}`, and `load_events` (`stream`, `from_version`), `save_snapshot`, `load_snapshot` (`stream`) |
/// | custom | `{"custom": {"kind": "sms", "payload": {...}}}` |
/// | several | `{"parallel": [...]}`, `{"sequential": [...]}` |
/// | none | `{"parallel": []}` |
///
/// A JSON payload stands there as JSON, a body as text. Bytes that are no text are `{"hex": "00ff"}`, and a JSON payload that is no
/// JSON is `{"malformed": "..."}`.
///
/// ```
/// use foldhost::reducer::Effect;
/// use foldhost::testing::effect_json;
/// use serde_json::json;
///
/// let timer = Effect::delay(60_000).reply_to("Expire");
/// assert_eq!(effect_json(&timer), json!({"delay_ms": 60_000, "reply_to": "Expire"}));
/// ```
#[must_use]
pub fn effect_json(effect: &Effect) -> Value {
    let (name, content) = match &effect.kind {
        EffectKind::Dispatch { stream_id, command } => ("dispatch", dispatch_json(stream_id, command)),
        EffectKind::Http(request) => ("http", http_json(request)),
        EffectKind::EventStore(operation) => ("event_store", event_store_json(operation)),
        EffectKind::Delay(delay_ms) => ("delay_ms", json!(delay_ms)),
        EffectKind::Parallel(children) => ("parallel", effects_json(children)),
        EffectKind::Sequential(children) => ("sequential", effects_json(children)),
        EffectKind::Custom { kind, payload } => ("custom", json!({ "kind": kind, "payload": payload_json(payload) })),
    };
    let mut drawn = Map::from_iter([(name.to_owned(), content)]);
    if let Some(command) = &effect.reply_to {
        drawn.insert("reply_to".to_owned(), json!(command));
    }
    drawn.into()
}

/// A list of them.
pub(super) fn effects_json(effects: &[Effect]) -> Value {
    effects.iter().map(effect_json).collect()
}

/// Whether two lists ask for the same. The payload of a dispatched command, and of a custom effect, is compared as JSON where
/// it is some: how it was spaced, and in which order its fields stand, is for no receiver to see.
pub(super) fn same_effects(left: &[Effect], right: &[Effect]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
}

fn same(left: &Effect, right: &Effect) -> bool {
    left.reply_to == right.reply_to
        && match (&left.kind, &right.kind) {
            (
                EffectKind::Dispatch { stream_id: left_stream, command: left },
                EffectKind::Dispatch { stream_id: right_stream, command: right },
            ) => left_stream == right_stream && left.name == right.name && same_payload(&left.payload, &right.payload),
            (
                EffectKind::Custom { kind: left_kind, payload: left },
                EffectKind::Custom { kind: right_kind, payload: right },
            ) => left_kind == right_kind && same_payload(left, right),
            (EffectKind::Parallel(left), EffectKind::Parallel(right))
            | (EffectKind::Sequential(left), EffectKind::Sequential(right)) => same_effects(left, right),
            (left, right) => left == right,
        }
}

fn same_payload(left: &OwnedPayload, right: &OwnedPayload) -> bool {
    let (OwnedPayload::Json(left_text), OwnedPayload::Json(right_text)) = (left, right) else { return left == right };
    let values = exact_value(left_text).ok().zip(exact_value(right_text).ok());
    values.map_or(left == right, |(left, right)| left == right)
}

fn dispatch_json(stream_id: &str, DispatchedCommand { name, payload }: &DispatchedCommand) -> Value {
    json!({ "stream": stream_id, "command": name, "payload": payload_json(payload) })
}

fn payload_json(payload: &OwnedPayload) -> Value {
    match payload {
        OwnedPayload::Json(text) => exact_value(text).unwrap_or_else(|_| json!({ "malformed": text })),
        OwnedPayload::Binary(bytes) => hex(bytes),
    }
}

fn http_json(HttpRequest { method, url, headers, body }: &HttpRequest) -> Value {
    let body = std::str::from_utf8(body).map_or_else(|_| hex(body), Value::from);
    json!({ "method": method, "url": url, "headers": headers, "body": body })
}

fn event_store_json(operation: &EventStoreOperation) -> Value {
    match operation {
        EventStoreOperation::AppendEvents { stream_id, events } => {
            let event =
                |NewEvent { event_type, data }: &NewEvent| json!({ "event_type": event_type, "data": hex(data) });
            let events: Vec<_> = events.iter().map(event).collect();
            json!({ "append_events": { "stream": stream_id, "events": events } })
        }
        EventStoreOperation::LoadEvents { stream_id, from_version } => {
            json!({ "load_events": { "stream": stream_id, "from_version": from_version } })
        }
        EventStoreOperation::SaveSnapshot { stream_id } => json!({ "save_snapshot": { "stream": stream_id } }),
        EventStoreOperation::LoadSnapshot { stream_id } => json!({ "load_snapshot": { "stream": stream_id } }),
    }
}

fn hex(bytes: &[u8]) -> Value {
    json!({ "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() })
}
