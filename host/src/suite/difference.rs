//! Field by field, in which two values differ.

use serde_json::Value;

use super::report::FieldDifference;

/// Differences that are listed: beyond these, somebody compares the wrong things.
const FIELDS_MAX: usize = 20;

/// Every field in which two values differ, the first ones where there are many. The order of an object's fields does not count.
pub(super) fn differences(path: &str, expected: &Value, came: &Value) -> Vec<FieldDifference> {
    let mut found = Vec::new();
    collect(path, Some(expected), Some(came), &mut found);
    found
}

fn collect(path: &str, expected: Option<&Value>, came: Option<&Value>, found: &mut Vec<FieldDifference>) {
    if found.len() == FIELDS_MAX || expected == came {
        return;
    }
    match (expected, came) {
        (Some(Value::Object(left)), Some(Value::Object(right))) => {
            let added = right.keys().filter(|name| !left.contains_key(*name));
            for name in left.keys().chain(added) {
                collect(&format!("{path}.{name}"), left.get(name), right.get(name), found);
            }
        }
        (Some(Value::Array(left)), Some(Value::Array(right))) => {
            for place in 0..left.len().max(right.len()) {
                collect(&format!("{path}[{place}]"), left.get(place), right.get(place), found);
            }
        }
        _ => found.push(FieldDifference { path: path.to_owned(), expected: expected.cloned(), came: came.cloned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn drawn(expected: &Value, came: &Value) -> Vec<String> {
        let shown = |value: Option<Value>| value.map_or_else(|| "nothing".to_owned(), |value| value.to_string());
        let fields = differences("state", expected, came).into_iter();
        fields.map(|field| format!("{}: {} {}", field.path, shown(field.expected), shown(field.came))).collect()
    }

    #[test]
    fn every_field_that_differs_is_named_by_its_path() {
        let expected = json!({"a": 1, "b": [{"c": 2}, 3], "d": 4});
        let came = json!({"b": [{"c": 5}, 3, 6], "d": 4, "a": 1, "e": null});
        assert_eq!(drawn(&expected, &came), ["state.b[0].c: 2 5", "state.b[2]: nothing 6", "state.e: nothing null"]);
    }

    #[test]
    fn the_order_of_fields_is_no_difference_and_the_kind_of_a_value_is_one() {
        assert_eq!(drawn(&json!({"a": 1, "b": 2}), &json!({"b": 2, "a": 1})), [""; 0]);
        assert_eq!(drawn(&json!("1"), &json!(1)), [r#"state: "1" 1"#]);
    }

    #[test]
    fn a_long_list_of_differences_is_cut() {
        let (left, right): (Value, Value) = ((0..100).collect(), (100..200).collect());
        assert_eq!(drawn(&left, &right).len(), FIELDS_MAX);
    }
}
