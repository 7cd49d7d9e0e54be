//! `foldhost deploy`

use std::path::PathBuf;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::{build, output};

const EXAMPLES: &str = "\
Examples:
  foldhost deploy guests/order                    # a crate is built first
  foldhost deploy target/foldhost/order.wasm
  foldhost deploy order.wasm --url http://10.0.0.5:7070 --json

The host checks the component, keeps it in its database and makes it the one that
decides for its category. Deploying the active component again changes nothing.";

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
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let component = if args.component.is_dir() {
        build::build_component(&args.component)?
    } else {
        std::fs::read(&args.component).map_err(|source| CliError::Read { path: args.component.clone(), source })?
    };
    let deploying = output::spinner("deploying");
    let request = client.post(client.resource(["reducers"])).header("Content-Type", "application/wasm").body(component);
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
    output::print(format_args!("commands  {commands}"))
}
