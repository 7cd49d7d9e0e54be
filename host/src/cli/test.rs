//! `foldhost test`

mod human;
mod json;
mod junit;
mod paint;
mod subject;
mod watch;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::path::PathBuf;

use foldhost::suite::{BlessError, Blessing, Report, RunOptions, Suite, SuiteError, bless, run as run_suite};
use foldhost::{ComponentReducer, GuestEngine};

use super::error::CliError;
use super::limits::LimitsArgs;
use super::output;
use subject::Subject;

const EXAMPLES: &str = "\
Examples:
  foldhost test .                                 # build, then run ./scenarios
  foldhost test target/foldhost/order.wasm --scenarios guests/order/scenarios
  foldhost test . --filter shipped                # scenarios with this in their name
  foldhost test . --watch                         # again after every change
  foldhost test . --bless                         # write what came into the files
  foldhost test . --seed 17 --runs 1000           # the same random sequences again
  foldhost test . --junit report.xml --json       # for other programs

A scenario is a few lines of YAML; docs/scenarios.md has every key:
  scenarios:
    - name: it counts
      given:
        - Incremented.v1: { by: 40 }
      when:
        Increment: { by: 2 }
      then:
        events:
          - Incremented.v1: { by: 2 }
        state: { value: 42 }

Needs no database, no network and no host. Exit status: 0 all passed, 1 something
failed, 2 the command line cannot be read.";

/// Run scenario files against a reducer's component
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The reducer's crate, which is built first, or a component's file
    #[arg(value_name = "DIR|FILE.wasm")]
    subject: PathBuf,
    /// The scenarios [default: `scenarios` in the crate, or beside the component]
    #[arg(long, value_name = "DIR")]
    scenarios: Option<PathBuf>,
    /// Only scenarios whose name holds this text
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// What the random sequences are made from [default: another one each time, and printed]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many random sequences of the suite's commands are tried
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(0..=100_000))]
    runs: u32,
    /// Write what came into scenarios that failed, and add to the golden files what they lack
    #[arg(long)]
    bless: bool,
    /// Show only what failed, and the last line
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON document
    #[arg(long, conflicts_with = "quiet")]
    json: bool,
    /// Write a report in JUnit's format too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Build and run again whenever a source or a scenario changes, until Ctrl-C
    #[arg(long, conflicts_with_all = ["bless", "json"])]
    watch: bool,
    #[command(flatten)]
    limits: LimitsArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let subject = Subject::of(&args.subject, args.scenarios.as_deref())?;
    let engine = GuestEngine::new(&args.limits.load()?)?;
    if args.watch {
        return watch::run(args, subject, engine).await;
    }
    test(&args, &subject, &engine)
}

/// One run, from the sources to the report.
fn test(args: &Args, subject: &Subject, engine: &GuestEngine) -> Result<(), CliError> {
    if let Some(path) = &args.junit {
        // What comes to no report would be taken for what the one before it says.
        junit::remove(path)?;
    }
    // Before the build: a mistake in a scenario is told at once, and not after a minute of compiling.
    let mut suite = read(subject)?;
    let reducer = subject.load(engine)?;
    let options = RunOptions {
        filter: args.filter.clone(),
        seed: args.seed.unwrap_or_else(any_seed),
        sequences: usize::try_from(args.runs).unwrap_or(usize::MAX),
        golden_required: subject.keeps_golden_files(),
    };
    let mut report = run_once(&reducer, &suite, &options)?;
    let mut blessing = None;
    if args.bless {
        match bless(&reducer, &suite, &report) {
            Ok(blessed) => blessing = Some(blessed),
            Err(error) => {
                // What failed is shown all the same: it is what has to be mended.
                let written = if let BlessError::Partly { blessing, .. } = &error { Some(&**blessing) } else { None };
                show(args, &report, written)?;
                return Err(error.into());
            }
        }
        suite = read(subject)?;
        report = run_once(&reducer, &suite, &options)?;
    }
    show(args, &report, blessing.as_ref())?;
    verdict(&report)
}

fn read(subject: &Subject) -> Result<Suite, CliError> {
    let suite = Suite::read(&subject.scenarios).map_err(told)?;
    Ok(suite.with_golden_dir(subject.golden_dir()))
}

fn run_once(reducer: &ComponentReducer, suite: &Suite, options: &RunOptions) -> Result<Report, CliError> {
    let report = run_suite(reducer, suite, options).map_err(told)?;
    match &options.filter {
        Some(filter) if report.scenarios.is_empty() => {
            Err(CliError::NoScenarioChosen { filter: filter.clone(), scenarios: report.left_out })
        }
        _ => Ok(report),
    }
}

/// Several mistakes stand on lines of their own.
fn told(error: SuiteError) -> CliError {
    match error {
        SuiteError::Mistakes(mistakes) if mistakes.len() > 1 => {
            mistakes.iter().for_each(|mistake| output::tell_failure(&mistake.to_string()));
            CliError::ScenarioMistakes(mistakes.len())
        }
        error => CliError::Suite(error),
    }
}

fn show(args: &Args, report: &Report, blessing: Option<&Blessing>) -> Result<(), CliError> {
    if args.json {
        output::print_json(&json::document(report, blessing))?;
    } else {
        human::show(report, blessing, args.quiet)?;
    }
    // Last: a file that cannot be written is no reason to say nothing.
    args.junit.as_ref().map_or(Ok(()), |path| junit::write(path, report))
}

fn verdict(report: &Report) -> Result<(), CliError> {
    if report.passed() {
        return Ok(());
    }
    let checks = report.checks.iter().filter(|check| !check.passed()).count();
    Err(CliError::TestsFailed { failed: report.failed(), scenarios: report.scenarios.len(), checks })
}

/// A seed that a person can type.
fn any_seed() -> u64 {
    RandomState::new().build_hasher().finish() >> 32
}
