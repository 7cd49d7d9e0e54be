//! `foldhost effects show`: what an effect says, how far it has come, what failed.

use chrono::DateTime;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::Value;

use crate::cli::error::CliError;
use crate::cli::output::{self, one_line, pretty};

/// Prints an effect as `GET /effects/{id}` shows it.
pub(super) fn print(effect: &Value) -> Result<(), CliError> {
    for (name, value) in summary(effect) {
        output::print(format_args!("{name:<9} {value}"))?;
    }
    output::print("")?;
    if effect["effect"].is_null() {
        output::print("what it says is gone: its stream was erased, or this host cannot read it")?;
    } else {
        output::print(shown(&effect["effect"]))?;
        output::print("")?;
        output::print(parts(effect).trim_fmt())?;
    }
    let failures = effect["failures"].as_array().map(Vec::as_slice).unwrap_or_default();
    if failures.is_empty() {
        return Ok(());
    }
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["FAILED", "PART", "TOOK", "CODE", "MESSAGE"]);
    for failure in failures {
        let text = |name: &str| one_line(failure[name].as_str().unwrap_or("-"));
        let took = format!("{} ms", failure["took_ms"]);
        table.add_row([text("at"), failure["node"].to_string(), took, text("code"), text("message")]);
    }
    output::print("")?;
    output::print(table.trim_fmt())
}

/// What is known of it beside what it says.
fn summary(effect: &Value) -> Vec<(&'static str, String)> {
    let text = |name: &str| effect[name].as_str().map(one_line);
    let or_dash = |name: &str| text(name).unwrap_or_else(|| "-".to_owned());
    let generation = effect["generation"].as_u64().map(|generation| format!(", generation {generation}"));
    let status = match text("error") {
        Some(error) => format!("{}: {error}", or_dash("status")),
        None => or_dash("status"),
    };
    let mut lines = vec![
        ("effect", or_dash("effect_id")),
        ("stream", or_dash("stream_id") + generation.as_deref().unwrap_or_default()),
        ("command", or_dash("command_id")),
        ("kind", or_dash("kind")),
        ("lane", or_dash("lane")),
        ("status", status),
        ("attempts", effect["attempts"].to_string()),
        ("created", or_dash("created_at")),
    ];
    let due = text("due_at").map(|at| match effect["leased"].as_bool() {
        Some(true) => ("due", format!("runs now; its claim ends {at}")),
        _ => ("due", at),
    });
    lines.extend(due);
    lines.extend(text("finished_at").map(|at| ("finished", at)));
    lines
}

/// JSON for a terminal: what a guest wrote moves no cursor there.
fn shown(effect: &Value) -> String {
    pretty(effect).chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Each part with what it does and how far it has come, those within others indented.
fn parts(effect: &Value) -> Table {
    let mut rows = Vec::new();
    let state = |place: usize| state(effect, place);
    list(&effect["effect"], 0, &mut 0, &state, &mut rows);
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["PART", "DOES", "STATE"]);
    for row in rows {
        table.add_row(row);
    }
    table
}

/// A part and those within it. Their places are those of the list that the outbox has: the parts within come first.
fn list(part: &Value, depth: usize, place: &mut usize, state: &impl Fn(usize) -> String, rows: &mut Vec<[String; 3]>) {
    let row = rows.len();
    rows.push(Default::default());
    let within = part["parallel"].as_array().or_else(|| part["sequential"].as_array());
    for child in within.into_iter().flatten() {
        list(child, depth + 1, place, state, rows);
    }
    rows[row] = [place.to_string(), format!("{}{}", "  ".repeat(depth), does(part)), state(*place)];
    *place += 1;
}

/// A part in a few words, and whom it tells.
fn does(part: &Value) -> String {
    let text = |content: &Value, name: &str| content[name].as_str().unwrap_or("-").to_owned();
    let does = match part.as_object().and_then(|part| part.iter().find(|(name, _)| *name != "reply_to")) {
        Some((name, content)) => match name.as_str() {
            "dispatch" => format!("dispatch {} to {}", text(content, "command"), text(content, "stream")),
            "http" => format!("http {} {}", text(content, "method"), text(content, "url")),
            "delay_ms" => format!("delay {content} ms"),
            "custom" => format!("custom {}", text(content, "kind")),
            "event_store" => match content.as_object().and_then(|operation| operation.iter().next()) {
                Some((operation, content)) => format!("event-store {operation} {}", text(content, "stream")),
                None => "event-store".to_owned(),
            },
            _ => name.clone(),
        },
        None => "-".to_owned(),
    };
    let told = part["reply_to"].as_str().map(|command| format!(" -> {command}"));
    one_line(&(does + told.as_deref().unwrap_or_default()))
}

/// How far a part has come, by what the outbox has of it.
fn state(effect: &Value, place: usize) -> String {
    let state = &effect["progress"][place.to_string()];
    let time = |name: &str| state[name].as_i64().and_then(DateTime::from_timestamp_millis);
    let due = time("due_ms").map(|due| format!(" until {}", due.format("%FT%T%.3fZ"))).unwrap_or_default();
    let tried = match state["failed"].as_u64().unwrap_or_default() {
        0 => String::new(),
        1 => ", 1 attempt failed".to_owned(),
        failed => format!(", {failed} attempts failed"),
    };
    let text = |name: &str| state[name].as_str();
    let told = match (state["state"].as_str(), state["ok"].as_bool(), effect["status"].as_str()) {
        (_, _, Some("done")) => "done".to_owned(),
        (Some("waiting"), ..) => format!("waits{due}{tried}"),
        (Some("telling"), ..) => format!("over, its stream is to be told{tried}"),
        (Some("over"), ok, _) => match (text("untold"), text("error"), ok) {
            (Some(reason), ..) => reason.to_owned(),
            (None, Some(error), _) => error.to_owned(),
            (None, None, Some(true)) => "done".to_owned(),
            (None, None, _) => "failed".to_owned(),
        },
        (_, _, Some("pending" | "dead")) => "not begun".to_owned(),
        // Only of what may still run it is kept how far it came.
        _ => "-".to_owned(),
    };
    one_line(&told)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_have_the_places_that_failures_name_and_say_how_far_they_came() {
        let effect = json!({
            "status": "dead",
            "effect": { "sequential": [
                { "http": { "method": "POST", "url": "https://pay.example/x", "headers": [], "body": "" } },
                { "parallel": [{ "delay_ms": 5 }, { "custom": { "kind": "sms", "payload": {} }, "reply_to": "Sent" }] },
                { "event_store": { "load_snapshot": { "stream": "order-1" } } },
            ] },
            "progress": {
                "0": { "state": "over", "ok": true },
                "1": { "state": "waiting", "due_ms": 1_000, "failed": 2 },
                "2": { "state": "over", "ok": false, "error": "refused:\nno \u{1b}[31m" },
                "3": { "state": "over", "ok": false, "error": "a part of it failed" },
            },
        });
        let told = parts(&effect).trim_fmt();
        let lines: Vec<_> = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected = [
            "PART DOES STATE",
            "5 sequential not begun",
            "0 http POST https://pay.example/x done",
            "3 parallel a part of it failed",
            "1 delay 5 ms waits until 1970-01-01T00:00:01.000Z, 2 attempts failed",
            "2 custom sms -> Sent refused: no [31m",
            "4 event-store load_snapshot order-1 not begun",
        ];
        assert_eq!(lines, expected, "{told}");
        assert!(told.lines().nth(4).is_some_and(|line| line.contains("     delay 5 ms")), "{told}");
    }

    #[test]
    fn what_a_guest_wrote_moves_no_cursor() {
        let effect = json!({ "effect": { "dispatch": { "command": "A\u{7f}\u{9b}2J", "payload": "\u{1b}\n" } } });
        assert!(shown(&effect).chars().all(|c| !c.is_control() || c == '\n'));
        assert!(!does(&effect["effect"]).contains(char::is_control));
    }
}
