//! What a host counts and measures of itself, by the facade of the crate `metrics`. No label holds a name from outside: a
//! stream's or a sender's would be a time series each.

use std::collections::BTreeMap;
use std::time::Duration;

use metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

use super::command::{CommandError, CommandReply};
use crate::event_store::{AppendOutcome, EventStoreError, StreamBatch};

/// Describes every metric to the recorder that is installed: once, before the host is started.
pub fn describe_metrics() {
    crate::effects::describe_metrics();
    describe_counter!("foldhost_commands_total", "Commands answered, by outcome");
    describe_histogram!("foldhost_command_seconds", Unit::Seconds, "From a command's coming to its durable answer");
    describe_counter!("foldhost_append_statements_total", "Appends sent to the event store");
    describe_histogram!("foldhost_append_seconds", Unit::Seconds, "From an append's being sent to its being durable");
    describe_counter!("foldhost_append_batches_total", "Batches of one stream each in those appends, by outcome");
    describe_counter!("foldhost_appended_events_total", "Events that became durable");
    describe_counter!("foldhost_snapshots_written_total", "Snapshots kept in the event store");
    describe_counter!("foldhost_snapshots_failed_total", "Snapshots that could not be taken or kept");
    describe_counter!(
        "foldhost_snapshots_unreadable_total",
        "Snapshots that were passed over, and their streams replayed"
    );
    describe_counter!(
        "foldhost_swapped_streams_total",
        "Streams in use that went on with another component, by outcome"
    );
    describe_gauge!("foldhost_entities", "Streams in use");
    describe_gauge!("foldhost_entities_memory_bytes", Unit::Bytes, "Memory of their aggregates");
    describe_counter!(
        "foldhost_appends_contested_total",
        "Statements that another host's append made fail whole, and that were sent again stream by stream"
    );
    describe_gauge!(
        "foldhost_log_lag_seconds",
        Unit::Seconds,
        "How long the oldest event that readers of the log may not see yet has been waiting for a transaction to end"
    );
    describe_gauge!("foldhost_subscribers", "Event streams that are followed over HTTP");
}

/// Counts the answer to a command.
pub(super) fn command(answer: &Result<CommandReply, CommandError>, elapsed: Duration) {
    counter!("foldhost_commands_total", "outcome" => class(answer)).increment(1);
    histogram!("foldhost_command_seconds").record(elapsed);
}

/// What kind of an end it is. Few, and stable: dashboards and alerts are written on them.
fn class(answer: &Result<CommandReply, CommandError>) -> &'static str {
    let Err(error) = answer else { return "accepted" };
    match error {
        CommandError::Rejected(_) => "rejected",
        CommandError::Conflict { .. } | CommandError::Contended { .. } => "conflict",
        CommandError::Malformed(_)
        | CommandError::UnknownCommand { .. }
        | CommandError::UnknownCategory { .. }
        | CommandError::IdReused { .. }
        | CommandError::TooLarge(_)
        | CommandError::Metadata(_) => "invalid",
        CommandError::StreamClosed { .. } | CommandError::Store(EventStoreError::StreamErased { .. }) => "closed",
        CommandError::Busy { .. } | CommandError::Overloaded { .. } | CommandError::ShuttingDown => "turned_away",
        CommandError::Fault(_) | CommandError::ReducerUnusable { .. } | CommandError::Lost => "fault",
        CommandError::Store(_) => "store",
    }
}

/// How a stream in use comes to go on with another component.
#[derive(Clone, Copy)]
pub(super) enum Swapped {
    /// That had its state before the swap.
    Ready,
    /// That took its state over behind the swap.
    TakenOver,
    /// It was loaded from the store.
    Loaded,
}

/// Counts a stream that goes on with another component.
pub(super) fn swapped(how: Swapped) {
    let outcome = match how {
        Swapped::Ready => "ready",
        Swapped::TakenOver => "taken_over",
        Swapped::Loaded => "loaded",
    };
    counter!("foldhost_swapped_streams_total", "outcome" => outcome).increment(1);
}

/// Counts an append of many streams.
pub(super) fn append(batches: &[StreamBatch], outcomes: &[Result<AppendOutcome, EventStoreError>], elapsed: Duration) {
    counter!("foldhost_append_statements_total").increment(1);
    histogram!("foldhost_append_seconds").record(elapsed);
    // Added up first: a statement has hundreds of batches, and each look-up of a counter takes its time.
    let (mut events, mut tally) = (0, BTreeMap::<&str, u64>::new());
    for (batch, outcome) in batches.iter().zip(outcomes) {
        let outcome = match outcome {
            Ok(AppendOutcome::Appended { .. }) => "appended",
            Ok(AppendOutcome::Conflict { .. }) => "conflict",
            Ok(AppendOutcome::Repeated) => "repeated",
            Ok(AppendOutcome::Closed { .. }) => "closed",
            Ok(AppendOutcome::Fenced) => "fenced",
            Err(_) => "failed",
        };
        *tally.entry(outcome).or_default() += 1;
        if outcome == "appended" {
            events += batch.events.len() as u64;
        }
    }
    for (outcome, batches) in tally {
        counter!("foldhost_append_batches_total", "outcome" => outcome).increment(batches);
    }
    counter!("foldhost_appended_events_total").increment(events);
}

/// Says how long readers of the log are held back.
pub(super) fn log_lag(lag: Duration) {
    gauge!("foldhost_log_lag_seconds").set(lag);
}

/// Says how much the host holds now.
pub(super) fn held(entities: usize, memory_bytes: usize) {
    gauge!("foldhost_entities").set(entities as f64);
    gauge!("foldhost_entities_memory_bytes").set(memory_bytes as f64);
}
