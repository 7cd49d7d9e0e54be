//! Why there is no crate, each with what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a crate was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaffoldError {
    /// The name is not one that a reducer can have.
    #[error("{name:?} cannot be a reducer's name: {reason}")]
    Name {
        /// The name that was given.
        name: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
    /// There is something in the directory.
    #[error("{} is there and is not empty: choose another directory with --path", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// What was given as the SDK is none.
    #[error(
        "{sdk:?} is neither a directory with the crate foldhost-sdk nor a version: pass guests/sdk of a clone, or 0.1"
    )]
    Sdk {
        /// What was given.
        sdk: String,
    },
    /// A file operation failed.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The crate's directory.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}
