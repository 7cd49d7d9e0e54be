//! What is wrong with a suite before anything of it runs.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::Place;

/// Why there is no suite to run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SuiteError {
    /// There are no scenario files.
    #[error("there are no scenarios in {}: write one to {}, {EXAMPLE}", dir.display(), dir.join("first.yaml").display())]
    NoScenarios {
        /// Where they were looked for.
        dir: PathBuf,
    },
    /// A file or a directory cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as in `read`.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The files hold mistakes; each is told with its line.
    #[error("{}", told(.0))]
    Mistakes(Vec<Mistake>),
}

/// The smallest scenario, in one line.
const EXAMPLE: &str =
    "as in `scenarios: [{ name: it counts, when: { Increment: { by: 2 } }, then: { events: [Incremented.v1] } }]`";

/// Something in a scenario file that cannot be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub path: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong, and what to write.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, place: Place { line, column, .. }, message } = self;
        write!(f, "{}:{line}:{column}: {message}", path.display())
    }
}

fn told(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

impl SuiteError {
    pub(super) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }
}
