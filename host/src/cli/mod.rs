//! The commands of the binary: one file each, all with the same two words, `Args` and `run`.

mod activate;
mod build;
mod canary;
mod client;
mod close;
mod database;
mod deploy;
mod diff;
mod duration;
mod effects;
mod error;
mod events;
mod keys;
mod limits;
mod log_filter;
mod logging;
mod metrics;
mod migrate;
mod new;
mod origin;
mod output;
mod policy;
mod pool;
mod problem;
mod reducers;
mod replay;
mod rollback;
mod rules;
mod secrets;
mod send;
mod serve;
mod snapshots;
mod sse;
mod state;
mod subscriptions;
mod test;
mod verify;
mod watching;
mod who;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use error::CliError;

const EXAMPLES: &str = "\
From nothing to a decided order:
  foldhost serve                                  # PostgreSQL in ./foldhost-data
  foldhost deploy guests/order                    # build, check; the first one decides
  foldhost send order-1 PlaceOrder @order.json
  foldhost state order-1
  foldhost events order-1

To other rules, with proof:
  foldhost deploy guests/order                    # kept as a candidate
  foldhost verify order DIGEST                    # what it changes of the recorded history
  foldhost activate order DIGEST                  # one point in time, no command fails
  foldhost rollback order                         # the way back

Exit status:
  0  success
  1  failure: one line `error: ...` on stderr says what to do
  2  the command line cannot be read
  3  send: a business rule rejected the command
  4  send: the stream is not in the expected version
  5  verify: the component differs from the one that decides

Environment:
  DATABASE_URL, FOLDHOST_DATA_DIR, FOLDHOST_LISTEN, FOLDHOST_URL,
  FOLDHOST_ENCRYPTION_KEYS_FILE, FOLDHOST_SECRETS_FILE, FOLDHOST_BY
              stand in for their flags
  PG_BIN_DIR  directory of PostgreSQL's programs, for the embedded server
  RUST_LOG    what the log tells, as in foldhost=debug";

/// Runs event-sourced business logic as sandboxed WebAssembly components over PostgreSQL.
#[derive(Parser)]
#[command(name = "foldhost", version, after_help = EXAMPLES, max_term_width = 120, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Serve(serve::Args),
    Migrate(migrate::Args),
    New(new::Args),
    Build(build::Args),
    Test(test::Args),
    Deploy(deploy::Args),
    Verify(verify::Args),
    Activate(activate::Args),
    Canary(canary::Args),
    Rollback(rollback::Args),
    Reducers(reducers::Args),
    Send(send::Args),
    State(state::Args),
    Diff(diff::Args),
    Events(events::Args),
    Subscriptions(subscriptions::Args),
    Effects(effects::Args),
    Close(close::Args),
    Keys(keys::Args),
    Replay(replay::Args),
}

impl Command {
    async fn run(self) -> Result<(), CliError> {
        match self {
            Self::Serve(args) => serve::run(args).await,
            Self::Migrate(args) => migrate::run(args).await,
            Self::New(args) => new::run(&args),
            Self::Build(args) => build::run(&args),
            Self::Test(args) => test::run(args).await,
            Self::Deploy(args) => deploy::run(args).await,
            Self::Verify(args) => verify::run(args).await,
            Self::Activate(args) => activate::run(args).await,
            Self::Canary(args) => canary::run(args).await,
            Self::Rollback(args) => rollback::run(args).await,
            Self::Reducers(args) => reducers::run(args).await,
            Self::Send(args) => send::run(args).await,
            Self::State(args) => state::run(args).await,
            Self::Diff(args) => diff::run(args).await,
            Self::Events(args) => events::run(args).await,
            Self::Subscriptions(args) => subscriptions::run(args).await,
            Self::Effects(args) => effects::run(args).await,
            Self::Close(args) => close::run(args).await,
            Self::Keys(args) => keys::run(&args),
            Self::Replay(args) => replay::run(args).await,
        }
    }
}

impl Cli {
    /// Runs the command that was typed.
    pub(crate) async fn run(self) -> Result<(), CliError> {
        self.command.run().await
    }
}

/// Tells a failure in one line, and the exit status for it.
pub(crate) fn tell(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<CliError>() {
        Some(CliError::OutputClosed) => CliError::OutputClosed.exit_code(),
        Some(error) => {
            output::tell_failure(&error.to_string());
            error.exit_code()
        }
        None => {
            output::tell_failure(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        for command in super::Cli::command().get_subcommands() {
            let name = command.get_name();
            assert!(command.get_about().is_some(), "{name} says nothing of itself");
            let examples = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(examples.contains(&format!("foldhost {name}")), "{name} has no example");
        }
    }
}
