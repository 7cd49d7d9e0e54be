//! The flags that rustc gets beside cargo's own, so that a component does not tell where it was built.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use cargo_metadata::Metadata;

use super::TARGET;

/// The release profile for reducers, over whatever the crate's manifest says.
const PROFILE: [(&str, &str); 6] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "3"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    // The derives and their dependencies, which run here: compiled once, with or without debug info in the component.
    ("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_DEBUG", "0"),
    ("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_STRIP", "debuginfo"),
];
/// Functions keep their names, by which a trap is told; only DWARF goes, which would be most of the file.
const WITHOUT_DEBUG_INFO: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_DEBUG", "0"), ("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")];
/// Line tables alone: the place of each instruction in the source, and no types or variables.
const WITH_DEBUG_INFO: [(&str, &str); 2] =
    [("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only"), ("CARGO_PROFILE_RELEASE_STRIP", "none")];

/// Separates the flags in `CARGO_ENCODED_RUSTFLAGS`.
const FLAG_SEPARATOR: &str = "\u{1f}";

/// The settings of the profile, as cargo reads them from the environment.
pub(super) fn profile(debug_info: bool) -> impl Iterator<Item = (&'static str, &'static str)> {
    PROFILE.into_iter().chain(if debug_info { WITH_DEBUG_INFO } else { WITHOUT_DEBUG_INFO })
}

/// Where sources stand on this machine, and what is written of them instead.
///
/// Without it, every panic's place in a dependency would begin with somebody's home directory, and the same source would
/// have another digest on each machine. Cargo itself names the files of the workspace relative to its root.
pub(super) fn remapped_paths(metadata: &Metadata, debug_info: bool, rustc: &OsString) -> BTreeMap<String, String> {
    let mut paths = BTreeMap::new();
    // Only DWARF names the root itself. With other flags cargo compiles every dependency anew, so crates that share a target
    // directory share these as well.
    if debug_info {
        paths.insert(metadata.workspace_root.to_string(), String::new());
    }
    for package in &metadata.packages {
        let dir = package.manifest_path.parent().unwrap_or(&package.manifest_path);
        if metadata.workspace_members.contains(&package.id) {
            continue;
        }
        match (&package.source, dir.parent()) {
            // All of a registry's crates stand beside each other, in directories of their names and versions.
            (Some(source), Some(registry)) if !source.repr.starts_with("git+") => {
                paths.insert(registry.to_string(), String::new());
            }
            _ => {
                paths.insert(dir.to_string(), format!("{}-{}", package.name, package.version));
            }
        }
    }
    paths.extend(remapped_library(metadata.workspace_root.as_std_path(), rustc));
    paths
}

/// The standard library's sources: where they are installed (`rustup component add rust-src`), rustc would name them by
/// their place here, and otherwise by the commit.
fn remapped_library(dir: &Path, rustc: &OsString) -> Option<(String, String)> {
    let ask = |question: &[&str]| {
        let answer = Command::new(rustc).args(question).current_dir(dir).output().ok()?;
        String::from_utf8(answer.stdout).ok()
    };
    let sysroot = ask(&["--print", "sysroot"])?;
    let version = ask(&["--version", "--verbose"])?;
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: "))?;
    Some((format!("{}/lib/rustlib/src/rust", sysroot.trim_end()), format!("/rustc/{commit}")))
}

/// How the flags are handed over: cargo reads them from one place alone, and looks into the environment first.
pub(super) enum HandedOver {
    /// As `CARGO_ENCODED_RUSTFLAGS`, after the flags that were in the environment.
    Environment(String),
    /// As an argument of `--config`. Cargo joins it with what the user's configuration says for this target.
    Config(String),
}

pub(super) fn hand_over(paths: &BTreeMap<String, String>) -> HandedOver {
    let set = |name| env::var(name).ok();
    hand_over_with(paths, set("CARGO_ENCODED_RUSTFLAGS"), set("RUSTFLAGS"))
}

fn hand_over_with(paths: &BTreeMap<String, String>, encoded: Option<String>, plain: Option<String>) -> HandedOver {
    // Of two prefixes that fit rustc takes the later one, and in this order the longer one is later.
    let flags: Vec<_> = paths.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect();
    let present = encoded.or_else(|| Some(plain?.split_whitespace().collect::<Vec<_>>().join(FLAG_SEPARATOR)));
    match present {
        Some(present) => {
            let all = present.split(FLAG_SEPARATOR).filter(|flag| !flag.is_empty()).map(str::to_owned).chain(flags);
            HandedOver::Environment(all.collect::<Vec<_>>().join(FLAG_SEPARATOR))
        }
        // JSON's strings are TOML's as well.
        None => HandedOver::Config(format!("target.{TARGET}.rustflags={}", serde_json::json!(flags))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn handed_over(encoded: Option<&str>, plain: Option<&str>) -> String {
        let paths = BTreeMap::from([("/home/a b".to_owned(), "x".to_owned()), ("/home".to_owned(), String::new())]);
        match hand_over_with(&paths, encoded.map(str::to_owned), plain.map(str::to_owned)) {
            HandedOver::Environment(flags) => flags.replace(FLAG_SEPARATOR, "|"),
            HandedOver::Config(argument) => argument,
        }
    }

    #[test]
    fn flags_of_the_environment_stay_and_come_first() {
        let ours = "--remap-path-prefix=/home=|--remap-path-prefix=/home/a b=x";
        assert_eq!(handed_over(None, Some(" -D  warnings")), format!("-D|warnings|{ours}"));
        assert_eq!(handed_over(Some("--cfg\u{1f}a=\"b c\""), Some("-D warnings")), format!("--cfg|a=\"b c\"|{ours}"));
        assert_eq!(handed_over(None, Some("")), ours);
    }

    #[test]
    fn without_them_the_flags_join_those_of_the_configuration() {
        let argument = handed_over(None, None);
        let expected = r#"target.wasm32-unknown-unknown.rustflags=["--remap-path-prefix=/home=","--remap-path-prefix=/home/a b=x"]"#;
        assert_eq!(argument, expected);
    }
}
