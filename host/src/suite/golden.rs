//! The golden files beside the scenarios.

use std::path::{Path, PathBuf};

use super::report::{Check, CheckFinding, CheckReport};
use crate::Reducer;
use crate::testing::golden::{Finding, Golden, GoldenError};

/// Where the golden files of a directory of scenarios are.
pub(super) fn dir_beside(scenarios: &Path) -> PathBuf {
    // `.` and `..` do not say what is above them; beside a symbolic link is where the link stands.
    let named = match scenarios.file_name() {
        Some(_) => scenarios.to_owned(),
        None => scenarios.canonicalize().unwrap_or_else(|_| scenarios.to_owned()),
    };
    let parent = named.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    parent.join("golden")
}

/// Checks a reducer against them. Where there is no such directory, that is a finding only if there has to be one.
pub(super) fn check(
    reducer: &dyn Reducer,
    dir: &Path,
    read: &Result<Golden, GoldenError>,
    required: bool,
) -> CheckReport {
    let mut report = CheckReport {
        check: Check::GoldenFiles,
        tried: dir.display().to_string(),
        findings: Vec::new(),
        more: 0,
        note: None,
    };
    if !required && !dir.is_dir() {
        report.note = Some(format!("left out: there is no {}; --bless makes it", dir.display()));
        return report;
    }
    match read {
        Ok(golden) => {
            let entries: usize = golden.events.values().map(Vec::len).sum();
            let snapshots = golden.state.as_ref().map_or(0, |state| state.snapshots.len());
            report.tried = format!("{entries} events, {snapshots} snapshots");
            report.findings.extend(golden.check(reducer).into_iter().map(|finding| as_finding(dir, &finding)));
        }
        Err(error) => report.findings.push(CheckFinding {
            of: dir.display().to_string(),
            text: error.to_string(),
            commands: Vec::new(),
            blessable: false,
        }),
    }
    report
}

fn as_finding(dir: &Path, finding: &Finding) -> CheckFinding {
    let blessable = matches!(
        finding,
        Finding::EventTypeWithoutEntry { .. }
            | Finding::NewerVersion { .. }
            | Finding::SnapshotsMissing
            | Finding::StateSchemaRenamed { .. }
    );
    CheckFinding { of: dir.display().to_string(), text: finding.to_string(), commands: Vec::new(), blessable }
}
