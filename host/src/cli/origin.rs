//! Where a command comes from, as the command line says and the host records it.

use foldhost::TraceParent;
use reqwest::header::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};

use super::error::CliError;
use super::send::visible_ascii;

/// What is recorded beside a command's events.
#[derive(clap::Args)]
pub(crate) struct Origin {
    /// What the command belongs to: the same for all that one request led to
    #[arg(long, value_name = "ID", value_parser = visible_ascii)]
    correlation_id: Option<String>,
    /// The message that led to the command
    #[arg(long, value_name = "ID", value_parser = visible_ascii)]
    causation_id: Option<String>,
    /// The trace that the command is a part of, as W3C Trace Context writes it
    #[arg(long, value_name = "TRACEPARENT")]
    traceparent: Option<TraceParent>,
    /// A field of yours, recorded beside the events; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = field)]
    metadata: Vec<(String, String)>,
}

fn field(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write KEY=VALUE, as in tenant=acme".to_owned()),
    }
}

impl Origin {
    /// As headers of a request.
    pub(crate) fn headers(self) -> Result<HeaderMap, CliError> {
        let Self { correlation_id, causation_id, traceparent, metadata } = self;
        let mut fields = Map::new();
        for (key, value) in metadata {
            if fields.contains_key(&key) {
                return Err(CliError::Usage(format!("--metadata {key}=... is there twice: write it once")));
            }
            fields.insert(key, Value::String(value));
        }
        let fields = (!fields.is_empty()).then(|| ascii(&Value::Object(fields).to_string()));
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("correlation-id", correlation_id),
            ("causation-id", causation_id),
            ("traceparent", traceparent.map(String::from)),
            ("event-metadata", fields),
        ] {
            let Some(value) = value else { continue };
            let value = HeaderValue::try_from(value);
            let value = value.map_err(|error| CliError::Usage(format!("the header {name}: {error}")))?;
            headers.insert(name, value);
        }
        Ok(headers)
    }
}

/// JSON in ASCII: whatever is beyond it stands within a text, where an escape means the same.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        if matches!(character, ' '..='~') {
            escaped.push(character);
            continue;
        }
        for unit in character.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn origin(fields: &[&str]) -> Origin {
        let metadata = fields.iter().map(|text| field(text).unwrap()).collect();
        Origin { correlation_id: None, causation_id: None, traceparent: None, metadata }
    }

    #[test]
    fn fields_of_any_text_go_into_a_header_and_come_out_the_same() {
        let headers = origin(&["name=J\u{fc}rgen \u{1f375}\u{7f}\t\n", "empty=", "sum=1=1"]).headers().unwrap();
        let text = headers["event-metadata"].to_str().unwrap();
        let fields: Value = serde_json::from_str(text).unwrap();
        assert_eq!(fields, serde_json::json!({ "name": "Jürgen 🍵\u{7f}\t\n", "empty": "", "sum": "1=1" }));
        assert!(origin(&[]).headers().unwrap().is_empty());
    }

    #[test]
    fn a_field_has_a_name_and_is_there_once() {
        assert!(field("tenant").is_err() && field("=acme").is_err() && field("").is_err());
        let twice = origin(&["a=1", "a=2"]).headers();
        assert!(matches!(twice, Err(CliError::Usage(told)) if told.contains("twice")));
    }
}
