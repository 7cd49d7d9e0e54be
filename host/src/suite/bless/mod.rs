//! Writes what came into the scenario files, and adds to the golden files what they lack.
//!
//! A bless replaces the keys of a `then` whose value differs, and nothing else in the file: comments and layout stay. It accepts
//! an outcome, and never a broken law, a fault of the reducer, a budget that was overspent, or a state that changed under the
//! same schema: those are mended in the reducer.

mod edit;
mod spots;
mod yaml;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::golden::dir_beside;
use super::report::{Check, Report};
use super::scenario::{ScenarioFile, Suite};
use super::{Mistake, SuiteError};
use crate::Reducer;
use crate::testing::golden::{Blessed, Golden, GoldenError};

/// What a bless changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Blessing {
    /// Each `then` that was written.
    pub written: Vec<BlessedThen>,
    /// What could not be written, and why: a `then` that stands elsewhere by an alias, say.
    pub left: Vec<Mistake>,
    /// What was added to the golden files.
    pub golden: Blessed,
}

/// A `then` that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlessedThen {
    /// The file.
    pub path: PathBuf,
    /// The line in which its scenario began.
    pub line: u64,
    /// The scenario.
    pub scenario: String,
    /// Which step, from 1 on; none where the scenario has only one.
    pub step: Option<usize>,
    /// The keys that were written.
    pub keys: Vec<&'static str>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlessError {
    /// The reducer is at fault, and no expectation.
    #[error("nothing was blessed, since {rule} does not hold for {of}: mend the reducer first")]
    Refused {
        /// What has to hold.
        rule: String,
        /// Where it does not.
        of: String,
    },
    /// A scenario file cannot be written, or was changed meanwhile.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The golden files cannot be read or written.
    #[error(transparent)]
    Golden(#[from] GoldenError),
    /// A file is another one than when it was read.
    #[error("{} was changed while the scenarios ran: run --bless again", .0.display())]
    Changed(PathBuf),
}

/// Writes what came in `report` to the files of `suite`. Run the suite again afterwards: what was not accepted still fails.
///
/// # Errors
/// [`BlessError`]; where the reducer is at fault, nothing is written at all.
pub fn bless(reducer: &dyn Reducer, suite: &Suite, report: &Report) -> Result<Blessing, BlessError> {
    refuse_what_is_broken(report)?;
    let mut blessing = Blessing::default();
    for file in &suite.files {
        bless_file(file, report, &mut blessing)?;
    }
    let dir = dir_beside(&suite.dir);
    let mut golden = Golden::read(&dir)?;
    let histories: Vec<Vec<_>> =
        report.histories.iter().map(|history| history.iter().cloned().map(Into::into).collect()).collect();
    blessing.golden = golden.bless(reducer, &histories);
    if !blessing.golden.is_unchanged() {
        golden.write(&dir)?;
    }
    Ok(blessing)
}

fn refuse_what_is_broken(report: &Report) -> Result<(), BlessError> {
    // An event type without an example is no fault of the reducer, and may be what the bless is for.
    let counts = |check: Check| !matches!(check, Check::EventsAreReadBack);
    for check in report.checks.iter().filter(|check| counts(check.check)) {
        if let Some(finding) = check.findings.iter().find(|finding| !finding.blessable) {
            let rule = format!("`{}`", check.check.rule());
            return Err(BlessError::Refused { rule, of: finding.of.clone() });
        }
    }
    Ok(())
}

fn bless_file(file: &ScenarioFile, report: &Report, blessing: &mut Blessing) -> Result<(), BlessError> {
    let edited = edit::edited(file, report);
    blessing.left.extend(edited.left);
    if edited.written.is_empty() {
        return Ok(());
    }
    let present = fs::read_to_string(&file.path).map_err(|error| SuiteError::io("read", &file.path, error))?;
    if present != file.text {
        return Err(BlessError::Changed(file.path.clone()));
    }
    replace(&file.path, &edited.text).map_err(|error| SuiteError::io("write", &file.path, error))?;
    blessing.written.extend(edited.written);
    Ok(())
}

/// In one step: whoever reads the file meanwhile, an editor or a watching run, sees all of it, the old or the new.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".bless-").tempfile_in(dir)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
