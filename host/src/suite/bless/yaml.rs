//! Writes values as YAML, in the manner of the scenarios in the documentation.

use serde_json::{Map, Value};

use crate::suite::node::{Content, parse};

/// Longest line, in characters.
const LINE_MAX: usize = 120;

/// A key with its value, as it stands in a block whose keys begin at `indent`. The first line has no indentation: it stands where
/// something stood before.
pub(super) fn pair(key: &str, value: &Value, indent: usize) -> String {
    match value {
        // One event a line.
        Value::Array(items) if !items.is_empty() && key != "state" => {
            format!("{key}:{}", lines(items.iter().map(|item| entry(item, indent + 2)), indent + 2))
        }
        _ => field(key, value, indent),
    }
}

/// Several keys with their values.
pub(super) fn pairs(fields: &[(&'static str, Value)], indent: usize) -> String {
    let drawn: Vec<_> = fields.iter().map(|(key, value)| pair(key, value, indent)).collect();
    drawn.join(&format!("\n{}", " ".repeat(indent)))
}

/// Several keys with their values, within the braces of a map.
pub(super) fn flow_pairs(fields: &[(&'static str, Value)]) -> String {
    fields.iter().map(|(key, value)| format!("{key}: {}", flow(value))).collect::<Vec<_>>().join(", ")
}

fn lines(entries: impl Iterator<Item = String>, indent: usize) -> String {
    entries.map(|entry| format!("\n{}{entry}", " ".repeat(indent))).collect()
}

/// One entry of a list, on one line where it fits.
fn entry(item: &Value, indent: usize) -> String {
    match item {
        Value::Object(fields) if !fields.is_empty() => {
            let mut fields = fields.iter().map(|(key, value)| field(&scalar(key), value, indent + 2));
            let first = fields.next().unwrap_or_default();
            format!("- {first}{}", lines(fields, indent + 2))
        }
        _ => format!("- {}", flow(item)),
    }
}

fn field(key: &str, value: &Value, indent: usize) -> String {
    let inline = format!("{key}: {}", flow(value));
    if indent + inline.chars().count() <= LINE_MAX {
        return inline;
    }
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let fields = fields.iter().map(|(key, value)| field(&scalar(key), value, indent + 2));
            format!("{key}:{}", lines(fields, indent + 2))
        }
        Value::Array(items) if !items.is_empty() => {
            format!("{key}:{}", lines(items.iter().map(|item| entry(item, indent + 2)), indent + 2))
        }
        _ => inline,
    }
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => flow_map(fields),
        other => other.to_string(),
    }
}

fn flow_map(fields: &Map<String, Value>) -> String {
    if fields.is_empty() {
        return "{}".to_owned();
    }
    let drawn: Vec<_> = fields.iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value))).collect();
    format!("{{ {} }}", drawn.join(", "))
}

/// A text without quotes where it is read back as the same text, and else as JSON writes it, which YAML reads too.
fn scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@' | ' ');
    let begins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/');
    let reads_back = || matches!(parse(text), Ok(node) if matches!(&node.content, Content::Text(same) if same == text));
    if text.chars().all(is_plain) && text.starts_with(begins) && reads_back() {
        return text.to_owned();
    }
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_quoted_where_they_would_be_read_as_something_else() {
        for text in ["1Z999", "c-1", "Shipped", "a b", "yes", "no", "2026-01-01", "v1.2.3", "007", "1_000"] {
            assert_eq!(scalar(text), text);
        }
        for text in
            ["1", "true", "null", "1.5", "", " a", "a ", "- a", "a: b", "a #b", "ä", "1e3", "\n", "~", "0x10", "{"]
        {
            assert_eq!(scalar(text), json!(text).to_string());
        }
    }

    #[test]
    fn whatever_is_written_is_read_back() {
        let long = "x".repeat(200);
        for value in [
            json!([{"A.v1": {"a": 1, "b": [1, {"c": null}], "d": "- x"}}, {"B.v1": {}}]),
            json!([{"A.v1": {"long": long, "list": [{"a": long, "b": [[long]]}, 1, [], {}], "empty": {}}}]),
            json!([{"delay_ms": 1, "reply_to": "Ok"}]),
            json!([]),
            json!("a rule's \"no\": {}"),
        ] {
            let text = pair("key", &value, 4);
            let node = parse(&text).unwrap_or_else(|error| panic!("{error:?} in\n{text}"));
            assert_eq!(node.to_json(), json!({ "key": value }), "{text}");
            let text = format!("{{ {} }}", flow_pairs(&[("key", value.clone())]));
            assert_eq!(parse(&text).unwrap().to_json(), json!({ "key": value }), "{text}");
        }
    }

    #[test]
    fn an_event_stands_on_one_line_where_it_fits() {
        let events = json!([{"OrderShipped.v1": {"tracking": "1Z999", "shipped_at_ms": 1}}]);
        assert_eq!(
            pair("events", &events, 6),
            "events:\n        - OrderShipped.v1: { tracking: 1Z999, shipped_at_ms: 1 }"
        );
    }
}
