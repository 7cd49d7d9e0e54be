//! Scenario files as data.

use std::path::PathBuf;

use serde_json::Value;

use super::Place;

/// All scenario files of one reducer.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The directory that they are in.
    pub dir: PathBuf,
    /// The files, by path.
    pub files: Vec<ScenarioFile>,
    /// None where they lie beside the scenarios.
    pub(super) golden_dir: Option<PathBuf>,
}

/// One file of scenarios.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// Where it is.
    pub path: PathBuf,
    /// The reducer that it names, and where.
    pub reducer: Option<(String, Place)>,
    /// Its scenarios, in their order.
    pub scenarios: Vec<Scenario>,
    pub(super) text: String,
}

/// A stream with a past, the commands that come to it, and what is expected of them.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// What it is about, in a sentence; no other scenario of the suite has the same.
    pub name: String,
    /// Where it begins in its file.
    pub place: Place,
    /// The stream; the reducer's name with `-1` where the file does not say.
    pub stream: Option<(String, Place)>,
    /// The commands' id; `step-N` where the file does not say.
    pub command_id: Option<String>,
    /// The seed that the reducer may take its chance from.
    pub seed: u64,
    /// When the given commands are decided, in milliseconds since 1970-01-01T00:00:00Z.
    pub at_ms: i64,
    /// Events that were recorded before.
    pub given: Vec<NamedJson>,
    /// Commands whose events were recorded before, behind those events.
    pub given_commands: Vec<NamedJson>,
    /// The commands that come, one after another.
    pub steps: Vec<Step>,
}

/// An event type with its fields, or a command with its arguments.
#[derive(Debug, Clone)]
pub struct NamedJson {
    /// The event type or the command's name.
    pub name: String,
    /// The fields; none where only the name stands there.
    pub fields: Option<Value>,
    /// Where it stands.
    pub place: Place,
}

/// One command, and what is expected of it.
#[derive(Debug, Clone)]
pub struct Step {
    /// When, in milliseconds since 1970-01-01T00:00:00Z; at the time of the step before it where the file does not say.
    pub at_ms: i64,
    /// The command.
    pub when: NamedJson,
    /// What has to come; none where the file does not say.
    pub then: Option<Expected>,
}

/// What a `then` says. What it leaves out may be anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Expected {
    /// What the command comes to.
    pub outcome: Option<ExpectedOutcome>,
    /// The effects that the decision asks for, as JSON.
    pub effects: Option<Value>,
    /// The decision's log lines, each as `{level: text}`.
    pub log: Option<Value>,
    /// The state once the events are applied.
    pub state: Option<Value>,
    /// Some of the state's fields once the events are applied.
    pub state_contains: Option<Value>,
    /// Most fuel that the decision may take.
    pub fuel_max: Option<u64>,
}

/// What a command is expected to come to.
#[derive(Debug, Clone, PartialEq)]
pub enum ExpectedOutcome {
    /// Just these events, each with just these fields, or with any.
    Events(Vec<(String, Option<Value>)>),
    /// A rule's no, with this code.
    Rejected(String),
    /// The command cannot be read.
    Malformed,
    /// The reducer fails, and what is said of it holds this text.
    Fault(String),
}
