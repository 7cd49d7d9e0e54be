//! The binary, as a user runs it.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// The program, with none of the settings that the tests' own environment may hold.
pub(crate) fn foldhost<'a>(args: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foldhost"));
    let settings = ["DATABASE_URL", "FOLDHOST_URL", "FOLDHOST_LISTEN", "FOLDHOST_DATA_DIR"];
    for name in settings.into_iter().chain(["FOLDHOST_ENCRYPTION_KEYS_FILE", "FOLDHOST_SECRETS_FILE", "RUST_LOG"]) {
        command.env_remove(name);
    }
    command.args(args).stdin(Stdio::null());
    command
}

/// How a run of the program ended.
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Outcome {
    /// What it printed, having succeeded.
    pub(crate) fn success(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self.stdout
    }

    /// The one line that it said, having failed with `code` and printed nothing else.
    pub(crate) fn failure(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.stdout, self.stderr);
        let line = self.stderr.strip_suffix('\n').unwrap_or(&self.stderr).to_owned();
        assert!(line.starts_with("error: ") && line.lines().count() == 1, "not one line: {line}");
        line
    }

    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.success()).unwrap()
    }
}

pub(crate) fn run<'a>(args: impl IntoIterator<Item = &'a str>) -> Outcome {
    foldhost(args).output().unwrap().into()
}

/// A directory that other users may enter, as the database server's user must when the tests run as root.
pub(crate) fn open_dir() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir().unwrap()
}

/// A guest's component in a file.
pub(crate) fn component_file(name: &str, dir: &Path) -> String {
    let path = dir.join(format!("{name}.wasm"));
    fs::write(&path, foldhost_test_support::component(name)).unwrap();
    path.to_str().unwrap().to_owned()
}

/// A host that serves from a data directory.
pub(crate) struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    log: PathBuf,
    pub(crate) url: String,
}

impl Serving {
    /// Starts it on a free port, and returns when it says that it listens.
    pub(crate) fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, [])
    }

    /// As [`start`](Self::start), with further flags.
    pub(crate) fn start_with<'a>(data_dir: &Path, flags: impl IntoIterator<Item = &'a str>) -> Self {
        let mut command = foldhost(["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(data_dir).args(flags);
        Self::spawn(command, data_dir.with_extension("log"))
    }

    /// As [`start`](Self::start), with a command of the caller's.
    pub(crate) fn spawn(mut command: Command, log: PathBuf) -> Self {
        let log_file = File::options().create(true).append(true).open(&log).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").map(str::to_owned);
        let url = url.unwrap_or_else(|| panic!("it does not listen: {}", fs::read_to_string(&log).unwrap()));
        Self { child, stdout, log, url }
    }

    /// Runs a command that talks to this host.
    pub(crate) fn run<'a>(&'a self, args: impl IntoIterator<Item = &'a str>) -> Outcome {
        self.command(args).output().unwrap().into()
    }

    /// The same, to be started by the caller.
    pub(crate) fn command<'a>(&'a self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = foldhost(args);
        command.env("FOLDHOST_URL", &self.url);
        command
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end. Gives its exit status, and what it wrote to stdout since it listened.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (status.code(), rest)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Serving {
    /// A test that failed leaves no host behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}
