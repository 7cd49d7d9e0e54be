//! `foldhost verify`

mod report;

use std::time::Duration;

use chrono::{DateTime, Utc};
use foldhost::event_store::Share;
use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde_json::{Map, Value, json};

use super::client::{HostArgs, HostClient, with_words};
use super::error::CliError;
use super::output;
use super::who::Who;

pub(crate) use report::{print as print_report, short};

const EXAMPLES: &str = "\
Examples:
  foldhost verify order 91bc02                    # against who decides now, over all streams
  foldhost verify order 91bc02 --sample 5%        # of the streams, by the hash of their ids
  foldhost verify order 91bc02 --since 2026-11-01T00:00:00Z
  foldhost verify order 91bc02 --baseline 3f2a77  # against another component
  foldhost verify order --list                    # the reports there are
  foldhost verify order 91bc02 --json | jq .report.differences

Folds the recorded history through the component and through the one that decides, side by
side, on the host; with the command journal on, decides the recorded commands anew. It
appends nothing and runs no effect. The report is kept: an activation asks for one.

Ctrl-C leaves it running: the same command looks on. Where its host dies, the same command
goes on behind its last checkpoint.

Exit status:
  0  nothing differs
  5  something differs: the report names it
  1  the component cannot take the other's place, or the verification was not done";

/// Hold a component against the one that decides, over the recorded history
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The reducer, as `foldhost reducers` lists it
    #[arg(value_name = "NAME")]
    name: String,
    /// The component: its digest, or the first six digits of it or more
    #[arg(value_name = "DIGEST", required_unless_present = "list")]
    digest: Option<String>,
    /// Against this component instead of the one that decides
    #[arg(long, value_name = "DIGEST", conflicts_with = "list")]
    baseline: Option<String>,
    /// Only a share of the streams
    #[arg(long, value_name = "SHARE", conflicts_with_all = ["since", "list"])]
    sample: Option<Share>,
    /// Only streams with an event since then (RFC 3339)
    #[arg(long, value_name = "TIME", conflicts_with = "list")]
    since: Option<DateTime<Utc>>,
    /// Do not decide the commands of the journal anew
    #[arg(long, conflicts_with = "list")]
    without_commands: bool,
    /// Threads that fold [default: one a core]
    #[arg(long, value_name = "N", conflicts_with = "list")]
    threads: Option<usize>,
    /// Give up the one that runs, and do not begin one
    #[arg(long, conflicts_with = "list")]
    cancel: bool,
    /// List the reports there are
    #[arg(long)]
    list: bool,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// How often it is asked how far it has come.
const ASK_EVERY: Duration = Duration::from_millis(250);

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    if args.list || args.cancel {
        let words: Vec<_> = args.digest.iter().map(|digest| ("digest", digest.clone())).collect();
        let url = with_words(client.resource(["reducers", &args.name, "verifications"]), &words);
        let found = client.json(client.get(url)).await?;
        if args.cancel {
            return cancel(&client, &args.name, &found).await;
        }
        return if args.json { output::print_json(&found) } else { report::print_list(&found) };
    }
    let mut asked = Map::new();
    asked.insert("digest".into(), json!(args.digest));
    asked.insert("by".into(), json!(args.who.name()));
    asked.insert("without_commands".into(), json!(args.without_commands));
    for (name, value) in [
        ("baseline", args.baseline.map(Value::from)),
        ("sample", args.sample.map(|share| json!(share))),
        ("since", args.since.map(|time| json!(time))),
        ("threads", args.threads.map(|threads| json!(threads))),
    ] {
        if let Some(value) = value {
            asked.insert(name.into(), value);
        }
    }
    let verification = to_the_end(&client, &args.name, &asked).await?;
    if args.json {
        output::print_json(&verification)?;
    } else {
        report::print(&verification)?;
    }
    judged(&verification)
}

/// The exit status of a report.
fn judged(verification: &Value) -> Result<(), CliError> {
    let names = |of: &str| {
        let names = verification["report"][of].as_object().map(|found| found.keys().cloned().collect::<Vec<_>>());
        names.unwrap_or_default()
    };
    match verification["status"].as_str() {
        Some("passed") => Ok(()),
        Some("differs") => Err(CliError::Differs { names: names("differences") }),
        Some("failed") => Err(CliError::VerificationFailed { names: names("failures") }),
        _ => Err(CliError::Usage("the verification was given up: see `foldhost verify --list`".into())),
    }
}

/// Begins a verification, or looks on at one that runs, until its end.
pub(crate) async fn to_the_end(client: &HostClient, name: &str, asked: &Map<String, Value>) -> Result<Value, CliError> {
    let begin = async || {
        let url = client.resource(["reducers", name, "verify"]);
        client.json(client.post(url).json(asked)).await
    };
    let mut verification = begin().await?;
    let bar = progress();
    while verification["status"] == "running" {
        show(&bar, &verification);
        tokio::time::sleep(ASK_EVERY).await;
        // Its host died: this one goes on.
        verification = match verification["is_held"].as_bool() {
            Some(false) => begin().await?,
            _ => look(client, name, &verification).await?,
        };
    }
    bar.finish_and_clear();
    Ok(verification)
}

/// A verification as it stands now.
pub(crate) async fn look(client: &HostClient, name: &str, verification: &Value) -> Result<Value, CliError> {
    let id = verification["verification_id"].as_str().unwrap_or_default();
    client.json(client.get(client.resource(["reducers", name, "verifications", id]))).await
}

async fn cancel(client: &HostClient, name: &str, found: &Value) -> Result<(), CliError> {
    let all = found["verifications"].as_array().map(Vec::as_slice).unwrap_or_default();
    let running: Vec<_> = all.iter().filter(|verification| verification["status"] == "running").collect();
    if running.is_empty() {
        return output::print("nothing runs");
    }
    for verification in running {
        let id = verification["verification_id"].as_str().unwrap_or_default();
        client.done(client.delete(client.resource(["reducers", name, "verifications", id]))).await?;
        output::print(format_args!("gave up verification {id}"))?;
    }
    Ok(())
}

pub(crate) fn progress() -> ProgressBar {
    let bar = ProgressBar::no_length().with_finish(ProgressFinish::AndClear);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_bar} {pos}/{len} streams, {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

pub(crate) fn show(bar: &ProgressBar, verification: &Value) {
    let report = &verification["report"];
    if let Some(total) = report["streams_total"].as_u64() {
        bar.set_length(total);
    }
    bar.set_position(report["streams"].as_u64().unwrap_or_default());
    bar.set_message(format!("{} events", report["events"].as_u64().unwrap_or_default()));
}
