//! One contract, two stores: every test here runs on the store in memory and on Postgres.
#![allow(clippy::unwrap_used, missing_docs)]

mod event_store_contract {
    use super::*;

    pub(super) mod appends;
    pub(super) mod closing;
    pub(super) mod commands;
    pub(super) mod dead_letters;
    pub(super) mod effect_steps;
    pub(super) mod effects;
    pub(super) mod filters;
    pub(super) mod metadata;
    pub(super) mod open_versions;
    pub(super) mod reads;
    pub(super) mod reducers;
    pub(super) mod snapshots;
    pub(super) mod verifications;
}

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use foldhost::event::STREAM_CLOSED;
use foldhost::event_store::sealing::{Encryption, MasterKeys};
use foldhost::event_store::{
    ActivationChange, ActivationKind, ActivationNote, AppendOutcome, ClaimedEffect, CommandRecord, Cursor,
    EFFECT_ATTEMPTS_SHOWN_MAX, EFFECT_ERROR_BYTES_MAX, EFFECTS_CLAIMED_MAX, EffectBacklog, EffectClaim, EffectDetail,
    EffectFilter, EffectLease, EffectNext, EffectReopening, EffectStatus, EffectUpdate, EventCount, FailedAttempt,
    Fence, JournalEntry, LANE_BYTES_MAX, NewEffect, NewVerification, RecordedCommand, ReducerNews, Share, Snapshot,
    SnapshotKey, StoredSnapshot, StreamBatch, TaskProgress, VerificationClaim, VerificationLease, VerificationStatus,
    history_stream, log_events, stream_events,
};
use foldhost::reducer::{Descriptor, EffectRules, ReducerDigest, Rejection};
use foldhost::{
    Event, EventMetadata, EventStoreError, ExpectedVersion, InMemoryEventStore, LogFilter, PageLimit, Payload,
    PostgresEventStore, SerializedEvent, Store, StreamId, Version,
};
use futures::TryStreamExt as _;
use uuid::Uuid;

macro_rules! contract {
    ($($module:ident: $($name:ident)*;)*) => {
        mod in_memory {
            $($(#[tokio::test]
            async fn $name() {
                super::event_store_contract::$module::$name(std::sync::Arc::new(super::in_memory_store())).await;
            })*)*
        }
        mod postgres {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::event_store_contract::$module::$name(std::sync::Arc::new(super::postgres_store().await)).await;
            })*)*
        }
    };
}

contract! {
    appends:
        appended_events_come_back_as_they_were
        a_stale_append_is_a_conflict_and_leaves_nothing
        an_append_beyond_the_head_is_a_conflict_and_leaves_no_hole
        each_stream_of_an_append_wins_or_loses_alone
        a_stream_twice_in_one_append_is_refused_whole
        a_nul_byte_is_refused_before_the_store_sees_it
        a_batch_that_a_table_would_refuse_is_refused_before
        a_batch_without_events_asks_whether_the_version_still_holds
        sixteen_writers_race_for_one_version_and_exactly_one_wins
        a_batch_of_a_thousand_events_is_one_append
        an_atomic_append_takes_all_batches_or_none
        an_atomic_append_names_the_first_stream_that_lost;
    open_versions:
        an_append_for_any_version_goes_behind_whatever_is_there
        an_append_for_no_stream_takes_only_a_new_one
        an_append_for_a_stream_that_exists_takes_no_new_one
        open_and_exact_versions_go_into_one_append
        sixteen_writers_for_any_version_all_win_and_leave_no_hole
        open_versions_come_out_of_the_log_in_their_order;
    commands:
        commands_are_remembered_with_the_events_that_they_led_to
        a_loser_s_commands_are_not_remembered
        a_command_that_was_done_before_is_told_and_its_first_outcome_stays
        an_append_under_an_id_is_done_once_and_answered_as_the_first_time
        an_id_with_other_events_is_refused
        sixteen_appends_under_one_id_at_once_are_one_append
        the_journal_is_read_in_the_order_of_the_versions
        what_the_journal_holds_of_an_erased_stream_says_nothing;
    reducers:
        an_append_under_a_former_generation_is_fenced
        activations_count_generations
        a_change_that_was_decided_on_another_generation_is_outrun
        an_activation_is_refused_by_events_that_may_not_be_there
        a_change_that_is_only_begun_changes_nothing_and_holds_no_append_up
        an_activation_keeps_who_made_it_and_why
        a_generation_may_have_a_canary
        what_is_done_to_a_reducer_is_told_by_its_history
        components_are_listed_the_newest_first
        events_are_counted_by_type_within_a_category
        news_of_reducers_reach_who_listens;
    verifications:
        a_verification_is_held_by_one_at_a_time_and_goes_on_behind_its_checkpoint
        a_verification_of_another_kind_is_another_one
        a_verification_that_was_given_up_is_nobody_s
        verifications_are_listed_the_newest_first
        a_task_is_done_once_and_taken_over_when_its_lease_ends;
    snapshots:
        a_load_brings_the_snapshot_and_the_tail_behind_it
        a_snapshot_of_another_schema_is_passed_over
        a_snapshot_of_other_code_is_passed_over_by_who_reads_only_his_own
        a_snapshot_beyond_the_head_is_passed_over_and_replaced
        a_newer_snapshot_is_never_replaced_by_an_older_one
        a_load_without_snapshots_begins_at_the_first_event
        a_stream_has_a_snapshot_for_each_schema
        streams_without_a_snapshot_of_a_schema_are_found_and_former_ones_pruned;
    reads:
        a_stream_is_read_in_pages
        a_page_ends_with_the_event_that_reaches_its_bytes
        a_stream_is_read_backwards
        a_stream_longer_than_a_page_is_read_to_its_end
        the_log_of_all_streams_is_read_on_from_any_cursor
        a_cursor_of_another_database_is_refused
        the_streams_of_a_category_are_paged_in_byte_order
        who_waits_for_an_append_of_this_process_is_told;
    filters:
        the_log_of_one_category_is_its_part_of_the_log
        the_log_of_one_type_is_its_part_of_the_log
        the_log_between_two_times_is_its_part_of_the_log
        a_filtered_log_is_read_on_from_any_cursor;
    metadata:
        metadata_comes_back_as_it_was_recorded
        an_event_names_the_code_of_its_generation
        metadata_that_no_store_could_take_is_refused;
    closing:
        a_closed_stream_takes_no_more_events
        closing_twice_changes_nothing
        only_a_store_closes_a_stream
        a_stream_without_events_cannot_be_closed
        an_erased_stream_keeps_its_events_and_loses_their_data
        what_is_left_of_an_erased_stream_tells_nothing
        a_rejection_that_races_with_an_erasure_is_scrubbed_or_not_remembered
        a_stream_that_would_stay_readable_is_not_erased
        a_store_knows_which_categories_are_sealed
        an_append_that_races_with_the_closing_is_before_it_or_not_at_all;
    effects:
        effects_come_with_their_batch_or_not_at_all
        a_batch_may_have_effects_and_no_events
        a_claimed_effect_is_what_was_decided
        effects_are_claimed_in_the_order_of_their_times
        a_claim_takes_no_more_than_it_asks_for
        a_claim_takes_no_more_bytes_than_it_asks_for_and_one_effect_in_any_case
        eight_claimers_at_once_never_take_one_effect_twice
        lanes_tell_when_their_first_effect_can_be_claimed
        an_effect_that_no_store_could_take_is_refused;
    effect_steps:
        a_lease_that_ended_is_taken_over_and_the_former_claim_refused
        a_claim_holds_on_after_its_lease_until_it_is_taken_over
        a_step_that_is_sent_again_is_recorded_once
        steps_are_refused_together_and_the_wrong_one_is_named
        an_effect_that_is_to_be_tried_again_waits_in_its_new_lane
        of_claims_that_race_one_alone_brings_an_effect_to_its_end;
    dead_letters:
        a_dead_letter_is_reopened_once
        an_effect_that_was_discarded_is_nobody_s
        what_is_over_is_pruned_by_its_age_and_dead_letters_stay
        effects_are_listed_by_what_is_asked_for_and_in_pages
        the_backlog_counts_what_waits
        failed_attempts_are_kept_with_what_went_wrong
        an_erased_stream_s_effects_say_nothing
        activations_keep_the_rules_of_their_effects;
}

/// Streams of this category can be erased.
const ERASABLE: &str = "customer";

fn in_memory_store() -> InMemoryEventStore {
    InMemoryEventStore::new().erasable([ERASABLE])
}

async fn postgres_store() -> PostgresEventStore {
    let keys = MasterKeys::parse(&MasterKeys::generate_line()).unwrap();
    let database = foldhost_test_support::database().await;
    PostgresEventStore::clone(&database.store).with_encryption(Encryption::new(keys, [ERASABLE]).unwrap())
}

fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

fn event(text: &str) -> SerializedEvent {
    SerializedEvent { event_type: format!("{text}.v1"), data: text.as_bytes().to_vec() }
}

fn events(texts: &[&str]) -> Vec<SerializedEvent> {
    texts.iter().map(|text| event(text)).collect()
}

fn batch(id: &str, expected: u64, texts: &[&str]) -> StreamBatch {
    StreamBatch::new(stream(id), Version::new(expected), events(texts))
}

fn appended(version: u64) -> AppendOutcome {
    AppendOutcome::Appended { version: Version::new(version) }
}

fn conflict(actual: u64) -> AppendOutcome {
    AppendOutcome::Conflict { actual: Version::new(actual) }
}

async fn types(store: &Arc<impl Store>, id: &str) -> Vec<String> {
    let events = store.read_stream(&stream(id), Version::EMPTY, 10_000.into()).await.unwrap();
    for (event, version) in events.iter().zip(1..) {
        assert_eq!(event.version, Version::new(version), "versions are contiguous from 1");
    }
    events.into_iter().map(|event| event.event_type).collect()
}

fn descriptor(name: &str) -> Descriptor {
    Descriptor {
        name: name.into(),
        commands: vec!["PlaceOrder".into()],
        event_types: vec!["OrderPlaced.v1".into()],
        writes: vec!["OrderPlaced.v1".into()],
        state_schema: "order.v1".into(),
        sdk_version: "0.1.0".into(),
    }
}

fn record(command_id: &str, events: Range<usize>) -> CommandRecord {
    CommandRecord {
        command_id: command_id.into(),
        name: "PlaceOrder".into(),
        fingerprint: [7; 32],
        events,
        rejection: None,
        reducer_digest: Some(ReducerDigest::of(b"code")),
        journal: None,
    }
}

fn with_commands(mut batch: StreamBatch, commands: Vec<CommandRecord>) -> StreamBatch {
    batch.commands = commands;
    batch
}

/// The whole log, once it has `count` events. A transaction that is open anywhere in the cluster, in another test's
/// database say, holds every reader back.
async fn log(store: &Arc<impl Store>, count: usize) -> Vec<(Cursor, Event)> {
    let read = async {
        loop {
            let all = store.read_all(None, &LogFilter::default(), 100.into()).await.unwrap();
            if all.len() >= count {
                return all;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), read).await.unwrap()
}

async fn activate(store: &Arc<impl Store>, name: &str, component: &[u8]) -> u64 {
    let digest = ReducerDigest::of(component);
    store.save_reducer(digest, &descriptor(name), component, None).await.unwrap();
    store.activate(&ActivationChange::to(name, digest)).await.unwrap().generation
}

async fn find(store: &Arc<impl Store>, id: &str, command_id: &str) -> Option<RecordedCommand> {
    let found = store.find_commands(&stream(id), &[command_id.into(), "never-sent".into()]).await.unwrap();
    assert!(found.len() <= 1);
    found.into_iter().next()
}
