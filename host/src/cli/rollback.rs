//! `foldhost rollback`

use std::time::Duration;

use serde_json::{Map, json};

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::who::Who;
use super::{activate, output, verify};

const EXAMPLES: &str = "\
Examples:
  foldhost rollback order                         # to the component that decided before
  foldhost rollback order --to 3f2a77             # to an earlier one
  foldhost rollback order --reason 'totals are off, #1240'
  foldhost rollback order --force 'the site is down, #1241'

Looks first whether the former component can read all that was recorded since: all types of
events, and each stream that has an event of its successor's time, folded. It refuses where
that fails, and lists what it cannot read; --force asks for none of it. A canary is withdrawn.";

/// Have the component decide again that did before
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The reducer, as `foldhost reducers` lists it
    #[arg(value_name = "NAME")]
    name: String,
    /// The component: its digest, or the first six digits of it or more
    #[arg(long, value_name = "DIGEST")]
    to: Option<String>,
    /// Only if this generation is the active one; without it, the one that is active when this begins
    #[arg(long, value_name = "N")]
    expected_generation: Option<u64>,
    /// Look at nothing first; the reason is recorded
    #[arg(long, value_name = "REASON")]
    force: Option<String>,
    /// Why: it is recorded
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    who: Who,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let mut body = Map::new();
    body.insert("by".into(), json!(args.who.name()));
    // Asked again while it is looked through what was recorded, the host must not go back from what another's way back came to.
    let generation = match args.expected_generation {
        Some(generation) => json!(generation),
        None => {
            client.json(client.get(client.resource(["reducers", &args.name]))).await?["active"]["generation"].take()
        }
    };
    body.insert("expected_generation".into(), generation);
    for (name, value) in [("to", args.to), ("force", args.force), ("reason", args.reason)] {
        if let Some(value) = value {
            body.insert(name.into(), json!(value));
        }
    }
    let url = client.resource(["reducers", &args.name, "rollback"]);
    let bar = verify::progress();
    let reducer = loop {
        let answer = client.json(client.post(url.clone()).json(&body)).await?;
        // A verification: it is not done yet.
        if answer["verification_id"].is_null() {
            break answer;
        }
        let mut verification = answer;
        while verification["status"] == "running" && verification["is_held"] == true {
            verify::show(&bar, &verification);
            tokio::time::sleep(Duration::from_millis(250)).await;
            verification = verify::look(&client, &args.name, &verification).await?;
        }
    };
    bar.finish_and_clear();
    if args.json { output::print_json(&reducer) } else { activate::print(&reducer) }
}
