//! A plan, and what may not be in it.

use serde_json::Value;

/// Tables that no statement may read from end to end. The others have a row a name, a reducer, an activation, or an attempt that
/// failed.
const LARGE: [&str; 5] = ["events", "snapshots", "commands", "stream_keys", "effects"];

/// What EXPLAIN says, as a tree of nodes.
#[derive(Debug)]
pub(crate) struct Plan(Value);

/// From EXPLAIN's answer.
pub(crate) fn of(mut explained: Value) -> Plan {
    Plan(explained[0]["Plan"].take())
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Plan {
    /// Pages that were looked at, whether they were in memory or not.
    pub(crate) fn buffers(&self) -> u64 {
        ["Shared Hit Blocks", "Shared Read Blocks"].iter().map(|field| self.0[field].as_u64().unwrap()).sum()
    }

    /// What is wrong with it. `indexes` are those by which events may be read; each of `conditions` stands among what these are
    /// searched by; `sorts` are the keys by which something other than a page of events may be sorted.
    pub(crate) fn faults(
        &self,
        indexes: &[&str],
        conditions: &[&str],
        sorts: &[&str],
        buffers_max: u64,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        let mut searched_by = String::new();
        self.walk(&mut |node, parent| {
            let text = |field: &str| node[field].as_str().unwrap_or_default();
            if LARGE.contains(&text("Relation Name")) {
                let is_search = match text("Node Type") {
                    "Index Scan" | "Index Only Scan" => true,
                    // As good where no order is wanted. Pages of events are.
                    "Bitmap Heap Scan" => text("Relation Name") != "events",
                    _ => false,
                };
                // Under a limit without a condition in between, an index without a condition is a look at one of its ends.
                let is_bounded = ["Index Cond", "Recheck Cond"].iter().any(|field| !text(field).is_empty())
                    || parent["Node Type"] == "Limit";
                if (!is_search || !is_bounded) && text("Operation").is_empty() {
                    faults.push(format!("{} over {}", text("Node Type"), text("Relation Name")));
                }
                if is_search && text("Relation Name") == "events" {
                    searched_by += text("Index Cond");
                    if !indexes.contains(&text("Index Name")) {
                        faults.push(format!("events are read by {} and not by {indexes:?}", text("Index Name")));
                    }
                }
            }
            let keys = node["Sort Key"].as_array().map_or(&[][..], Vec::as_slice);
            for key in keys.iter().filter_map(Value::as_str).map(without_alias_number) {
                if !sorts.contains(&key.as_str()) {
                    faults.push(format!("a sort by {key}"));
                }
            }
            // Within a transaction, events have their place in the log by the order in which they go in.
            if text("Operation") == "Insert" && text("Relation Name") == "events" && !is_one_row_or_sorted(node) {
                faults.push("events are inserted in whatever order a join gives them".into());
            }
            // A subquery of which all answers are kept is read from end to end.
            let hashed =
                ["Filter", "Join Filter", "Conflict Filter"].iter().any(|field| text(field).contains("hashed SubPlan"));
            if hashed && has_large_subplan(node) {
                faults.push("a subquery over a large table is hashed".into());
            }
        });
        for condition in conditions.iter().filter(|condition| !searched_by.contains(**condition)) {
            faults.push(format!("the index is not searched by {condition}, but by {searched_by}"));
        }
        if self.buffers() > buffers_max {
            faults.push(format!("{} buffers, and {buffers_max} are enough", self.buffers()));
        }
        faults
    }

    fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Value, &'a Value)) {
        walk(&self.0, &Value::Null, visit);
    }
}

/// `s_1.version` is the `s` of one of several queries in a statement.
fn without_alias_number(key: &str) -> String {
    let Some((alias, column)) = key.split_once('.') else { return key.to_owned() };
    let number = alias.rsplit_once('_').filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    format!("{}.{column}", number.map_or(alias, |(alias, _)| alias))
}

fn walk<'a>(node: &'a Value, parent: &'a Value, visit: &mut impl FnMut(&'a Value, &'a Value)) {
    visit(node, parent);
    for child in children(node) {
        walk(child, node, visit);
    }
}

fn children(node: &Value) -> &[Value] {
    node["Plans"].as_array().map_or(&[], Vec::as_slice)
}

fn has_large_subplan(node: &Value) -> bool {
    let is_large = |plan: &Value| {
        let mut is_large = false;
        walk(plan, &Value::Null, &mut |node, _| {
            is_large |= node["Relation Name"].as_str().is_some_and(|name| LARGE.contains(&name));
        });
        is_large
    };
    let is_subplan = |child: &&Value| child["Parent Relationship"] == "SubPlan";
    children(node).iter().filter(is_subplan).any(is_large)
}

/// Whether what is inserted was sorted by stream, as the last thing but a projection.
fn is_one_row_or_sorted(insert: &Value) -> bool {
    let mut node = insert;
    while let Some(child) = children(node).iter().find(|child| child["Parent Relationship"] != "InitPlan") {
        let is_by_stream = |key: &Value| key.as_str().is_some_and(|key| key.contains("stream_id"));
        match child["Node Type"].as_str() {
            Some("Sort") => return is_by_stream(&child["Sort Key"][0]),
            Some("Subquery Scan" | "Result") => node = child,
            _ => return false,
        }
    }
    // VALUES of one row.
    node["Node Type"] == "Result"
}
