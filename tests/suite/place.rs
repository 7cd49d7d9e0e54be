//! A directory of one's own, with scenarios and whatever else a test needs, and the program run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use foldhost::Reducer;
use foldhost::suite::{Report, RunOptions, Suite, SuiteError, run};
use tempfile::TempDir;

pub(crate) struct Place {
    dir: TempDir,
}

/// How a run of the program ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    /// With one file of scenarios.
    pub(crate) fn with(scenarios: &str) -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.write("scenarios/all.yaml", scenarios);
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn suite(&self) -> Result<Suite, SuiteError> {
        Suite::read(&self.path("scenarios"))
    }

    /// Reads and runs the scenarios, without random sequences.
    pub(crate) fn run(&self, reducer: &dyn Reducer) -> Report {
        run(reducer, &self.suite().unwrap(), &RunOptions { sequences: 0, ..RunOptions::default() }).unwrap()
    }

    /// The program, on a component that lies beside the scenarios.
    pub(crate) fn foldhost(&self, component: &str, args: &[&str]) -> Command {
        let file = self.write(&format!("{component}.wasm"), foldhost_test_support::component(component));
        let mut command = foldhost();
        command.arg("test").arg(file).args(args);
        command
    }
}

/// The program, with its caches where the tests' files are.
pub(crate) fn foldhost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foldhost"));
    command.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR")).env_remove("RUST_LOG").stdin(Stdio::null());
    command
}

pub(crate) fn ended(mut command: impl std::borrow::BorrowMut<Command>) -> Ended {
    let output = command.borrow_mut().output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A guest's directory in this repository.
pub(crate) fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests").join(name)
}
