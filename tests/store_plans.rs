//! The plans of the store's statements, over a log of a million events: the index that was meant is used, nothing is read from
//! end to end and nothing is sorted, whatever values the planner knows. What is read is counted too, since an index can be read
//! from end to end as well.
#![allow(clippy::unwrap_used, missing_docs)]

mod store_plans {
    mod appends;
    pub(super) mod log;
    pub(super) mod plan;
    mod plan_tests;
    pub(super) mod statements;
}

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Instant;

use foldhost_test_support::database;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use store_plans::log::{Places, begin, fill};
use store_plans::plan::{self, Plan};
use store_plans::statements::{ELSEWHERE, Run, Statement, statements};

/// What the host sets on its connections, and what it does not: a pool that an embedder made has the server's own settings.
/// Whatever `plan_cache_mode` says, Postgres may come to plan a statement once for all values.
fn settings(run: Run) -> Vec<[&'static str; 2]> {
    let (free, host) = ("SET enable_seqscan = on", "SET enable_seqscan = off; SET enable_bitmapscan = off");
    let (custom, generic) = ("SET plan_cache_mode = force_custom_plan", "SET plan_cache_mode = force_generic_plan");
    match run {
        Run::Read | Run::Write => vec![[host, custom], [host, generic], [free, custom], [free, generic]],
        // The connections that append plan once.
        Run::Append => vec![[host, generic], [free, generic]],
    }
}

#[tokio::test]
async fn every_statement_is_answered_by_its_index_at_a_million_events() {
    let database = database().await;
    let mut connection = database.connect().await;
    let started = Instant::now();
    let places = fill(&mut connection).await;
    println!("a million events in {:.1?}", started.elapsed());
    let mut faults = Vec::new();
    for statement in statements(&places) {
        for setting in settings(statement.run) {
            let plan = explain(&mut connection, &statement, setting).await;
            let found = plan.faults(&statement.indexes, &statement.conditions, &statement.sorts, statement.buffers_max);
            println!("{:>5} buffers  {:?} {}", plan.buffers(), setting, statement.name());
            faults.extend(found.into_iter().map(|fault| format!("{} under {setting:?}: {fault}", statement.name())));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// A connection keeps the plans that it made while the log was short, for as long as it lives.
#[tokio::test]
async fn every_statement_is_answered_by_its_index_before_there_are_events() {
    let database = database().await;
    let mut connection = database.connect().await;
    begin(&mut connection).await;
    let mut faults = Vec::new();
    for statement in statements(&Places::default()) {
        // The host's own settings; the server's own leave the planner the choice, and it reads a page from end to end.
        for setting in settings(statement.run).into_iter().filter(|setting| setting[0].ends_with("= off")) {
            let plan = explain(&mut connection, &statement, setting).await;
            let found = plan.faults(&statement.indexes, &statement.conditions, &statement.sorts, u64::MAX);
            faults.extend(found.into_iter().map(|fault| format!("{} under {setting:?}: {fault}", statement.name())));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The plan of a statement, run and taken back.
async fn explain(connection: &mut PgConnection, statement: &Statement, settings: [&'static str; 2]) -> Plan {
    let sql = std::fs::read_to_string(sql_dir().join(statement.file)).unwrap();
    let arguments = match statement.arguments.is_empty() {
        true => String::new(),
        false => format!("({})", statement.arguments.join(", ")),
    };
    let mut transaction = connection.begin().await.unwrap();
    for setting in settings {
        transaction.execute(setting).await.unwrap();
    }
    let prepare = format!("PREPARE statement AS {sql}");
    let prepared = sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut *transaction).await;
    prepared.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE statement{arguments}");
    let explained = sqlx::query_scalar::<_, Value>(AssertSqlSafe(explain)).fetch_one(&mut *transaction).await;
    let explained = explained.unwrap_or_else(|error| panic!("{}: {error}", statement.name()));
    transaction.execute("DEALLOCATE statement").await.unwrap();
    transaction.rollback().await.unwrap();
    plan::of(explained)
}

fn sql_dir() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/event_store/postgres"))
}

/// Nobody adds a statement and forgets its plan.
#[test]
fn each_statement_is_checked_or_has_a_reason_not_to_be() {
    let files: BTreeSet<String> = std::fs::read_dir(sql_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".sql"))
        .collect();
    let checked: BTreeSet<String> =
        statements(&Places::default()).iter().map(|statement| statement.file.to_owned()).collect();
    let elsewhere: BTreeSet<String> = ELSEWHERE.iter().map(|(file, _)| (*file).to_owned()).collect();
    let both: Vec<_> = checked.intersection(&elsewhere).collect();
    assert!(both.is_empty(), "checked, and with a reason not to be: {both:?}");
    let known = checked.union(&elsewhere).cloned().collect::<BTreeSet<_>>();
    let (new, gone): (Vec<_>, Vec<_>) = (files.difference(&known).collect(), known.difference(&files).collect());
    assert!(new.is_empty(), "add these to tests/store_plans/statements.rs: {new:?}");
    assert!(gone.is_empty(), "these are no statements any more: {gone:?}");
}
