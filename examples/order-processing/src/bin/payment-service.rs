//! A payment service to run beside a host: `cargo run -p order-processing --bin payment-service -- --help`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use order_processing::payments::{Faults, PaymentConfig, PaymentService, RunningService};

const EXAMPLES: &str = "\
Examples:
  payment-service                                     # on 127.0.0.1:7071, the ledger in memory
  payment-service --ledger ledger.jsonl --decline-above 100000
  payment-service --fail-percent 20 --slow-ms 500     # what a third party is like on a bad day
  curl http://127.0.0.1:7071/ledger

Prints one line on stdout when it is ready: `listening on http://ADDRESS:PORT`. Ctrl-C answers
the requests that have come, and ends it.";

/// A payment service for orders: POST /payments, POST /cancellations, GET /ledger
#[derive(Parser)]
#[command(after_help = EXAMPLES)]
struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7071")]
    listen: String,
    /// Keep the ledger in this file: an entry a line, in JSON, durable before it is answered [default: in memory]
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Decline payments above this
    #[arg(long, value_name = "CENTS", value_parser = clap::value_parser!(i64).range(0..))]
    decline_above: Option<i64>,
    /// Fail with so many of a hundred requests: before they are booked, after it, or with a connection that is cut
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    fail_percent: u8,
    /// Take up to so many milliseconds longer for each request
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=600_000))]
    slow_ms: u64,
    /// Where the chance of the last two begins [default: anywhere]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: Args) -> Result<()> {
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    let faults = Faults { fail_percent: args.fail_percent, slow_ms_max: args.slow_ms, seed };
    if faults != (Faults { seed, ..Faults::default() }) {
        eprintln!("it fails by chance, from seed {seed}");
    }
    let config = PaymentConfig { ledger: args.ledger, decline_above_cents: args.decline_above, faults };
    let service = PaymentService::open(&config)?;
    let running = RunningService::start(service, &args.listen).await;
    let running = running.with_context(|| format!("cannot listen on {}", args.listen))?;
    // That nobody reads it is no reason not to serve.
    writeln!(std::io::stdout(), "listening on {}", running.url()).ok();
    tokio::signal::ctrl_c().await?;
    running.stop().await?;
    Ok(())
}
