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
    pub(super) mod histories;
    pub(super) mod journal;
    pub(super) mod place;
    pub(super) mod rollbacks;
    pub(super) mod sealed;
    pub(super) mod shares;
    pub(super) mod snapshots;
    pub(super) mod taken_up;
    pub(super) mod time_travel;
    pub(super) mod verifications;
}

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use foldhost::event_store::{
    Activation, ActivationKind, EventCount, JournaledCommand, NewVerification, Share, Snapshot, SnapshotKey,
    StreamBatch, VerificationClaim, VerificationStatus, history_stream,
};
use foldhost::reducer::{EffectRules, ReducerDigest};
use foldhost::runtime::{DeployError, ReducerStatus};
use foldhost::swap::{
    ActivateRequest, ActivationPolicy, CanaryRequest, DeployRequest, Deployed, DryRun, Findings, Report,
    RollBackRequest, Streams, SwapError, VerificationScope, VerificationView, VerifyRequest,
};
use foldhost::testing::{FaultyStore, StoreCall};
use foldhost::{
    Command, CommandError, CommandReply, CommandRequest, Event, EventStoreError, Host, HostBuilder, Limits, LogFilter,
    Payload, ReadError, SerializedEvent, SnapshotConfig, Store, StreamId, Version,
};
use foldhost_test_support::{component_with, in_other_bytes, swap_to};
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
        a_snapshot_that_the_candidate_reads_otherwise_is_told;
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
        a_verification_whose_host_shuts_down_is_gone_on_with_at_once
        two_hosts_that_want_the_same_at_once_have_one_verification
        one_that_was_given_up_ends_and_is_begun_anew;
}
