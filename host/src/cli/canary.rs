//! `foldhost canary`

use foldhost::event_store::Share;
use serde_json::{Map, json};

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::policy::PolicyArgs;
use super::who::Who;
use super::{activate, output};

const EXAMPLES: &str = "\
Examples:
  foldhost canary order 91bc02 --share 5%         # begin, after a report in which nothing differs
  foldhost canary order --share 50%               # grow, or shrink
  foldhost canary order --finish                  # for all streams
  foldhost canary order --withdraw                # for none

Which streams are of the share is told by the hash of their ids: one that grows keeps those
that it had. Both components append to the same log, so the canary may write only what the
active one reads.";

/// Have a component decide for a share of the streams first
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The reducer, as `foldhost reducers` lists it
    #[arg(value_name = "NAME")]
    name: String,
    /// The component: its digest, or the first six digits of it or more
    #[arg(value_name = "DIGEST", requires = "share")]
    digest: Option<String>,
    /// Of how many streams, in percent
    #[arg(long, value_name = "SHARE", required_unless_present_any = ["finish", "withdraw"])]
    share: Option<Share>,
    /// Have the canary decide for all streams
    #[arg(long, conflicts_with_all = ["share", "withdraw"])]
    finish: bool,
    /// Have the active component decide for all streams again
    #[arg(long, conflicts_with = "share")]
    withdraw: bool,
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
    #[command(flatten)]
    policy: PolicyArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let mut body = Map::new();
    body.insert("by".into(), json!(args.who.name()));
    if let Some(reason) = &args.reason {
        body.insert("reason".into(), json!(reason));
    }
    let path = match (args.finish, args.withdraw) {
        (true, _) => vec!["reducers", &args.name, "canary", "finish"],
        (_, true) => vec!["reducers", &args.name, "canary", "withdraw"],
        _ => {
            body.insert("share".into(), json!(args.share));
            if let Some(digest) = &args.digest {
                body.insert("digest".into(), json!(digest));
            }
            args.policy.put_into(&mut body);
            vec!["reducers", &args.name, "canary"]
        }
    };
    let answer = client.json(client.post(client.resource(path)).json(&body)).await?;
    if args.json { output::print_json(&answer) } else { activate::print(&answer) }
}
