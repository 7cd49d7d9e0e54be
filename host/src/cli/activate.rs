//! `foldhost activate`

use serde_json::{Map, Value, json};

use super::client::{HostArgs, HostClient, with_words};
use super::error::CliError;
use super::policy::PolicyArgs;
use super::rules::RulesArgs;
use super::who::Who;
use super::{output, verify};

const EXAMPLES: &str = "\
Examples:
  foldhost activate order 91bc02                  # after a report in which nothing differs
  foldhost activate order 91bc02 --verify         # make that report first
  foldhost activate order 91bc02 --accept state:/discount --accept 'command:PlaceOrder:*'
  foldhost activate order 91bc02 --force 'rollout of #1234, verified on staging'
  foldhost activate order 91bc02 --journal on     # and keep its commands, to decide them anew
  foldhost activate order 91bc02 --allow https://pay.example

The switch is one point in time for all hosts: what the former component has under way is
decided again, and no sender notices. The way back: `foldhost rollback order`.";

/// Have a component decide, if what was found out about it allows that
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The reducer, as `foldhost reducers` lists it
    #[arg(value_name = "NAME")]
    name: String,
    /// The component: its digest, or the first six digits of it or more
    #[arg(value_name = "DIGEST")]
    digest: String,
    /// Verify it over all streams first
    #[arg(long, conflicts_with = "force")]
    verify: bool,
    /// Keep the reducer's commands with their payloads from now on, or do not any more
    #[arg(long, value_name = "WHETHER", value_parser = ["on", "off"])]
    journal: Option<String>,
    /// Only if this generation is the active one
    #[arg(long, value_name = "N")]
    expected_generation: Option<u64>,
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
    // Behind the others: what is declared after it would stand under its heading.
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    rules: RulesArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let rules = args.rules.words()?;
    if args.verify {
        verify_first(&client, &args.name, &args.digest, &args.who, args.json).await?;
    }
    let mut body = Map::new();
    body.insert("digest".into(), json!(args.digest));
    body.insert("by".into(), json!(args.who.name()));
    args.policy.put_into(&mut body);
    if let Some(journal) = &args.journal {
        body.insert("journal".into(), json!(journal == "on"));
    }
    if let Some(generation) = args.expected_generation {
        body.insert("expected_generation".into(), json!(generation));
    }
    if let Some(reason) = &args.reason {
        body.insert("reason".into(), json!(reason));
    }
    let reducer = activate(&client, &args.name, &rules, &body).await?;
    if args.json { output::print_json(&reducer) } else { print(&reducer) }
}

/// Verifies a component over all streams, and shows the report.
pub(crate) async fn verify_first(
    client: &HostClient,
    name: &str,
    digest: &str,
    who: &Who,
    quiet: bool,
) -> Result<(), CliError> {
    let mut asked = Map::new();
    asked.insert("digest".into(), json!(digest));
    asked.insert("by".into(), json!(who.name()));
    let verification = verify::to_the_end(client, name, &asked).await?;
    if quiet { Ok(()) } else { verify::print_report(&verification) }
}

/// Has a component decide, with `rules` for its effects.
pub(crate) async fn activate(
    client: &HostClient,
    name: &str,
    rules: &[(&str, String)],
    body: &Map<String, Value>,
) -> Result<Value, CliError> {
    let activating = output::spinner("activating");
    let url = with_words(client.resource(["reducers", name, "activate"]), rules);
    let answer = client.json(client.post(url).json(body)).await;
    activating.finish_and_clear();
    answer
}

/// Who decides now, in one line.
pub(crate) fn print(reducer: &Value) -> Result<(), CliError> {
    let text = |name: &str| reducer[name].as_str().unwrap_or_default();
    let digest: String = text("digest").chars().take(12).collect();
    let canary = match reducer["canary"].as_object() {
        Some(canary) => {
            let digest: String = canary["digest"].as_str().unwrap_or_default().chars().take(12).collect();
            format!(", and {digest} for {} of the streams", canary["share"].as_str().unwrap_or_default())
        }
        None => String::new(),
    };
    output::print(format_args!("{} {digest} decides, generation {}{canary}", text("name"), reducer["generation"]))
}
