//! `cargo component build` on a crate that `foldhost new` made: another way to the same reducer.
//!
//! Left out unless asked for, since the tool is not part of Rust: `cargo install cargo-component --locked`, then
//! `cargo test -p foldhost --test cargo_component -- --ignored`. `.ci/run` does so where the tool is installed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use foldhost::build::{BuildOptions, TARGET, build};
use foldhost::scaffold::{ReducerName, Sdk, create};
use foldhost::{ComponentReducer, GuestEngine, Limits, Reducer};
use tempfile::TempDir;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A new crate outside of this repository, with the dependencies that are on this machine, and a target directory that
/// outlives the test.
fn new_crate(dir: &TempDir) -> PathBuf {
    let path = dir.path().join("invoice");
    let sdk = Sdk::parse(REPOSITORY).unwrap();
    create(&ReducerName::new("invoice").unwrap(), &path, &sdk).unwrap();
    fs::copy(format!("{REPOSITORY}/Cargo.lock"), path.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cargo-component");
    fs::create_dir(path.join(".cargo")).unwrap();
    let config = format!("[build]\ntarget-dir = {target:?}\n[net]\noffline = true\n");
    fs::write(path.join(".cargo/config.toml"), config).unwrap();
    path
}

fn load(component: &[u8]) -> ComponentReducer {
    ComponentReducer::load(&GuestEngine::new(&Limits::default()).unwrap(), component).unwrap()
}

#[test]
#[ignore = "needs cargo-component: cargo install cargo-component --locked"]
fn cargo_component_builds_the_reducer_that_foldhost_builds() {
    let dir = tempfile::tempdir().unwrap();
    let invoice = new_crate(&dir);
    let by_foldhost = load(&build(&BuildOptions::new(&invoice)).unwrap().component);

    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["component", "build", "--release", "--target", TARGET]).current_dir(&invoice);
    let outcome = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success(), "{said}");
    // Beside the directory of the target, for a crate that has no world of its own.
    let built =
        said.lines().find_map(|line| line.trim().strip_prefix("Creating component ")).expect("a component's path");
    let by_cargo_component = load(&fs::read(invoice.join(built)).unwrap());

    assert_eq!(by_cargo_component.descriptor(), by_foldhost.descriptor());
}
