//! `foldhost events`

use std::fmt;

use foldhost::StreamId;
use foldhost::event::STREAM_CLOSED;
use futures::StreamExt as _;
use reqwest::Url;
use serde_json::Value;

use super::client::{HostArgs, HostClient, with_words};
use super::error::CliError;
use super::log_filter::LogFilterArgs;
use super::output;
use super::sse::Decoder;

const EXAMPLES: &str = "\
Examples:
  foldhost events order-1                         # the history of one stream
  foldhost events order-1 --from 10 --limit 5
  foldhost events order-1 --backward --limit 5    # the last five, the newest first
  foldhost events order-1 --upcast                # and what older versions are applied as
  foldhost events                                 # of all streams, in the order of the log
  foldhost events --category order --since 1h
  foldhost events --type OrderPlaced.v1 --follow  # and whatever comes, until Ctrl-C
  foldhost events --json --limit 1 | jq -r .cursor
  foldhost events --after CURSOR --follow

With --json each event is one document on a line of its own, its metadata included.

With --upcast a second line says what the reducer applies an event as, where that is something else than what was recorded:

     1  2026-11-23T23:35:19.053925Z  InvoiceIssued.v1  {\"customer\":\"c-1\",\"euros\":30}
        as InvoiceIssued.v3  {\"customer_id\":\"c-1\",\"cents\":3000,\"due_at_ms\":null}

An event without that line is applied as it was recorded.";

/// Events that are asked for at once.
const PAGE: u64 = 500;

/// What begins a line that belongs to the event above it.
const BELOW: &str = "\n        ";

/// Show the events of a stream, or of all
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Only this stream's events
    #[arg(value_name = "STREAM")]
    stream_id: Option<StreamId>,
    /// Begin at this version of the stream
    #[arg(long, value_name = "VERSION", requires = "stream_id")]
    from: Option<u64>,
    /// From the stream's head to its beginning
    #[arg(long, requires = "stream_id", conflicts_with_all = ["from", "follow"])]
    backward: bool,
    /// With --backward: begin before this version of the stream
    #[arg(long, value_name = "VERSION", requires = "backward")]
    before: Option<u64>,
    #[command(flatten)]
    filter: LogFilterArgs,
    /// Begin behind this place in the log of all streams, a cursor as --json shows it
    #[arg(long, value_name = "CURSOR", conflicts_with = "stream_id", allow_hyphen_values = true)]
    after: Option<String>,
    /// End after so many events [default: at the last one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Wait for further events, until Ctrl-C
    #[arg(long)]
    follow: bool,
    /// Show of each event also what its reducer applies it as today, where that differs
    #[arg(long)]
    upcast: bool,
    #[command(flatten)]
    host: HostArgs,
    /// Print each event as a JSON document on a line of its own
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let Args { stream_id, from, backward, before, filter, after, limit, follow, upcast, host, json } = args;
    let client = HostClient::new(host)?;
    let mut printer = Printer { one_stream: stream_id.is_some(), json, left: limit.unwrap_or(u64::MAX) };
    if follow {
        let followed = Followed { stream_id, from: from.unwrap_or(0), filter, upcast };
        return follow_log(&client, after, &followed, &mut printer).await;
    }
    let form = form(upcast);
    let Some(stream_id) = stream_id else {
        let url = with_words(with_words(client.resource(["events"]), &filter.words()), &form);
        return read_pages(&client, &url, "after", after, &mut printer).await;
    };
    let url = with_words(client.resource(["streams", stream_id.as_str(), "events"]), &form);
    let version = |version: Option<u64>| version.map(|version| version.to_string());
    if backward {
        let url = with_words(url, &[("direction", "backward".to_owned())]);
        return read_pages(&client, &url, "before", version(before), &mut printer).await;
    }
    read_pages(&client, &url, "from", version(from), &mut printer).await
}

/// How the events are to be drawn, as the query says it.
fn form(upcast: bool) -> Vec<(&'static str, String)> {
    upcast.then(|| ("upcast", "true".to_owned())).into_iter().collect()
}

/// Reads page after page; `place` is the query's word for where a page begins.
async fn read_pages(
    client: &HostClient,
    url: &Url,
    place: &str,
    mut next: Option<String>,
    printer: &mut Printer,
) -> Result<(), CliError> {
    while printer.left > 0 {
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("limit", &printer.left.min(PAGE).to_string());
        if let Some(next) = &next {
            url.query_pairs_mut().append_pair(place, next);
        }
        let page = client.json(client.get(url)).await?;
        let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        for event in events {
            printer.print(event)?;
        }
        let following = match &page["next"] {
            Value::String(cursor) => Some(cursor.clone()),
            Value::Number(version) => Some(version.to_string()),
            _ => None,
        };
        // A page of the log names the next place even where nothing stands there yet.
        if events.is_empty() || following.is_none() || following == next {
            break;
        }
        next = following;
    }
    Ok(())
}

/// Which events to show of the log that is followed.
struct Followed {
    stream_id: Option<StreamId>,
    from: u64,
    /// Of the log of all streams; empty where one stream is followed.
    filter: LogFilterArgs,
    upcast: bool,
}

impl Followed {
    fn admits(&self, event: &Value) -> bool {
        self.stream_id.as_ref().is_none_or(|stream_id| event["stream_id"] == stream_id.as_str())
            && event["version"].as_u64().is_none_or(|version| version >= self.from)
    }

    /// What the host is asked for: of a stream, its category at least, and not the whole log.
    fn words(&self) -> Vec<(&'static str, String)> {
        let filter = match &self.stream_id {
            Some(stream_id) => LogFilterArgs::category(stream_id.category()).words(),
            None => self.filter.words(),
        };
        filter.into_iter().chain(form(self.upcast)).collect()
    }

    /// The flags to go on with behind `last`.
    fn flags(&self, last: Option<String>) -> String {
        let words = self.filter.words().into_iter().chain(last.map(|cursor| ("after", cursor)));
        let flags: String = words.map(|(name, value)| format!(" --{name} {value}")).collect();
        if self.upcast { format!("{flags} --upcast") } else { flags }
    }
}

async fn follow_log(
    client: &HostClient,
    after: Option<String>,
    followed: &Followed,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let mut words = followed.words();
    words.extend(after.clone().map(|after| ("after", after)));
    let url = with_words(client.resource(["events"]), &words);
    let response = client.response(client.get(url).header("Accept", "text/event-stream")).await?;
    let (mut decoder, mut last) = (Decoder::default(), after);
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        // A host that is killed breaks the connection off; that is told as its end, with where to go on.
        let Ok(chunk) = chunk else { break };
        for message in decoder.push(&chunk) {
            let Ok(event) = serde_json::from_str::<Value>(&message.data) else { continue };
            if event["event_type"].is_null() {
                continue;
            }
            last = event["cursor"].as_str().map(str::to_owned).or(message.id).or(last);
            if followed.admits(&event) {
                printer.print(&event)?;
            }
            if printer.left == 0 {
                return Ok(());
            }
        }
    }
    Err(CliError::FollowEnded { flags: followed.flags(last) })
}

/// Prints events until enough were.
struct Printer {
    one_stream: bool,
    json: bool,
    left: u64,
}

impl Printer {
    fn print(&mut self, event: &Value) -> Result<(), CliError> {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        if self.json { output::print_json(event) } else { output::print(Line { event, stream: !self.one_stream }) }
    }
}

/// One event for people, on a line of its own; what else there is to say of it stands below, indented.
struct Line<'a> {
    event: &'a Value,
    stream: bool,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |name: &str| self.event[name].as_str().unwrap_or_default();
        if self.stream {
            write!(f, "{}  ", text("stream_id"))?;
        }
        let version = self.event["version"].to_string();
        write!(f, "{version:>6}  {}  {}", text("created_at"), text("event_type"))?;
        match (&self.event["erased"], text("event_type")) {
            (Value::Bool(true), _) => f.write_str("  (erased)"),
            // It says nothing but that.
            (_, STREAM_CLOSED) => Ok(()),
            _ => {
                write!(f, "  {}", self.event["data"])?;
                self.fmt_versions(f)
            }
        }
    }
}

impl Line<'_> {
    /// What the event is applied as, and why it is not told what it says.
    fn fmt_versions(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Value::Object(event) = self.event else { return Ok(()) };
        let unread = event.get("data_error").and_then(Value::as_str);
        if let Some(reason) = unread {
            write!(f, "{BELOW}cannot be shown: {reason}")?;
        }
        if let Some(upcast) = event.get("upcast") {
            write!(f, "{BELOW}as {}  {}", upcast["event_type"].as_str().unwrap_or_default(), upcast["data"])?;
        }
        // What nobody can read, nobody can bring to another version: one reason is enough.
        match event.get("upcast_error").and_then(Value::as_str).filter(|reason| Some(*reason) != unread) {
            Some(reason) => write!(f, "{BELOW}cannot be upcast: {reason}"),
            None => Ok(()),
        }
    }
}
