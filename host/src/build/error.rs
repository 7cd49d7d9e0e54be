//! What can go wrong in a build, each with what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use super::TARGET;

/// Why there is no component.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The directory holds no Cargo.toml.
    #[error("{} is not a crate: name the directory that holds the reducer's Cargo.toml", dir.display())]
    NotACrate {
        /// The directory that was given.
        dir: PathBuf,
    },
    /// Cargo cannot make sense of the manifest.
    #[error("cargo cannot read the crate in {}: {reason}", dir.display())]
    Manifest {
        /// The crate's directory.
        dir: PathBuf,
        /// What cargo says.
        reason: String,
    },
    /// The directory is a workspace, and no package was named, or one that it does not have.
    #[error("{} is a workspace of several packages: build the directory of one of them ({})", dir.display(), packages.join(", "))]
    SeveralPackages {
        /// The workspace's directory.
        dir: PathBuf,
        /// The packages that it has.
        packages: Vec<String>,
    },
    /// There is no such package.
    #[error("there is no package {package} in {}: it has {}", dir.display(), packages.join(", "))]
    UnknownPackage {
        /// The package asked for.
        package: String,
        /// The directory.
        dir: PathBuf,
        /// The packages that it has.
        packages: Vec<String>,
    },
    /// The package makes no file that could become a component.
    #[error("{package} builds no cdylib: add crate-type = [\"cdylib\", \"rlib\"] to [lib] in {}", manifest.display())]
    NoCdylib {
        /// The package.
        package: String,
        /// Its manifest.
        manifest: PathBuf,
    },
    /// The toolchain cannot compile for the target.
    #[error("the Rust toolchain lacks the target {TARGET}: run `rustup target add {TARGET}`")]
    NoTarget,
    /// A program could not be run.
    #[error("cannot run {program}: {source}; install Rust from https://rustup.rs, or put it on the PATH")]
    Run {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The crate does not compile. The compiler's messages were shown.
    #[error("{package} does not compile: mend what the compiler says above")]
    Compile {
        /// The package.
        package: String,
    },
    /// Cargo ended well, and named no file.
    #[error(
        "cargo built {package} and named no .wasm file: check that nothing in .cargo/config.toml changes the target"
    )]
    NoArtifact {
        /// The package.
        package: String,
    },
    /// The core module cannot become a component.
    #[error(
        "the module cannot become a component: {reason}; a reducer imports nothing, so look for a dependency that calls the system"
    )]
    Component {
        /// What is in the way.
        reason: String,
    },
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in `write`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl BuildError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}
