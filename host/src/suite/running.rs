//! Runs one scenario.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::compare::{came, compare};
use super::laws::{self, Verdicts};
use super::play::{Move, Play, Played};
use super::report::{ScenarioReport, StepFailure, StepReport};
use super::scenario::{NamedJson, Scenario};
use crate::reducer::{DecideError, ReducerFault};
use crate::testing::{Law, Mismatch};
use crate::{Command, Reducer, SerializedEvent, StreamId};

/// What one scenario came to, and what the checks make of it.
pub(super) struct Ran {
    pub(super) report: ScenarioReport,
    pub(super) verdicts: Verdicts,
    /// The whole stream; empty where the scenario could not be run.
    pub(super) history: Vec<SerializedEvent>,
    /// Commands of this scenario that may be sent at random: those that the reducer is not expected to fail at.
    pub(super) moves: Vec<Move>,
}

pub(super) fn run(reducer: &dyn Reducer, path: &Path, scenario: &Scenario) -> Ran {
    let begun = Instant::now();
    let mut ran = Ran {
        report: ScenarioReport {
            name: scenario.name.clone(),
            path: path.to_owned(),
            place: scenario.place,
            steps: Vec::new(),
            broken: None,
            elapsed: std::time::Duration::ZERO,
        },
        verdicts: Verdicts::new(),
        history: Vec::new(),
        moves: Vec::new(),
    };
    let played = begin(reducer, scenario).and_then(|play| {
        let played = play.run(reducer).map_err(|mismatch| Stopped::of(&mut ran.verdicts, mismatch))?;
        Ok((play, played))
    });
    match played {
        Ok((play, played)) => {
            let (verdicts, fuel) = laws::check(reducer, &play, &played);
            ran.verdicts = verdicts;
            finish(reducer, scenario, &play, &played, fuel.as_deref(), &mut ran);
            ran.history = played.history;
        }
        Err(Stopped(reason)) => ran.report.broken = Some(reason),
    }
    ran.report.elapsed = begun.elapsed();
    ran
}

/// Why a scenario could not be run to its end.
struct Stopped(String);

impl Stopped {
    fn of(verdicts: &mut Verdicts, mismatch: Mismatch) -> Self {
        let reason = match &mismatch {
            Mismatch::Given(reason) => format!("the given events cannot be applied: {reason}"),
            Mismatch::Law { difference, .. } => difference.clone(),
            other => other.to_string(),
        };
        if matches!(mismatch, Mismatch::Law { .. }) {
            laws::note(verdicts, Law::EmittedEventsApply, mismatch);
        }
        Self(reason)
    }
}

fn begin(reducer: &dyn Reducer, scenario: &Scenario) -> Result<Play, Stopped> {
    let stream = match &scenario.stream {
        Some((stream, _)) => stream.clone(),
        None => format!("{}-1", reducer.descriptor().name),
    };
    let stream_id = StreamId::new(&stream).map_err(|error| Stopped(format!("{stream:?} is no stream id: {error}")))?;
    let given = scenario.given.iter().map(|event| recorded(reducer, event)).collect::<Result<_, _>>()?;
    let past = scenario.given_commands.iter().zip(1..).map(|(command, number)| Move {
        command: as_command(command),
        command_id: format!("given-{number}"),
        now_ms: scenario.at_ms,
        seed: scenario.seed,
    });
    let steps = scenario.steps.iter().zip(1..).map(|(step, number)| Move {
        command: as_command(&step.when),
        command_id: scenario.command_id.clone().unwrap_or_else(|| format!("step-{number}")),
        now_ms: step.at_ms,
        seed: scenario.seed,
    });
    Ok(Play { stream_id, given, moves: past.chain(steps).collect() })
}

fn as_command(NamedJson { name, fields, .. }: &NamedJson) -> Command {
    Command::json(name, fields.as_ref().unwrap_or(&json!({})).to_string())
}

/// The bytes of a given event.
fn recorded(reducer: &dyn Reducer, event: &NamedJson) -> Result<SerializedEvent, Stopped> {
    let NamedJson { name, fields, place } = event;
    let json = fields.as_ref().unwrap_or(&json!({})).to_string();
    match reducer.event_from_json(name, &json) {
        Ok(Ok(data)) => Ok(SerializedEvent { event_type: name.clone(), data }),
        Ok(Err(reason)) => Err(Stopped(format!("the given {name} in line {} cannot be read: {reason}", place.line))),
        Err(ReducerFault::Unsupported { .. }) => Err(Stopped(
            "`given` needs a component of contract 1.1.0, and this one is of 1.0.0: build it again with a newer SDK, or write \
             `given_commands`"
                .into(),
        )),
        Err(fault) => Err(Stopped(format!("the given {name} in line {}: {fault}", place.line))),
    }
}

fn finish(
    reducer: &dyn Reducer,
    scenario: &Scenario,
    play: &Play,
    played: &Played,
    fuel: Option<&[Option<u64>]>,
    ran: &mut Ran,
) {
    let given = scenario.given_commands.len();
    for (number, (command, (decided, _))) in scenario.given_commands.iter().zip(&played.decided).enumerate() {
        let reason = match decided {
            Ok(_) => continue,
            Err(DecideError::Rejected(no)) => format!("it was rejected with `{}`: {}", no.code, no.message),
            Err(error) => error.to_string(),
        };
        let NamedJson { name, place, .. } = command;
        let reason = format!("given command {} ({name}, line {}) did not go through: {reason}", number + 1, place.line);
        ran.report.broken.get_or_insert(reason);
    }
    for (number, step) in scenario.steps.iter().enumerate() {
        let place = given + number;
        let state = played.pictures[place].value().unwrap_or(Value::Null);
        let came = came(reducer, &played.decided[place].0, state);
        let spent = fuel.and_then(|fuel| fuel[place]);
        let mut failures = compare(step.then.as_ref(), &came, spent);
        // Something counts it, and each time to another figure: a check says so.
        failures.retain(|failure| fuel.is_some() || *failure != StepFailure::NothingCountsFuel);
        ran.report.steps.push(StepReport {
            command: step.when.name.clone(),
            place: step.when.place,
            fuel: spent,
            fuel_max: step.then.as_ref().and_then(|then| then.fuel_max),
            failures,
            came,
        });
    }
    let safe = |decided: &Result<_, DecideError>| matches!(decided, Ok(_) | Err(DecideError::Rejected(_)));
    let moves = play.moves.iter().zip(&played.decided);
    ran.moves = moves.filter(|(_, (decided, _))| safe(decided)).map(|(next, _)| next.clone()).collect();
}
