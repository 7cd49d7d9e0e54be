//! From the text of a scenario file to scenarios.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::fields::{Fields, Reading};
use super::node::{Content, Node, parse};
use super::scenario::{Expected, ExpectedOutcome, NamedJson, Scenario, ScenarioFile, Step};
use super::{Mistake, Place};
use crate::StreamId;
use crate::testing::NOW_MS;

const STEPS_MAX: usize = 100;
/// As [`Context::for_test`](crate::reducer::Context::for_test) has it.
const SEED: u64 = 7;

const FILE_KEYS: &[&str] = &["reducer", "scenarios"];
const SCENARIO_KEYS: &[&str] =
    &["name", "stream", "command_id", "seed", "given", "given_commands", "at", "when", "then", "steps"];
const STEP_KEYS: &[&str] = &["at", "when", "then"];
const THEN_KEYS: &[&str] =
    &["events", "rejected", "malformed", "fault", "effects", "log", "state", "state_contains", "fuel_max"];
/// Keys of `then` of which it has one.
pub(super) const OUTCOMES: &[&str] = &["events", "rejected", "malformed", "fault"];
const LOG_LEVELS: &[&str] = &["debug", "info", "warn", "error"];

/// Reads one file's text; all of its mistakes, if there are any.
pub(super) fn read_file(path: PathBuf, text: String) -> Result<ScenarioFile, Vec<Mistake>> {
    let mut reading = Reading::of(&path);
    let read = match parse(&text) {
        Ok(root) => file(&mut reading, &root),
        Err((place, message)) => {
            reading.mistake(place, message);
            None
        }
    };
    let mistakes = reading.mistakes;
    match read {
        Some((reducer, scenarios)) if mistakes.is_empty() => Ok(ScenarioFile { path, reducer, scenarios, text }),
        _ => Err(mistakes),
    }
}

type FileContent = (Option<(String, Place)>, Vec<Scenario>);

fn file(reading: &mut Reading<'_>, root: &Node) -> Option<FileContent> {
    let fields = reading.fields(root, "the file", FILE_KEYS)?;
    let reducer = fields.get("reducer").and_then(|node| Some((reading.text(node, "reducer")?, node.place)));
    let Some(scenarios) = fields.get("scenarios") else {
        reading.mistake(root.place, "the file has no `scenarios`: write `scenarios:` and a list below it");
        return None;
    };
    Some((reducer, reading.list(scenarios, "scenarios", scenario)?))
}

fn scenario(reading: &mut Reading<'_>, node: &Node) -> Option<Scenario> {
    let fields = reading.fields(node, "a scenario", SCENARIO_KEYS)?;
    let Some(name) = fields.get("name") else {
        reading.mistake(node.place, "the scenario has no `name`: say in a sentence what it is about");
        return None;
    };
    let name = reading.text(name, "name")?;
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        reading.mistake(node.place, "a scenario's name is one line of text");
    }
    let at_ms = fields.get("at").and_then(|node| reading.time(node, "at")).unwrap_or(NOW_MS);
    Some(Scenario {
        name,
        place: node.place,
        stream: fields.get("stream").and_then(|node| stream(reading, node)),
        command_id: fields.get("command_id").and_then(|node| reading.text(node, "command_id")),
        seed: fields.get("seed").and_then(|node| reading.whole(node, "seed")).unwrap_or(SEED),
        at_ms,
        given: named_list(reading, &fields, "given", "an event", "`- OrderShipped.v1: { tracking: 1Z }`"),
        given_commands: named_list(reading, &fields, "given_commands", "a command", "`- ShipOrder: { tracking: 1Z }`"),
        steps: steps(reading, node, &fields, at_ms),
    })
}

fn stream(reading: &mut Reading<'_>, node: &Node) -> Option<(String, Place)> {
    let stream = reading.text(node, "stream")?;
    if let Err(error) = StreamId::new(&stream) {
        reading.mistake(node.place, format!("`stream` is no stream id: {error}"));
    }
    Some((stream, node.place))
}

fn named_list(reading: &mut Reading<'_>, fields: &Fields<'_>, key: &str, what: &str, example: &str) -> Vec<NamedJson> {
    let Some(node) = fields.get(key) else { return Vec::new() };
    reading.list(node, key, |reading, item| reading.named(item, what, example)).unwrap_or_default()
}

/// Either one command, or several in `steps`.
fn steps(reading: &mut Reading<'_>, node: &Node, fields: &Fields<'_>, at_ms: i64) -> Vec<Step> {
    let Some(list) = fields.get("steps") else {
        return step(reading, node, fields, at_ms).into_iter().collect();
    };
    for key in ["when", "then"] {
        if let Some(extra) = fields.get(key) {
            reading.mistake(extra.place, format!("`{key}` stands beside `steps`: make it one of the steps"));
        }
    }
    // From here on, until a step says otherwise: time does not run backwards unless somebody writes so.
    let mut at_ms = at_ms;
    let read = |reading: &mut Reading<'_>, item: &Node| {
        let fields = reading.fields(item, "a step", STEP_KEYS)?;
        at_ms = fields.get("at").and_then(|node| reading.time(node, "at")).unwrap_or(at_ms);
        step(reading, item, &fields, at_ms)
    };
    let steps = reading.list(list, "steps", read).unwrap_or_default();
    if matches!(&list.content, Content::List(items) if items.is_empty()) {
        reading.mistake(list.place, "`steps` is empty: write at least one, as in `- when: Reset`");
    }
    if steps.len() > STEPS_MAX {
        reading.mistake(list.place, format!("{} steps, and {STEPS_MAX} are allowed", steps.len()));
    }
    steps
}

fn step(reading: &mut Reading<'_>, owner: &Node, fields: &Fields<'_>, at_ms: i64) -> Option<Step> {
    let when = match fields.get("when") {
        Some(when) => reading.named(when, "`when`", "`when: { ShipOrder: { tracking: 1Z } }`"),
        None => {
            let example = "`when: { Increment: { by: 2 } }`";
            reading.mistake(owner.place, format!("there is no `when`: write the command that comes, as in {example}"));
            None
        }
    };
    // Without anything behind it, `then:` is not written yet.
    let then = fields.get("then").filter(|node| !matches!(node.content, Content::Null));
    let then = then.map(|node| expected(reading, node));
    Some(Step { at_ms, when: when?, then })
}

fn expected(reading: &mut Reading<'_>, node: &Node) -> Expected {
    let Some(fields) = reading.fields(node, "then", THEN_KEYS) else { return Expected::default() };
    let outcomes: Vec<_> = OUTCOMES.iter().filter(|key| fields.get(key).is_some()).copied().collect();
    if outcomes.len() > 1 {
        reading.mistake(node.place, format!("a command comes to one of {}: keep one of them", outcomes.join(", ")));
    }
    Expected {
        outcome: outcomes.first().and_then(|key| outcome(reading, key, fields.get(key)?)),
        effects: fields.get("effects").and_then(|node| json_list(reading, node, "effects")),
        log: fields.get("log").and_then(|node| log(reading, node)),
        state: fields.get("state").map(Node::to_json),
        state_contains: fields.get("state_contains").map(Node::to_json),
        fuel_max: fields.get("fuel_max").and_then(|node| reading.whole(node, "fuel_max")),
    }
}

fn outcome(reading: &mut Reading<'_>, key: &str, node: &Node) -> Option<ExpectedOutcome> {
    Some(match key {
        "events" => {
            let example = "`- OrderShipped.v1: { tracking: 1Z }`";
            let events = reading.list(node, key, |reading, item| reading.named(item, "an event", example))?;
            ExpectedOutcome::Events(events.into_iter().map(|event| (event.name, event.fields)).collect())
        }
        "rejected" => ExpectedOutcome::Rejected(reading.text(node, key)?),
        "malformed" => {
            reading.truth(node, key)?;
            ExpectedOutcome::Malformed
        }
        _ => ExpectedOutcome::Fault(reading.text(node, key)?),
    })
}

fn json_list(reading: &mut Reading<'_>, node: &Node, what: &str) -> Option<Value> {
    reading.list(node, what, |_, item| Some(item.to_json())).map(Value::Array)
}

fn log(reading: &mut Reading<'_>, node: &Node) -> Option<Value> {
    let example = "`- warn: the order is large`";
    let lines = reading.list(node, "log", |reading, item| {
        let line = reading.named(item, "a log line", example)?;
        match line.fields {
            Some(Value::String(text)) if LOG_LEVELS.contains(&line.name.as_str()) => Some(json!({ line.name: text })),
            _ => {
                let levels = LOG_LEVELS.join(", ");
                reading.mistake(
                    item.place,
                    format!("a log line is a level and a text, as in {example}; levels: {levels}"),
                );
                None
            }
        }
    })?;
    Some(Value::Array(lines))
}
