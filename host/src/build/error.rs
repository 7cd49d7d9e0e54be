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
    /// The core module asks for functions from outside, and a reducer has none.
    #[error("the crate imports {}, and a reducer imports nothing: {}", listed(imports), mends(imports))]
    Imports {
        /// The modules that it imports from, each with the names that it imports.
        imports: Vec<(String, Vec<String>)>,
    },
    /// The core module cannot become a component.
    #[error(
        "the module cannot become a component: {reason}; check that the crate ends with foldhost_sdk::export!(...), and that \
         its foldhost-sdk is of the same version as this program"
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
    /// In one line: the causes of other libraries' errors stand on lines of their own.
    pub(super) fn component(reason: &str) -> Self {
        Self::Component { reason: reason.split_whitespace().collect::<Vec<_>>().join(" ") }
    }

    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

fn listed(imports: &[(String, Vec<String>)]) -> String {
    let modules = imports.iter().map(|(module, names)| format!("{} from {module}", names.join(", ")));
    modules.collect::<Vec<_>>().join("; ")
}

/// What to do, once for each kind of import that is there.
fn mends(imports: &[(String, Vec<String>)]) -> String {
    let mut mends: Vec<&str> = imports.iter().map(|(module, _)| mend(module)).collect();
    mends.sort_unstable();
    mends.dedup();
    mends.join("; ")
}

fn mend(module: &str) -> &'static str {
    if module.starts_with("__wbindgen") || module == "wbg" {
        "__wbindgen is a dependency that expects JavaScript, such as chrono's feature `clock` or getrandom's and uuid's \
         `js`: switch it off (`cargo tree --target wasm32-unknown-unknown -i wasm-bindgen` shows who brings it), and take \
         time and chance from the Context"
    } else if module.starts_with("wasi") {
        "wasi is a dependency that expects files, clocks or an environment: take it out, and take time and chance from the \
         Context"
    } else if module == "env" {
        "env is C code, or an `extern` function that nothing defines: take out the dependency that declares it"
    } else {
        "take out the `extern` block that names the module, or the dependency that has it"
    }
}
