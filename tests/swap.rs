//! Swaps with proof, in process: what is deployed, found out, activated, tried on a share of the streams and gone back from, over the store
//! in memory and over Postgres.
//!
//! The logic that is swapped is guests/account, each of whose features changes one thing.
#![allow(clippy::unwrap_used, missing_docs)]

mod swap {
    use super::*;

    pub(super) mod activations;
    pub(super) mod deploys;
    pub(super) mod findings;
    mod guest;
    pub(super) mod histories;
    pub(super) mod journal;
    pub(super) mod place;
    pub(super) mod rollbacks;
    pub(super) mod sealed;
    pub(super) mod shares;
    pub(super) mod snapshots;
    pub(super) mod taken_up;
    pub(super) mod time_travel;
    pub(super) mod under_way;
    pub(super) mod verifications;
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::{
    Activation, ActivationKind, EventCount, JournaledCommand, NewVerification, Share, SnapshotKey, StreamBatch,
    VerificationClaim, VerificationStatus, history_stream,
};
use foldhost::reducer::{EffectRules, ReducerDigest};
use foldhost::runtime::{DeployError, ReducerStatus};
use foldhost::swap::{
    ActivateRequest, ActivationPolicy, CanaryRequest, DeployRequest, Deployed, DryRun, Findings, Report,
    RollBackOutcome, RollBackRequest, Streams, SwapError, VerificationScope, VerificationView, VerifyRequest,
};
use foldhost::testing::{FaultyStore, StoreCall};
use foldhost::{
    Command, CommandError, CommandReply, CommandRequest, Event, EventStoreError, Host, HostBuilder, Limits, LogFilter,
    Payload, ReadError, ReducerLimits, SerializedEvent, SnapshotConfig, Store, StreamId, Version,
};
use foldhost_test_support::{component_with, database, in_other_bytes};
use serde_json::{Value, json};
use swap::place::*;

macro_rules! swaps {
    ($($module:ident: $($name:ident)*;)*) => {
        mod in_memory {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::swap::$module::$name(super::Place::in_memory()).await;
            })*)*
        }
        mod postgres {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::swap::$module::$name(super::Place::postgres().await).await;
            })*)*
        }
    };
}

swaps! {
    deploys:
        the_first_component_decides_at_once_and_another_is_a_candidate_with_its_difference
        a_component_that_cannot_read_stored_events_is_refused_with_their_types_and_counts
        where_events_are_recorded_and_nothing_decides_a_component_has_to_be_verified_first
        the_active_component_under_other_rules_is_a_generation_of_its_own;
    findings:
        the_same_logic_in_other_bytes_passes
        each_variant_is_found_by_what_it_changes_and_by_nothing_else
        a_finding_shows_where_it_is_and_what_was_before_and_after
        a_candidate_that_traps_on_one_stream_of_many_fails_and_the_stream_is_named
        a_candidate_that_folds_what_the_active_one_cannot_mends_it
        a_state_that_depends_on_the_size_of_the_pages_is_a_failure
        a_snapshot_that_the_candidate_reads_otherwise_is_told
        pages_that_are_too_much_for_both_are_folded_in_small_ones_and_compared
        a_trap_in_large_pages_alone_is_a_failure_and_fuel_spent_there_a_difference
        a_fault_in_deciding_ends_no_comparison_of_the_stream
        a_fault_of_the_active_one_in_deciding_is_told_and_ends_no_comparison
        effects_of_what_the_active_one_rejects_by_now_are_others;
    verifications:
        a_sample_looks_at_its_share_of_the_streams_and_allows_nothing
        those_since_a_time_are_folded_from_their_first_event_and_the_others_not_at_all
        an_erased_stream_is_counted_and_not_folded
        it_appends_nothing_and_runs_nothing
        commands_are_left_out_where_nobody_wants_them
        a_report_is_bounded_and_kept_and_read_back_by_any_host
        a_candidate_is_held_against_whom_one_asks_for;
    taken_up:
        what_a_host_left_is_gone_on_with_behind_its_checkpoint
        what_a_killed_host_left_is_gone_on_with_when_its_lease_ends
        a_store_that_fails_for_a_while_ends_no_verification_and_counts_no_stream_twice
        a_stream_that_can_never_be_read_is_a_failure_that_says_why_and_the_others_are_looked_at
        a_verification_whose_host_shuts_down_is_gone_on_with_at_once
        two_hosts_that_want_the_same_at_once_have_one_verification
        one_that_was_given_up_ends_and_is_begun_anew;
    journal:
        it_keeps_nothing_until_an_activation_says_so_and_then_all_that_is_decided
        a_retry_is_answered_with_the_first_outcome_and_kept_once
        a_command_whose_answer_was_lost_is_done_once
        commands_of_one_batch_are_decided_anew_each_on_its_own_state
        a_long_journal_is_decided_anew_to_its_end
        what_was_decided_right_before_an_account_was_closed_is_decided_anew
        an_account_that_was_hammered_is_decided_anew_in_the_order_of_its_versions;
    sealed:
        what_the_journal_kept_of_an_erased_account_says_nothing_any_more;
    activations:
        a_candidate_that_nobody_verified_is_refused
        a_candidate_that_failed_is_refused_whatever_is_accepted
        a_difference_has_to_be_accepted_by_its_name_or_its_beginning
        by_force_a_candidate_needs_a_reason_and_no_report
        events_that_came_behind_the_report_are_looked_at_too
        whoever_looked_at_another_generation_is_told_so
        of_two_who_activate_at_once_exactly_one_wins
        a_report_that_left_something_out_allows_nothing
        a_failure_in_a_part_outweighs_an_older_report_over_all
        an_activation_that_fails_on_its_way_has_changed_nothing
        only_a_component_that_is_kept_for_the_name_can_decide;
    under_way:
        what_is_recorded_while_a_swap_is_made_is_in_the_state_that_is_decided_on_behind_it
        what_is_recorded_while_a_swap_fails_is_in_the_state_that_is_decided_on_behind_it
        what_is_recorded_while_a_canary_grows_is_in_the_state_that_is_decided_on_behind_it;
    histories:
        all_that_is_done_to_a_reducer_is_told_with_who_and_why
        whoever_reads_events_reads_the_history_too
        what_changed_nothing_is_not_told;
    shares:
        it_decides_for_its_share_of_the_streams_on_every_host_and_signs_its_events
        it_grows_and_keeps_its_streams_and_is_finished
        it_is_withdrawn_and_the_active_one_goes_on_with_what_it_wrote
        one_that_cannot_read_what_the_active_one_recorded_since_neither_grows_nor_is_finished
        what_the_active_one_cannot_read_no_canary_may_write
        it_needs_what_an_activation_needs_and_stands_alone;
    rollbacks:
        the_former_one_decides_again_over_what_was_recorded_since
        states_that_differ_are_told_and_no_reason_against_it
        newer_events_that_it_cannot_read_are_in_its_way_with_their_types_and_counts
        newer_events_that_it_traps_on_are_in_its_way
        there_is_no_way_back_to_who_never_decided
        of_two_who_go_back_from_the_same_one_the_second_is_told
        a_canary_is_gone_back_from_as_well
        who_does_not_wait_is_told_how_far_it_has_come;
    snapshots:
        one_of_the_same_schema_is_gone_on_with
        those_of_another_schema_are_made_behind_the_swap_and_the_former_ones_stay
        the_former_ones_go_when_nobody_goes_back_any_more
        a_canary_of_another_schema_has_its_own
        the_next_swap_goes_on_where_the_last_host_left;
    time_travel:
        a_state_of_any_version_is_drawn_by_any_component
        the_fields_are_named_in_which_two_components_differ
        a_dry_run_says_what_would_be_and_does_nothing
        a_dry_run_that_makes_no_sense_is_refused_as_the_command_would_be
        a_component_is_known_by_the_beginning_of_its_digest;
}
