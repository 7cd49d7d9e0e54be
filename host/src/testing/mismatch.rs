//! What a check answers where it does not pass, and how it is drawn for people.

use serde_json::{Value, json};
use similar::TextDiff;

use super::Law;
use crate::Version;

/// Why a check did not pass. Its text is what a failing test prints; it takes several lines.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The scenario could not begin: its given events or commands do not work.
    #[error("the scenario cannot begin: {0}")]
    Given(String),
    /// The reducer did what no reducer may do, whatever its rules are.
    #[error("the reducer breaks a law: {law}\n{difference}")]
    Law {
        /// Which one.
        law: Law,
        /// What differs, and where.
        difference: String,
    },
    /// The command came to something else.
    #[error("expected: {expected}\nactual:   {actual}{difference}")]
    Outcome {
        /// What the test asked for.
        expected: String,
        /// What came.
        actual: String,
        /// The first field that differs, and a diff; empty where the two cannot be laid side by side.
        difference: String,
    },
    /// Recorded events are not the expected ones.
    #[error("event {version}: {reason}{difference}")]
    Recorded {
        /// The first version that differs.
        version: Version,
        /// What is wrong with it.
        reason: String,
        /// A diff of all events; empty where versions are at fault.
        difference: String,
    },
}

/// The first field that differs, and both sides line by line. Empty where nothing differs. The order of an object's fields
/// does not count.
pub(super) fn difference(expected: &Value, actual: &Value) -> String {
    let Some((path, was_expected, came)) = first_difference(expected, actual, String::new()) else {
        return String::new();
    };
    let diff = line_diff(&pretty(expected), &pretty(actual));
    let path = if path.is_empty() { "the whole".to_owned() } else { format!("`{path}`") };
    format!("\nfirst difference at {path}: {was_expected} was expected, {came} came\n{diff}")
}

/// Both texts line by line, with three lines around each difference.
pub(super) fn line_diff(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    diff.unified_diff().missing_newline_hint(false).context_radius(3).header("expected", "actual").to_string()
}

fn pretty(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    // The alternate form of a value's text is JSON with line breaks, and cannot fail.
    format!("{value:#}\n")
}

/// The path (as in `/1/data/total`) at which two values part, and what stands there on each side.
fn first_difference(expected: &Value, actual: &Value, path: String) -> Option<(String, String, String)> {
    let nothing = || "nothing".to_owned();
    match (expected, actual) {
        _ if expected == actual => None,
        (Value::Object(left), Value::Object(right)) => {
            let parted = left.iter().find_map(|(name, value)| match right.get(name) {
                Some(other) => first_difference(value, other, format!("{path}/{name}")),
                None => Some((format!("{path}/{name}"), shown(value), nothing())),
            });
            parted.or_else(|| {
                let (name, value) = right.iter().find(|(name, _)| !left.contains_key(*name))?;
                Some((format!("{path}/{name}"), nothing(), shown(value)))
            })
        }
        (Value::Array(left), Value::Array(right)) => {
            let mut pairs = left.iter().zip(right).enumerate();
            let parted =
                pairs.find_map(|(place, (one, other))| first_difference(one, other, format!("{path}/{place}")));
            parted.or_else(|| {
                let place = left.len().min(right.len());
                let side = |values: &[Value]| values.get(place).map_or_else(nothing, shown);
                Some((format!("{path}/{place}"), side(left), side(right)))
            })
        }
        _ => Some((path, shown(expected), shown(actual))),
    }
}

/// A value in a line of text: long ones are in the diff below it.
fn shown(value: &Value) -> String {
    const CHARS_MAX: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Bytes that no reducer draws: as text where they are one, else in rows, so that a diff shows the row.
pub(super) fn bytes_drawn(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.chars().any(char::is_control) => json!(text),
        _ => json!({ "bytes": rows(bytes) }),
    }
}

/// Rows of 16 hexadecimal pairs.
pub(super) fn rows(bytes: &[u8]) -> Value {
    let row = |row: &[u8]| row.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    bytes.chunks(16).map(row).collect()
}

/// `actual` without what `expected` does not name: fields of objects, at any depth. Lists stay whole.
pub(super) fn pruned(actual: &Value, expected: &Value) -> Value {
    match (actual, expected) {
        (Value::Object(fields), Value::Object(named)) => {
            let kept =
                named.iter().filter_map(|(name, wanted)| Some((name.clone(), pruned(fields.get(name)?, wanted))));
            Value::Object(kept.collect())
        }
        (Value::Array(values), Value::Array(wanted)) => {
            let pairs = values.iter().enumerate();
            let kept =
                pairs.map(|(place, value)| wanted.get(place).map_or_else(|| value.clone(), |w| pruned(value, w)));
            Value::Array(kept.collect())
        }
        _ => actual.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let expected = json!([{"a": 1}, {"b": {"c": [1, 2], "d": 4}}]);
        let at = |actual| first_difference(&expected, &actual, String::new());
        assert_eq!(at(expected.clone()), None);
        let parted = |path: &str, left: &str, right: &str| Some((path.into(), left.into(), right.into()));
        assert_eq!(at(json!([{"a": 1}, {"b": {"d": 4, "c": [1, 3]}}])), parted("/1/b/c/1", "2", "3"));
        assert_eq!(at(json!([{"a": 1}, {"b": {"c": [1, 2, 9], "d": 4}}])), parted("/1/b/c/2", "nothing", "9"));
        assert_eq!(at(json!([{"a": 1}, {"b": {"c": [1, 2]}}])), parted("/1/b/d", "4", "nothing"));
        assert_eq!(at(json!([{"a": 1, "z": 0}, {"b": 1}])), parted("/0/z", "nothing", "0"));
        assert_eq!(at(json!(null)), parted("", &expected.to_string(), "null"));
    }

    #[test]
    fn the_order_of_fields_is_no_difference() {
        let left = json!({"a": 1, "b": 2});
        assert_eq!(difference(&left, &json!({"b": 2, "a": 1})), "");
        let text = difference(&left, &json!({"b": 3, "a": 1}));
        assert!(text.contains("first difference at `/b`: 2 was expected, 3 came"), "{text}");
        assert!(text.contains("\n   \"a\": 1,\n-  \"b\": 2\n+  \"b\": 3\n"), "{text}");
    }

    #[test]
    fn what_is_not_named_is_pruned_but_lists_stay_whole() {
        let actual = json!({"a": 1, "b": {"c": 2, "d": 3}, "e": [{"f": 4, "g": 5}, 6]});
        assert_eq!(pruned(&actual, &json!({"b": {"c": 0}})), json!({"b": {"c": 2}}));
        assert_eq!(pruned(&actual, &json!({"e": [{"f": 0}]})), json!({"e": [{"f": 4}, 6]}));
        assert_eq!(pruned(&actual, &json!({"missing": 1})), json!({}));
    }

    #[test]
    fn bytes_are_drawn_as_text_or_in_rows() {
        assert_eq!(bytes_drawn(b"17"), json!("17"));
        assert_eq!(bytes_drawn(&[0, 255]), json!({"bytes": ["00 ff"]}));
        assert_eq!(bytes_drawn(&[1; 17])["bytes"][1], json!("01"));
    }
}
