//! A reducer's crate to begin with: what `foldhost new` writes.
//!
//! The crate stands on its own, outside of every workspace. It builds, its tests pass and it can be deployed as it is.

mod error;
mod name;
mod sdk;

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

pub use error::ScaffoldError;
pub use name::ReducerName;
pub use sdk::Sdk;

/// The files of a crate, by their paths in it. In their texts and paths, `{{name}}` and its kin stand for the reducer's names.
const FILES: [(&str, &str); 9] = [
    ("Cargo.toml", include_str!("../../templates/reducer/Cargo.toml.template")),
    ("README.md", include_str!("../../templates/reducer/README.md")),
    ("rustfmt.toml", include_str!("../../templates/reducer/rustfmt.toml.template")),
    // Not under that name among the templates: it would be this repository's own.
    (".gitignore", include_str!("../../templates/reducer/gitignore")),
    ("src/lib.rs", include_str!("../../templates/reducer/src/lib.rs")),
    ("tests/rules.rs", include_str!("../../templates/reducer/tests/rules.rs")),
    ("scenarios/{{name}}.yaml", include_str!("../../templates/reducer/scenarios/reducer.yaml")),
    ("golden/events.json", include_str!("../../templates/reducer/golden/events.json")),
    ("golden/state.json", include_str!("../../templates/reducer/golden/state.json")),
];

/// A crate that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCrate {
    /// Its directory.
    pub dir: PathBuf,
    /// The package, which is the reducer's name where cargo takes it.
    pub package: String,
    /// Its files, by their paths in the directory.
    pub files: Vec<PathBuf>,
}

/// Writes the crate of a reducer into `dir`, which does not exist yet or is empty.
///
/// ```no_run
/// # use foldhost::scaffold::{ReducerName, Sdk, create};
/// create(&ReducerName::new("invoice")?, "invoice".as_ref(), &Sdk::default())?;
/// # Ok::<(), foldhost::scaffold::ScaffoldError>(())
/// ```
///
/// # Errors
/// [`ScaffoldError::NotEmpty`] and [`ScaffoldError::Io`]; in both cases nothing was written.
pub fn create(name: &ReducerName, dir: &Path, sdk: &Sdk) -> Result<NewCrate, ScaffoldError> {
    let failed = |source| ScaffoldError::Io { path: dir.to_owned(), source };
    let exists = check_empty(dir)?;
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside the directory, or in it: on the same file system either way, so that everything is put in place by renaming.
    let beside = if exists { dir } else { parent };
    fs::create_dir_all(beside).map_err(failed)?;
    let whole = Permissions::from_mode(0o777);
    let written = tempfile::Builder::new().prefix(".foldhost-new-").permissions(whole).tempdir_in(beside);
    let written = written.map_err(failed)?;
    let files = write(name, sdk, written.path()).map_err(failed)?;
    if exists {
        for entry in fs::read_dir(written.path()).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            fs::rename(entry.path(), dir.join(entry.file_name())).map_err(failed)?;
        }
    } else {
        fs::rename(written.path(), dir).map_err(failed)?;
        // It has another name now, and nothing is left to remove.
        let _ = written.keep();
    }
    Ok(NewCrate { dir: dir.to_owned(), package: name.package(), files })
}

/// Whether the directory is there. It is refused unless it is empty.
fn check_empty(dir: &Path) -> Result<bool, ScaffoldError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => Err(ScaffoldError::NotEmpty { dir: dir.to_owned() }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(ScaffoldError::Io { path: dir.to_owned(), source }),
    }
}

fn write(name: &ReducerName, sdk: &Sdk, dir: &Path) -> io::Result<Vec<PathBuf>> {
    let fill = |text: &str| name.fill(text).replace("{{sdk}}", &sdk.requirement());
    let mut files = Vec::with_capacity(FILES.len());
    for (path, text) in FILES {
        let file = PathBuf::from(fill(path));
        let path = dir.join(&file);
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, fill(text))?;
        files.push(file);
    }
    Ok(files)
}
