//! `foldhost test --watch`: runs again after a change, and waits in between.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::place::{Place, foldhost, guest};

/// Longer than any run takes on a busy machine: a test that fails ends.
const PATIENCE: Duration = Duration::from_secs(120);

struct Watching {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Watching {
    fn start(place: &Place) -> Self {
        Self::spawn(place.foldhost("counter", &["--watch", "--runs", "1"]))
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout: ChildStdout = child.stdout.take().unwrap();
        let stderr: ChildStderr = child.stderr.take().unwrap();
        Self { child, stdout: lines(stdout), stderr: lines(stderr) }
    }

    /// The first line to come that holds this text.
    fn line(lines: &Receiver<String>, text: &str) -> String {
        let mut before = Vec::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => before.push(line),
                Err(error) => panic!("{error}: no {text:?} in {before:#?}"),
            }
        }
    }

    fn stdout(&self, text: &str) -> String {
        Self::line(&self.stdout, text)
    }

    fn stderr(&self, text: &str) -> String {
        Self::line(&self.stderr, text)
    }

    /// Nothing was changed, so nothing is run.
    fn rests(&self) {
        if let Ok(line) = self.stdout.recv_timeout(Duration::from_secs(1)) {
            panic!("it ran again: {line}");
        }
    }

    fn end(mut self) -> Option<i32> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    /// A test that failed leaves no process behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }
}

fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (lines, received) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
    received
}

fn scenario(by: u64) -> String {
    format!(
        "scenarios:\n- {{ name: it counts, when: {{ Increment: {{ by: 2 }} }}, then: {{ events: [Incremented.v1: {{ by: {by} }}] }} }}\n"
    )
}

#[test]
fn a_change_is_run_again_and_ctrl_c_ends_it_well() {
    let place = Place::with(&scenario(2));
    let watching = Watching::start(&place);
    watching.stdout("counter: 1 passed, 0 failed");
    watching.stderr("waiting for a change");

    place.write("scenarios/all.yaml", scenario(3));
    watching.stdout("counter: 0 passed, 1 failed");
    watching.stderr("waiting for a change");

    // What cannot be read is told, and waited on.
    place.write("scenarios/all.yaml", "scenarios: [");
    watching.stderr("all.yaml:1:");
    watching.stderr("waiting for a change");

    place.write("scenarios/all.yaml", scenario(2));
    place.write("scenarios/more.yaml", scenario(2).replace("it counts", "it counts too"));
    watching.stdout("counter: 2 passed, 0 failed");
    watching.stderr("waiting for a change");

    // Another component under the same name.
    place.write("counter.wasm", "not a component");
    watching.stderr("error: ");
    watching.stderr("waiting for a change");
    place.write("counter.wasm", foldhost_test_support::component("counter"));
    watching.stdout("counter: 2 passed, 0 failed");
    watching.stderr("waiting for a change");
    assert_eq!(watching.end(), Some(0));
}

#[test]
fn scenarios_that_are_not_there_yet_are_waited_for() {
    let place = Place::with("");
    std::fs::remove_dir_all(place.path("scenarios")).unwrap();
    let watching = Watching::start(&place);
    watching.stderr("there are no scenarios in");
    watching.stderr("waiting for a change");
    place.write("scenarios/all.yaml", scenario(2));
    watching.stdout("counter: 1 passed, 0 failed");
    assert_eq!(watching.end(), Some(0));
}

/// The counter as a crate of its own, beside its scenarios.
fn counter_crate(place: &Place) {
    let sdk = guest("sdk").canonicalize().unwrap();
    let manifest = format!(
        "[package]\nname = \"counter\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[lib]\ncrate-type = [\"cdylib\"]\n\
         [dependencies]\nfoldhost-sdk = {{ path = {sdk:?} }}\nserde = {{ version = \"1\", features = [\"derive\"] }}\n[workspace]\n"
    );
    place.write("Cargo.toml", manifest);
    // So that nothing is resolved anew.
    place.write("Cargo.lock", std::fs::read(guest("../Cargo.lock")).unwrap());
    place.write("src/lib.rs", std::fs::read(guest("counter/src/lib.rs")).unwrap());
}

#[test]
fn a_source_that_changes_is_built_and_run_again_and_one_that_does_not_compile_is_waited_on() {
    let place = Place::with(
        "scenarios:\n- { name: by nothing, when: { Increment: { by: 0 } }, then: { rejected: nothing-to-add } }\n",
    );
    counter_crate(&place);
    let mut command = foldhost();
    command.args(["test", "--watch", "--runs", "1"]).arg(place.path(""));
    command.arg("--junit").arg(place.path("report.xml"));
    command.env("CARGO_TARGET_DIR", concat!(env!("CARGO_TARGET_TMPDIR"), "/watched"));
    let watching = Watching::spawn(command);
    watching.stdout("counter: 1 passed, 0 failed");
    watching.stderr("waiting for a change");
    watching.rests();
    assert!(place.path("report.xml").is_file());

    // A directory of its own is looked at as soon as it is there.
    place.write("src/more/read.rs", "");
    watching.stdout("counter: 1 passed, 0 failed");
    watching.stderr("waiting for a change");
    place.write("src/more/read.rs", "//");
    watching.stdout("counter: 1 passed, 0 failed");
    watching.stderr("waiting for a change");

    let source = place.read("src/lib.rs");
    place.write("src/lib.rs", source.replace("nothing-to-add", "too-little"));
    watching.stdout("counter: 0 passed, 1 failed");
    watching.stderr("waiting for a change");

    place.write("src/lib.rs", source.replace("use foldhost_sdk", "ouse foldhost_sdk"));
    watching.stderr("counter does not compile");
    watching.stderr("waiting for a change");

    place.write("src/lib.rs", &source);
    watching.stdout("counter: 1 passed, 0 failed");
    watching.stderr("waiting for a change");
    assert_eq!(watching.end(), Some(0));
}
