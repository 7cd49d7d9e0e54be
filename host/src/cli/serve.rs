//! `foldhost serve`

mod watch;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::exit;
use std::sync::Arc;

use foldhost::api::MetricsText;
use foldhost::embedded_postgres::ServerExit;
use foldhost::guest::GuestEngineError;
use foldhost::runtime::HostError;
use foldhost::{Host, HostBuilder, PostgresEventStore, api};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::database::{Database, DatabaseArgs, DatabaseChoice};
use super::error::CliError;
use super::keys::KeysArgs;
use super::limits::LimitsArgs;
use super::logging::{self, LogFormat};
use super::metrics;
use super::pool::PoolArgs;
use super::secrets::SecretsArgs;
use super::snapshots::SnapshotArgs;
use watch::WatchArgs;

const EXAMPLES: &str = "\
Examples:
  foldhost serve                                  # PostgreSQL in ./foldhost-data
  foldhost serve --data-dir /var/lib/foldhost --listen 127.0.0.1:8080
  DATABASE_URL=postgres://me@db.example/orders foldhost serve --log-format json
  foldhost serve --listen 127.0.0.1:0             # a free port
  foldhost serve --encryption-keys /etc/foldhost/keys --encrypt customer
  foldhost serve --snapshot order=500 --snapshot audit=never
  foldhost serve --limits limits.toml             # of the host, of one reducer, of [effects]
  foldhost serve --secrets /etc/foldhost/secrets  # for ${secret:NAME} in requests of effects
  foldhost serve --watch guests/order             # while you write it: each save decides

Prints one line on stdout when it is ready: `listening on http://ADDRESS:PORT`.
The log goes to stderr; RUST_LOG says what it tells.

--watch builds the crate, deploys it, folds the recorded history through it and has it
decide, and all that again after each change of its sources. One line on stderr says what
came of it, here that one field has another value in 12 streams:
  order 3f2a77c0d1e2 -> 91bc02aa17f3: +command Refund; 12 of 40 streams differ in
  state:/total; generation 7, after 1.9 s
What differs is accepted: it is for development. What does not compile, or cannot fold the
history, is told, and the former component decides on. A canary is left alone.

Ctrl-C or SIGTERM answers the commands that were taken, leaves the effects that are not
done to any other host or the next start, and ends; a second one ends at once. There is no authentication: listen on an address that others reach
only behind a proxy that has it.";

/// Serve streams and reducers over HTTP
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", env = "FOLDHOST_LISTEN", default_value = "127.0.0.1:7070")]
    listen: String,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Leave the database's schema alone, and refuse to start when it is not the one needed
    #[arg(long)]
    no_migrate: bool,
    #[command(flatten)]
    pool: PoolArgs,
    #[command(flatten)]
    keys: KeysArgs,
    /// Encrypt the data of this category's new events, with a key for each stream; may be repeated
    #[arg(long, value_name = "CATEGORY", requires = "encryption_keys")]
    encrypt: Vec<String>,
    /// How a line of the log is written
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log_format: LogFormat,
    #[command(flatten)]
    snapshots: SnapshotArgs,
    #[command(flatten)]
    limits: LimitsArgs,
    #[command(flatten)]
    secrets: SecretsArgs,
    #[command(flatten)]
    watch: WatchArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    logging::start(args.log_format, "info,sqlx=warn");
    if let Some(name) = args.snapshots.named_twice() {
        return Err(CliError::Usage(format!("--snapshot {name}=... is there twice: write it once")));
    }
    let crates = args.watch.crates(args.log_format)?;
    let limits = args.limits.load()?;
    let secrets = args.secrets.load()?;
    let names: Vec<_> = secrets.names().collect();
    if !names.is_empty() {
        tracing::info!(?names, "these secrets are filled in where requests of effects name them");
    }
    let encryption = args.keys.load(&args.encrypt)?;
    if let Some(encryption) = &encryption {
        let keys: Vec<_> = encryption.keys().ids().collect();
        tracing::info!(categories = ?encryption.categories(), ?keys, "new events of these categories are encrypted");
    }
    let stop = on_signals()?;
    // Before the database: a port in use is told at once, and not after a second of starting.
    let listener = listen(&args.listen).await?;
    let choice = args.database.choose();
    let pool = args.pool.config();
    let database = tokio::select! {
        opened = Database::open(&choice, &pool) => opened?.encrypted(encryption),
        // Nothing is running yet that had to be ended in order.
        () = stop.cancelled() => return Ok(()),
    };
    let builder = Host::builder(Arc::new(database.store.clone())).limits(limits).secrets(secrets);
    let builder = args.snapshots.apply(builder);
    let served = async {
        prepare(&database.store, args.no_migrate).await?;
        let metrics = metrics::record()?;
        let host = start_host(builder, code_cache(&choice))?;
        serve(&database, listener, host, metrics, crates, stop).await
    };
    let served = served.await;
    let closed = database.close().await;
    served.and(closed)
}

/// Has the database in the shape that this program needs, with the keys for what is in it.
async fn prepare(store: &PostgresEventStore, no_migrate: bool) -> Result<(), CliError> {
    if no_migrate {
        store.check_schema().await?;
    } else {
        let applied = store.migrate().await?;
        tracing::info!(applied, "the schema is up to date");
    }
    check_encryption(store).await
}

async fn serve(
    database: &Database,
    listener: TcpListener,
    host: Host,
    metrics: MetricsText,
    crates: Vec<PathBuf>,
    stop: CancellationToken,
) -> Result<(), CliError> {
    let reducers = host.warm_up().await?;
    tracing::info!(reducers, "reducers are loaded");
    announce(&listener)?;
    let watching = AbortOnDropHandle::new(tokio::spawn(watch::run(host.clone(), crates, stop.clone())));
    let stopping = async move {
        stop.cancelled().await;
        tracing::info!("stopping: the commands that were taken are answered first");
    };
    tokio::select! {
        served = api::serve_with(listener, host.clone(), metrics, stopping) => served.map_err(CliError::Serve)?,
        // No drain: whatever is still to be appended has no database to go to.
        exit = embedded_end(database) => {
            tracing::error!("{exit}");
            return Err(CliError::DatabaseEnded(exit));
        }
    }
    if !host.shutdown().await {
        tracing::warn!("some commands were not answered in time");
    }
    watching.await.map_err(|error| CliError::Runtime(error.into()))?
}

/// Streams whose owners were promised encryption get no plain events by an oversight.
async fn check_encryption(store: &PostgresEventStore) -> Result<(), CliError> {
    let categories = store.encrypted_categories().await?;
    let Some(encryption) = store.encryption() else {
        if categories.is_empty() {
            return Ok(());
        }
        let reason = format!(
            "the database holds encrypted streams ({}): pass --encryption-keys FILE, and --encrypt for each category",
            categories.join(", ")
        );
        return Err(CliError::Usage(reason));
    };
    let plain: Vec<_> = categories.iter().filter(|category| !encryption.seals(category)).collect();
    if !plain.is_empty() {
        tracing::warn!(
            categories = ?plain,
            "these categories have encrypted streams, and their new events will be plain: pass --encrypt for each"
        );
    }
    Ok(())
}

/// The end of the embedded server; never, where there is none.
async fn embedded_end(database: &Database) -> ServerExit {
    match &database.embedded {
        Some(embedded) => embedded.exited().await,
        None => std::future::pending().await,
    }
}

/// Cancelled by the first SIGINT or SIGTERM; the second ends the process at once, and with it the embedded server.
fn on_signals() -> Result<CancellationToken, CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        first.cancel();
        either(&mut interrupt, &mut terminate).await;
        exit(130);
    });
    Ok(stop)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn listen(address: &str) -> Result<TcpListener, CliError> {
    let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => CliError::PortInUse { address: address.to_owned() },
        _ => CliError::Listen { address: address.to_owned(), source },
    })?;
    if listener.local_addr().is_ok_and(|local| !local.ip().is_loopback()) {
        tracing::warn!(
            address,
            "others than this machine can reach the host, and it has no authentication: put a proxy in front that has it"
        );
    }
    Ok(listener)
}

/// Compiled components lie beside the embedded database, or where this user's caches are.
fn code_cache(choice: &DatabaseChoice) -> Option<PathBuf> {
    if let DatabaseChoice::DataDir(data_dir) = choice {
        return Some(data_dir.join("code-cache"));
    }
    user_cache()
}

/// Where this user's compiled components are.
pub(crate) fn user_cache() -> Option<PathBuf> {
    let dir = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let caches = dir("XDG_CACHE_HOME").or_else(|| dir("HOME").map(|home| home.join(".cache")));
    caches.map(|caches| caches.join("foldhost"))
}

/// Starts the host; without its cache where that cannot be used, since a cache only saves time.
fn start_host(builder: HostBuilder, code_cache: Option<PathBuf>) -> Result<Host, CliError> {
    let Some(code_cache) = code_cache else { return Ok(builder.start()?) };
    match builder.clone().code_cache(code_cache).start() {
        Err(HostError::Engine(error @ GuestEngineError::Cache { .. })) => {
            tracing::warn!(%error, "components are compiled anew at every start");
            Ok(builder.start()?)
        }
        started => Ok(started?),
    }
}

/// The line that tells others where the host listens. That nobody reads it is no reason not to serve.
fn announce(listener: &TcpListener) -> Result<(), CliError> {
    let address = listener.local_addr().map_err(CliError::Serve)?;
    let mut stdout = io::stdout().lock();
    if let Err(error) = writeln!(stdout, "listening on http://{address}").and_then(|()| stdout.flush()) {
        tracing::debug!(%error, "nobody reads stdout");
    }
    tracing::info!(%address, "ready");
    Ok(())
}
