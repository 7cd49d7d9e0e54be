//! `foldhost send`

use std::io::Read as _;
use std::path::PathBuf;

use foldhost::{ExpectedVersion, StreamId};
use serde_json::Value;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::origin::Origin;
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost send counter-1 Increment '{\"by\": 2}'
  foldhost send order-1 PlaceOrder @order.json --expected none
  generate-order | foldhost send order-2 PlaceOrder - --idempotency-key import-2
  foldhost send order-1 CancelOrder '{\"reason\": null}' --json
  foldhost send order-1 PlaceOrder @order.json --correlation-id checkout-7 --metadata tenant=acme
  foldhost send order-1 ShipOrder --dry-run       # what it would lead to, and nothing of it
  foldhost send order-1 ShipOrder --dry-run --at 3 --reducer 91bc02

Exit status:
  0  the command was accepted, and its events are durable
  3  a business rule rejected it
  4  the stream is not in the version that --expected names
  1  anything else; with --idempotency-key it can be sent again safely";

/// Send a command to a stream
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The stream, CATEGORY-ID, as in order-7f3c
    #[arg(value_name = "STREAM")]
    stream_id: StreamId,
    /// The command's name, as `foldhost reducers` lists it
    command: String,
    /// Its arguments: JSON, @FILE, or - for stdin
    #[arg(value_name = "JSON|@FILE|-", default_value = "{}")]
    payload: String,
    /// The version that the stream must have: a number, none, exists or any
    #[arg(long, value_name = "VERSION")]
    expected: Option<ExpectedVersion>,
    /// An id of yours for the command: sent twice, it is done once and answered twice
    #[arg(long, value_name = "KEY", value_parser = visible_ascii)]
    idempotency_key: Option<String>,
    /// Decide the command and do nothing of it: nothing is appended, and no effect is run
    #[arg(long, conflicts_with_all = ["expected"])]
    dry_run: bool,
    /// With --dry-run: on the state after so many events [default: all]
    #[arg(long, value_name = "VERSION", requires = "dry_run")]
    at: Option<u64>,
    /// With --dry-run: by this component, its digest or the first six digits of it or more [default: the one that decides]
    #[arg(long, value_name = "DIGEST", requires = "dry_run")]
    reducer: Option<String>,
    #[command(flatten)]
    origin: Origin,
    #[command(flatten)]
    host: HostArgs,
    /// Print the answer as one JSON document
    #[arg(long)]
    json: bool,
}

/// What a header carries as it stands.
pub(super) fn visible_ascii(text: &str) -> Result<String, String> {
    if (1..=255).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err("it has 1 to 255 visible ASCII characters".to_owned())
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let payload = read_payload(&args.payload)?;
    let origin = args.origin.headers()?;
    let client = HostClient::new(args.host)?;
    let mut url = client.resource(["streams", args.stream_id.as_str(), "commands", &args.command]);
    if args.dry_run {
        url.query_pairs_mut().append_pair("dry_run", "true");
        for (name, value) in [("at", args.at.map(|at| at.to_string())), ("reducer", args.reducer)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
    }
    let mut request = client.post(url).header("Content-Type", "application/json").body(payload);
    if let Some(expected) = args.expected {
        request = request.header("Expected-Version", expected.to_string());
    }
    if let Some(key) = &args.idempotency_key {
        request = request.header("Idempotency-Key", key);
    }
    let reply = client.json(request.headers(origin)).await?;
    match (args.json, args.dry_run) {
        (true, _) => output::print_json(&reply),
        (false, false) => print(&args.stream_id, &reply),
        (false, true) => print_dry_run(&args.stream_id, &reply),
    }
}

/// Reads the arguments. That they are JSON is checked here, where the file's name is known.
fn read_payload(argument: &str) -> Result<String, CliError> {
    let (text, from) = match (argument, argument.strip_prefix('@')) {
        ("-", _) => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|source| CliError::Read { path: "stdin".into(), source })?;
            (text, "stdin".to_owned())
        }
        (_, Some(path)) => {
            let path = PathBuf::from(path);
            let text = std::fs::read_to_string(&path);
            (text.map_err(|source| CliError::Read { path: path.clone(), source })?, path.display().to_string())
        }
        _ => (argument.to_owned(), "the command's payload".to_owned()),
    };
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(CliError::Usage(format!(
            "{from} is not JSON: {error}; quote it for the shell, as in '{{\"by\": 2}}', or pass @FILE"
        ))),
    }
}

fn print(stream_id: &StreamId, reply: &Value) -> Result<(), CliError> {
    let (version, events) = (&reply["version"], reply["events"].as_array().map(Vec::as_slice).unwrap_or_default());
    if events.is_empty() {
        return output::print(format_args!("{stream_id} stays at version {version}: nothing had to change"));
    }
    output::print(format_args!("{stream_id} is at version {version}"))?;
    for event in events {
        let (version, event_type) = (event["version"].to_string(), event["event_type"].as_str().unwrap_or_default());
        output::print(format_args!("{version:>6}  {event_type}  {}", event["data"]))?;
    }
    Ok(())
}

fn print_dry_run(stream_id: &StreamId, reply: &Value) -> Result<(), CliError> {
    let list = |name: &str| reply[name].as_array().map(Vec::as_slice).unwrap_or_default();
    output::print(format_args!("{stream_id} at version {}: nothing was done; it would lead to", reply["version"]))?;
    for event in list("events") {
        output::print(format_args!(
            "  event   {}  {}",
            event["event_type"].as_str().unwrap_or_default(),
            event["data"]
        ))?;
    }
    for effect in list("effects") {
        output::print(format_args!("  effect  {effect}"))?;
    }
    if list("events").is_empty() && list("effects").is_empty() {
        output::print("  nothing")?;
    }
    output::print(output::pretty(&reply["state"]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_payload_goes_on_as_it_was_written() {
        // Parsed and printed again, the number would come out as another.
        let text = r#"{"cents": 12345678901234567890.10}"#;
        assert_eq!(read_payload(text).unwrap(), text);
    }

    #[test]
    fn a_payload_that_is_not_json_is_a_usage_error_that_says_how_to_quote() {
        let error = read_payload("{by: 2}").unwrap_err();
        assert!(matches!(&error, CliError::Usage(message) if message.contains(r#"'{"by": 2}'"#)), "{error}");
    }

    #[test]
    fn an_id_is_what_a_header_can_carry() {
        assert!(visible_ascii("import-2").is_ok());
        for key in ["", "a b", "a\n", "\u{e9}", &"x".repeat(256)] {
            assert!(visible_ascii(key).is_err(), "{key:?}");
        }
    }
}
