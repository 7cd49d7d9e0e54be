//! The report for programs, as one document.

use foldhost::suite::{Blessing, CheckReport, Report, ScenarioReport, StepFailure, StepReport};
use serde_json::{Value, json};

pub(super) fn document(report: &Report, blessing: Option<&Blessing>) -> Value {
    let mut document = json!({
        "reducer": { "name": report.reducer, "digest": report.digest.to_string() },
        "passed": report.passed(),
        "seed": report.seed,
        "random_sequences": report.sequences,
        "left_out": report.left_out,
        "elapsed_ms": millis(report.elapsed),
        "scenarios": report.scenarios.iter().map(scenario).collect::<Vec<_>>(),
        "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
    });
    if let Some(blessing) = blessing {
        document["blessed"] = blessed(blessing);
    }
    document
}

fn millis(elapsed: std::time::Duration) -> f64 {
    elapsed.as_secs_f64() * 1000.0
}

fn scenario(scenario: &ScenarioReport) -> Value {
    json!({
        "name": scenario.name,
        "file": scenario.path.display().to_string(),
        "line": scenario.place.line,
        "passed": scenario.passed(),
        "broken": scenario.broken,
        "fuel": scenario.fuel(),
        "elapsed_ms": millis(scenario.elapsed),
        "steps": scenario.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &StepReport) -> Value {
    json!({
        "command": step.command,
        "line": step.place.line,
        "fuel": step.fuel,
        "fuel_max": step.fuel_max,
        "came": {
            "outcome": step.came.outcome,
            "told": step.came.told,
            "effects": step.came.effects,
            "log": step.came.log,
            "state": step.came.state,
        },
        "failures": step.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}

fn failure(failure: &StepFailure) -> Value {
    match failure {
        StepFailure::NothingExpected => json!({ "kind": "nothing-expected" }),
        StepFailure::Differs { key, fields } => {
            let fields = fields.iter().map(|field| {
                // A field that is null is not a field that is missing: that one has no key here.
                let mut drawn = json!({ "path": field.path });
                if let Some(expected) = &field.expected {
                    drawn["expected"] = expected.clone();
                }
                if let Some(came) = &field.came {
                    drawn["came"] = came.clone();
                }
                drawn
            });
            json!({ "kind": "differs", "key": key, "fields": fields.collect::<Vec<_>>() })
        }
        StepFailure::OverBudget { fuel, fuel_max } => {
            json!({ "kind": "over-budget", "fuel": fuel, "fuel_max": fuel_max })
        }
        StepFailure::NothingCountsFuel => json!({ "kind": "nothing-counts-fuel" }),
    }
}

fn check(check: &CheckReport) -> Value {
    let findings = check.findings.iter().map(|finding| {
        json!({ "of": finding.of, "text": finding.text, "commands": finding.commands, "blessable": finding.blessable })
    });
    json!({
        "check": check.check.id(),
        "rule": check.check.rule(),
        "passed": check.passed(),
        "tried": check.tried,
        "note": check.note,
        "findings": findings.collect::<Vec<_>>(),
        "more": check.more,
    })
}

fn blessed(blessing: &Blessing) -> Value {
    let written = blessing.written.iter().map(|then| {
        json!({
            "file": then.path.display().to_string(),
            "line": then.line,
            "scenario": then.scenario,
            "step": then.step,
            "keys": then.keys,
        })
    });
    let golden = &blessing.golden;
    json!({
        "scenarios": written.collect::<Vec<_>>(),
        "left": blessing.left.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "golden": {
            "entries_added": golden.entries_added,
            "upcasts_replaced": golden.upcasts_replaced,
            "snapshots_added": golden.snapshots_added,
            "refused": golden.refused.iter().map(ToString::to_string).collect::<Vec<_>>(),
        },
    })
}
