//! Outcomes as JSON, read and written.
//!
//! Not by serde's derive for [`EffectOutcome`]: it reads each variant's fields by code of its own, once as JSON and once in
//! binary, and a component that waits for a payment was 6 kB larger by it. Here the fields of all
//! variants are read by the same code, and what an outcome has is taken out of them by code that is not generic.
//!
//! In binary an outcome is its JSON as text: so an event that holds one can be read for good, whatever hosts will tell some day,
//! and the reader's bound on how deep a document may nest holds there too.

use std::fmt;

use serde::de::{Deserialize, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess, VariantAccess, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use super::{EffectFailure, EffectOutcome, HttpResponse, LoadedEvent, ResponseBody};
use crate::json;

const VARIANTS: &[&str] = &[
    "done",
    "dispatched",
    "rejected",
    "http",
    "appended",
    "events",
    "snapshot",
    "no_snapshot",
    "custom",
    "all",
    "failed",
];

impl<'de> Deserialize<'de> for EffectOutcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_enum("EffectOutcome", VARIANTS, OutcomeVisitor);
        }
        json::from_str(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

struct OutcomeVisitor;

impl<'de> Visitor<'de> for OutcomeVisitor {
    type Value = EffectOutcome;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("enum EffectOutcome")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, outcome: A) -> Result<EffectOutcome, A::Error> {
        let (name, content) = outcome.variant::<String>()?;
        match name.as_str() {
            "done" => content.unit_variant().map(|()| EffectOutcome::Done),
            "no_snapshot" => content.unit_variant().map(|()| EffectOutcome::NoSnapshot),
            "custom" => content.newtype_variant().map(EffectOutcome::Custom),
            "all" => content.newtype_variant().map(EffectOutcome::All),
            name if VARIANTS.contains(&name) => {
                content.newtype_variant::<Fields>()?.outcome(name).map_err(A::Error::missing_field)
            }
            name => Err(A::Error::unknown_variant(name, VARIANTS)),
        }
    }
}

/// What any variant may hold, at any depth. What nobody takes is passed over: a later host may tell more.
#[derive(Default)]
struct Fields {
    texts: Vec<(String, String)>,
    numbers: Vec<(String, u64)>,
    headers: Option<Vec<(String, String)>>,
    body: Option<Box<Fields>>,
    events: Option<Vec<Fields>>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the fields of an outcome")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Fields, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = entries.next_key::<String>()? {
            match name.as_str() {
                "stream_id" | "code" | "message" | "event_type" | "json" | "state_schema" | "state" | "text"
                | "base64" => {
                    fields.texts.push((name, entries.next_value()?));
                }
                "version" | "status" | "next" => {
                    if let Some(number) = entries.next_value()? {
                        fields.numbers.push((name, number));
                    }
                }
                "headers" => fields.headers = Some(entries.next_value()?),
                "body" => fields.body = Some(entries.next_value()?),
                "events" => fields.events = Some(entries.next_value()?),
                _ => {
                    entries.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(fields)
    }
}

/// Without it, the name of the field that is missing.
type Needed<T> = Result<T, &'static str>;

impl Fields {
    fn outcome(mut self, variant: &str) -> Needed<EffectOutcome> {
        Ok(match variant {
            "dispatched" => {
                EffectOutcome::Dispatched { stream_id: self.text("stream_id")?, version: self.number("version")? }
            }
            "rejected" => EffectOutcome::Rejected(self.failure()?),
            "http" => EffectOutcome::Http(self.response()?),
            "appended" => EffectOutcome::Appended { version: self.number("version")? },
            "events" => EffectOutcome::Events { events: self.events()?, next: self.number("next").ok() },
            "snapshot" => EffectOutcome::Snapshot {
                version: self.number("version")?,
                state_schema: self.text("state_schema")?,
                state: self.text("state")?,
            },
            _ => EffectOutcome::Failed(self.failure()?),
        })
    }

    #[inline(never)]
    fn failure(&mut self) -> Needed<EffectFailure> {
        Ok(EffectFailure { code: self.text("code")?, message: self.text("message")? })
    }

    fn response(&mut self) -> Needed<HttpResponse> {
        let status = u16::try_from(self.number("status")?).map_err(|_| "status")?;
        let mut body = self.body.take().ok_or("body")?;
        let body = match body.text("text") {
            Ok(text) => ResponseBody::Text(text),
            Err(_) => ResponseBody::Base64(body.text("base64")?),
        };
        Ok(HttpResponse { status, headers: self.headers.take().ok_or("headers")?, body })
    }

    fn events(&mut self) -> Needed<Vec<LoadedEvent>> {
        // Not by `collect`, which tries to keep the memory of the fields, with more code.
        let mut events = Vec::new();
        for mut fields in self.events.take().ok_or("events")? {
            let (version, event_type) = (fields.number("version")?, fields.text("event_type")?);
            events.push(LoadedEvent { version, event_type, json: fields.text("json")? });
        }
        Ok(events)
    }

    #[inline(never)]
    fn text(&mut self, name: &'static str) -> Needed<String> {
        let text = self.texts.iter_mut().find(|(known, _)| known == name);
        text.map(|(_, text)| std::mem::take(text)).ok_or(name)
    }

    #[inline(never)]
    fn number(&self, name: &'static str) -> Needed<u64> {
        self.numbers.iter().find(|(known, _)| known == name).map(|&(_, number)| number).ok_or(name)
    }
}

/// The variants as they are written.
#[derive(serde::Serialize)]
#[serde(rename_all = "snake_case")]
enum Written<'a> {
    Done,
    Dispatched { stream_id: &'a str, version: u64 },
    Rejected(&'a EffectFailure),
    Http(&'a HttpResponse),
    Appended { version: u64 },
    Events { events: &'a [LoadedEvent], next: Option<u64> },
    Snapshot { version: u64, state_schema: &'a str, state: &'a str },
    NoSnapshot,
    Custom(&'a str),
    All(&'a [EffectOutcome]),
    Failed(&'a EffectFailure),
}

impl Serialize for EffectOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            let text = serde_json::to_string(self).map_err(S::Error::custom)?;
            return serializer.serialize_str(&text);
        }
        let written = match self {
            Self::Done => Written::Done,
            Self::Dispatched { stream_id, version } => Written::Dispatched { stream_id, version: *version },
            Self::Rejected(failure) => Written::Rejected(failure),
            Self::Http(response) => Written::Http(response),
            Self::Appended { version } => Written::Appended { version: *version },
            Self::Events { events, next } => Written::Events { events, next: *next },
            Self::Snapshot { version, state_schema, state } => {
                Written::Snapshot { version: *version, state_schema, state }
            }
            Self::NoSnapshot => Written::NoSnapshot,
            Self::Custom(json) => Written::Custom(json),
            Self::All(outcomes) => Written::All(outcomes),
            Self::Failed(failure) => Written::Failed(failure),
        };
        written.serialize(serializer)
    }
}
