//! Swaps of business logic, with proof: deploy, verify, activate, roll back.
//!
//! | module | what it does |
//! |---|---|
//! | `deploy` | keeps a component, and tells it from the active one (`difference`) |
//! | `verify` | holds a candidate against the active reducer over the recorded history |
//! | `activate`, `policy` | one transaction makes it the one that decides, if what was found allows it |
//! | `flip` | the moment of it: what takes time is done before and behind |
//! | `proof` | what was recorded behind a report, looked at before a swap |
//! | `canary` | a share of the streams first |
//! | `roll_back` | back to the former one, under the same checks |
//! | `settle` | snapshots of the new schema behind a swap, and the end of those of the former |
//! | `time_travel` | states and decisions of any version under any reducer |
//!
//! docs/hot-swap.md says what is guaranteed.

mod activate;
mod canary;
mod deploy;
mod difference;
mod error;
mod flip;
mod policy;
mod proof;
mod roll_back;
mod settle;
mod time_travel;
mod verify;

pub use activate::ActivateRequest;
pub use canary::CanaryRequest;
pub use deploy::{DeployRequest, Deployed};
pub use difference::DescriptorDifference;
pub use error::SwapError;
pub use policy::ActivationPolicy;
pub use roll_back::{RollBackOutcome, RollBackRequest};
pub use time_travel::{DryRun, DryRunDecision, DryRunOutcome, StateDifference};
pub use verify::{
    Example, Finding, Findings, Report, SCHEMA_UNCHANGED, Streams, VerificationScope, VerificationView, VerifyRequest,
};

pub(crate) use settle::settle;
