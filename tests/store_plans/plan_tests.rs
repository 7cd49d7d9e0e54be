//! What the checks have to find. A suite that passes every plan would pass too.

use serde_json::{Value, json};

use super::plan;

const INDEX: &str = "events_pkey";

fn faults(mut node: Value, sorts: &[&str]) -> Vec<String> {
    node["Shared Hit Blocks"] = json!(4);
    node["Shared Read Blocks"] = json!(1);
    plan::of(json!([{ "Plan": node }])).faults(&[INDEX], &["version >"], sorts, 5)
}

fn search() -> Value {
    json!({
        "Node Type": "Index Scan", "Relation Name": "events", "Index Name": INDEX,
        "Index Cond": "((stream_id = $1) AND (version > $2))",
    })
}

#[test]
fn a_search_by_the_index_is_right() {
    assert_eq!(faults(search(), &[]), [""; 0]);
    assert_eq!(faults(json!({ "Node Type": "Sort", "Sort Key": ["s.n"], "Plans": [search()] }), &["s.n"]), [""; 0]);
}

#[test]
fn what_is_wrong_with_a_plan_is_found() {
    let with = |field: &str, value: Value| {
        let mut node = search();
        node[field] = value;
        node
    };
    for (wrong, fault) in [
        (with("Node Type", json!("Seq Scan")), "Seq Scan over events"),
        (with("Node Type", json!("Bitmap Heap Scan")), "Bitmap Heap Scan over events"),
        (with("Index Name", json!("events_by_time")), "read by events_by_time"),
        (with("Index Cond", json!("(stream_id = $1)")), "not searched by version >"),
        (with("Index Cond", Value::Null), "Index Scan over events"),
        (json!({ "Node Type": "Sort", "Sort Key": ["e.version"], "Plans": [search()] }), "a sort by e.version"),
        (
            json!({ "Node Type": "Incremental Sort", "Sort Key": ["e.version"], "Plans": [search()] }),
            "a sort by e.version",
        ),
        (
            json!({ "Node Type": "Result", "Plans": [search(), { "Node Type": "Seq Scan", "Relation Name": "commands" }] }),
            "Seq Scan over commands",
        ),
        (
            json!({ "Node Type": "Result", "Filter": "(hashed SubPlan 1)", "Plans": [
                { "Node Type": "Result", "Parent Relationship": "SubPlan", "Plans": [search()] }] }),
            "is hashed",
        ),
        (
            json!({ "Node Type": "ModifyTable", "Operation": "Insert", "Relation Name": "events", "Plans": [
                { "Node Type": "Hash Join", "Plans": [search()] }] }),
            "whatever order",
        ),
    ] {
        let found = faults(wrong, &["s.n"]);
        assert!(found.iter().any(|found| found.contains(fault)), "{fault}: {found:?}");
    }
}

#[test]
fn a_plan_that_reads_too_much_is_found() {
    let mut node = search();
    node["Shared Hit Blocks"] = json!(5);
    node["Shared Read Blocks"] = json!(1);
    let found = plan::of(json!([{ "Plan": node }])).faults(&[INDEX], &[], &[], 5);
    assert_eq!(found, ["6 buffers, and 5 are enough"]);
}
