//! A report, for people.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

use crate::cli::error::CliError;
use crate::cli::output;

/// Digits of a digest that people tell it by.
const DIGITS: usize = 12;

pub(crate) fn short(digest: &Value) -> String {
    digest.as_str().map_or_else(|| "nobody".to_owned(), |digest| digest.chars().take(DIGITS).collect())
}

fn number(of: &Value) -> u64 {
    of.as_u64().unwrap_or_default()
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

pub(crate) fn print(verification: &Value) -> Result<(), CliError> {
    let report = &verification["report"];
    let (candidate, baseline) = (short(&verification["candidate"]), short(&verification["baseline"]));
    output::print(format_args!(
        "{} {candidate} against {baseline}",
        verification["name"].as_str().unwrap_or_default()
    ))?;
    let seconds = number(&report["elapsed_ms"]) as f64 / 1000.0;
    let mut looked_at = vec![plural(number(&report["streams"]), "stream"), plural(number(&report["events"]), "event")];
    for (count, noun) in [("commands", "command"), ("snapshots", "snapshot"), ("erased", "erased stream")] {
        let count = number(&report[count]);
        if count > 0 {
            looked_at.push(plural(count, noun));
        }
    }
    output::print(format_args!("looked at    {} in {seconds:.1} s", looked_at.join(", ")))?;
    if let Some(candidate_ns) = verification["candidate_ns_per_event"].as_f64() {
        match verification["baseline_ns_per_event"].as_f64() {
            Some(before) => output::print(format_args!("an event     {candidate_ns:.0} ns, and {before:.0} before"))?,
            None => output::print(format_args!("an event     {candidate_ns:.0} ns"))?,
        }
    }
    findings("failures", &report["failures"])?;
    findings("differences", &report["differences"])?;
    let verdict = match verification["status"].as_str().unwrap_or_default() {
        "passed" => "nothing differs",
        "differs" => "it differs: accept what is meant by its name when you activate it",
        "failed" => "it cannot take the other's place",
        other => other,
    };
    output::print(format_args!("verdict      {verdict}"))
}

fn findings(what: &str, found: &Value) -> Result<(), CliError> {
    let Some(found) = found.as_object().filter(|found| !found.is_empty()) else { return Ok(()) };
    output::print(what)?;
    for (name, finding) in found {
        output::print(format_args!("  {name}  {}", plural(number(&finding["count"]), "time")))?;
        for example in finding["examples"].as_array().into_iter().flatten() {
            output::print(format_args!("    {}", in_words(example)))?;
        }
    }
    Ok(())
}

/// As in `order-1 at version 3: 1200 -> 1080`.
fn in_words(example: &Value) -> String {
    let stream = example["stream_id"].as_str().unwrap_or_default();
    let mut words = format!("{stream} at version {}", number(&example["version"]));
    let (before, after) = (&example["baseline"], &example["candidate"]);
    if !before.is_null() || !after.is_null() {
        let shown = |value: &Value| if value.is_null() { "nothing".to_owned() } else { value.to_string() };
        words.push_str(&format!(": {} -> {}", shown(before), shown(after)));
    }
    if let Some(message) = example["message"].as_str() {
        words.push_str(&format!(" ({})", output::one_line(message)));
    }
    words
}

pub(super) fn print_list(found: &Value) -> Result<(), CliError> {
    let all = found["verifications"].as_array().map(Vec::as_slice).unwrap_or_default();
    if all.is_empty() {
        return output::print("nothing was verified yet: `foldhost verify NAME DIGEST`");
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header([
        "VERIFICATION",
        "CANDIDATE",
        "AGAINST",
        "STATUS",
        "STREAMS",
        "EVENTS",
        "SINCE",
        "BY",
    ]);
    for verification in all {
        let text = |name: &str| verification[name].as_str().unwrap_or("-").to_owned();
        let status = match (text("status").as_str(), verification["is_held"].as_bool()) {
            ("running", Some(false)) => "left".to_owned(),
            (status, _) => status.to_owned(),
        };
        table.add_row([
            text("verification_id"),
            short(&verification["candidate"]),
            short(&verification["baseline"]),
            status,
            number(&verification["report"]["streams"]).to_string(),
            number(&verification["report"]["events"]).to_string(),
            text("started_at"),
            text("by"),
        ]);
    }
    output::print(table.trim_fmt())
}
