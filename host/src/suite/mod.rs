//! Scenario files, run against a reducer: what `foldhost test` does.
//!
//! A *suite* is a directory of YAML files beside a reducer's source. Each scenario gives a stream a past, sends it commands, and
//! says what has to come. Running it needs no database, no network and no clock.
//!
//! ```
//! use foldhost::NativeReducer;
//! use foldhost::suite::{RunOptions, Suite, run};
//!
//! let counter = NativeReducer::<counter::Counter>::new();
//! let suite = Suite::read("../guests/counter/scenarios".as_ref())?;
//! let report = run(&counter, &suite, &RunOptions { seed: 7, sequences: 10, ..RunOptions::default() })?;
//! assert_eq!(report.failed(), 0);
//! # Ok::<(), foldhost::suite::SuiteError>(())
//! ```
//!
//! Beside the scenarios, [`run`] tries on their histories what every reducer has to keep ([`Check`]), and again on random
//! sequences of the suite's own commands. [`bless`] writes what came into the files.

mod bless;
mod compare;
mod difference;
mod error;
mod fields;
mod files;
mod golden;
mod laws;
mod node;
mod parallel;
mod play;
mod random;
mod read_back;
mod reading;
mod report;
mod run;
mod running;
mod scenario;

pub use bless::{BlessError, BlessedThen, Blessing, bless};
pub use error::{Mistake, SuiteError};
pub use node::Place;
pub use report::{
    Came, Check, CheckFinding, CheckReport, FieldDifference, Report, ScenarioReport, StepFailure, StepReport,
};
pub use run::{RunOptions, run};
pub use scenario::{Expected, ExpectedOutcome, NamedJson, Scenario, ScenarioFile, Step, Suite};

use std::path::{Path, PathBuf};

impl Suite {
    /// Reads every `.yaml` and `.yml` file of a directory and of those below it, in the order of their paths.
    ///
    /// Notes, in `.md` and `.txt`, are left aside, and so are names that begin with a dot. Any other file is a mistake: left
    /// aside without a word, it would look as if it had passed.
    ///
    /// # Errors
    /// [`SuiteError::NoScenarios`], [`SuiteError::Io`], and [`SuiteError::Mistakes`] with every mistake of every file.
    pub fn read(dir: &Path) -> Result<Self, SuiteError> {
        files::read(dir)
    }

    /// Where the golden files of a directory of scenarios are, unless a suite says otherwise: `golden`, beside it.
    #[must_use]
    pub fn golden_dir_beside(scenarios: &Path) -> PathBuf {
        golden::dir_beside(scenarios)
    }

    /// The same suite with golden files that lie elsewhere than beside it.
    #[must_use]
    pub fn with_golden_dir(self, dir: impl Into<PathBuf>) -> Self {
        Self { golden_dir: Some(dir.into()), ..self }
    }

    /// The directory of the golden files that belong to this suite.
    #[must_use]
    pub fn golden_dir(&self) -> PathBuf {
        self.golden_dir.clone().unwrap_or_else(|| golden::dir_beside(&self.dir))
    }
}
