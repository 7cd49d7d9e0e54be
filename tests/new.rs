//! `foldhost new`, and what a newcomer does next, by the real binary and outside of this repository.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "new/alone.rs"]
mod alone;
#[path = "new/packaged.rs"]
mod packaged;
#[path = "cli/program.rs"]
#[allow(dead_code, reason = "the tests of the other commands use more of it")]
mod program;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use alone::{REPOSITORY, target_dir};
use program::{Outcome, Serving, foldhost, open_dir};

/// A command in a new crate that is compiled beside the others.
fn alone(command: Command, dir: &Path) -> Command {
    let mut command = alone::alone(command, dir);
    command.env("CARGO_TARGET_DIR", target_dir());
    command
}

fn cargo(args: &[&str], dir: &Path) -> Outcome {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args);
    alone(command, dir).output().unwrap().into()
}

fn run_in(dir: &Path, args: &[&str]) -> Outcome {
    alone(foldhost(args.iter().copied()), dir).output().unwrap().into()
}

/// A crate that `foldhost new` made.
struct NewCrate {
    dir: PathBuf,
    package: String,
}

impl NewCrate {
    /// To be compiled with the dependencies that this repository has locked: they are on this machine.
    fn new(name: &str, dir: &TempDir, flags: &[&str]) -> Self {
        let made = run_in(dir.path(), &[&["new", name, "--json"], flags].concat()).json();
        let new = dir.path().join(made["path"].as_str().unwrap());
        fs::copy(format!("{REPOSITORY}/Cargo.lock"), new.join("Cargo.lock")).unwrap();
        Self { dir: new, package: made["package"].as_str().unwrap().to_owned() }
    }

    fn cargo(&self, args: &[&str]) -> Outcome {
        cargo(args, &self.dir)
    }

    fn run(&self, args: &[&str]) -> Outcome {
        run_in(&self.dir, args)
    }

    fn assert_tests_pass(&self) {
        let tested = self.cargo(&["test"]).success();
        assert!(tested.contains("test result: ok. 9 passed"), "{}: {tested}", self.package);
    }
}

impl Drop for NewCrate {
    /// Takes what was compiled of this crate out of the shared directory: the next run has it under another path, and would
    /// compile it beside this one.
    fn drop(&mut self) {
        drop(self.cargo(&["clean", "--package", &self.package]));
    }
}

#[test]
fn a_new_crate_is_tested_built_deployed_and_answers() {
    let dir = open_dir();
    let invoice = NewCrate::new("invoice", &dir, &[]);

    invoice.assert_tests_pass();
    invoice.cargo(&["clippy", "--all-targets", "--", "-D", "warnings"]).success();
    invoice.cargo(&["fmt", "--check"]).success();

    let built = invoice.run(&["build", "."]).success();
    for line in ["reducer    invoice (state schema invoice.v1)", "commands   Open, Add, Close"] {
        assert!(built.contains(line), "{built}");
    }
    let scenarios = invoice.run(&["test", "."]).success();
    assert!(scenarios.contains("4 scenarios"), "{scenarios}");

    let host = Serving::start(&dir.path().join("data"));
    let there =
        |args: &[&str]| -> Outcome { alone(host.command(args.iter().copied()), &invoice.dir).output().unwrap().into() };
    let deployed = there(&["deploy", "."]).success();
    assert!(deployed.starts_with("deployed invoice, generation 1\n"), "{deployed}");
    there(&["send", "invoice-1", "Open", r#"{"title": "first"}"#]).success();
    there(&["send", "invoice-1", "Add", r#"{"amount": 250}"#]).success();
    let rejected = there(&["send", "invoice-1", "Add", r#"{"amount": 0}"#]).failure(3);
    assert!(rejected.contains("(nothing-to-add)"), "{rejected}");
    there(&["send", "invoice-1", "Close"]).success();
    let state = there(&["state", "invoice-1", "--json"]).json();
    assert_eq!(state["state"], json!({ "title": "first", "total": 250, "status": "Closed" }));
}

#[test]
fn a_crate_of_every_name_compiles_and_passes_its_tests() {
    // One with a digit, one that is Rust's own word, one that the prelude has, one that the SDK's tests would shadow, one that is a
    // command, and one that YAML reads as something else.
    for name in ["loan_2", "match", "event", "test", "giftCard", "open", "true"] {
        let dir = tempfile::tempdir().unwrap();
        let new = NewCrate::new(name, &dir, &[]);
        new.assert_tests_pass();
        assert_eq!(new.run(&["build", ".", "--json"]).json()["name"], name);
        new.run(&["test", "."]).success();
    }
}

#[test]
fn a_new_crate_takes_the_sdk_of_the_clone_that_the_program_stands_in() {
    let dir = tempfile::tempdir().unwrap();
    let made = run_in(dir.path(), &["new", "invoice", "--path", "below/rules", "--json"]).json();
    assert_eq!((&made["path"], &made["package"]), (&json!("below/rules"), &json!("invoice")));
    let manifest = fs::read_to_string(dir.path().join("below/rules/Cargo.toml")).unwrap();
    let sdk = Path::new(REPOSITORY).canonicalize().unwrap().join("guests/sdk");
    assert!(manifest.contains(&format!("foldhost-sdk = {{ path = \"{}\" }}", sdk.display())), "{manifest}");
    assert!(manifest.ends_with("\n[workspace]\n"), "{manifest}");
    for file in made["files"].as_array().unwrap() {
        let text = fs::read_to_string(dir.path().join("below/rules").join(file.as_str().unwrap())).unwrap();
        assert!(!text.contains("{{") && !text.is_empty(), "{file}: {text}");
    }
    // All that was written, and nothing beside it.
    let entries = fs::read_dir(dir.path().join("below")).unwrap();
    assert_eq!(entries.map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>(), ["rules"]);
}

#[test]
fn the_sdk_may_be_named_by_its_version_or_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let with_sdk = |name: &str, sdk: &str| {
        run_in(dir.path(), &["new", name, "--sdk", sdk]).success();
        fs::read_to_string(dir.path().join(name).join("Cargo.toml")).unwrap()
    };
    assert!(with_sdk("a", "0.1").contains("\nfoldhost-sdk = \"0.1\"\n"));
    assert!(with_sdk("b", "=0.1.0").contains("\nfoldhost-sdk = \"=0.1.0\"\n"));
    // A clone stands for the SDK in it.
    let by_path = format!("{}/guests/sdk\" }}\n", Path::new(REPOSITORY).canonicalize().unwrap().display());
    assert!(with_sdk("c", REPOSITORY).contains(&by_path));
    let line = run_in(dir.path(), &["new", "d", "--sdk", "./nowhere"]).failure(2);
    assert!(line.contains("neither a directory with the crate foldhost-sdk nor a version"), "{line}");
    assert!(!dir.path().join("d").exists());
}

#[test]
fn a_directory_that_is_not_empty_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("invoice")).unwrap();
    run_in(dir.path(), &["new", "invoice"]).success();
    let manifest = fs::read(dir.path().join("invoice/Cargo.toml")).unwrap();
    let line = run_in(dir.path(), &["new", "loan", "--path", "invoice"]).failure(1);
    assert!(line.contains("invoice is there and is not empty: choose another directory with --path"), "{line}");
    assert_eq!(fs::read(dir.path().join("invoice/Cargo.toml")).unwrap(), manifest);
}

#[test]
fn a_name_that_is_no_category_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let line = run_in(dir.path(), &["new", "gift-card"]).failure(2);
    assert!(line.contains("so the category has none: write `_`"), "{line}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
