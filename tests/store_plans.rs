//! The plans of the store's statements, over a log of a million events: the index that was meant is used, nothing is read from
//! end to end and nothing is sorted, whatever values the planner knows. What is read is counted too, since an index can be read
//! from end to end as well.
#![allow(clippy::unwrap_used, missing_docs)]

mod store_plans {
    mod appends;
    pub(super) mod effects;
    pub(super) mod log;
    pub(super) mod plan;
    mod plan_tests;
    pub(super) mod statements;
}

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use foldhost::event_store::{
    ClaimedEffect, EffectClaim, EffectLease, EffectNext, EffectStatus, EffectUpdate, OutboxStore as _,
};
use foldhost_test_support::database;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use store_plans::effects::{self, Are};
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

/// Buffers that a claim and a look at the lanes take, of the host's own connections.
async fn outbox_buffers(connection: &mut PgConnection) -> [u64; 2] {
    let [mut claim, mut lanes] = [0, 0];
    for (buffers, statement) in [(&mut claim, effects::claim()), (&mut lanes, effects::lanes())] {
        let plan = explain(connection, &statement, settings(statement.run)[0]).await;
        // Not the index of another order, nor the table: those grow.
        assert!(plan.to_string().contains("effects_pending"), "{plan:?}");
        *buffers = plan.buffers();
    }
    println!("{claim} buffers for a claim, {lanes} for the lanes");
    [claim, lanes]
}

/// How many effects are over; `FOLDHOST_TEST_EFFECTS=1000000` for the longer run.
fn effects_over() -> u64 {
    std::env::var("FOLDHOST_TEST_EFFECTS").map_or(200_000, |count| count.parse().unwrap())
}

#[tokio::test]
async fn a_claim_looks_at_as_much_however_many_effects_are_over_or_wait() {
    let database = database().await;
    let mut connection = database.connect().await;
    let due = 10_000_000;
    effects::insert(&mut connection, 1..=1_000, Are::Done).await;
    effects::insert(&mut connection, due + 1..=due + 100, Are::Due).await;
    effects::insert(&mut connection, due + 1_001..=due + 1_010, Are::Waiting).await;
    connection.execute("VACUUM ANALYZE effects").await.unwrap();
    let few = outbox_buffers(&mut connection).await;

    effects::insert(&mut connection, 1_001..=effects_over(), Are::Done).await;
    connection.execute("VACUUM ANALYZE effects").await.unwrap();
    let many_over = outbox_buffers(&mut connection).await;

    effects::insert(&mut connection, due + 2_001..=due + 102_000, Are::Waiting).await;
    connection.execute("VACUUM ANALYZE effects").await.unwrap();
    let many_wait = outbox_buffers(&mut connection).await;

    effects::insert(&mut connection, due + 200_001..=due + 300_000, Are::Due).await;
    connection.execute("VACUUM ANALYZE effects").await.unwrap();
    let many_due = outbox_buffers(&mut connection).await;
    for [claim, lanes] in [many_over, many_wait, many_due] {
        // A claimed effect is looked up by its id, and its row and its index entries' pages are written: three levels of the
        // primary key instead of two, and as many of the index of what waits for each lane.
        assert!(claim <= few[0] + 16 * 2 + 3 * 2, "{claim} buffers, and {} with few", few[0]);
        assert!(lanes <= few[1] + 24, "{lanes} buffers, and {} with few", few[1]);
    }
}

/// An effect that is over leaves its entry in the index until vacuum has been there. A claim goes past them, a page of them at a
/// time.
#[tokio::test]
async fn a_claim_goes_past_what_vacuum_has_not_taken_away_a_page_at_a_time() {
    const CHURNED: u64 = 20_000;
    let database = database().await;
    let mut connection = database.connect().await;
    connection.execute("ALTER TABLE effects SET (autovacuum_enabled = off)").await.unwrap();
    effects::insert(&mut connection, 1..=CHURNED + 100, Are::Due).await;
    connection.execute("VACUUM ANALYZE effects").await.unwrap();
    let before = outbox_buffers(&mut connection).await;
    let mut done = 0;
    while done < CHURNED {
        let (lanes, lease) = (vec![("http due".into(), 1_000)], Duration::from_secs(60));
        let claim = EffectClaim { lanes, lease, bytes_max: usize::MAX };
        let claimed = database.store.claim_effects(&claim).await.unwrap();
        assert_eq!(claimed.len(), 1_000);
        done += claimed.len() as u64;
        let over = |claimed: ClaimedEffect| EffectUpdate {
            lease: EffectLease { effect_id: claimed.effect_id, stream_id: claimed.stream_id, token: claimed.token },
            next: EffectNext::Finished { status: EffectStatus::Done, progress: None, error: None },
            attempts: 1,
            failures: Vec::new(),
        };
        let steps: Vec<_> = claimed.into_iter().map(over).collect();
        assert!(database.store.update_effects(&steps).await.unwrap().iter().all(|held| *held));
    }
    // The first to come by marks what is gone for those behind it, unless a transaction of another test is older: asked again
    // until none is.
    let (pages, looks) = (CHURNED / 80, 3);
    until_within(&mut connection, "SELECT 1", [before[0] + pages, before[1] + looks * pages]).await;
    until_within(&mut connection, "VACUUM effects", [before[0] + 64, before[1] + 16]).await;
}

/// Asks, each time after a statement, until a claim and a look at the lanes take so many buffers at most.
async fn until_within(connection: &mut PgConnection, statement: &'static str, buffers_max: [u64; 2]) {
    let asked = async {
        loop {
            connection.execute(statement).await.unwrap();
            let [claim, lanes] = outbox_buffers(connection).await;
            if claim <= buffers_max[0] && lanes <= buffers_max[1] {
                return;
            }
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(60), asked).await;
    answer.unwrap_or_else(|_| panic!("never within {buffers_max:?} buffers after {statement}"));
}
