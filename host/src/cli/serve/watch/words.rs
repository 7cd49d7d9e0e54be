//! What a save came to, in one line.

use std::time::Duration;

use foldhost::build::BuildError;
use foldhost::event_store::Canary;
use foldhost::reducer::ReducerDigest;
use foldhost::runtime::DecidedBy;
use foldhost::swap::{Deployed, DescriptorDifference, Finding, Findings, Report, SCHEMA_UNCHANGED};

/// Digits of a digest that people tell it by.
const DIGITS: usize = 12;
/// Findings that are named; the report has the others.
const NAMED_MAX: usize = 3;
/// Longest message of a reducer that is shown; it is in the report as a whole.
const MESSAGE_CHARS_MAX: usize = 300;

/// Who decides, at first.
pub(super) fn decides(active: &DecidedBy, after: Duration) -> String {
    format!("{} {} decides, {}", active.name, short(active.digest), generation(active, after))
}

/// Another one decides.
pub(super) fn swapped(deployed: &Deployed, report: &Report, active: &DecidedBy, after: Duration) -> String {
    let who = match &deployed.active {
        Some(former) => format!("{} -> {}", short(former.reducer.digest), short(active.digest)),
        None => format!("{} decides", short(active.digest)),
    };
    let said = deployed.difference.as_ref().filter(|difference| **difference != DescriptorDifference::default());
    let said = said.map(DescriptorDifference::in_words);
    let found = differences(report);
    let words: Vec<_> = said.into_iter().chain([found, generation(active, after)]).collect();
    format!("{} {who}: {}", active.name, words.join("; "))
}

/// The build came to what decides already.
pub(super) fn same(active: &DecidedBy) -> String {
    format!("{} stays at {}: the build came to the same component", active.name, short(active.digest))
}

/// There is no component.
pub(super) fn not_built(name: &str, error: &BuildError) -> String {
    match error {
        BuildError::Compile { .. } => format!("{name}: the build failed (cargo says why above)"),
        error => format!("{name}: the build failed: {error}"),
    }
}

/// A canary is under way, and is left alone.
pub(super) fn canary(active: &DecidedBy, canary: &Canary, candidate: ReducerDigest) -> String {
    let (active_digest, under_way, share) = (short(active.digest), short(canary.digest), canary.share);
    let kept = match candidate == canary.digest {
        true => String::new(),
        false => format!("; {} is kept, and the next change is tried then", short(candidate)),
    };
    format!(
        "{} stays at {active_digest}: {under_way} is its canary for {share} of the streams: finish or withdraw it first{kept}",
        active.name
    )
}

/// The recorded history cannot be folded through it.
pub(super) fn failed(deployed: &Deployed, report: &Report) -> String {
    format!("{}: {}", stays(deployed), failures(&report.failures))
}

/// Somebody gave the shadow replay up.
pub(super) fn given_up(deployed: &Deployed) -> String {
    let candidate = short(deployed.digest);
    format!("{}: the verification of {candidate} was given up; {candidate} is kept", stays(deployed))
}

fn stays(deployed: &Deployed) -> String {
    let name = &deployed.descriptor.name;
    match &deployed.active {
        Some(active) => format!("{name} stays at {}", short(active.reducer.digest)),
        None => format!("{name} {} does not decide", short(deployed.digest)),
    }
}

fn generation(active: &DecidedBy, after: Duration) -> String {
    let generation = active.generation.unwrap_or_default();
    format!("generation {generation}, after {:.1} s", after.as_secs_f64())
}

/// As in `12 of 40 streams differ in state:/total, 3 in state:/status, 2 command:Refund:other-events`.
fn differences(report: &Report) -> String {
    let mut found = most_first(&report.differences);
    let all = found.len();
    // It goes with the fields, and is said of them all.
    found.retain(|(name, _)| *name != SCHEMA_UNCHANGED);
    let schema = if found.len() < all { " under the same state schema" } else { "" };
    if found.is_empty() {
        let commands = match report.commands {
            0 => String::new(),
            count => format!(" and {}", plural(count, "command")),
        };
        return match report.streams {
            0 => "no streams yet".to_owned(),
            count => format!("nothing differs in {}{commands}", plural(count, "stream")),
        };
    }
    let mut words = Vec::new();
    for (name, finding) in found.iter().take(NAMED_MAX) {
        words.push(match name.starts_with("state:") {
            // Each stream has a field once.
            true if words.is_empty() => {
                let differ = if finding.count == 1 { "differs" } else { "differ" };
                format!("{} of {} {differ} in {name}", finding.count, plural(report.streams, "stream"))
            }
            true => format!("{} in {name}", finding.count),
            false => format!("{} {name}", finding.count),
        });
    }
    words.extend(more(found.len()));
    format!("{}{schema}", words.join(", "))
}

/// As in `2 streams fail: trap in order-7 at version 3: panicked at src/lib.rs:12:5: no total`.
fn failures(failures: &Findings) -> String {
    let found = most_first(failures);
    let Some((name, finding)) = found.first() else { return "it fails".to_owned() };
    let fails = if finding.count == 1 { "fails" } else { "fail" };
    // One stream is folded once, and many commands are decided on it.
    let noun = if name.starts_with("decide:") { "command" } else { "stream" };
    let mut words = format!("{} {fails}: {name}", plural(finding.count, noun));
    if let Some(example) = finding.examples.first() {
        words.push_str(&format!(" in {} at version {}", example.stream_id, example.version));
        if let Some(message) = &example.message {
            words.push_str(&format!(": {}", shortened(message)));
        }
    }
    let others = found.iter().skip(1).take(NAMED_MAX - 1);
    let others = others.map(|(name, finding)| format!("{} {name}", finding.count)).chain(more(found.len()));
    others.fold(words, |words, other| format!("{words}, {other}"))
}

/// The findings with their names, those that there are most of first.
fn most_first(findings: &Findings) -> Vec<(&str, &Finding)> {
    let mut found: Vec<_> = findings.0.iter().map(|(name, finding)| (name.as_str(), finding)).collect();
    found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.count));
    found
}

fn more(names: usize) -> Option<String> {
    names.checked_sub(NAMED_MAX).filter(|more| *more > 0).map(|more| format!("and {more} more"))
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

fn short(digest: ReducerDigest) -> String {
    digest.to_string().chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use foldhost::Version;
    use foldhost::swap::Example;

    use super::*;

    fn findings(found: &[(&str, u64)]) -> Findings {
        let example = Example {
            stream_id: "order-7f3c".parse().unwrap(),
            version: Version::new(3),
            baseline: None,
            candidate: None,
            message: Some("panicked at src/lib.rs:12:5: no total".into()),
        };
        let finding = |count| Finding { count, examples: vec![example.clone()] };
        Findings(found.iter().map(|(name, count)| ((*name).to_owned(), finding(*count))).collect())
    }

    fn told(found: &[(&str, u64)]) -> String {
        differences(&Report { streams: 40, differences: findings(found), ..Report::default() })
    }

    #[test]
    fn differences_are_told_with_their_counts_the_largest_first() {
        assert_eq!(told(&[("state:/total", 12)]), "12 of 40 streams differ in state:/total");
        assert_eq!(told(&[("state:/total", 1)]), "1 of 40 streams differs in state:/total");
        assert_eq!(
            told(&[("state-schema-unchanged", 2), ("state:/total", 2)]),
            "2 of 40 streams differ in state:/total under the same state schema"
        );
        assert_eq!(
            told(&[("command:Add:other-events", 2), ("mended", 1), ("state:/a", 3), ("state:/b", 30), ("state:/c", 1)]),
            "30 of 40 streams differ in state:/b, 3 in state:/a, 2 command:Add:other-events, and 2 more"
        );
        assert_eq!(told(&[("command:Add:other-events", 2)]), "2 command:Add:other-events");
    }

    #[test]
    fn what_does_not_differ_is_told_with_how_much_was_looked_at() {
        let report = |streams, commands| differences(&Report { streams, commands, ..Report::default() });
        assert_eq!(report(0, 0), "no streams yet");
        assert_eq!(report(1, 0), "nothing differs in 1 stream");
        assert_eq!(report(40, 7), "nothing differs in 40 streams and 7 commands");
    }

    #[test]
    fn a_failure_is_told_with_its_stream_and_its_reason() {
        assert_eq!(
            failures(&findings(&[("trap", 1)])),
            "1 stream fails: trap in order-7f3c at version 3: panicked at src/lib.rs:12:5: no total"
        );
        assert_eq!(
            failures(&findings(&[("a", 1), ("b", 1), ("decide:trap", 9), ("unreadable-event", 2)])),
            "9 commands fail: decide:trap in order-7f3c at version 3: panicked at src/lib.rs:12:5: no total, \
             2 unreadable-event, 1 a, and 1 more"
        );
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = shortened(&"ä".repeat(2_000));
        assert_eq!(long.chars().count(), MESSAGE_CHARS_MAX + 1);
        assert_eq!(shortened("short"), "short");
    }
}
