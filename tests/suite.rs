//! `foldhost test`: scenario files, the checks beside them, blessing, and the command itself.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "suite/blessing.rs"]
mod blessing;
#[path = "suite/command.rs"]
mod command;
#[path = "suite/files.rs"]
mod files;
#[path = "suite/laws.rs"]
mod laws;
#[path = "suite/mistakes.rs"]
mod mistakes;
#[path = "suite/outcomes.rs"]
mod outcomes;
#[path = "suite/place.rs"]
mod place;
#[path = "suite/random.rs"]
mod random;
#[path = "suite/reports.rs"]
mod reports;
#[path = "suite/watching.rs"]
mod watching;
