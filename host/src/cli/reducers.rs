//! `foldhost reducers`

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::{output, rules};

const EXAMPLES: &str = "\
Examples:
  foldhost reducers
  foldhost reducers --json | jq -r '.reducers[].name'

EFFECTS is what a reducer's effects may reach, and how fast: see `foldhost deploy --help`.";

/// List the reducers that decide on a host
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let answer = client.json(client.get(client.resource(["reducers"]))).await?;
    if args.json {
        return output::print_json(&answer);
    }
    let reducers = answer["reducers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if reducers.is_empty() {
        return output::print("no reducer is deployed: deploy one with `foldhost deploy`");
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["REDUCER", "GENERATION", "DIGEST", "ACTIVATED", "EFFECTS", "COMMANDS"]);
    for reducer in reducers {
        table.add_row(row(reducer));
    }
    output::print(table.trim_fmt())
}

fn row(reducer: &Value) -> [String; 6] {
    let text = |name: &str| reducer[name].as_str().unwrap_or("-").to_owned();
    let commands = reducer["commands"].as_array().into_iter().flatten().filter_map(Value::as_str);
    [
        text("name"),
        // None for a reducer that is linked into the host.
        reducer["generation"].as_u64().map_or_else(|| "-".to_owned(), |generation| generation.to_string()),
        text("digest").chars().take(12).collect(),
        text("activated_at"),
        rules::in_words(&reducer["effects"]).unwrap_or_else(|| "-".to_owned()),
        commands.collect::<Vec<_>>().join(", "),
    ]
}
