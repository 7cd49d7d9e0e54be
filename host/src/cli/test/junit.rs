//! The report in JUnit's format, which CI systems show.

use std::fs;
use std::io;
use std::path::Path;

use foldhost::suite::{CheckReport, Report, ScenarioReport, StepFailure};
use quick_junit::{NonSuccessKind, Report as JUnit, TestCase, TestCaseStatus, TestSuite};

use crate::cli::error::CliError;

/// Removes the report of a former run. What is no plain file, as /dev/stdout, stays.
pub(super) fn remove(path: &Path) -> Result<(), CliError> {
    if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(CliError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// One test suite a file of scenarios, and one for the checks.
pub(super) fn write(path: &Path, report: &Report) -> Result<(), CliError> {
    let mut junit = JUnit::new(drawable(&format!("foldhost test {}", report.reducer)));
    junit.set_time(report.elapsed);
    let mut files: Vec<&Path> = report.scenarios.iter().map(|scenario| scenario.path.as_path()).collect();
    files.dedup();
    for file in files {
        let mut suite = TestSuite::new(drawable(&file.display().to_string()));
        let of_file = report.scenarios.iter().filter(|scenario| scenario.path == file);
        suite.add_test_cases(of_file.map(|scenario| case_of_scenario(&report.reducer, scenario)));
        junit.add_test_suite(suite);
    }
    let mut checks = TestSuite::new("checks");
    checks.add_property(("seed", report.seed.to_string().as_str()));
    checks.add_test_cases(report.checks.iter().map(|check| case_of_check(&report.reducer, check)));
    junit.add_test_suite(checks);
    let failed = |source| CliError::Write { path: path.to_owned(), source };
    let text = junit.to_string().map_err(|error| failed(io::Error::other(error)))?;
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    fs::write(path, text).map_err(failed)
}

/// Text without the two characters that XML does not have and that the library lets through.
fn drawable(text: &str) -> String {
    text.replace(['\u{FFFE}', '\u{FFFF}'], "")
}

fn case_of_scenario(reducer: &str, scenario: &ScenarioReport) -> TestCase {
    let failures: Vec<_> =
        scenario.steps.iter().flat_map(|step| step.failures.iter().map(|one| told(one, &step.came.told))).collect();
    let status = match scenario.broken.iter().cloned().chain(failures).collect::<Vec<_>>().as_slice() {
        [] => TestCaseStatus::success(),
        failures => failure(&failures.join("\n")),
    };
    let mut case = TestCase::new(drawable(&scenario.name), status);
    case.set_classname(drawable(&format!("{reducer}.scenarios"))).set_time(scenario.elapsed);
    if let Some(fuel) = scenario.fuel() {
        case.add_property(("fuel", fuel.to_string().as_str()));
    }
    case
}

fn case_of_check(reducer: &str, check: &CheckReport) -> TestCase {
    let found: Vec<_> = check
        .findings
        .iter()
        .map(|one| [&[one.of.clone(), one.text.clone()], one.commands.as_slice()].concat().join("\n"))
        .collect();
    let status = match (found.as_slice(), &check.note) {
        ([], Some(note)) if note.starts_with("left out") => TestCaseStatus::skipped(),
        ([], _) => TestCaseStatus::success(),
        (found, _) => failure(&found.join("\n")),
    };
    let mut case = TestCase::new(check.check.rule(), status);
    case.set_classname(drawable(&format!("{reducer}.checks")));
    case
}

/// The first line as the message, and all of it below.
fn failure(text: &str) -> TestCaseStatus {
    let text = drawable(text);
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(text.lines().next().unwrap_or_default()).set_description(text.as_str());
    status
}

fn told(failure: &StepFailure, came: &str) -> String {
    match failure {
        StepFailure::NothingExpected => format!("nothing is expected, and it came to {came}"),
        StepFailure::Differs { key, fields } => {
            let shown =
                |value: &Option<serde_json::Value>| value.as_ref().map_or("nothing".to_owned(), ToString::to_string);
            let fields = fields.iter().map(|field| {
                format!("{}: {} was expected, {} came", field.path, shown(&field.expected), shown(&field.came))
            });
            format!("{key} differs; it came to {came}\n{}", fields.collect::<Vec<_>>().join("\n"))
        }
        StepFailure::OverBudget { fuel, fuel_max } => format!("it took {fuel} fuel, and its budget is {fuel_max}"),
        StepFailure::NothingCountsFuel => "`fuel_max` needs a component: nothing counts fuel here".to_owned(),
    }
}
