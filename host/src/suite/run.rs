//! Runs a suite: its scenarios, and every check beside them.

use std::collections::HashMap;
use std::time::Instant;

use super::parallel::in_parallel;
use super::play::Move;
use super::report::{Check, CheckFinding, CheckReport, Report};
use super::running::{Ran, run as run_scenario};
use super::scenario::{ExpectedOutcome, NamedJson, Scenario, ScenarioFile, Step, Suite};
use super::{Mistake, Place, SuiteError, golden, random, read_back};
use crate::testing::Law;
use crate::testing::golden::Golden;
use crate::{Reducer, StreamId};

/// Findings of one check that are kept: one defect breaks a law in every scenario.
const FINDINGS_MAX: usize = 3;

/// What is checked over histories, in the order of the report.
const CHECKS: [Check; 7] = [
    Check::Law(Law::DecideIsDeterministic),
    Check::Law(Law::DecideChangesNothing),
    Check::Law(Law::EmittedEventsApply),
    Check::Law(Law::PagesMakeNoDifference),
    Check::Law(Law::SnapshotsKeepTheState),
    Check::Law(Law::TheStateIsJson),
    Check::CommandsDoNotFail,
];

/// How to run a suite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOptions {
    /// Only scenarios whose name holds this text.
    pub filter: Option<String>,
    /// What the random sequences are made from.
    pub seed: u64,
    /// Random sequences of the suite's commands. Default 100.
    pub sequences: usize,
    /// Whether there have to be golden files. A crate keeps them; a component that stands alone may have none.
    pub golden_required: bool,
}

impl Default for RunOptions {
    fn default() -> Self {
        Self { filter: None, seed: 0, sequences: 100, golden_required: false }
    }
}

/// Runs a suite against a reducer. The report says what came; only a suite that cannot be meant for this reducer is an error.
///
/// # Errors
/// [`SuiteError::Mistakes`] names each event type that the reducer does not read, each command that it does not have where the
/// scenario does not say `malformed: true`, and a file that is for another reducer.
pub fn run(reducer: &dyn Reducer, suite: &Suite, options: &RunOptions) -> Result<Report, SuiteError> {
    let begun = Instant::now();
    let mistakes = mistakes(reducer, suite);
    if !mistakes.is_empty() {
        return Err(SuiteError::Mistakes(mistakes));
    }
    let is_chosen =
        |scenario: &Scenario| options.filter.as_ref().is_none_or(|text| scenario.name.contains(text.as_str()));
    let all = suite.files.iter().flat_map(|file| file.scenarios.iter().map(move |scenario| (file, scenario)));
    let (chosen, rest): (Vec<_>, Vec<_>) = all.partition(|(_, scenario)| is_chosen(scenario));
    let ran = in_parallel(&chosen, |(file, scenario)| run_scenario(reducer, &file.path, scenario));

    let mut findings: HashMap<Check, Vec<CheckFinding>> = HashMap::new();
    for one in &ran {
        for (law, text) in &one.verdicts {
            let of = format!("scenario `{}`", one.report.name);
            let finding = CheckFinding { of, text: text.clone(), commands: Vec::new(), blessable: false };
            findings.entry(Check::Law(*law)).or_default().push(finding);
        }
    }
    let sequences = random_sequences(reducer, &ran, options, &mut findings);
    let histories: Vec<_> = ran.iter().map(|one| one.history.clone()).collect();
    let tried = format!("{}, {}", counted(ran.len(), "scenario"), counted(sequences, "random sequence"));
    let mut checks: Vec<_> = CHECKS.into_iter().map(|check| checked(check, &tried, &mut findings)).collect();
    let dir = suite.golden_dir();
    let recorded = Golden::read(&dir);
    if options.filter.is_none() {
        checks.push(read_back::check(reducer, &histories, recorded.as_ref().ok()));
    }
    checks.push(golden::check(reducer, &dir, &recorded, options.golden_required));
    Ok(Report {
        reducer: reducer.descriptor().name.clone(),
        digest: reducer.digest(),
        scenarios: ran.into_iter().map(|one| one.report).collect(),
        left_out: rest.len(),
        checks,
        seed: options.seed,
        sequences,
        elapsed: begun.elapsed(),
        histories,
    })
}

fn random_sequences(
    reducer: &dyn Reducer,
    ran: &[Ran],
    options: &RunOptions,
    findings: &mut HashMap<Check, Vec<CheckFinding>>,
) -> usize {
    let pool: Vec<Move> = ran.iter().flat_map(|one| one.moves.iter().cloned()).collect();
    let Ok(stream_id) = StreamId::new(&format!("{}-1", reducer.descriptor().name)) else { return 0 };
    if pool.is_empty() {
        return 0;
    }
    let numbers: Vec<u64> = (0..options.sequences as u64).collect();
    let play = |number: u64| random::sequence(&stream_id, &pool, options.seed, number);
    let found = in_parallel(&numbers, |number| random::verdicts(reducer, &play(*number)));
    let mut first: HashMap<Check, (u64, String, usize)> = HashMap::new();
    for (number, verdicts) in numbers.iter().zip(found) {
        for (check, text) in verdicts {
            first.entry(check).and_modify(|(.., more)| *more += 1).or_insert((*number, text, 0));
        }
    }
    for (check, (number, text, more)) in first {
        let others = if more == 0 { String::new() } else { format!(", as in {more} others") };
        let of = format!("random sequence {number} of seed {}{others}", options.seed);
        let finding = random::finding(reducer, play(number), check, text, of);
        let of_check = findings.entry(check).or_default();
        // Behind the scenarios, and not behind the last that is kept.
        of_check.insert(of_check.len().min(FINDINGS_MAX - 1), finding);
    }
    numbers.len()
}

fn checked(check: Check, tried: &str, findings: &mut HashMap<Check, Vec<CheckFinding>>) -> CheckReport {
    let mut findings = findings.remove(&check).unwrap_or_default();
    let more = findings.len().saturating_sub(FINDINGS_MAX);
    findings.truncate(FINDINGS_MAX);
    CheckReport { check, tried: tried.to_owned(), findings, more, note: None }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// What this reducer cannot make sense of.
fn mistakes(reducer: &dyn Reducer, suite: &Suite) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for file in &suite.files {
        let mut mistake = |place, message| mistakes.push(Mistake { path: file.path.clone(), place, message });
        let name = &reducer.descriptor().name;
        if let Some((of, place)) = file.reducer.as_ref().filter(|(of, _)| of != name) {
            mistake(*place, format!("the file is for the reducer `{of}`, and this one is `{name}`"));
        }
        for_each_unknown(reducer, file, &mut mistake);
        for_each_unknown_command(reducer, file, &mut mistake);
    }
    mistakes
}

/// A misspelt command cannot be read, whatever it is given: a bless would have made that the expectation.
fn for_each_unknown_command(reducer: &dyn Reducer, file: &ScenarioFile, mut mistake: impl FnMut(Place, String)) {
    let known = &reducer.descriptor().commands;
    let meant = |step: &&Step| {
        let outcome = step.then.as_ref().and_then(|then| then.outcome.as_ref());
        outcome != Some(&ExpectedOutcome::Malformed)
    };
    let sent = file.scenarios.iter().flat_map(|scenario| {
        scenario.given_commands.iter().chain(scenario.steps.iter().filter(meant).map(|step| &step.when))
    });
    for NamedJson { name, place, .. } in sent.filter(|command| !known.contains(&command.name)) {
        mistake(*place, format!("the reducer has no command `{name}`; it has {}", known.join(", ")));
    }
}

fn for_each_unknown(reducer: &dyn Reducer, file: &ScenarioFile, mut mistake: impl FnMut(Place, String)) {
    let known = &reducer.descriptor().event_types;
    let unknown = |event_type: &str| {
        (!known.iter().any(|name| name == event_type))
            .then(|| format!("the reducer reads no event type `{event_type}`; it reads {}", known.join(", ")))
    };
    for scenario in &file.scenarios {
        for event in &scenario.given {
            unknown(&event.name).into_iter().for_each(|message| mistake(event.place, message));
        }
        for step in &scenario.steps {
            let Some(ExpectedOutcome::Events(events)) = step.then.as_ref().and_then(|then| then.outcome.as_ref())
            else {
                continue;
            };
            let unknown = events.iter().filter_map(|(event_type, _)| unknown(event_type));
            unknown.for_each(|message| mistake(step.when.place, message));
        }
        if let Some((stream, place)) = &scenario.stream {
            let category = StreamId::new(stream).ok().map(|stream| stream.category().to_owned());
            let name = &reducer.descriptor().name;
            if category.as_ref() != Some(name) {
                mistake(*place, format!("`{stream}` is no stream of this reducer: write one as in `{name}-7`"));
            }
        }
    }
}
