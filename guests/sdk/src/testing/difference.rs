//! Where two values part, drawn for people.

use std::fmt;

use serde_json::Value;
use similar::TextDiff;

/// The first place at which two JSON values part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// A JSON pointer, as in `/items/1/total`; empty for the whole value.
    pub path: String,
    /// What was expected there; none where nothing was.
    pub expected: Option<Value>,
    /// What stands there; none where nothing does.
    pub actual: Option<Value>,
}

/// In one line, and long values cut short: as in ``at `/total`: 500 was expected, 50 came``.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str("at the whole")?,
            path => write!(f, "at `{path}`")?,
        }
        write!(f, ": {} was expected, {} came", shown(self.expected.as_ref()), shown(self.actual.as_ref()))
    }
}

/// The first place at which two JSON values part; none where they are equal. The order of an object's fields does not count.
///
/// ```
/// use foldhost_sdk::testing::first_difference;
/// use serde_json::json;
///
/// let parted = first_difference(&json!({"items": [1, 2]}), &json!({"items": [1, 3]})).unwrap();
/// assert_eq!(parted.to_string(), "at `/items/1`: 2 was expected, 3 came");
/// ```
#[must_use]
pub fn first_difference(expected: &Value, actual: &Value) -> Option<Difference> {
    parted(Some(expected), Some(actual), "")
}

fn parted(expected: Option<&Value>, actual: Option<&Value>, path: &str) -> Option<Difference> {
    match (expected, actual) {
        _ if expected == actual => None,
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
            names.into_iter().find_map(|name| parted(left.get(name), right.get(name), &format!("{path}/{name}")))
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => (0..left.len().max(right.len()))
            .find_map(|place| parted(left.get(place), right.get(place), &format!("{path}/{place}"))),
        _ => Some(Difference { path: path.to_owned(), expected: expected.cloned(), actual: actual.cloned() }),
    }
}

/// A value in a line of text: long ones are for the diff below it.
fn shown(value: Option<&Value>) -> String {
    const CHARS_MAX: usize = 80;
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Both texts line by line, with three lines around each difference; empty where they are equal.
#[must_use]
pub fn line_diff(expected: &str, actual: &str) -> String {
    let diff = TextDiff::from_lines(expected, actual);
    diff.unified_diff().missing_newline_hint(false).context_radius(3).header("expected", "actual").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_difference_is_named_by_its_path() {
        let expected = json!([{"a": 1}, {"b": {"c": [1, 2], "d": 4}}]);
        let at = |actual| first_difference(&expected, &actual).map(|parted| parted.to_string());
        assert_eq!(at(expected.clone()), None);
        let line = |path: &str, left: &str, right: &str| Some(format!("at {path}: {left} was expected, {right} came"));
        assert_eq!(at(json!([{"a": 1}, {"b": {"d": 4, "c": [1, 3]}}])), line("`/1/b/c/1`", "2", "3"));
        assert_eq!(at(json!([{"a": 1}, {"b": {"c": [1, 2, 9], "d": 4}}])), line("`/1/b/c/2`", "nothing", "9"));
        assert_eq!(at(json!([{"a": 1}, {"b": {"c": [1, 2]}}])), line("`/1/b/d`", "4", "nothing"));
        assert_eq!(at(json!([{"a": 1, "z": 0}, {"b": 1}])), line("`/0/z`", "nothing", "0"));
        assert_eq!(at(json!(null)), line("the whole", &expected.to_string(), "null"));
    }

    #[test]
    fn a_field_that_is_null_is_not_a_field_that_is_missing() {
        let parted = first_difference(&json!({"a": null}), &json!({}));
        assert_eq!(
            parted.map(|parted| parted.to_string()).as_deref(),
            Some("at `/a`: null was expected, nothing came")
        );
    }
}
