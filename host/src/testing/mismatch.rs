//! What a check answers where it does not pass, and how it is drawn for people.

use foldhost_sdk::testing::first_difference;
pub(crate) use foldhost_sdk::testing::line_diff;
use serde_json::{Value, json};

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
    let Some(first) = first_difference(expected, actual) else { return String::new() };
    format!("\nfirst difference {first}\n{}", line_diff(&pretty(expected), &pretty(actual)))
}

fn pretty(value: &Value) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    // The alternate form of a value's text is JSON with line breaks, and cannot fail.
    format!("{value:#}\n")
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
pub(crate) fn pruned(actual: &Value, expected: &Value) -> Value {
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
