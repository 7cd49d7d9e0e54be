//! `foldhost state`

use foldhost::StreamId;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::{output, verify};

const EXAMPLES: &str = "\
Examples:
  foldhost state order-1
  foldhost state order-1 --at 2                   # as it was after its second event
  foldhost state order-1 --reducer 91bc02         # as another component folds it
  foldhost state order-1 --json | jq .state.status";

/// Show a stream's state, as its reducer draws it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream, CATEGORY-ID, as in order-7f3c
    #[arg(value_name = "STREAM")]
    stream_id: StreamId,
    /// The state after so many events [default: all]
    #[arg(long, value_name = "VERSION")]
    at: Option<u64>,
    /// As this component folds it, whether it decides or not: its digest, or the first six digits of it or more
    #[arg(long, value_name = "DIGEST")]
    reducer: Option<String>,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document, version and reducer beside the state
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let mut url = client.resource(["streams", args.stream_id.as_str()]);
    if let Some(at) = args.at {
        url.query_pairs_mut().append_pair("at", &at.to_string());
    }
    if let Some(reducer) = &args.reducer {
        url.query_pairs_mut().append_pair("reducer", reducer);
    }
    let view = client.json(client.get(url)).await?;
    if args.json {
        return output::print_json(&view);
    }
    let reducer = view["reducer"]["name"].as_str().unwrap_or_default();
    let by = match view["reducer"]["generation"].as_u64() {
        Some(generation) => format!(", generation {generation}"),
        None if args.reducer.is_some() => format!(" {}", verify::short(&view["reducer"]["digest"])),
        None => String::new(),
    };
    output::print(format_args!("{} at version {} ({reducer}{by})", args.stream_id, view["version"]))?;
    output::print(output::pretty(&view["state"]))
}
