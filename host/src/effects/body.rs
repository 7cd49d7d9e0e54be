//! What an effect says, as it is kept in the outbox: JSON, so that a host of a later version still reads it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use foldhost_sdk::{
    DispatchedCommand, EventStoreOperation, FlatEffect, FlatEffectKind, HttpRequest, NewEvent, OwnedPayload,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::TraceParent;

/// One effect of a decision with all that its runner has to know of where it came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EffectBody {
    /// The effect's parts, children before their parent, the root last.
    pub(crate) nodes: Vec<Node>,
    /// The command that led to it.
    pub(crate) command_id: String,
    /// What that command belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_id: Option<String>,
    /// The trace that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<TraceParent>,
}

/// A part of an effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Node {
    /// What it does.
    #[serde(with = "Kind")]
    pub(crate) kind: FlatEffectKind,
    /// The command that takes its outcome to the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reply_to: Option<String>,
}

impl From<FlatEffect> for Node {
    fn from(FlatEffect { kind, reply_to }: FlatEffect) -> Self {
        Self { kind, reply_to }
    }
}

impl From<Node> for FlatEffect {
    fn from(Node { kind, reply_to }: Node) -> Self {
        Self { kind, reply_to }
    }
}

/// Written as [`FlatEffectKind`] is, under names that stay: the SDK's may change.
#[derive(Serialize, Deserialize)]
#[serde(remote = "FlatEffectKind", rename_all = "snake_case")]
enum Kind {
    Dispatch {
        stream_id: String,
        #[serde(with = "Command")]
        command: DispatchedCommand,
    },
    Http(#[serde(with = "Request")] HttpRequest),
    EventStore(#[serde(with = "Operation")] EventStoreOperation),
    Delay(u64),
    Custom {
        kind: String,
        #[serde(with = "Payload")]
        payload: OwnedPayload,
    },
    Parallel(Vec<u32>),
    Sequential(Vec<u32>),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "DispatchedCommand")]
struct Command {
    name: String,
    #[serde(with = "Payload")]
    payload: OwnedPayload,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "OwnedPayload", rename_all = "snake_case")]
enum Payload {
    Json(String),
    Binary(#[serde(serialize_with = "as_base64", deserialize_with = "from_base64")] Vec<u8>),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "HttpRequest")]
struct Request {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    body: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "EventStoreOperation", rename_all = "snake_case")]
enum Operation {
    AppendEvents {
        stream_id: String,
        #[serde(serialize_with = "as_events", deserialize_with = "from_events")]
        events: Vec<NewEvent>,
    },
    LoadEvents {
        stream_id: String,
        from_version: u64,
    },
    SaveSnapshot {
        stream_id: String,
    },
    LoadSnapshot {
        stream_id: String,
    },
}

#[derive(Serialize, Deserialize)]
struct Event {
    event_type: String,
    #[serde(serialize_with = "as_base64", deserialize_with = "from_base64")]
    data: Vec<u8>,
}

fn as_events<S: Serializer>(events: &[NewEvent], serializer: S) -> Result<S::Ok, S::Error> {
    let event = |event: &NewEvent| Event { event_type: event.event_type.clone(), data: event.data.clone() };
    serializer.collect_seq(events.iter().map(event))
}

fn from_events<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<NewEvent>, D::Error> {
    let events = Vec::<Event>::deserialize(deserializer)?;
    Ok(events.into_iter().map(|Event { event_type, data }| NewEvent { event_type, data }).collect())
}

fn as_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map_err(serde::de::Error::custom)
}

impl EffectBody {
    /// For the outbox.
    #[expect(clippy::expect_used, reason = "texts, numbers and lists of them: JSON has a form for all of it")]
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an effect has a form in JSON")
    }

    /// As the outbox has it.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let body: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        // Whoever runs it goes down the tree: what holds for a guest's answer has to hold here again.
        let nodes = body.nodes.iter().cloned().map(FlatEffect::from).collect();
        let roots = foldhost_sdk::unflatten(nodes).map_err(|error| error.to_string())?.len();
        if roots == 1 { Ok(body) } else { Err(format!("{roots} effects where one was expected")) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use foldhost_sdk::Effect;

    use super::*;

    fn body(effect: Effect) -> EffectBody {
        let nodes = foldhost_sdk::flatten(vec![effect]).into_iter().map(Node::from).collect();
        EffectBody { nodes, command_id: "c-1".into(), correlation_id: None, traceparent: None }
    }

    #[test]
    fn an_effect_is_read_back_as_it_was_written_bytes_that_are_no_text_included() {
        let request = HttpRequest {
            method: "POST".into(),
            url: "https://a.example/".into(),
            headers: vec![("a".into(), "b".into())],
            body: vec![0, 255, 1],
        };
        let operations = [
            EventStoreOperation::AppendEvents {
                stream_id: "a-1".into(),
                events: vec![NewEvent { event_type: "A.v1".into(), data: vec![0, 200] }],
            },
            EventStoreOperation::LoadEvents { stream_id: "a-1".into(), from_version: u64::MAX },
            EventStoreOperation::SaveSnapshot { stream_id: "a-1".into() },
            EventStoreOperation::LoadSnapshot { stream_id: "a-1".into() },
        ];
        let payloads = [OwnedPayload::Json("{}".into()), OwnedPayload::Binary(vec![254])];
        let dispatches = payloads.clone().into_iter().map(|payload| EffectNode::Dispatch {
            stream_id: "b-2".into(),
            command: DispatchedCommand { name: "Do".into(), payload },
        });
        let customs = payloads.into_iter().map(|payload| EffectNode::Custom { kind: "mail".into(), payload });
        let mut leaves: Vec<_> = operations.into_iter().map(EffectNode::EventStore).collect();
        leaves.extend(dispatches);
        leaves.extend(customs);
        leaves.extend([EffectNode::Http(request), EffectNode::Delay(7)]);
        let leaves = leaves.into_iter().map(Effect::new).collect();
        let parallel = Effect::new(EffectNode::Parallel(leaves)).reply_to("Heard");
        let written = body(Effect::new(EffectNode::Sequential(vec![parallel])));
        assert_eq!(EffectBody::from_bytes(&written.to_bytes()).unwrap(), written);
    }

    use foldhost_sdk::EffectKind as EffectNode;

    /// Outboxes outlive versions of the host.
    #[test]
    fn the_form_of_an_effect_in_the_outbox_stays() {
        let written = r#"{"nodes":[{"kind":{"delay":5},"reply_to":"Expire"}],"command_id":"c-1"}"#;
        assert_eq!(EffectBody::from_bytes(written.as_bytes()).unwrap(), body(Effect::delay(5).reply_to("Expire")));
        assert_eq!(String::from_utf8(body(Effect::delay(5).reply_to("Expire")).to_bytes()).unwrap(), written);
    }

    #[test]
    fn a_row_that_somebody_changed_is_refused_and_not_followed_in_circles() {
        for nodes in [
            r#"[{"kind":{"parallel":[0]}}]"#,
            r#"[{"kind":{"sequential":[3]}}]"#,
            r#"[{"kind":{"delay":1}},{"kind":{"parallel":[0,0]}}]"#,
            r#"[{"kind":{"delay":1}},{"kind":{"delay":1}}]"#,
            "[]",
        ] {
            let text = format!(r#"{{"nodes":{nodes},"command_id":"c"}}"#);
            assert!(EffectBody::from_bytes(text.as_bytes()).is_err(), "{nodes}");
        }
    }
}
