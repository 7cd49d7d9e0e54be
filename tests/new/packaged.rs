//! The SDK as a registry would hand it out: packaged, unpacked, and asked for by its version.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{NewCrate, REPOSITORY, alone};

/// Packages the crates, and unpacks them into `dir`.
fn unpacked(dir: &Path) -> Vec<PathBuf> {
    let packaged = dir.join("packaged");
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args([
        "package",
        "--no-verify",
        "--allow-dirty",
        "--locked",
        "-p",
        "foldhost-sdk-macros",
        "-p",
        "foldhost-sdk",
    ]);
    let mut command = alone(command, Path::new(REPOSITORY));
    let outcome = command.env("CARGO_TARGET_DIR", &packaged).output().unwrap();
    assert!(outcome.status.success(), "{}", String::from_utf8_lossy(&outcome.stderr));
    let version = env!("CARGO_PKG_VERSION");
    ["foldhost-sdk-macros", "foldhost-sdk"]
        .map(|name| {
            let archive = packaged.join(format!("package/{name}-{version}.crate"));
            let status = Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(dir).status().unwrap();
            assert!(status.success(), "{}", archive.display());
            dir.join(format!("{name}-{version}"))
        })
        .into()
}

#[test]
fn a_crate_that_asks_for_the_sdk_by_version_builds_with_what_is_packaged() {
    let dir = tempfile::tempdir().unwrap();
    // At one place in all runs: what is compiled of it stays, and would be there once more for each place.
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packaged-sdk");
    drop(fs::remove_dir_all(&place));
    fs::create_dir_all(&place).unwrap();
    let unpacked = unpacked(&place);
    // The contract stands outside of the SDK's directory in the repository, and within it in the package.
    let contract = fs::read(Path::new(REPOSITORY).join("wit/reducer.wit")).unwrap();
    assert_eq!(fs::read(unpacked[1].join("wit/reducer.wit")).unwrap(), contract);

    let versioned = NewCrate::new("versioned", &dir, &["--sdk", "0.1"]);
    let patch = |name: &str, path: &Path| format!("{name} = {{ path = \"{}\" }}\n", path.display());
    let patches = patch("foldhost-sdk-macros", &unpacked[0]) + &patch("foldhost-sdk", &unpacked[1]);
    let manifest = fs::read_to_string(versioned.dir.join("Cargo.toml")).unwrap();
    fs::write(versioned.dir.join("Cargo.toml"), format!("{manifest}\n[patch.crates-io]\n{patches}")).unwrap();

    versioned.assert_tests_pass();
    assert_eq!(versioned.run(&["build", ".", "--json"]).json()["name"], "versioned");
}
