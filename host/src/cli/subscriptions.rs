//! `foldhost subscriptions`

use clap::Subcommand;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use foldhost::event_store::{Cursor, SubscriptionName};
use serde_json::{Value, json};

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost subscriptions
  foldhost subscriptions --json | jq '.subscriptions[] | select(.lag_ms > 60000).name'
  foldhost subscriptions reset billing            # everything comes again
  foldhost subscriptions delete billing

LAG is the age of the oldest event that was not acknowledged. It grows when nobody
reads, when the reader is slow, and while a transaction stays open for long anywhere in
the PostgreSQL cluster.";

/// List the named subscriptions, delete one, or put its checkpoint back
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    change: Option<Change>,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum Change {
    /// Forget a subscription that nobody reads, and its checkpoint with it
    Delete {
        /// The subscription
        #[arg(value_name = "NAME")]
        name: SubscriptionName,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Have a subscription read again from the beginning, or from behind a cursor
    Reset {
        /// The subscription
        #[arg(value_name = "NAME")]
        name: SubscriptionName,
        /// The last event that it has done, by its cursor [default: none]
        // One in 64 begins with a hyphen.
        #[arg(long, value_name = "CURSOR", allow_hyphen_values = true)]
        to: Option<Cursor>,
        #[command(flatten)]
        host: HostArgs,
    },
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    match args.change {
        None => list(args.host, args.json).await,
        Some(Change::Delete { name, host }) => {
            let client = HostClient::new(host)?;
            let url = client.resource(["subscriptions", name.as_str()]);
            client.done(client.delete(url)).await?;
            output::print(format_args!("{name} is deleted"))
        }
        Some(Change::Reset { name, to, host }) => {
            let client = HostClient::new(host)?;
            let url = client.resource(["subscriptions", name.as_str(), "reset"]);
            let to = to.map(|cursor| cursor.to_string());
            client.done(client.post(url).json(&json!({ "to": to }))).await?;
            match to {
                None => output::print(format_args!("{name} reads again from the beginning of the log")),
                Some(cursor) => output::print(format_args!("{name} reads again from behind {cursor}")),
            }
        }
    }
}

async fn list(host: HostArgs, json: bool) -> Result<(), CliError> {
    let client = HostClient::new(host)?;
    let answer = client.json(client.get(client.resource(["subscriptions"]))).await?;
    if json {
        return output::print_json(&answer);
    }
    let subscriptions = answer["subscriptions"].as_array().map(Vec::as_slice).unwrap_or_default();
    if subscriptions.is_empty() {
        return output::print("there is no subscription: a reader of GET /subscriptions/NAME/events makes one");
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["SUBSCRIPTION", "READS", "LAG", "READER", "ACKNOWLEDGED", "CHECKPOINT"]);
    for subscription in subscriptions {
        table.add_row(row(subscription));
    }
    output::print(table.trim_fmt())
}

fn row(subscription: &Value) -> [String; 6] {
    let text = |name: &str| subscription[name].as_str().unwrap_or("-").to_owned();
    let reads = match (subscription["category"].as_str(), subscription["event_type"].as_str()) {
        (None, None) => "everything".to_owned(),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (Some(category), Some(event_type)) => format!("{event_type} of {category}"),
    };
    let is_foreign = subscription["checkpoint_is_foreign"].as_bool().unwrap_or_default();
    let checkpoint = if is_foreign { "foreign: reset it".to_owned() } else { text("checkpoint") };
    let lag = subscription["lag_ms"].as_u64().map_or_else(|| "-".to_owned(), age);
    [text("name"), reads, lag, text("reader"), text("acknowledged_at"), checkpoint]
}

/// Of the two greatest units, since it is there to be looked at.
fn age(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0 => format!("{ms}ms"),
        1..60 => format!("{s}s"),
        60..3_600 => format!("{}m{}s", s / 60, s % 60),
        3_600..86_400 => format!("{}h{}m", s / 3_600, s % 3_600 / 60),
        _ => format!("{}d{}h", s / 86_400, s % 86_400 / 3_600),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_cursor_may_begin_with_a_hyphen() {
        let cursor = format!("-w{}", "A".repeat(30));
        let typed = Typed::try_parse_from(["subscriptions", "reset", "billing", "--to", &cursor]).unwrap();
        let Some(Change::Reset { to, .. }) = typed.args.change else { panic!("it is a reset") };
        assert_eq!(to.unwrap().to_string(), cursor);
    }

    #[test]
    fn an_age_is_told_in_its_two_greatest_units() {
        for (ms, told) in [
            (0, "0ms"),
            (999, "999ms"),
            (59_999, "59s"),
            (61_000, "1m1s"),
            (3_600_000, "1h0m"),
            (86_399_999, "23h59m"),
            (90_000_000, "1d1h"),
        ] {
            assert_eq!(age(ms), told);
        }
    }
}
