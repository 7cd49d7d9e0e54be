//! What a command fails with, and the exit status for it.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use foldhost::build::BuildError;
use foldhost::effects::SecretsError;
use foldhost::embedded_postgres::{EmbeddedPostgresError, ServerExit};
use foldhost::event_store::sealing::MasterKeysError;
use foldhost::guest::{GateError, GuestEngineError};
use foldhost::runtime::{CommandError, HostError};
use foldhost::scaffold::ScaffoldError;
use foldhost::suite::{BlessError, SuiteError};
use foldhost::{EventStoreError, StreamId};

use super::problem::Problem;

/// Why a command failed. Every message is one line and says what to do; none holds a database URL, which may hold a password.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What was typed makes no sense together.
    #[error("{0}")]
    Usage(String),
    /// Whoever read the output has seen enough, as `head` does. Not worth a word.
    #[error("the output was closed")]
    OutputClosed,
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the program cannot start: {0}")]
    Runtime(io::Error),

    // Over HTTP.
    #[error("no host answers at {url}: start one with `foldhost serve`, or pass --url")]
    HostUnreachable { url: String },
    #[error("the request to {url} failed: {reason}; look at the host's log")]
    RequestFailed { url: String, reason: String },
    #[error("{url} answers with status {status}, and not as a foldhost does: check --url")]
    NotAHost { url: String, status: u16 },
    #[error("the host ended the stream of events; go on with `foldhost events --follow{flags}`")]
    FollowEnded { flags: String },
    #[error("{0}")]
    Problem(Problem),
    #[error("{} of {effects} effects were left as they are: {}", refused.len(), first_few(refused))]
    EffectsRefused { effects: usize, refused: Vec<String> },

    // Of the host.
    #[error(
        "{address} is in use: stop what listens there, or choose another port with --listen, as in --listen 127.0.0.1:7071"
    )]
    PortInUse { address: String },
    #[error(
        "cannot listen on {address}: {source}; pass an address of this machine with --listen, as in --listen 127.0.0.1:7070"
    )]
    Listen { address: String, source: io::Error },
    #[error("the host cannot serve: {0}")]
    Serve(io::Error),
    #[error("{0}")]
    DatabaseEnded(ServerExit),
    #[error(transparent)]
    EmbeddedPostgres(#[from] EmbeddedPostgresError),
    #[error("{source}; {named_by} has to name a PostgreSQL server that runs, a database on it, and who may use it")]
    DatabaseUrl { source: EventStoreError, named_by: &'static str },
    #[error("{named_by} names no PostgreSQL database: write postgres://USER:PASSWORD@HOST:5432/NAME")]
    NotPostgres { named_by: &'static str },
    #[error("there is no database in {}: name one with --data-dir or --database-url", data_dir.display())]
    NoDatabase { data_dir: PathBuf },
    #[error(
        "others than its owner can read {}, and with it every encrypted stream: run `chmod 600 {}`, and change the keys \
         if somebody may have read it", path.display(), path.display()
    )]
    KeysExposed { path: PathBuf },
    #[error("{source}; the file is {}", path.display())]
    Keys { path: PathBuf, source: MasterKeysError },
    #[error(
        "others than its owner can read {}, and with it every secret: run `chmod 600 {}`, and change the secrets if \
         somebody may have read it", path.display(), path.display()
    )]
    SecretsExposed { path: PathBuf },
    #[error("{source}; the file is {}", path.display())]
    Secrets { path: PathBuf, source: SecretsError },
    #[error("{}{}: {reason}", path.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Limits { path: PathBuf, line: Option<usize>, reason: String },
    #[error("the metrics cannot be recorded: {0}")]
    Metrics(String),
    #[error(transparent)]
    Store(#[from] EventStoreError),
    #[error(transparent)]
    Host(#[from] HostError),
    #[error(transparent)]
    Engine(#[from] GuestEngineError),

    // Of scenarios.
    #[error(transparent)]
    Suite(SuiteError),
    #[error("the scenarios have {0} mistakes: see above")]
    ScenarioMistakes(usize),
    #[error(
        "no scenario has `{filter}` in its name: there are {scenarios}; `foldhost test` without --filter lists them"
    )]
    NoScenarioChosen { filter: String, scenarios: usize },
    #[error(transparent)]
    Bless(#[from] BlessError),
    #[error("{}", tests_failed(*failed, *scenarios, *checks))]
    TestsFailed { failed: usize, scenarios: usize, checks: usize },
    #[error("cannot watch for changes: {0}; run it without --watch")]
    Watch(String),
    #[error("cannot write {}: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },

    // Of components and streams.
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Scaffold(#[from] ScaffoldError),
    #[error(transparent)]
    Gate(#[from] GateError),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error("stream {0} has no events")]
    NoEvents(StreamId),
    #[error("{0} was not erased, and is not closed: its id was not typed")]
    NotConfirmed(StreamId),
    #[error("{stream_id} is not a stream of {reducer}: pass the component that decides for it")]
    OtherReducer { stream_id: StreamId, reducer: String },
    #[error("the component differs in {}", first_few(names))]
    Differs { names: Vec<String> },
    #[error("the component cannot take the other's place: {}", first_few(names))]
    VerificationFailed { names: Vec<String> },
    #[error("{failed} of {streams} streams failed to fold: {}", names.join("; "))]
    ReplayFailed { failed: usize, streams: usize, names: Vec<String> },
}

/// A list that may be long, in one line.
fn first_few(reasons: &[String]) -> String {
    const SHOWN_MAX: usize = 5;
    let shown = reasons[..reasons.len().min(SHOWN_MAX)].join("; ");
    match reasons.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

fn tests_failed(failed: usize, scenarios: usize, checks: usize) -> String {
    let holds = if checks == 1 { "1 check does not hold".to_owned() } else { format!("{checks} checks do not hold") };
    let noun = if scenarios == 1 { "scenario" } else { "scenarios" };
    match (failed, checks) {
        (0, _) => format!("{holds}: see above"),
        (_, 0) => format!("{failed} of {scenarios} {noun} failed: see above"),
        _ => format!("{failed} of {scenarios} {noun} failed, and {holds}: see above"),
    }
}

impl CliError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Usage(_) | Self::Scaffold(ScaffoldError::Name { .. } | ScaffoldError::Sdk { .. }) => 2,
            Self::Problem(problem) if problem.code == "rejected" => 3,
            Self::Problem(problem) if problem.code == "conflict" => 4,
            Self::Differs { .. } => 5,
            _ => 1,
        })
    }
}
