//! All that is asked of cargo and rustc.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::{Artifact, CrateType, Message, Metadata, MetadataCommand, PackageId};

use super::flags::{self, HandedOver};
use super::{BuildError, BuildOptions, TARGET};

/// A package that can become a component.
pub(super) struct ReducerPackage {
    pub(super) name: String,
    pub(super) target_directory: PathBuf,
    id: PackageId,
    /// Where sources stand here, and what the component says instead.
    remapped_paths: BTreeMap<String, String>,
}

/// Finds the package to build, and checks that it makes a cdylib.
pub(super) fn find_package(options: &BuildOptions) -> Result<ReducerPackage, BuildError> {
    let dir = &options.dir;
    let manifest = dir.join("Cargo.toml");
    if !manifest.is_file() {
        return Err(BuildError::NotACrate { dir: dir.clone() });
    }
    let mut asked = MetadataCommand::new();
    let locked = options.locked.then_some("--locked");
    let flags: Vec<_> = ["--filter-platform", TARGET].into_iter().chain(locked).map(str::to_owned).collect();
    asked.cargo_path(cargo()).current_dir(dir).other_options(flags);
    let metadata = asked.exec().map_err(|error| metadata_error(dir, error))?;
    let packages = || metadata.workspace_packages().iter().map(|package| package.name.to_string()).collect();
    let found = match &options.package {
        Some(name) => {
            *metadata.workspace_packages().iter().find(|package| package.name.as_str() == name).ok_or_else(|| {
                BuildError::UnknownPackage { package: name.clone(), dir: dir.clone(), packages: packages() }
            })?
        }
        None => package_in(&metadata, &manifest)
            .ok_or_else(|| BuildError::SeveralPackages { dir: dir.clone(), packages: packages() })?,
    };
    if !found.targets.iter().any(|target| target.crate_types.contains(&CrateType::CDyLib)) {
        let manifest = found.manifest_path.clone().into_std_path_buf();
        return Err(BuildError::NoCdylib { package: found.name.to_string(), manifest });
    }
    Ok(ReducerPackage {
        name: found.name.to_string(),
        target_directory: metadata.target_directory.clone().into_std_path_buf(),
        id: found.id.clone(),
        remapped_paths: flags::remapped_paths(&metadata, options.debug_info, &rustc()),
    })
}

/// The package whose manifest this is, or the only one of a workspace.
fn package_in<'a>(metadata: &'a Metadata, manifest: &Path) -> Option<&'a cargo_metadata::Package> {
    let manifest = manifest.canonicalize().ok()?;
    let is_it = |path: &Path| path.canonicalize().is_ok_and(|path| path == manifest);
    let own = metadata.packages.iter().find(|package| is_it(package.manifest_path.as_std_path()));
    own.or_else(|| match metadata.workspace_packages()[..] {
        [only] => Some(only),
        _ => None,
    })
}

fn metadata_error(dir: &Path, error: cargo_metadata::Error) -> BuildError {
    match error {
        cargo_metadata::Error::Io(source) => {
            BuildError::Run { program: cargo().to_string_lossy().into_owned(), source }
        }
        cargo_metadata::Error::CargoMetadata { stderr } => {
            BuildError::Manifest { dir: dir.to_owned(), reason: one_line(&stderr) }
        }
        other => BuildError::Manifest { dir: dir.to_owned(), reason: one_line(&other.to_string()) },
    }
}

fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ").trim_start_matches("error: ").to_owned()
}

/// Looks for the target's core library, in the toolchain that the crate's directory chooses. Cargo's own message for it
/// is forty lines about a missing `core`.
pub(super) fn check_target(dir: &Path) -> Result<(), BuildError> {
    let rustc = rustc();
    let asked = Command::new(&rustc).args(["--print", "target-libdir", "--target", TARGET]).current_dir(dir).output();
    let asked = asked.map_err(|source| BuildError::Run { program: rustc.to_string_lossy().into_owned(), source })?;
    let libdir = PathBuf::from(String::from_utf8_lossy(&asked.stdout).trim_end());
    let is_core = |entry: std::fs::DirEntry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    };
    let installed = libdir.read_dir().is_ok_and(|entries| entries.flatten().any(is_core));
    if installed { Ok(()) } else { Err(BuildError::NoTarget) }
}

/// Compiles the package, and returns the core module's path.
pub(super) fn compile(options: &BuildOptions, package: &ReducerPackage) -> Result<PathBuf, BuildError> {
    let cargo = cargo();
    let failed = |source| BuildError::Run { program: cargo.to_string_lossy().into_owned(), source };
    let mut command = Command::new(&cargo);
    command
        .args(["build", "--release", "--lib", "--target", TARGET, "--message-format=json-render-diagnostics"])
        .args(["--package", &package.id.repr])
        .args(options.locked.then_some("--locked"))
        .args(options.features.iter().flat_map(|feature| ["--features", feature]))
        .current_dir(&options.dir)
        .envs(flags::profile(options.debug_info));
    match flags::hand_over(&package.remapped_paths) {
        HandedOver::Environment(all) => command.env("CARGO_ENCODED_RUSTFLAGS", all),
        HandedOver::Config(argument) => command.args(["--config", &argument]),
    };
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut core_module = None;
    if let Some(stdout) = child.stdout.take() {
        for message in Message::parse_stream(BufReader::new(stdout)) {
            if let Message::CompilerArtifact(artifact) = message.map_err(failed)?
                && artifact.package_id == package.id
            {
                core_module = wasm_file(&artifact).or(core_module);
            }
        }
    }
    if !child.wait().map_err(failed)?.success() {
        return Err(BuildError::Compile { package: package.name.clone() });
    }
    core_module.ok_or_else(|| BuildError::NoArtifact { package: package.name.clone() })
}

fn wasm_file(artifact: &Artifact) -> Option<PathBuf> {
    let file = artifact.filenames.iter().find(|file| file.extension() == Some("wasm"))?;
    artifact.target.crate_types.contains(&CrateType::CDyLib).then(|| file.clone().into_std_path_buf())
}

fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
