//! Two documents, field by field.

use serde_json::Value;

/// Fields of one stream that are told.
const FIELDS_MAX: usize = 50;
/// Longest path that is told.
const PATH_BYTES_MAX: usize = 200;
/// Largest value that is shown whole.
const VALUE_BYTES_MAX: usize = 200;

/// A field in which two documents differ.
#[derive(Debug, PartialEq)]
pub(crate) struct FieldDifference {
    /// Its path, `*` for a place in a list: what differs in each item is one thing.
    pub(crate) path: String,
    /// None where the field is not there.
    pub(crate) before: Option<Value>,
    /// None where the field is not there.
    pub(crate) after: Option<Value>,
}

/// In which fields two documents differ, each path once.
pub(crate) fn differences(before: &Value, after: &Value) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    compare(String::new(), Some(before), Some(after), &mut found);
    found
}

fn compare(path: String, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<FieldDifference>) {
    if found.len() >= FIELDS_MAX {
        return;
    }
    match (before, after) {
        (Some(before), Some(after)) if before == after => {}
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            for (name, value) in before {
                compare(step(&path, name), Some(value), after.get(name), found);
            }
            for (name, value) in after.iter().filter(|(name, _)| !before.contains_key(*name)) {
                compare(step(&path, name), None, Some(value), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for place in 0..before.len().max(after.len()) {
                compare(step(&path, "*"), before.get(place), after.get(place), found);
            }
        }
        (before, after) => {
            if found.iter().all(|known| known.path != path) {
                found.push(FieldDifference { path, before: before.map(shown), after: after.map(shown) });
            }
        }
    }
}

/// As in a JSON pointer (RFC 6901).
fn step(path: &str, name: &str) -> String {
    let name = name.replace('~', "~0").replace('/', "~1");
    let mut path = format!("{path}/{name}");
    path.truncate(path.floor_char_boundary(PATH_BYTES_MAX));
    path
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
        let many =
            |by: u64| (0..1_000).map(|n| (format!("{n:0300}"), json!(n + by))).collect::<serde_json::Map<_, _>>();
        let found = differences(&many(0).into(), &many(1).into());
        assert!(found.len() <= FIELDS_MAX && found.iter().all(|found| found.path.len() <= PATH_BYTES_MAX));
        let found = differences(&json!("ä".repeat(1_000)), &json!(0));
        assert!(found[0].before.as_ref().is_some_and(|shown| shown.to_string().len() < 2 * VALUE_BYTES_MAX));
    }
}
