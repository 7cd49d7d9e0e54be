//! `foldhost diff`

use foldhost::StreamId;
use serde_json::Value;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost diff order-1 --from 3f2a77 --to 91bc02
  foldhost diff order-1 --from 3f2a77 --to 91bc02 --at 3
  foldhost diff order-1 --from 3f2a77 --to 91bc02 --json | jq -r '.fields[].path'";

/// Show in which fields a stream's state differs under two components
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream, CATEGORY-ID, as in order-7f3c
    #[arg(value_name = "STREAM")]
    stream_id: StreamId,
    /// The one component: its digest, or the first six digits of it or more
    #[arg(long, value_name = "DIGEST")]
    from: String,
    /// The other
    #[arg(long, value_name = "DIGEST")]
    to: String,
    /// After so many events [default: all]
    #[arg(long, value_name = "VERSION")]
    at: Option<u64>,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let client = HostClient::new(args.host)?;
    let mut url = client.resource(["streams", args.stream_id.as_str(), "diff"]);
    url.query_pairs_mut().append_pair("from", &args.from).append_pair("to", &args.to);
    if let Some(at) = args.at {
        url.query_pairs_mut().append_pair("at", &at.to_string());
    }
    let difference = client.json(client.get(url)).await?;
    if args.json {
        return output::print_json(&difference);
    }
    let fields = difference["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
    let (stream_id, version) = (&args.stream_id, &difference["version"]);
    if fields.is_empty() {
        return output::print(format_args!("{stream_id} at version {version}: nothing differs"));
    }
    output::print(format_args!("{stream_id} at version {version}"))?;
    let shown = |value: &Value| if value.is_null() { "nothing".to_owned() } else { value.to_string() };
    for field in fields {
        let path = field["path"].as_str().filter(|path| !path.is_empty()).unwrap_or("/");
        output::print(format_args!("  {path}  {} -> {}", shown(&field["from"]), shown(&field["to"])))?;
    }
    Ok(())
}
