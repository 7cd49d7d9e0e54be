//! Writes what came into the scenario files, and adds to the golden files what they lack.
//!
//! A bless replaces the keys of a `then` whose value differs, and nothing else in the file: comments and layout stay. It accepts
//! an outcome, and never a broken law, a fault of the reducer, a command that cannot be read, a budget that was overspent, or a
//! state that changed under the same schema: those are mended by hand.

mod edit;
mod spots;
mod yaml;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

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

/// Why nothing was written, or not all.
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
    /// What was written before stays; running again writes the rest.
    #[error("{source}; {} before: mend this, and run --bless again", told(blessing))]
    Partly {
        /// What was written.
        blessing: Box<Blessing>,
        /// What came in between.
        source: Box<BlessError>,
    },
}

fn told(blessing: &Blessing) -> String {
    let scenarios: std::collections::BTreeSet<_> =
        blessing.written.iter().map(|then| (&then.path, &then.scenario)).collect();
    match scenarios.len() {
        1 => "1 scenario was blessed".to_owned(),
        several => format!("{several} scenarios were blessed"),
    }
}

/// Writes what came in `report` to the files of `suite`. Run the suite again afterwards: what was not accepted still fails.
///
/// # Errors
/// [`BlessError`]; nothing was written then, except with [`BlessError::Partly`], which says what was.
pub fn bless(reducer: &dyn Reducer, suite: &Suite, report: &Report) -> Result<Blessing, BlessError> {
    refuse_what_is_broken(report)?;
    // All that can stand in the way is looked at before anything is written.
    let edits = suite.files.iter().map(|file| Ok((file, edited_if_unchanged(file, report)?)));
    let edits = edits.collect::<Result<Vec<_>, BlessError>>()?;
    let dir = suite.golden_dir();
    let mut golden = Golden::read(&dir)?;
    let histories: Vec<Vec<_>> =
        report.histories.iter().map(|history| history.iter().cloned().map(Into::into).collect()).collect();
    // With a filter, what it left out would be missing for good where the snapshots begin anew.
    let added = match report.left_out {
        0 => golden.bless(reducer, &histories),
        _ => golden.bless_part(reducer, &histories),
    };

    let mut blessing = Blessing::default();
    for (file, edited) in edits {
        blessing.left.extend(edited.left);
        if !edited.written.is_empty() {
            let written = replace(&file.path, &edited.text);
            written.map_err(|error| partly(&blessing, SuiteError::io("write", &file.path, error)))?;
            blessing.written.extend(edited.written);
        }
    }
    if !added.is_unchanged() {
        golden.write(&dir).map_err(|error| partly(&blessing, error))?;
    }
    blessing.golden = added;
    Ok(blessing)
}

/// The error, with what was written before it if anything was.
fn partly(blessing: &Blessing, error: impl Into<BlessError>) -> BlessError {
    let error = error.into();
    if blessing.written.is_empty() {
        return error;
    }
    BlessError::Partly { blessing: Box::new(blessing.clone()), source: Box::new(error) }
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

/// A file with what came; an error if somebody else changed it meanwhile.
fn edited_if_unchanged(file: &ScenarioFile, report: &Report) -> Result<edit::Edited, BlessError> {
    let edited = edit::edited(file, report);
    if !edited.written.is_empty() {
        let present = fs::read_to_string(&file.path).map_err(|error| SuiteError::io("read", &file.path, error))?;
        if present != file.text {
            return Err(BlessError::Changed(file.path.clone()));
        }
    }
    Ok(edited)
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
