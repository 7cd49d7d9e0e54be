//! What is tested, and where it lies.

use std::path::{Path, PathBuf};

use foldhost::build::{BuildOptions, build};
use foldhost::suite::Suite;
use foldhost::{ComponentReducer, GuestEngine};

use crate::cli::error::CliError;
use crate::cli::serve::user_cache;

pub(super) struct Subject {
    pub(super) place: SubjectPlace,
    pub(super) scenarios: PathBuf,
}

pub(super) enum SubjectPlace {
    /// A crate, to be built.
    Crate(PathBuf),
    /// A component.
    File(PathBuf),
}

impl Subject {
    pub(super) fn of(path: &Path, scenarios: Option<&Path>) -> Result<Self, CliError> {
        let is_dir = path.metadata().map_err(|source| CliError::Read { path: path.to_owned(), source })?.is_dir();
        let beside = if is_dir { path } else { path.parent().unwrap_or(Path::new("")) };
        let scenarios = scenarios.map_or_else(|| beside.join("scenarios"), Path::to_owned);
        let place = if is_dir { SubjectPlace::Crate(path.to_owned()) } else { SubjectPlace::File(path.to_owned()) };
        Ok(Self { place, scenarios })
    }

    /// A crate has its golden files in version control. A component that stands alone may be anybody's.
    pub(super) fn keeps_golden_files(&self) -> bool {
        matches!(self.place, SubjectPlace::Crate(_))
    }

    /// A crate's golden files are in it, wherever its scenarios are; those of a component lie beside its scenarios.
    pub(super) fn golden_dir(&self) -> PathBuf {
        match &self.place {
            SubjectPlace::Crate(dir) => dir.join("golden"),
            SubjectPlace::File(_) => Suite::golden_dir_beside(&self.scenarios),
        }
    }

    /// Builds it where it has to be built, and compiles it unless it was compiled before. What is tested are the bytes that
    /// `foldhost build` makes and `foldhost deploy` sends, so the fuel that is shown is the fuel that is spent.
    pub(super) fn load(&self, engine: &GuestEngine) -> Result<ComponentReducer, CliError> {
        let (component, cache) = match &self.place {
            SubjectPlace::Crate(dir) => {
                let built = build(&BuildOptions::new(dir))?;
                let cache = built.path.parent().map(|target| target.join("code-cache"));
                (built.component, cache)
            }
            SubjectPlace::File(path) => {
                let bytes = std::fs::read(path).map_err(|source| CliError::Read { path: path.clone(), source })?;
                (bytes, user_cache())
            }
        };
        // Without a cache where it cannot be used: it only saves time.
        let cached = cache.and_then(|cache| engine.clone().with_cache(cache).ok());
        Ok(ComponentReducer::load(&cached.unwrap_or_else(|| engine.clone()), &component)?)
    }
}
