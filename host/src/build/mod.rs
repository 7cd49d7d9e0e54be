//! From a crate to a component: cargo compiles the crate to a core module, and `wit_component` wraps it, in this process.
//!
//! The target is wasm32-unknown-unknown, since it brings no WASI imports and a reducer imports nothing. The same crate and
//! the same toolchain give the same bytes, in whatever directory, so a component that was built twice has one digest.

mod cargo;
mod core_module;
mod error;
mod flags;

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use wit_component::ComponentEncoder;

pub use error::BuildError;

use crate::reducer::ReducerDigest;

/// The target that reducers are compiled for.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// What to build, and where to put it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildOptions {
    /// The crate's directory, the one that holds its Cargo.toml.
    pub dir: PathBuf,
    /// Which package, when the directory is a workspace of several.
    pub package: Option<String>,
    /// Cargo features to build it with, beside its default ones. The component's file keeps its name.
    pub features: Vec<String>,
    /// The file to write; `foldhost/PACKAGE.wasm` in cargo's target directory when there is none, and
    /// `foldhost/PACKAGE.debug.wasm` with [`debug_info`](Self::debug_info).
    pub out: Option<PathBuf>,
    /// Keep line tables: the places in the source that a trap went through. Makes the file several times as large.
    pub debug_info: bool,
    /// Fail when Cargo.lock is missing or would change, as `cargo build --locked` does.
    pub locked: bool,
}

impl BuildOptions {
    /// The crate in `dir`, to be written where components usually go.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), ..Self::default() }
    }
}

/// A component that was built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltComponent {
    /// The package that it was built from.
    pub package: String,
    /// The file that it was written to.
    pub path: PathBuf,
    /// Its bytes.
    pub component: Vec<u8>,
    /// SHA-256 of its bytes.
    pub digest: ReducerDigest,
}

/// Compiles a reducer's crate and makes it a component. Blocks for as long as cargo takes; cargo's progress and the
/// compiler's messages go to this process's stderr.
///
/// `$CARGO` and `$RUSTC` name other programs than `cargo` and `rustc`. The release profile is the one that reducers need,
/// whatever the crate's manifest says; flags in `$RUSTFLAGS` and in the configuration of the target are kept.
///
/// ```no_run
/// # use foldhost::build::{BuildOptions, build};
/// let built = build(&BuildOptions::new("guests/order"))?;
/// println!("{} {}", built.digest, built.path.display());
/// # Ok::<(), foldhost::build::BuildError>(())
/// ```
///
/// # Errors
/// [`BuildError`]; every message says what to do.
pub fn build(options: &BuildOptions) -> Result<BuiltComponent, BuildError> {
    let package = cargo::find_package(options)?;
    cargo::check_target(&options.dir)?;
    let component = componentize(&core_module(options, &package)?)?;
    let kind = if options.debug_info { "debug.wasm" } else { "wasm" };
    let path = match &options.out {
        Some(out) => out.clone(),
        None => package.target_directory.join("foldhost").join(format!("{}.{kind}", package.name)),
    };
    write(&path, &component)?;
    Ok(BuiltComponent { package: package.name, path, digest: ReducerDigest::of(&component), component })
}

/// Compiles the package to a core module. Cargo gives it the same file with whatever features, so two builds at once would
/// read each other's: one waits for the other here.
fn core_module(options: &BuildOptions, package: &cargo::ReducerPackage) -> Result<Vec<u8>, BuildError> {
    let path = package.target_directory.join("foldhost").join(format!(".{}.lock", package.name));
    let failed = |source| BuildError::io("lock", &path, source);
    std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
    // Held until it is closed, or its process ends.
    let lock = File::create(&path).map_err(failed)?;
    lock.lock().map_err(failed)?;
    let core_path = cargo::compile(options, package)?;
    std::fs::read(&core_path).map_err(|source| BuildError::io("read", &core_path, source))
}

/// Wraps a core module that was compiled with `foldhost_sdk::export!` into a component. Its functions get the names that
/// they have in the source, as they are shown in a trap; other sections that nobody reads are left out. The same bytes in,
/// the same bytes out.
///
/// # Errors
/// [`BuildError::Imports`] when the module imports something, [`BuildError::Component`] when it is none.
pub fn componentize(core_module: &[u8]) -> Result<Vec<u8>, BuildError> {
    core_module::check_imports(core_module)?;
    let tidied = core_module::tidied(core_module)?;
    ComponentEncoder::default()
        .validate(true)
        .module(&tidied)
        .and_then(|encoder| encoder.encode())
        .map_err(|error| BuildError::component(&format!("{error:#}")))
}

/// Puts the file in place in one step: whoever reads it meanwhile, or builds the same crate, sees a whole component.
fn write(path: &Path, component: &[u8]) -> Result<(), BuildError> {
    let failed = |source| BuildError::io("write", path, source);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut file = new_file_in(dir).map_err(failed)?;
    file.write_all(component).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn new_file_in(dir: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    // As any new file: the umask takes its share. A temporary file's own 0600 would hide the component from others.
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o666)).tempfile_in(dir)
}
