//! The text of a file with what came in the place of what was expected.

use std::ops::Range;

use serde_json::{Value, json};

use super::BlessedThen;
use super::spots::{Kind, Spot, spots};
use super::yaml::{flow_pairs, pair, pairs};
use crate::suite::Mistake;
use crate::suite::compare::compare;
use crate::suite::reading::{OUTCOMES, read_file};
use crate::suite::report::{Report, ScenarioReport, StepFailure, StepReport};
use crate::suite::scenario::{Scenario, ScenarioFile};

pub(super) struct Edited {
    pub(super) text: String,
    pub(super) written: Vec<BlessedThen>,
    pub(super) left: Vec<Mistake>,
}

/// A `then` key with its new value.
type Field = (&'static str, Value);

/// Applies one `then` after another, and keeps each only if the file still says the same everywhere else.
pub(super) fn edited(file: &ScenarioFile, report: &Report) -> Edited {
    let mut edited = Edited { text: file.text.clone(), written: Vec::new(), left: Vec::new() };
    for (place, scenario) in file.scenarios.iter().enumerate() {
        let of_scenario =
            |found: &&ScenarioReport| found.path == file.path && found.name == scenario.name && found.broken.is_none();
        let Some(ran) = report.scenarios.iter().find(of_scenario) else { continue };
        for number in 0..ran.steps.len() {
            edit_step(file, scenario, place, &ran.steps[number], number, &mut edited);
        }
    }
    edited
}

fn edit_step(
    file: &ScenarioFile,
    scenario: &Scenario,
    place: usize,
    ran: &StepReport,
    number: usize,
    edited: &mut Edited,
) {
    let fields = match fields_of(scenario, ran, number) {
        Ok(fields) if fields.is_empty() => return,
        Ok(fields) => fields,
        Err(reason) => {
            let message = format!("the `then` of `{}` was not written, since {reason}", scenario.name);
            edited.left.push(Mistake { path: file.path.clone(), place: ran.place, message });
            return;
        }
    };
    let text = splice(&edited.text, place, (!is_single(&edited.text, place)).then_some(number), &fields);
    match text.filter(|text| means_the_same(file, text, place, number, ran)) {
        Some(text) => {
            edited.text = text;
            edited.written.push(BlessedThen {
                path: file.path.clone(),
                line: scenario.place.line,
                scenario: scenario.name.clone(),
                step: (scenario.steps.len() > 1).then_some(number + 1),
                keys: fields.iter().map(|(key, _)| *key).collect(),
            });
        }
        None => edited.left.push(Mistake {
            path: file.path.clone(),
            place: ran.place,
            message: format!(
                "the `then` of `{}` was not written, since an alias, an anchor or its layout stands in the way: write it by \
                 hand",
                scenario.name
            ),
        }),
    }
}

/// The keys to write, with what came; why there are none where their author has to look again.
fn fields_of(scenario: &Scenario, ran: &StepReport, number: usize) -> Result<Vec<Field>, String> {
    let came = &ran.came;
    // A fault is mended, and not expected from now on.
    let outcome =
        ["events", "rejected", "malformed"].into_iter().find_map(|key| Some((key, came.outcome.get(key)?.clone())));
    let Some(outcome) = outcome else { return Ok(Vec::new()) };
    let expected = scenario.steps.get(number).and_then(|step| step.then.as_ref());
    // An argument that is misspelt would be expected to be misspelt.
    let is_expected = ran.failures.iter().all(|failure| match failure {
        StepFailure::NothingExpected => false,
        StepFailure::Differs { key, .. } => !OUTCOMES.contains(key),
        StepFailure::OverBudget { .. } | StepFailure::NothingCountsFuel => true,
    });
    if outcome.0 == "malformed" && !is_expected {
        return Err(format!(
            "it came to {}; mend the command, or write `malformed: true` by hand if that is meant",
            came.told
        ));
    }
    let mut fields = Vec::new();
    for failure in &ran.failures {
        match failure {
            StepFailure::NothingExpected => {
                fields.push(outcome.clone());
                if came.effects != json!([]) {
                    fields.push(("effects", came.effects.clone()));
                }
            }
            StepFailure::Differs { key, .. } => match *key {
                "effects" => fields.push(("effects", came.effects.clone())),
                "log" => fields.push(("log", came.log.clone())),
                "state" => fields.push(("state", came.state.clone())),
                "state_contains" => {
                    let named = expected.and_then(|expected| expected.state_contains.as_ref());
                    let kept = crate::testing::mismatch::pruned(&came.state, named.unwrap_or(&Value::Null));
                    fields.push(("state_contains", kept));
                }
                _ => fields.push(outcome.clone()),
            },
            StepFailure::OverBudget { .. } | StepFailure::NothingCountsFuel => {}
        }
    }
    Ok(fields)
}

fn scenario_spot(root: &Spot, place: usize) -> Option<&Spot> {
    root.field("scenarios")?.value.item(place)
}

/// Whether the scenario has its `when` itself, and no steps.
fn is_single(text: &str, place: usize) -> bool {
    spots(text).is_some_and(|root| scenario_spot(&root, place).is_some_and(|spot| spot.field("steps").is_none()))
}

/// The text with these keys in one `then`; none where the layout leaves no way.
fn splice(text: &str, place: usize, step: Option<usize>, fields: &[Field]) -> Option<String> {
    let root = spots(text)?;
    let scenario = scenario_spot(&root, place)?;
    let owner = match step {
        None => scenario,
        Some(number) => scenario.field("steps")?.value.item(number)?,
    };
    let Kind::Map { fields: keys, is_flow } = &owner.kind else { return None };
    let Some(then) = owner.field("then") else {
        // Behind the last key, and whatever comment stands there.
        let (first, last) = (keys.first()?, keys.last()?);
        if *is_flow {
            let (line, at) = (format!(", then: {{ {} }}", flow_pairs(fields)), trimmed(text, &last.value.bytes).end);
            return Some(replaced(text, at..at, &line));
        }
        let end = trimmed(text, &last.value.bytes).end;
        let at = text[end..].find('\n').map_or(text.len(), |newline| end + newline);
        let indent = column(text, first.key.start);
        let block = pairs(fields, indent + 2);
        let block = format!("\n{}then:\n{}{block}", " ".repeat(indent), " ".repeat(indent + 2));
        return Some(replaced(text, at..at, &block));
    };
    match &then.value.kind {
        Kind::Map { fields: keys, is_flow } if !keys.is_empty() => {
            fields.iter().try_fold(text.to_owned(), |text, field| put(&text, place, step, field, *is_flow))
        }
        Kind::Map { .. } | Kind::Scalar => {
            let indent = column(text, then.key.start) + 2;
            let block = format!("then:\n{}{}", " ".repeat(indent), pairs(fields, indent));
            let block = if *is_flow { format!("then: {{ {} }}", flow_pairs(fields)) } else { block };
            Some(replaced(text, then.key.start..trimmed(text, &then.value.bytes).end.max(then.key.end + 1), &block))
        }
        _ => None,
    }
}

/// One key of a `then` that has others: in its own place, in that of another outcome, or before the first.
fn put(text: &str, place: usize, step: Option<usize>, field: &Field, is_flow: bool) -> Option<String> {
    let root = spots(text)?;
    let scenario = scenario_spot(&root, place)?;
    let owner = match step {
        None => scenario,
        Some(number) => scenario.field("steps")?.value.item(number)?,
    };
    let then = &owner.field("then")?.value;
    let Kind::Map { fields: keys, .. } = &then.kind else { return None };
    let (key, value) = field;
    let own = then
        .field(key)
        .or_else(|| OUTCOMES.contains(key).then(|| OUTCOMES.iter().find_map(|outcome| then.field(outcome))).flatten());
    let indent = column(text, own.or(keys.first())?.key.start);
    let drawn = if is_flow { flow_pairs(std::slice::from_ref(field)) } else { pair(key, value, indent) };
    match own {
        Some(own) if matches!(own.value.kind, Kind::Alias) => None,
        Some(own) => {
            let end = trimmed(text, &own.value.bytes).end.max(own.key.end);
            Some(replaced(text, own.key.start..end, &drawn))
        }
        None => {
            let at = keys.first()?.key.start;
            let between = if is_flow { ", ".to_owned() } else { format!("\n{}", " ".repeat(indent)) };
            Some(replaced(text, at..at, &format!("{drawn}{between}")))
        }
    }
}

/// Whether the new text differs from the old one in this `then` alone, and in nothing that was not meant.
fn means_the_same(file: &ScenarioFile, text: &str, place: usize, number: usize, ran: &StepReport) -> bool {
    let Ok(now) = read_file(file.path.clone(), text.to_owned()) else { return false };
    let shape = |scenario: &Scenario| {
        let Scenario { name, stream, command_id, seed, at_ms, given, given_commands, steps, place: _ } = scenario;
        let stream = stream.as_ref().map(|(stream, _)| stream.clone());
        let named = |all: &[crate::suite::NamedJson]| -> Vec<_> {
            all.iter().map(|one| (one.name.clone(), one.fields.clone())).collect()
        };
        let whens: Vec<_> =
            steps.iter().map(|step| (step.at_ms, step.when.name.clone(), step.when.fields.clone())).collect();
        (name.clone(), stream, command_id.clone(), *seed, *at_ms, named(given), named(given_commands), whens)
    };
    let same_shape = now.scenarios.iter().map(shape).eq(file.scenarios.iter().map(shape));
    let then = now.scenarios.get(place).and_then(|scenario| scenario.steps.get(number)?.then.as_ref());
    let left = compare(then, &ran.came, ran.fuel);
    same_shape && left.iter().all(|failure| !failure.is_blessable()) && only_this_changed(file, &now, place, number)
}

/// Whether every other `then` still asks for the same, or was blessed itself.
fn only_this_changed(file: &ScenarioFile, now: &ScenarioFile, place: usize, number: usize) -> bool {
    let before = file.scenarios.iter().zip(&now.scenarios).enumerate();
    before.into_iter().all(|(at, (before, now))| {
        let steps = before.steps.iter().zip(&now.steps).enumerate();
        // Those before it may have been blessed, and were looked at then.
        steps.into_iter().all(|(step, (before, now))| (at, step) <= (place, number) || before.then == now.then)
    })
}

/// The bytes of a value without the white space behind it, which a block of text brings along.
fn trimmed(text: &str, bytes: &Range<usize>) -> Range<usize> {
    let value = text.get(bytes.clone()).unwrap_or_default();
    bytes.start..bytes.start + value.trim_end().len()
}

fn column(text: &str, byte: usize) -> usize {
    let line = text[..byte].rfind('\n').map_or(0, |newline| newline + 1);
    text[line..byte].chars().count()
}

fn replaced(text: &str, bytes: Range<usize>, by: &str) -> String {
    format!("{}{by}{}", &text[..bytes.start], &text[bytes.end..])
}
