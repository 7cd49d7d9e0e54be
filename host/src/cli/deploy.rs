//! `foldhost deploy`

use std::path::PathBuf;

use super::client::{HostArgs, HostClient, with_words};
use super::error::CliError;
use super::rules::{self, RulesArgs};
use super::{build, output};

const EXAMPLES: &str = "\
Examples:
  foldhost deploy guests/order                    # a crate is built first
  foldhost deploy target/foldhost/order.wasm
  foldhost deploy order.wasm --url http://10.0.0.5:7070 --json
  foldhost deploy guests/order --allow https://pay.example
  foldhost deploy guests/order --allow-private http://pay.internal:8080 --effects-at-once-max 20
  foldhost deploy guests/order --allow none       # its effects reach nobody any more

The host checks the component, keeps it in its database and makes it the one that
decides for its category. Deploying the active component again changes nothing.

A reducer's effects may send commands to any stream, and wait. Whom their HTTP requests
go to, and which other categories they read and append events to, has to be allowed.
Without any of the flags for it the rules of the deployment before stay; with any of
them they are replaced, all of them. What was decided before keeps to its own rules.";

/// Hand a component to a host, which decides with it from then on
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A component, or the directory of a reducer's crate
    #[arg(value_name = "FILE.wasm|DIR")]
    component: PathBuf,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    // Behind the others: what is declared after it would stand under its heading.
    #[command(flatten)]
    rules: RulesArgs,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let rules = args.rules.words()?;
    let component = if args.component.is_dir() {
        build::build_component(&args.component)?
    } else {
        std::fs::read(&args.component).map_err(|source| CliError::Read { path: args.component.clone(), source })?
    };
    let deploying = output::spinner("deploying");
    let url = with_words(client.resource(["reducers"]), &rules);
    let request = client.post(url).header("Content-Type", "application/wasm").body(component);
    let answer = client.json(request).await;
    deploying.finish_and_clear();
    let reducer = answer?;
    if args.json {
        return output::print_json(&reducer);
    }
    let text = |name: &str| reducer[name].as_str().unwrap_or_default().to_owned();
    let names = reducer["commands"].as_array().into_iter().flatten().filter_map(|name| name.as_str());
    let commands = names.collect::<Vec<_>>().join(", ");
    output::print(format_args!("deployed {}, generation {}", text("name"), reducer["generation"]))?;
    output::print(format_args!("digest    {}", text("digest")))?;
    output::print(format_args!("commands  {commands}"))?;
    match rules::in_words(&reducer["effects"]) {
        Some(rules) => output::print(format_args!("effects   {rules}")),
        None => Ok(()),
    }
}
