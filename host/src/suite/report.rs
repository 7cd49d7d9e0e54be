//! What a run of a suite comes to.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::Place;
use crate::reducer::ReducerDigest;
use crate::testing::Law;

/// What a run of a suite came to.
#[derive(Debug, Clone)]
pub struct Report {
    /// The reducer's name.
    pub reducer: String,
    /// Its component's digest.
    pub digest: ReducerDigest,
    /// Each scenario that was run, in the order of the files.
    pub scenarios: Vec<ScenarioReport>,
    /// Scenarios that a filter left out.
    pub left_out: usize,
    /// What was checked beside the scenarios.
    pub checks: Vec<CheckReport>,
    /// What the random sequences were made from: the same seed, runs and suite give the same sequences.
    pub seed: u64,
    /// How many random sequences were sent.
    pub sequences: usize,
    /// How long it took.
    pub elapsed: Duration,
    /// The whole streams that the scenarios led to, for golden files.
    pub(super) histories: Vec<Vec<crate::SerializedEvent>>,
}

/// What one scenario came to.
#[derive(Debug, Clone)]
pub struct ScenarioReport {
    /// Its name.
    pub name: String,
    /// Its file.
    pub path: PathBuf,
    /// Where it begins there.
    pub place: Place,
    /// What each of its commands came to.
    pub steps: Vec<StepReport>,
    /// Why it could not begin, or be run to its end.
    pub broken: Option<String>,
    /// How long it took, with all checks of its history.
    pub elapsed: Duration,
}

/// What one command came to.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// The command's name.
    pub command: String,
    /// Where it stands.
    pub place: Place,
    /// Fuel of the decision on a fresh instance: about one unit an instruction, and the same on every machine. None where nothing
    /// counts it.
    pub fuel: Option<u64>,
    /// The scenario's budget.
    pub fuel_max: Option<u64>,
    /// What came.
    pub came: Came,
    /// What is not as expected.
    pub failures: Vec<StepFailure>,
}

/// What a command came to, drawn as in a scenario file.
#[derive(Debug, Clone, PartialEq)]
pub struct Came {
    /// `{"events": [{TYPE: FIELDS}, ..]}`, `{"rejected": CODE}`, `{"malformed": true}` or `{"fault": TEXT}`.
    pub outcome: Value,
    /// In words, with the message of a rejection.
    pub told: String,
    /// The effects, as JSON.
    pub effects: Value,
    /// The log lines, each as `{LEVEL: TEXT}`.
    pub log: Value,
    /// The state afterwards.
    pub state: Value,
}

/// One way in which a command did not come to what is expected.
#[derive(Debug, Clone, PartialEq)]
pub enum StepFailure {
    /// There is no `then`.
    NothingExpected,
    /// Something else came.
    Differs {
        /// Which key of `then`.
        key: &'static str,
        /// Field by field.
        fields: Vec<FieldDifference>,
    },
    /// The decision took more fuel than it may.
    OverBudget {
        /// What it took.
        fuel: u64,
        /// What it may take.
        fuel_max: u64,
    },
    /// A budget, and nothing that counts.
    NothingCountsFuel,
}

/// A field in which two values differ.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldDifference {
    /// Where, as in `events[0].OrderShipped.v1.tracking`.
    pub path: String,
    /// What was expected there; none where nothing was.
    pub expected: Option<Value>,
    /// What came; none where nothing did.
    pub came: Option<Value>,
}

/// Something that is checked without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Check {
    /// A law of every reducer, over the histories of all scenarios and random sequences.
    Law(Law),
    /// Every event type of the descriptor is drawn as JSON, and those that are written come back to their bytes.
    EventsAreReadBack,
    /// No command of a random sequence makes the reducer fail.
    CommandsDoNotFail,
    /// Recorded bytes and snapshots of former days mean what they meant.
    GoldenFiles,
}

/// What one check came to.
#[derive(Debug, Clone)]
pub struct CheckReport {
    /// Which one.
    pub check: Check,
    /// What it was tried on, as in `14 scenarios, 100 sequences`.
    pub tried: String,
    /// What was found.
    pub findings: Vec<CheckFinding>,
    /// Findings beyond those that are kept.
    pub more: usize,
    /// Why it was left out, or not tried on all.
    pub note: Option<String>,
}

/// Where a check does not hold.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckFinding {
    /// The scenario, the sequence with its seed, or the golden file's directory.
    pub of: String,
    /// What is wrong.
    pub text: String,
    /// The commands that led to it, where no scenario holds them.
    pub commands: Vec<String>,
    /// Whether a bless would mend it.
    pub blessable: bool,
}

impl Check {
    /// A name that programs may depend on.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Law(Law::DecideIsDeterministic) => "same-run-twice",
            Self::Law(Law::DecideChangesNothing) => "decide-changes-nothing",
            Self::Law(Law::EmittedEventsApply) => "emitted-events-apply",
            Self::Law(Law::PagesMakeNoDifference) => "pages",
            Self::Law(Law::SnapshotsKeepTheState) => "snapshots",
            Self::Law(Law::TheStateIsJson) => "state-is-json",
            Self::EventsAreReadBack => "events-read-back",
            Self::CommandsDoNotFail => "commands-do-not-fail",
            Self::GoldenFiles => "golden-files",
        }
    }

    /// Where to look when it does not hold.
    #[must_use]
    pub fn advice(self) -> Option<String> {
        match self {
            Self::Law(law) => Some(law.to_string()),
            Self::CommandsDoNotFail => {
                Some("a rule says no with a rejection: look for a panic, and for a loop".to_owned())
            }
            // Each finding says what to do.
            Self::EventsAreReadBack | Self::GoldenFiles => None,
        }
    }

    /// What has to hold, in words.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Law(Law::DecideIsDeterministic) => "the same run twice is the same, to the byte and in fuel",
            Self::Law(Law::DecideChangesNothing) => "deciding changes nothing",
            Self::Law(Law::EmittedEventsApply) => "emitted events can be applied",
            Self::Law(Law::PagesMakeNoDifference) => "pages of 1, 7 and 1,000 events give the same state",
            Self::Law(Law::SnapshotsKeepTheState) => "a snapshot at any version and its tail give the full replay",
            Self::Law(Law::TheStateIsJson) => "the state is drawn as JSON",
            Self::EventsAreReadBack => "every event type is read back",
            Self::CommandsDoNotFail => "no random sequence of commands makes the reducer fail",
            Self::GoldenFiles => "golden files mean what they meant",
        }
    }
}

impl StepFailure {
    /// Whether a bless would mend it. A budget is a promise, and no outcome.
    #[must_use]
    pub fn is_blessable(&self) -> bool {
        matches!(self, Self::NothingExpected | Self::Differs { .. })
    }
}

impl ScenarioReport {
    /// Whether all came as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.broken.is_none() && self.steps.iter().all(|step| step.failures.is_empty())
    }

    /// The fuel of all its commands; none where nothing counts it.
    #[must_use]
    pub fn fuel(&self) -> Option<u64> {
        self.steps.iter().map(|step| step.fuel).sum()
    }
}

impl CheckReport {
    /// Whether nothing was found.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.findings.is_empty()
    }
}

impl Report {
    /// Whether every scenario passed and every check holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.failed() == 0 && self.checks.iter().all(CheckReport::passed)
    }

    /// Scenarios that failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.scenarios.iter().filter(|scenario| !scenario.passed()).count()
    }
}
