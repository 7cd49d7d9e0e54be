//! Hosts killed with -9 in each step of deploy, verify, activate, canary and rollback: started again, the system is in the state before
//! the step or behind it, and says which. And two operators at once, and a component that is far too large.
//!
//! `FOLDHOST_SWAP_KILLS` says how often a host is killed at a random point of each step, 4 times without it; `FOLDHOST_TEST_SEED`
//! repeats the points, and how far the host is by then is the machine's own choice.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod swap_kill {
    mod aged;
    pub(super) mod change;
    #[path = "../swap_checker/command.rs"]
    mod command;
    mod deploying;
    mod freezing;
    #[path = "../effects_kill/hosts.rs"]
    #[allow(dead_code, reason = "one host is enough here, most of the time")]
    pub(super) mod hosts;
    pub(super) mod kill;
    mod large;
    mod operators;
    #[path = "../swap_checker/past.rs"]
    pub(super) mod past;
    #[path = "../swap_checker/record.rs"]
    #[allow(dead_code, reason = "written for clients and operators that are not here")]
    pub(super) mod record;
    pub(super) mod site;
    mod swapping;
    #[path = "../swap_checker/tables.rs"]
    #[allow(dead_code, reason = "written for a run in which statements could wait crosswise")]
    pub(super) mod tables;
    #[path = "../swap_checker/verdict.rs"]
    pub(super) mod verdict;
    mod verifying;
}
