//! `foldhost effects list`

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use foldhost::StreamId;
use serde_json::{Value, json};
use uuid::Uuid;

use super::effect_id;
use crate::cli::client::{HostArgs, HostClient, with_words};
use crate::cli::error::CliError;
use crate::cli::output::{self, one_line};

/// Effects that are asked for at once.
pub(super) const PAGE: usize = 1_000;

#[derive(clap::Args)]
pub(super) struct ListArgs {
    /// Only those in this status
    #[arg(long, value_parser = ["pending", "done", "failed", "dead", "discarded"])]
    status: Option<String>,
    /// Only those that streams of this category asked for
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// Only those that this stream asked for
    #[arg(long, value_name = "STREAM")]
    stream: Option<StreamId>,
    /// Only those that are older than this one
    #[arg(long, value_name = "EFFECT", value_parser = effect_id)]
    before: Option<Uuid>,
    /// List so many
    #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u64).range(1..))]
    limit: u64,
    #[command(flatten)]
    host: HostArgs,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: ListArgs) -> Result<(), CliError> {
    let ListArgs { status, category, stream, before, limit, host, json } = args;
    let client = HostClient::new(host)?;
    let stream = stream.map(|stream| stream.as_str().to_owned());
    let query = [("status", status), ("category", category), ("stream", stream)];
    let query: Vec<_> = query.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let (mut effects, mut before) = (Vec::new(), before.map(|before| before.to_string()));
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    loop {
        let had = effects.len();
        let mut page = page(&client, &query, before.as_ref(), PAGE.min(limit - had)).await?;
        before = page["next"].as_str().map(str::to_owned);
        if let Value::Array(more) = page["effects"].take() {
            effects.extend(more);
        }
        if before.is_none() || effects.len() == had || effects.len() >= limit {
            break;
        }
    }
    if json {
        return output::print_json(&json!({ "effects": effects, "next": before }));
    }
    if effects.is_empty() {
        return output::print(if query.is_empty() { "there is no effect" } else { "there is no such effect" });
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["EFFECT", "STREAM", "LANE", "STATUS", "ATTEMPTS", "DUE", "ERROR"]);
    for effect in &effects {
        table.add_row(row(effect));
    }
    output::print(table.trim_fmt())?;
    if let Some(before) = before {
        // Not data: `foldhost effects | wc -l` counts effects.
        output::tell(&format!("there are more: go on with --before {before}"));
    }
    Ok(())
}

/// What of an error stands in a table; `show` has all of it.
const ERROR_CHARS_MAX: usize = 80;

fn row(effect: &Value) -> [String; 7] {
    let text = |name: &str| one_line(effect[name].as_str().unwrap_or("-"));
    let due = if effect["leased"] == true { "runs now".to_owned() } else { text("due_at") };
    let error = text("error");
    let error = match error.char_indices().nth(ERROR_CHARS_MAX) {
        Some((end, _)) => format!("{}...", &error[..end]),
        None => error,
    };
    [text("effect_id"), text("stream_id"), text("lane"), text("status"), effect["attempts"].to_string(), due, error]
}

/// A page of those that the query admits, from behind `before` on.
pub(super) async fn page(
    client: &HostClient,
    query: &[(&str, String)],
    before: Option<&String>,
    limit: usize,
) -> Result<Value, CliError> {
    let mut words = query.to_vec();
    words.push(("limit", limit.to_string()));
    words.extend(before.map(|before| ("before", before.clone())));
    client.json(client.get(with_words(client.resource(["effects"]), &words))).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser as _;
    use foldhost::event_store::EffectStatus;

    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        args: ListArgs,
    }

    #[test]
    fn every_status_can_be_asked_for() {
        for status in ["pending", "done", "failed", "dead", "discarded"] {
            assert!(EffectStatus::from_name(status).is_some());
            let typed = Typed::try_parse_from(["list", "--status", status]).unwrap();
            assert_eq!(typed.args.status.as_deref(), Some(status));
        }
        assert!(Typed::try_parse_from(["list", "--status", "lost"]).is_err());
    }

    #[test]
    fn a_row_is_one_line_whatever_a_guest_wrote() {
        let error = format!("http-500: \u{1b}[2J\n{}", "\u{e9}".repeat(200));
        let row = row(&json!({ "lane": "sms\u{9b}31m\n", "attempts": 3, "leased": true, "error": error }));
        assert!(row.iter().all(|cell| !cell.contains(char::is_control)), "{row:?}");
        assert!(row[6].ends_with("...") && row[6].chars().count() == ERROR_CHARS_MAX + 3, "{row:?}");
        assert_eq!((&*row[4], &*row[5]), ("3", "runs now"));
    }
}
