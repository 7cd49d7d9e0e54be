//! Effects: what a decision asks for beside its events. Kept in the outbox by the append's own statement, claimed, run, completed.
//!
//! | module | what it does |
//! |---|---|
//! | `intake` | from a decision to the outbox |
//! | `body`, `plan` | what an effect says, how far it has come, and what is next |
//! | `worker` | claims what is due, lane by lane |
//! | `targets`, `breaker` | how many run against which target, and for which reducer |
//! | `run` | one effect, from its claim to what is recorded of it |
//! | [`kind`](EffectRunner), `commands`, `store_operations`, [`http`] | what runs an effect: a file for each kind |
//! | `updates`, `leases` | steps on their way to the outbox, and claims that are renewed |
//! | `admin` | what an operator sees and does |
//!
//! docs/effects.md says what is guaranteed.

mod admin;
mod backoff;
mod body;
mod breaker;
mod commands;
pub mod http;
mod intake;
mod kind;
mod leases;
mod measured;
mod plan;
mod run;
mod secrets;
mod service;
mod store_operations;
mod targets;
mod updates;
mod worker;

pub use admin::{EffectActionError, EffectView};
pub use kind::{EffectContext, EffectError, EffectRunner, KindTerms, arguments};
pub use secrets::{Secrets, SecretsError};

pub(crate) use intake::{Origin, take_in};
pub(crate) use kind::Kinds;
pub(crate) use measured::{backlog as measured_backlog, describe_metrics};
pub(crate) use service::Effects;

use run::kind_name;
