//! `foldhost migrate`

use foldhost::PoolConfig;
use foldhost::event_store::Restored;
use serde_json::json;

use super::database::{Database, DatabaseArgs};
use super::error::CliError;
use super::logging::{self, LogFormat};
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost migrate --database-url postgres://me@db.example/orders
  DATABASE_URL=postgres://me@db.example/orders foldhost migrate --json
  foldhost migrate --data-dir ./foldhost-data     # also while a host runs on it
  foldhost migrate --after-restore                # a backup was restored, no host runs

Migrations go forward only. Of many that run at once, one migrates and the others
wait.";

/// Bring a database's schema up to date
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    database: DatabaseArgs,
    /// After a backup was restored into this database: make the log readable in its order, and let cursors from before the
    /// restore pass no more. Named subscriptions go on from their checkpoints. Stop all hosts first
    #[arg(long)]
    after_restore: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    logging::start(LogFormat::Text, "error");
    let migrating = output::spinner("migrating");
    let pool = PoolConfig { connections_max: 2, ..PoolConfig::default() };
    let database = Database::open_beside(&args.database.choose(), &pool).await?;
    if args.after_restore {
        let restored = database.store.after_restore().await;
        let closed = database.close().await;
        migrating.finish_and_clear();
        return tell_restored(restored?, args.json).and(closed);
    }
    let applied = database.store.migrate().await;
    let closed = database.close().await;
    migrating.finish_and_clear();
    let applied = applied?;
    closed?;
    match applied {
        applied if args.json => output::print_json(&json!({ "applied": applied })),
        0 => output::print("the schema is up to date: no migration had to be applied"),
        1 => output::print("applied 1 migration"),
        applied => output::print(format_args!("applied {applied} migrations")),
    }
}

fn tell_restored(restored: Restored, json: bool) -> Result<(), CliError> {
    let Restored { events_reordered, subscriptions } = restored;
    if json {
        return output::print_json(&json!({ "events_reordered": events_reordered, "subscriptions": subscriptions }));
    }
    match events_reordered {
        0 => output::print("the log was in order; cursors from before the restore are refused from now on")?,
        count => output::print(format_args!(
            "{count} events of another cluster were put in order; cursors from before the restore are refused from now on"
        ))?,
    }
    output::print(format_args!("named subscriptions that go on from their checkpoint: {subscriptions}"))
}
