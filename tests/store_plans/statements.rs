//! The statements, each with values to run it with, and what its plan has to be.

use super::appends::appends;
use super::effects;
use super::log::{Place, Places};

/// Which connections a statement is sent by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// Those that load and read.
    Read,
    /// The same, with a statement that changes something.
    Write,
    /// Those that append.
    Append,
}

#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) file: &'static str,
    /// What is asked for.
    pub(crate) asks: &'static str,
    pub(crate) run: Run,
    pub(crate) arguments: Vec<String>,
    /// Those that read events, where they are read.
    pub(crate) indexes: Vec<&'static str>,
    /// What they are searched by.
    pub(crate) conditions: Vec<&'static str>,
    /// What may be sorted: rows that came in as values or are steps of a recursion, and never a page of events.
    pub(crate) sorts: Vec<&'static str>,
    /// Pages of tables and indexes that may be looked at, twice to three times what was seen.
    pub(crate) buffers_max: u64,
}

impl Statement {
    pub(super) fn new(file: &'static str, asks: &'static str, run: Run, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self {
            file,
            asks,
            run,
            arguments,
            indexes: Vec::new(),
            conditions: Vec::new(),
            sorts: Vec::new(),
            buffers_max: 12,
        }
    }

    pub(super) fn by(self, index: &'static str, conditions: &[&'static str]) -> Self {
        Self { indexes: vec![index], conditions: conditions.to_vec(), ..self }
    }

    pub(super) fn sorting(self, sorts: &[&'static str]) -> Self {
        Self { sorts: sorts.to_vec(), ..self }
    }

    pub(super) fn within(self, buffers_max: u64) -> Self {
        Self { buffers_max, ..self }
    }

    pub(crate) fn name(&self) -> String {
        format!("{}, {}", self.file, self.asks)
    }
}

/// Statements without a plan worth a check, and why.
pub(crate) const ELSEWHERE: [(&str, &str); 33] = [
    ("activate.sql", "once an activation, over tables with a row for each activation"),
    ("activations.sql", "at an operator's word, over the same tables"),
    ("active_reducers.sql", "once a start or an activation, over the same tables"),
    ("adopt_checkpoints.sql", "after a restore, with all hosts stopped"),
    ("allow_change_of_events.sql", "after a restore, and has no plan"),
    ("begin_verification.sql", "once a verification, over a table with a row for each"),
    ("claim_task.sql", "once a host and half a minute, over one row"),
    ("effect_backlog.sql", "once a scrape, and counts all of the index of what waits"),
    ("effect_rules.sql", "once for each activation that a host meets, over their table"),
    ("epoch.sql", "once a host, over one row"),
    ("finish_verification.sql", "once a verification, over one row"),
    ("generations.sql", "once for each activation that a host meets, over their table"),
    (
        "encrypted_categories.sql",
        "once a start and once a verification, with one look into the index for each category",
    ),
    ("erase_effects.sql", "once an erasure, and looks through the ids of all effects for those of the stream"),
    ("list_reducers.sql", "at an operator's word, over a table with a row for each component"),
    ("list_verifications.sql", "at an operator's word, over a table with a row for each verification"),
    ("list_pending_effects.sql", "at an operator's word, and sorts the ids of all that waits"),
    ("load_component.sql", "once for each component that a host meets, over their table"),
    ("lock_active_reducers.sql", "once an activation, and reads no table"),
    ("lock_history.sql", "reads no table"),
    ("lock_log.sql", "after a restore, and has no plan"),
    ("lock_streams.sql", "reads no table"),
    ("next_generation.sql", "once an activation, by the first row of its primary key's index"),
    ("notify.sql", "reads no table"),
    ("refuse_change_of_events.sql", "after a restore, and has no plan"),
    ("renew_epoch.sql", "after a restore, over one row"),
    ("reset_subscription.sql", "at an operator's word, over one row of a table with a row a name"),
    ("restore_checkpoints.sql", "after a restore, with all hosts stopped; it reads what subscriptions have not"),
    ("restore_order.sql", "after a restore, with all hosts stopped; it changes every event"),
    ("running_verification.sql", "once a verification, over a table with a row for each"),
    ("save_reducer.sql", "once a deployment"),
    ("save_task.sql", "once a hundred snapshots, over one row"),
    ("save_verification.sql", "once a second of a verification, over one row"),
];

const PAGE: [&str; 2] = ["1000", "8388"];
pub(super) const BY_STREAM: &str = "events_pkey";
const BY_LOG: &str = "events_in_log_order";
const BY_CATEGORY: &str = "events_of_category_in_log_order";
const BY_TYPE: &str = "events_of_type_in_log_order";
const OF_ONE_TYPE: [&str; 2] = ["ROW(event_type, transaction_id, global_position) > ROW(", "event_type <="];
pub(super) const BYTES: &str = "decode(repeat('00', 32), 'hex')";

pub(crate) fn statements(places: &Places) -> Vec<Statement> {
    let mut statements = streams();
    statements.extend(log(places));
    statements.extend(appends());
    statements.extend(beside_events());
    statements.extend(subscriptions(places));
    statements.extend(effects::statements());
    statements
}

fn streams() -> Vec<Statement> {
    let of_version = |conditions| move |statement: Statement| statement.by(BY_STREAM, conditions);
    let (above, below) = (of_version(&["stream_id =", "version >"]), of_version(&["stream_id =", "version <"]));
    let [events, bytes] = PAGE;
    let read = |file, asks, arguments: &[&str]| Statement::new(file, asks, Run::Read, arguments);
    let long = "'long-1'";
    vec![
        above(read("load.sql", "a snapshot and its tail", &[long, "'long.v1'", events, bytes, "NULL"])).within(30),
        above(read("load.sql", "no snapshot of the schema", &[long, "'long.v2'", events, bytes, "NULL"])).within(70),
        above(read("load.sql", "a short stream", &["'order-000004'", "'order.v1'", events, bytes, BYTES])).within(25),
        above(read("load_events.sql", "the middle of a long stream", &[long, "50000", events, bytes])).within(80),
        above(read("load_events.sql", "behind the end of a long stream", &[long, "100000", events, bytes])).within(10),
        above(read("read_stream.sql", "the middle of a long stream", &[long, "50000", events, bytes])).within(80),
        below(read("read_stream_backwards.sql", "from the end", &[long, "9223372036854775807", events, bytes]))
            .within(80),
        below(read("read_stream_backwards.sql", "the newest event", &[long, "9223372036854775807", "1", bytes]))
            .within(10),
        read("read_streams.sql", "a page of a category", &["'order-050000'", "'order.'", "100"])
            .by(BY_STREAM, &["stream_id >", "stream_id <"])
            .sorting(&["s.n"])
            .within(800),
        read("heads.sql", "long, short and new streams", &["ARRAY['long-1', 'order-000004', 'order-none']"])
            .by(BY_STREAM, &["stream_id ="])
            .sorting(&["u.no"])
            .within(30),
        read("large_data.sql", "of two streams", &["ARRAY['long-1', 'order-000004']", "ARRAY[50000, 3]::bigint[]"])
            .by(BY_STREAM, &["stream_id =", "version ="])
            .sorting(&["u.no"])
            .within(20),
        read("count_plain.sql", "a short stream", &["'order-000004'"]).by(BY_STREAM, &["stream_id ="]).within(30),
    ]
}

/// Reads of the log from a place on, without and with a time.
fn log(places: &Places) -> Vec<Statement> {
    const FROM_LOG: [&str; 2] = ["ROW(transaction_id, global_position) > ROW(", "transaction_id < pg_snapshot_xmin"];
    const FROM_TYPE: [&str; 2] =
        ["ROW(event_type, transaction_id, global_position) > ROW(", "ROW(event_type, transaction_id) < ROW("];
    const FROM_CATEGORY: [&str; 2] = [
        "ROW(split_part(stream_id, '-'::text, 1), transaction_id, global_position) > ROW(",
        "ROW(split_part(stream_id, '-'::text, 1), transaction_id) < ROW(",
    ];
    const SEEK: [&str; 2] = ["transaction_id >=", "transaction_id ="];
    let read = |file, asks, place: &Place, until: Option<&Place>, rest: &[&str]| {
        let [events, bytes] = PAGE;
        let (transaction_id, position) = (place.transaction_id.to_string(), place.position.to_string());
        let time = until.map_or("NULL".into(), |until| format!("'{}'", until.created_at));
        let end = until.map_or("NULL".into(), |until| (until.transaction_id + 1).to_string());
        let begin: [&str; 7] = [&transaction_id, &position, events, bytes, "NULL", &time, &end];
        Statement::new(file, asks, Run::Read, &[&begin, rest].concat())
    };
    let (begin, middle, near_the_end) = (&Place::default(), &places.middle, &places.near_the_end);
    let time = format!("'{}'", middle.created_at);
    let (order, long) = ("'order'", "'long'");
    vec![
        read("read_all.sql", "the beginning", begin, None, &[]).by(BY_LOG, &FROM_LOG).within(80),
        read("read_all.sql", "nothing, until a time", middle, Some(middle), &[]).by(BY_LOG, &FROM_LOG).within(150),
        read("read_all.sql", "near the end", near_the_end, None, &[]).by(BY_LOG, &FROM_LOG).within(80),
        read("read_category.sql", "a page", middle, None, &[order]).by(BY_CATEGORY, &FROM_CATEGORY).within(250),
        // The planner thinks a quarter of what comes is of the category. Nothing is.
        read("read_category.sql", "nothing new", near_the_end, None, &[order])
            .by(BY_CATEGORY, &FROM_CATEGORY)
            .within(10),
        read("read_category.sql", "one that began late", begin, None, &[long])
            .by(BY_CATEGORY, &FROM_CATEGORY)
            .within(100),
        read("read_category.sql", "one that is not there", begin, None, &["'none'"])
            .by(BY_CATEGORY, &FROM_CATEGORY)
            .within(10),
        read("read_type.sql", "a page", middle, None, &["'Paid.v1'", "NULL"]).by(BY_TYPE, &FROM_TYPE).within(100),
        read("read_type.sql", "of a category", middle, None, &["'Paid.v1'", order]).by(BY_TYPE, &FROM_TYPE).within(400),
        read("read_type.sql", "nothing new", near_the_end, None, &["'Paid.v1'", "NULL"])
            .by(BY_TYPE, &FROM_TYPE)
            .within(10),
        read("read_type.sql", "one that is not there", begin, None, &["'None.v1'", order])
            .by(BY_TYPE, &FROM_TYPE)
            .within(10),
        Statement::new("seek_time.sql", "where to begin", Run::Read, &[&time, "true"]).by(BY_LOG, &SEEK).within(400),
        Statement::new("seek_time.sql", "where to end", Run::Read, &[&time, "false"]).by(BY_LOG, &SEEK).within(400),
        Statement::new("log_lag.sql", "nothing hidden", Run::Read, &[]).by(BY_LOG, &["transaction_id >="]),
        Statement::new("is_ahead.sql", "the newest transaction", Run::Read, &[]).by(BY_LOG, &[]),
    ]
}

/// Statements over the other tables, and those that change little.
fn beside_events() -> Vec<Statement> {
    let read = |file, asks, arguments: &[&str]| Statement::new(file, asks, Run::Read, arguments);
    let write = |file, asks, arguments: &[&str]| Statement::new(file, asks, Run::Write, arguments);
    let snapshot = |version| ["'long-1'", version, "'long.v1'", BYTES, "'raw'", BYTES, BYTES, "NULL"];
    let (order, customer) = ("'order-000004'", "'customer-000001'");
    vec![
        read("find_commands.sql", "two of a stream", &[order, "ARRAY['c-1', 'c-none']"]).within(30),
        read("stream_keys.sql", "some streams", &["ARRAY['customer-000001', 'customer-000005', 'order-000004']"])
            .within(20),
        write("save_snapshot.sql", "a newer one", &snapshot("99999"))
            .by(BY_STREAM, &["stream_id =", "version ="])
            .within(40),
        write("save_snapshot.sql", "an older one", &snapshot("9"))
            .by(BY_STREAM, &["stream_id =", "version ="])
            .within(40),
        write(
            "make_stream_keys.sql",
            "two",
            &["ARRAY['order-1', 'customer-000001']", "ARRAY['m', 'm']", "ARRAY['\\x00', '\\x00']::bytea[]"],
        )
        .sorting(&[r#"u.stream_id COLLATE "C""#])
        .within(30),
        write("drop_stream_key.sql", "of a stream", &[customer]).within(30),
        write("erase_stream.sql", "of a stream", &[customer]).within(30),
        write("close_stream.sql", "an open one", &[order, "11"]).within(60),
        write("append_history.sql", "the first event", &["'$reducers-order'", "'ReducerActivated.v1'", "'{}'", "'{}'"])
            .by(BY_STREAM, &["stream_id ="])
            .within(40),
        read("count_events_of_type.sql", "a hundred of many", &["'order'", "'Paid.v1'", "100"])
            .by(BY_TYPE, &OF_ONE_TYPE)
            .within(1_000),
        read("count_events_of_type.sql", "one that is not there", &["'order'", "'None.v1'", "100"])
            .by(BY_TYPE, &OF_ONE_TYPE),
        read("read_journal.sql", "a stream's", &[order, "4", "'c-4'", "100"]).within(30),
        read("streams_without_snapshot.sql", "a page", &["'order-050000'", "'order.'", "'order.v2'", "100"])
            .within(1_000),
        // PostgreSQL 17 takes the snapshots of the range by a hash join, and sorts what is left of them.
        write("prune_snapshots.sql", "none", &["'order-089000'", "'order.'", "ARRAY['order.v2']", "100"])
            .sorting(&[r#"s.stream_id COLLATE "C""#])
            .within(4_000),
    ]
}

/// Statements of named readers: theirs is a small table, but some look into the log.
fn subscriptions(places: &Places) -> Vec<Statement> {
    let (transaction_id, position) =
        (places.near_the_end.transaction_id.to_string(), places.near_the_end.position.to_string());
    let (name, reader) = ("'reader-1'", "'00000000-0000-0000-0000-000000000001'");
    let write = |file, asks, arguments: &[&str]| Statement::new(file, asks, Run::Write, arguments).within(40);
    let list = |asks, name| Statement {
        indexes: vec![BY_LOG, BY_CATEGORY, BY_TYPE],
        ..Statement::new("list_subscriptions.sql", asks, Run::Read, &[name, "1"])
            .sorting(&["s.name", r#"s.name COLLATE "C""#])
    };
    vec![
        list("all hundred", "NULL").within(2_000),
        list("one", name).within(40),
        Statement::new("find_subscription.sql", "one", Run::Read, &[name, reader]),
        write("claim_subscription.sql", "one", &[name, reader, "30", "'order'", "NULL", "1"]),
        write("acknowledge_subscription.sql", "one", &[name, "1", "1", &transaction_id, &position]),
        write("create_subscription.sql", "a new one", &["'reader-new'", "NULL", "NULL", "true", "1"]),
        write("delete_subscription.sql", "one", &[name]),
        write("renew_subscription.sql", "one", &[name, "1", "30"]),
        write("release_subscription.sql", "one", &[name, "1"]),
    ]
}
