//! Two documents, field by field.

use serde_json::Value;

/// Fields of one stream that are told.
const FIELDS_MAX: usize = 50;
/// Longest path that is told.
const PATH_BYTES_MAX: usize = 200;
/// Largest value that is shown whole.
const VALUE_BYTES_MAX: usize = 200;
/// Stands for the fields beyond those, and for those whose paths are longer. No path begins so. An operator who accepted the fields
/// that were named would let the others pass unseen without it.
const MORE: &str = "(more)";

/// A field in which two documents differ.
#[derive(Debug, PartialEq)]
pub(crate) struct FieldDifference {
    /// Its path, `*` for a place in a list: what differs in each item is one thing. `(more)` for all that are not named.
    pub(crate) path: String,
    /// None where the field is not there.
    pub(crate) before: Option<Value>,
    /// None where the field is not there.
    pub(crate) after: Option<Value>,
}

impl FieldDifference {
    /// What it stands for, where it is no field.
    pub(crate) fn in_words(&self) -> Option<String> {
        let words =
            || format!("fields beyond {FIELDS_MAX} of one stream, or with paths of more than {PATH_BYTES_MAX} bytes");
        (self.path == MORE).then(words)
    }
}

/// In which fields two documents differ, each path once.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<FieldDifference> {
    let mut found = Found::default();
    found.compare(String::new(), Some(before), Some(after));
    if found.has_more {
        found.fields.push(FieldDifference { path: MORE.to_owned(), before: None, after: None });
    }
    found.fields
}

#[derive(Default)]
struct Found {
    fields: Vec<FieldDifference>,
    has_more: bool,
}

impl Found {
    fn compare(&mut self, path: String, before: Option<&Value>, after: Option<&Value>) {
        if before == after {
            return;
        }
        // Cut off, it might be taken for another field's.
        if path.len() > PATH_BYTES_MAX {
            self.has_more = true;
            return;
        }
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                for (name, value) in before {
                    self.compare(step(&path, name), Some(value), after.get(name));
                }
                for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                    self.compare(step(&path, name), None, Some(value));
                }
            }
            (Some(Value::Array(before)), Some(Value::Array(after))) => {
                for place in 0..before.len().max(after.len()) {
                    self.compare(step(&path, "*"), before.get(place), after.get(place));
                }
            }
            (before, after) => {
                let is_known = self.fields.iter().any(|known| known.path == path);
                self.has_more |= !is_known && self.fields.len() >= FIELDS_MAX;
                if !is_known && self.fields.len() < FIELDS_MAX {
                    self.fields.push(FieldDifference { path, before: before.map(shown), after: after.map(shown) });
                }
            }
        }
    }
}

/// As in a JSON pointer (RFC 6901).
fn step(path: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    format!("{path}/{name}")
}

/// A value, or its beginning where it is large.
pub(crate) fn shown(value: &Value) -> Value {
    let text = value.to_string();
    if text.len() <= VALUE_BYTES_MAX {
        return value.clone();
    }
    Value::String(format!("{}…", &text[..text.floor_char_boundary(VALUE_BYTES_MAX)]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(before: &Value, after: &Value) -> Vec<String> {
        differences(before, after).into_iter().map(|found| found.path).collect()
    }

    #[test]
    fn each_field_that_differs_is_named_once_however_many_items_have_it() {
        let before = json!({"total": 10, "items": [{"price": 1}, {"price": 2}], "same": {"a": 1}, "gone": 1});
        let after = json!({"total": 9, "items": [{"price": 2}, {"price": 3}], "same": {"a": 1}, "new/one": null});
        let mut named = paths(&before, &after);
        // The order of an object's fields is a build's own choice: a crate beside this one may ask serde_json to keep it.
        named.sort();
        assert_eq!(named, ["/gone", "/items/*/price", "/new~1one", "/total"]);
        let found = differences(&json!({"a": 1}), &json!({"b": 2}));
        assert_eq!((&found[0].before, &found[0].after), (&Some(json!(1)), &None));
        assert_eq!((&found[1].before, &found[1].after), (&None, &Some(json!(2))));
    }

    #[test]
    fn equal_documents_do_not_differ_and_other_shapes_do_as_a_whole() {
        assert!(paths(&json!({"a": [1, {"b": 2}]}), &json!({"a": [1, {"b": 2}]})).is_empty());
        assert_eq!(paths(&json!(1), &json!("1")), [""]);
        assert_eq!(paths(&json!({"a": []}), &json!({"a": {}})), ["/a"]);
        assert_eq!(paths(&json!([1]), &json!([1, 2])), ["/*"]);
    }

    #[test]
    fn a_difference_is_bounded_in_number_and_size() {
        let many = |by: u64| (0..1_000).map(|n| (format!("{n}"), json!(n + by))).collect::<serde_json::Map<_, _>>();
        let found = differences(&many(0).into(), &many(1).into());
        assert!(found.len() <= FIELDS_MAX + 1 && found.iter().all(|found| found.path.len() <= PATH_BYTES_MAX));
        let found = differences(&json!("ä".repeat(1_000)), &json!(0));
        assert!(found[0].before.as_ref().is_some_and(|shown| shown.to_string().len() < 2 * VALUE_BYTES_MAX));
    }

    #[test]
    fn fields_that_are_not_named_have_a_name_of_their_own() {
        let fields = |count: usize, by: u64| Value::Object((0..count).map(|n| (n.to_string(), json!(by))).collect());
        assert_eq!(paths(&fields(FIELDS_MAX, 0), &fields(FIELDS_MAX, 1)).len(), FIELDS_MAX);
        let one_more = paths(&fields(FIELDS_MAX + 1, 0), &fields(FIELDS_MAX + 1, 1));
        assert_eq!((one_more.len(), one_more.last().map(String::as_str)), (FIELDS_MAX + 1, Some("(more)")));
        // The same in each item of a list is one, however many there are.
        let items = |by: u64| Value::Array((0..1_000).map(|_| fields(FIELDS_MAX, by)).collect());
        assert_eq!(paths(&items(0), &items(1)).len(), FIELDS_MAX);
        // Two that are the same for as long as a path may be, of which one differs only in another release.
        let long = "x".repeat(300);
        let two = |a: u64, b: u64| json!({ format!("{long}a"): a, format!("{long}b"): b, "short": a });
        let mut long_ones = paths(&two(1, 1), &two(2, 1));
        long_ones.sort();
        assert_eq!(long_ones, ["(more)", "/short"]);
        assert!(paths(&two(1, 1), &two(1, 1)).is_empty());
        // A name that looks like it stands behind a slash.
        assert_eq!(paths(&json!({"(more)": 1}), &json!({"(more)": 2})), ["/(more)"]);
    }
}
