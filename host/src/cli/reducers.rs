//! `foldhost reducers`

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::{activate, output, rules, verify};

const EXAMPLES: &str = "\
Examples:
  foldhost reducers
  foldhost reducers --json | jq -r '.reducers[].name'
  foldhost reducers order                         # its components, and who decided when

EFFECTS is what a reducer's effects may reach, and how fast: see `foldhost deploy --help`.";

/// List the reducers that decide on a host, or show one
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this one, with its components and its history
    #[arg(value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    if let Some(name) = &args.name {
        let record = client.json(client.get(client.resource(["reducers", name]))).await?;
        return if args.json { output::print_json(&record) } else { show(&record) };
    }
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

/// One reducer: who decides, its components, and how that came.
fn show(record: &Value) -> Result<(), CliError> {
    let list = |name: &str| record[name].as_array().map(Vec::as_slice).unwrap_or_default();
    match record["active"].as_object() {
        Some(_) => activate::print(&record["active"])?,
        None => output::print(format_args!("{}: nothing decides", record["name"].as_str().unwrap_or_default()))?,
    }
    if record["active"]["journal"] == true {
        output::print("its commands are kept, to decide them anew")?;
    }
    let text = |of: &Value| of.as_str().unwrap_or("-").to_owned();
    let mut components = Table::new();
    components.load_style(NOTHING).set_header(["COMPONENT", "KB", "STATE SCHEMA", "DEPLOYED", "BY"]);
    for component in list("components") {
        components.add_row([
            verify::short(&component["digest"]),
            component["bytes"].as_u64().unwrap_or_default().div_ceil(1000).to_string(),
            text(&component["state_schema"]),
            text(&component["deployed_at"]),
            text(&component["by"]),
        ]);
    }
    output::print(format_args!("\n{}", components.trim_fmt()))?;
    let mut activations = Table::new();
    activations.load_style(NOTHING).set_header(["GENERATION", "WHAT", "COMPONENT", "CANARY", "WHEN", "BY", "REASON"]);
    for activation in list("activations") {
        let canary = match activation["canary"].as_object() {
            Some(canary) => format!("{} {}", verify::short(&canary["digest"]), text(&canary["share"])),
            None => "-".to_owned(),
        };
        activations.add_row([
            activation["generation"].to_string(),
            text(&activation["kind"]),
            verify::short(&activation["digest"]),
            canary,
            text(&activation["activated_at"]),
            text(&activation["by"]),
            text(&activation["reason"]),
        ]);
    }
    output::print(format_args!("\n{}", activations.trim_fmt()))
}
