//! The outbox: 200,000 effects that are over, 100,000 that wait in one lane, and a few that are due or failed.

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::statements::{Run, Statement};

/// Effects of one kind, numbered from FIRST to LAST; their ids are their numbers.
const EFFECTS: &str = "
    INSERT INTO effects (effect_id, stream_id, kind, lane, status, due_at, leased_until, token, body, finished_at, error)
    SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
           (ARRAY['order', 'customer'])[1 + n % 2] || '-' || to_char(n, 'FM000000'), 'http', LANE, STATUS::effect_status, DUE, LEASED, n,
           decode(repeat('ab', 200), 'hex'), CASE WHEN STATUS <> 'pending' THEN now() END,
           CASE WHEN STATUS NOT IN ('pending', 'done') THEN 'refused' END
    FROM generate_series(FIRST, LAST) n";

const ATTEMPTS: &str = "
    INSERT INTO effect_attempts (stream_id, effect_id, node, took_us, code, message)
    SELECT stream_id, effect_id, 0, 1000, 'timeout', 'no answer'
    FROM effects, generate_series(1, 10) WHERE status IN ('failed', 'dead') OR token <= 1000";

/// Numbers of effects.
type Numbers = std::ops::RangeInclusive<u64>;

/// How some effects are.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Are {
    Done,
    Failed,
    Dead,
    /// In the lane `http due`, for so many seconds as the number says.
    Due,
    /// In front of those, and claimed.
    Leased,
    /// In the lane `delay`, for as many seconds.
    Waiting,
}

pub(crate) async fn insert(connection: &mut PgConnection, numbers: Numbers, are: Are) {
    let (lane, status, due, leased) = match are {
        Are::Done => ("'http due'", "'done'", "now()", "NULL"),
        Are::Failed => ("'http due'", "'failed'", "now()", "NULL"),
        Are::Dead => ("'http due'", "'dead'", "now()", "NULL"),
        Are::Due => ("'http due'", "'pending'", "now() - interval '1 day' + n * interval '1 ms'", "NULL"),
        Are::Leased => ("'http due'", "'pending'", "now() - interval '2 days'", "now() + interval '1 hour'"),
        Are::Waiting => ("'delay'", "'pending'", "now() + interval '1 hour' + n * interval '1 s'", "NULL"),
    };
    let insert = [
        ("LANE", lane),
        ("STATUS", status),
        ("DUE", due),
        ("LEASED", leased),
        ("FIRST", &numbers.start().to_string()),
        ("LAST", &numbers.end().to_string()),
    ]
    .iter()
    .fold(EFFECTS.to_owned(), |insert, (name, value)| insert.replace(name, value));
    connection.execute(AssertSqlSafe(insert)).await.unwrap();
}

const LEASED: Numbers = 200_001..=200_016;

pub(crate) async fn fill(connection: &mut PgConnection) {
    for (numbers, are) in [
        (1..=200_000, Are::Done),
        (LEASED, Are::Leased),
        (200_101..=201_000, Are::Failed),
        (201_001..=201_100, Are::Dead),
        (201_101..=203_000, Are::Due),
        (300_001..=400_000, Are::Waiting),
    ] {
        insert(connection, numbers, are).await;
    }
    connection.execute(ATTEMPTS).await.unwrap();
}

fn id(number: u64) -> String {
    format!("'00000000-0000-7000-8000-{number:012x}'")
}

fn stream_id(number: u64) -> String {
    let category = if number.is_multiple_of(2) { "order" } else { "customer" };
    format!("'{category}-{number:06}'")
}

fn array(values: impl Iterator<Item = String>) -> String {
    format!("ARRAY[{}]", values.collect::<Vec<_>>().join(", "))
}

fn same(value: &str) -> String {
    array(LEASED.map(|_| value.to_owned()))
}

/// How the rows of a statement's own effects are sorted before they are locked or claimed.
const BY_ID: [&str; 2] = ["e.effect_id", r#"e.stream_id COLLATE "C""#];

/// A claim of 16 effects of each lane that there is.
pub(crate) fn claim() -> Statement {
    let lanes = ["ARRAY['delay', 'http due', 'http none']", "ARRAY[16, 16, 16]", "30", "10000000"];
    Statement::new("claim_effects.sql", "of three lanes", Run::Append, &lanes)
        .sorting(&["w.due_at", "w.effect_id", r#"w.stream_id COLLATE "C""#, "c.due_at", "c.effect_id"])
        .within(600)
}

pub(crate) fn lanes() -> Statement {
    Statement::new("effect_lanes.sql", "all", Run::Read, &["''", "100"]).sorting(&["l.no"]).within(150)
}

pub(super) fn statements() -> Vec<Statement> {
    let mut statements = vec![claim(), lanes()];
    statements.extend(steps());
    statements.extend(lists());
    statements.extend(operators());
    statements
}

/// What becomes of 16 claimed effects, each with a failed attempt.
fn steps() -> Vec<Statement> {
    let (ids, streams) = (array(LEASED.map(id)), array(LEASED.map(stream_id)));
    let (tokens, numbers) = (array(LEASED.map(|number| number.to_string())), array((1..=16).map(|no| no.to_string())));
    let update = [
        &ids,
        &streams,
        &tokens,
        &same("'dead'"),
        &same("NULL::text"),
        &same("NULL::float8"),
        &same("NULL::float8"),
        &same("'\\xabab'::bytea"),
        &same("1::smallint"),
        &same("'refused'"),
        &same("1"),
        &numbers,
        &same("0"),
        &same("1000"),
        &same("'timeout'"),
        &same("'no answer'"),
        &streams,
    ];
    let append = |file, arguments: &[&String]| {
        let arguments: Vec<_> = arguments.iter().map(|argument| argument.as_str()).collect();
        Statement::new(file, "sixteen", Run::Append, &arguments).within(900)
    };
    vec![
        append("update_effects.sql", &update).sorting(&[
            "s.no",
            "b.no",
            "c.no",
            "f.place",
            r#"k.stream_id COLLATE "C""#,
            BY_ID[0],
            BY_ID[1],
        ]),
        append("renew_effects.sql", &[&ids, &streams, &tokens, &"60".to_owned()])
            .sorting(&["l.no", BY_ID[0], BY_ID[1]]),
    ]
}

fn lists() -> Vec<Statement> {
    const NEWEST: &str = "'ffffffff-ffff-ffff-ffff-ffffffffffff'";
    let (all, orders) = (["''", "'\u{10ffff}'"], ["'order-'", "'order.'"]);
    let read = |file, asks, arguments: &[&str]| Statement::new(file, asks, Run::Read, arguments);
    let middle = id(100_000);
    vec![
        read("list_effects.sql", "the newest", &["NULL", NEWEST, all[0], all[1], "100"]).within(150),
        read("list_effects.sql", "a page of those done", &["'done'", &middle, all[0], all[1], "100"]).within(150),
        read("list_effects.sql", "a page of a category", &["NULL", &middle, orders[0], orders[1], "100"]).within(300),
        read("list_failed_effects.sql", "dead letters", &["'dead'", NEWEST, all[0], all[1], "50"]).within(80),
        read("list_failed_effects.sql", "none", &["'discarded'", NEWEST, all[0], all[1], "50"]),
        read("find_effect.sql", "one", &[&middle]),
        read("effect_attempts.sql", "of one", &[&stream_id(1_000), &id(1_000), "1000"]),
        read("find_effects.sql", "two", &[&stream_id(1_000), &format!("ARRAY[{}, {}]", id(1_000), id(1_002))])
            .within(20),
    ]
}

fn operators() -> Vec<Statement> {
    let write = |file, asks, arguments: &[&str]| Statement::new(file, asks, Run::Write, arguments).within(60);
    let dead = 201_050;
    let reopening = [&id(dead), &stream_id(dead), "201050", "'http due'", "'\\xab'", "NULL"];
    vec![
        write("reopen_effect.sql", "one", &reopening),
        write("discard_effect.sql", "one", &[&id(dead), "'looked at'"]),
        // A thousand rows, and the attempts of half of them.
        write("prune_effects.sql", "a thousand", &["0", "1000"])
            .sorting(&[r#"o.stream_id COLLATE "C""#, "o.effect_id"])
            .within(15_000),
    ]
}

/// Effects of a hundred batches, as columns.
pub(super) fn columns(stream_ids: &str) -> [String; 8] {
    let same = |value: &str| format!("array_fill({value}, ARRAY[cardinality({stream_ids})])");
    [
        array((900_001..=900_100).map(id)),
        stream_ids.to_owned(),
        same("1::bigint"),
        same("'http'::text"),
        same("'http due'::text"),
        same("0::float8"),
        same("'\\xab'::bytea"),
        same("NULL::smallint"),
    ]
}
