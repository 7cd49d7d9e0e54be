//! `foldhost replay`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use foldhost::runtime::{LoadError, ReplayReport, replay_stream};
use foldhost::{
    ComponentReducer, EventStore, GuestEngine, Host, Limits, PoolConfig, PostgresEventStore, Reducer, ReducerStore,
    StreamId, Version,
};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::database::{Database, DatabaseArgs, DatabaseChoice};
use super::error::CliError;
use super::keys::KeysArgs;
use super::limits::LimitsArgs;
use super::logging::{self, LogFormat};
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost replay order-1                         # one stream, with its state
  foldhost replay --category order                # every order, a line each
  foldhost replay                                 # every deployed reducer
  foldhost replay --category order --component target/foldhost/order.wasm
  foldhost replay --json > before.jsonl           # compare state_sha256 with another run's

Reads straight from the database, with or without a host beside it, and changes
nothing. Snapshots are left aside. Ends with status 1 when a stream fails to fold,
and names it.";

/// Streams whose names are fetched at once.
const PAGE: usize = 1_000;
/// Streams that the last line names at most.
const NAMED_MAX: usize = 5;

/// Fold recorded events again, from the first one
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this stream, and show its state
    #[arg(value_name = "STREAM", conflicts_with = "category")]
    stream_id: Option<StreamId>,
    /// Only the streams of this category
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Fold with this component instead of the one that is deployed
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    #[command(flatten)]
    keys: KeysArgs,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    limits: LimitsArgs,
    /// Print each stream as a JSON document on a line of its own
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    logging::start(LogFormat::Text, "error");
    let limits = args.limits.load()?;
    let given = args.component.as_deref().map(|path| load_component(path, &limits)).transpose()?;
    let encryption = args.keys.load(&[])?;
    let choice = args.database.choose();
    if let DatabaseChoice::DataDir(data_dir) = &choice
        && is_missing_or_empty(data_dir)
    {
        // Starting a server would make an empty database just to find nothing in it.
        return Err(CliError::NoDatabase { data_dir: data_dir.clone() });
    }
    let progress = output::spinner("opening the database");
    let pool = PoolConfig { connections_max: 4, ..PoolConfig::default() };
    let database = Database::open_beside(&choice, &pool).await?.encrypted(encryption);
    let replay = Replay {
        store: &database.store,
        host: Host::builder(Arc::new(database.store.clone())).limits(limits.clone()).start()?,
        given,
        limits,
        json: args.json,
        progress,
    };
    let replayed = replay.run(args.stream_id, args.category).await;
    replay.progress.finish_and_clear();
    let closed = database.close().await;
    replayed.and(closed)
}

/// A directory that cannot be read is neither: opening the database tells what is wrong with it.
fn is_missing_or_empty(data_dir: &Path) -> bool {
    match data_dir.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

fn load_component(path: &Path, limits: &Limits) -> Result<Arc<dyn Reducer>, CliError> {
    let bytes = std::fs::read(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    Ok(Arc::new(ComponentReducer::load(&GuestEngine::new(limits)?, &bytes)?))
}

/// One run of the command.
struct Replay<'a> {
    store: &'a PostgresEventStore,
    /// Asked for the deployed reducers, and for nothing else.
    host: Host,
    given: Option<Arc<dyn Reducer>>,
    limits: Limits,
    json: bool,
    progress: ProgressBar,
}

/// What became of all streams.
#[derive(Default)]
struct Tally {
    streams: usize,
    failed: Vec<String>,
}

impl Replay<'_> {
    async fn run(&self, stream_id: Option<StreamId>, category: Option<String>) -> Result<(), CliError> {
        self.store.check_schema().await?;
        if let Some(stream_id) = stream_id {
            return self.one(&stream_id).await;
        }
        let mut tally = Tally::default();
        for category in self.categories(category).await? {
            self.category(&category, &mut tally).await?;
        }
        match tally.failed.len() {
            0 if tally.streams == 0 && !self.json => output::print("there are no streams to replay"),
            0 => Ok(()),
            failed => {
                let mut names = tally.failed;
                names.truncate(NAMED_MAX);
                Err(CliError::ReplayFailed { failed, streams: tally.streams, names })
            }
        }
    }

    async fn categories(&self, category: Option<String>) -> Result<Vec<String>, CliError> {
        if let Some(category) = category {
            return Ok(vec![category]);
        }
        if let Some(given) = &self.given {
            return Ok(vec![given.descriptor().name.clone()]);
        }
        Ok(self.store.active_reducers(None).await?.into_iter().map(|active| active.name).collect())
    }

    /// The component that was given, or the one that is deployed.
    async fn reducer(&self, category: &str) -> Result<Arc<dyn Reducer>, CliError> {
        match &self.given {
            Some(given) => Ok(Arc::clone(given)),
            None => Ok(self.host.reducer(category).await?),
        }
    }

    async fn one(&self, stream_id: &StreamId) -> Result<(), CliError> {
        let reducer = self.reducer(stream_id.category()).await?;
        let name = &reducer.descriptor().name;
        if name != stream_id.category() {
            return Err(CliError::OtherReducer { stream_id: stream_id.clone(), reducer: name.clone() });
        }
        self.progress.set_message(format!("replaying {stream_id}"));
        let report = replay_stream(self.store, &*reducer, stream_id, &self.limits).await;
        self.progress.finish_and_clear();
        let report = report.map_err(|error| CliError::ReplayFailed {
            failed: 1,
            streams: 1,
            names: vec![format!("{stream_id} ({error})")],
        })?;
        if report.version == Version::EMPTY {
            return Err(CliError::NoEvents(stream_id.clone()));
        }
        let state: Value = serde_json::from_str(&report.state).unwrap_or_else(|_| Value::String(report.state.clone()));
        if self.json {
            let mut document = document(stream_id, &*reducer, &report);
            document["state"] = state;
            return output::print_json(&document);
        }
        output::print(line(stream_id, &report))?;
        output::print(output::pretty(&state))
    }

    async fn category(&self, category: &str, tally: &mut Tally) -> Result<(), CliError> {
        let reducer = self.reducer(category).await?;
        let mut after = None;
        loop {
            let page = self.store.read_streams(category, after.as_ref(), PAGE).await?;
            for stream_id in &page {
                self.progress.set_message(format!("replaying {stream_id}, {} streams done", tally.streams));
                let replayed = replay_stream(self.store, &*reducer, stream_id, &self.limits).await;
                tally.streams += 1;
                // One stream that does not fold hides none of the others.
                if let Err(error) = &replayed {
                    tally.failed.push(format!("{stream_id} ({error})"));
                }
                // Above the progress bar.
                self.progress.suspend(|| self.print(stream_id, &*reducer, replayed))?;
            }
            match page.into_iter().next_back() {
                Some(last) => after = Some(last),
                None => return Ok(()),
            }
        }
    }

    fn print(
        &self,
        stream_id: &StreamId,
        reducer: &dyn Reducer,
        replayed: Result<ReplayReport, LoadError>,
    ) -> Result<(), CliError> {
        match replayed {
            Ok(report) if self.json => output::print_json(&document(stream_id, reducer, &report)),
            Ok(report) => output::print(line(stream_id, &report)),
            Err(error) if self.json => {
                output::print_json(&json!({ "stream_id": stream_id, "error": error.to_string() }))
            }
            Err(error) => output::print(format_args!("{stream_id}  failed: {error}")),
        }
    }
}

/// Events a second; at least a microsecond is taken to have passed.
fn events_per_second(version: Version, elapsed: Duration) -> u64 {
    let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
    version.get().saturating_mul(1_000_000) / micros
}

fn state_sha256(report: &ReplayReport) -> String {
    Sha256::digest(report.state.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(stream_id: &StreamId, report: &ReplayReport) -> String {
    let (version, elapsed) = (report.version, report.elapsed);
    let rate = events_per_second(version, elapsed);
    let noun = if version.get() == 1 { "event" } else { "events" };
    format!("{stream_id}  {version} {noun} in {elapsed:.1?} ({rate}/s)  state {}", &state_sha256(report)[..12])
}

fn document(stream_id: &StreamId, reducer: &dyn Reducer, report: &ReplayReport) -> Value {
    json!({
        "stream_id": stream_id,
        "version": report.version,
        "events": report.version,
        "elapsed_ms": report.elapsed.as_secs_f64() * 1000.0,
        "events_per_second": events_per_second(report.version, report.elapsed),
        "state_sha256": state_sha256(report),
        "reducer": { "name": reducer.descriptor().name, "digest": reducer.digest() },
    })
}
