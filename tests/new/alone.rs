//! Commands in a new crate, as somebody runs them who has nothing of this repository's build around.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What the new crates of all these tests are compiled into, so that they compile the SDK once and not each time.
pub(crate) fn target_dir() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-crates")
}

/// A command as it is run in a new crate: nothing is fetched, and nothing of this test's own build is handed on.
pub(crate) fn alone(mut command: Command, dir: &Path) -> Command {
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_") || name == "RUSTFLAGS") {
        if name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command.env("CARGO_NET_OFFLINE", "true").current_dir(dir);
    command
}
