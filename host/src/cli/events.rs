//! `foldhost events`

use std::fmt;

use foldhost::StreamId;
use futures::StreamExt as _;
use reqwest::Url;
use serde_json::Value;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::output;
use super::sse::Decoder;

const EXAMPLES: &str = "\
Examples:
  foldhost events order-1                         # the history of one stream
  foldhost events order-1 --from 10 --limit 5
  foldhost events                                 # of all streams, in the order of the log
  foldhost events --follow                        # and whatever comes, until Ctrl-C
  foldhost events --json --limit 1 | jq -r .cursor
  foldhost events --after CURSOR --follow

With --json each event is one document on a line of its own.";

/// Events that are asked for at once.
const PAGE: u64 = 500;

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
    /// Begin behind this place in the log of all streams, a cursor as --json shows it
    #[arg(long, value_name = "CURSOR", conflicts_with = "stream_id")]
    after: Option<String>,
    /// End after so many events [default: at the last one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Wait for further events, until Ctrl-C
    #[arg(long)]
    follow: bool,
    #[command(flatten)]
    host: HostArgs,
    /// Print each event as a JSON document on a line of its own
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    let Args { stream_id, from, after, limit, follow, host, json } = args;
    let client = HostClient::new(host)?;
    let mut printer = Printer { one_stream: stream_id.is_some(), json, left: limit.unwrap_or(u64::MAX) };
    match stream_id {
        _ if follow => {
            let filter = Filter { stream_id, from: from.unwrap_or(0) };
            follow_log(&client, after, &filter, &mut printer).await
        }
        Some(stream_id) => {
            let url = client.resource(["streams", stream_id.as_str(), "events"]);
            read_pages(&client, &url, "from", from.map(|from| from.to_string()), &mut printer).await
        }
        None => read_pages(&client, &client.resource(["events"]), "after", after, &mut printer).await,
    }
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

/// Which events of the log to show.
struct Filter {
    stream_id: Option<StreamId>,
    from: u64,
}

impl Filter {
    fn admits(&self, event: &Value) -> bool {
        self.stream_id.as_ref().is_none_or(|stream_id| event["stream_id"] == stream_id.as_str())
            && event["version"].as_u64().is_none_or(|version| version >= self.from)
    }
}

async fn follow_log(
    client: &HostClient,
    after: Option<String>,
    filter: &Filter,
    printer: &mut Printer,
) -> Result<(), CliError> {
    let mut url = client.resource(["events"]);
    if let Some(after) = &after {
        url.query_pairs_mut().append_pair("after", after);
    }
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
            if filter.admits(&event) {
                printer.print(&event)?;
            }
            if printer.left == 0 {
                return Ok(());
            }
        }
    }
    Err(CliError::FollowEnded { after: last.map(|cursor| format!(" --after {cursor}")).unwrap_or_default() })
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

/// One event for people.
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
        let event = self.event;
        write!(
            f,
            "{:>6}  {}  {}  {}",
            event["version"].to_string(),
            text("created_at"),
            text("event_type"),
            event["data"]
        )
    }
}
