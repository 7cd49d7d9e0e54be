//! The report for people: a line a scenario, and all that is known of those that failed.

use foldhost::suite::{Blessing, CheckReport, FieldDifference, Report, ScenarioReport, StepFailure, StepReport};
use serde_json::Value;

use super::paint::{Paint, clean};
use crate::cli::error::CliError;
use crate::cli::output::{pretty, print};

/// Columns that names may take before what stands behind them is moved on.
const NAME_COLUMNS_MAX: usize = 80;
/// Values up to so many characters stand on their field's line.
const VALUE_CHARS_MAX: usize = 100;

pub(super) fn show(report: &Report, blessing: Option<&Blessing>, quiet: bool) -> Result<(), CliError> {
    let names = report.scenarios.iter().map(|scenario| scenario.name.as_str());
    let names = names.chain(report.checks.iter().map(|check| check.check.rule()));
    let name_columns = names.map(|name| name.chars().count()).max().unwrap_or_default().min(NAME_COLUMNS_MAX);
    let printer = Printer { paint: Paint::for_stdout(), quiet, name_columns };
    let mut path = None;
    for scenario in &report.scenarios {
        if !quiet && path != Some(&scenario.path) {
            path = Some(&scenario.path);
            print(scenario.path.display())?;
        }
        printer.scenario(scenario)?;
    }
    if !quiet {
        print("checks")?;
    }
    report.checks.iter().try_for_each(|check| printer.check(check))?;
    if let Some(blessing) = blessing {
        printer.blessing(blessing)?;
    }
    printer.closing(report)
}

struct Printer {
    paint: Paint,
    quiet: bool,
    name_columns: usize,
}

impl Printer {
    fn scenario(&self, scenario: &ScenarioReport) -> Result<(), CliError> {
        let passed = scenario.passed();
        if passed && self.quiet {
            return Ok(());
        }
        let name = clean(&scenario.name);
        let gap = self.gap(&name);
        let fuel =
            scenario.fuel().map_or_else(String::new, |fuel| self.paint.faint(&format!("{:>12} fuel", grouped(fuel))));
        print(format_args!("  {}  {name}{gap}{fuel}", self.mark(passed)))?;
        if passed {
            return Ok(());
        }
        let line = |line| self.paint.faint(&format!("{}:{line}", scenario.path.display()));
        if let Some(reason) = &scenario.broken {
            return print(format_args!("        {}  {}", line(scenario.place.line), clean(reason)));
        }
        for (number, step) in scenario.steps.iter().enumerate().filter(|(_, step)| !step.failures.is_empty()) {
            let which = if scenario.steps.len() > 1 { format!("step {}, ", number + 1) } else { String::new() };
            print(format_args!("        {}  {which}when {}", line(step.place.line), clean(&step.command)))?;
            // Of a state that is another one, too: a command that was rejected is seen to be.
            if step.failures.iter().any(|failure| matches!(failure, StepFailure::Differs { .. })) {
                print(format_args!("        it came to {}", clean(&step.came.told)))?;
            }
            step.failures.iter().try_for_each(|failure| self.failure(step, failure))?;
        }
        Ok(())
    }

    fn failure(&self, step: &StepReport, failure: &StepFailure) -> Result<(), CliError> {
        match failure {
            StepFailure::NothingExpected => {
                let came = clean(&step.came.told);
                let is_blessed = ["events", "rejected"].iter().any(|key| step.came.outcome.get(key).is_some());
                let or = if is_blessed { ", or pass --bless" } else { "" };
                print(format_args!("        nothing is expected: write `then`{or}; it came to {came}"))
            }
            StepFailure::Differs { fields, .. } => fields.iter().try_for_each(|field| self.field(field)),
            StepFailure::OverBudget { fuel, fuel_max } => print(format_args!(
                "        it took {} fuel, and its budget is {} (fuel_max)",
                self.paint.bad(&grouped(*fuel)),
                grouped(*fuel_max)
            )),
            StepFailure::NothingCountsFuel => print("        `fuel_max` needs a component: nothing counts fuel here"),
        }
    }

    fn field(&self, field: &FieldDifference) -> Result<(), CliError> {
        print(format_args!("          {}", clean(&field.path)))?;
        print(format_args!("            expected  {}", self.paint.good(&shown(field.expected.as_ref()))))?;
        print(format_args!("            came      {}", self.paint.bad(&shown(field.came.as_ref()))))
    }

    fn check(&self, check: &CheckReport) -> Result<(), CliError> {
        let passed = check.passed();
        if passed && self.quiet {
            return Ok(());
        }
        let rule = check.check.rule();
        let gap = self.gap(rule);
        let tried = self.paint.faint(check.note.as_deref().unwrap_or(&check.tried));
        print(format_args!("  {}  {rule}{gap}  {tried}", self.mark(passed)))?;
        if let Some(advice) = check.check.advice().filter(|_| !passed) {
            print(format_args!("        {}", self.paint.faint(&advice)))?;
        }
        let mut of = None;
        for finding in &check.findings {
            if of.replace(&finding.of) != Some(&finding.of) {
                print(format_args!("        {}", clean(&finding.of)))?;
            }
            for line in clean(&finding.text).lines() {
                print(format_args!("          {line}"))?;
            }
            if !finding.commands.is_empty() {
                print("          as a scenario of its own:")?;
            }
            for command in &finding.commands {
                print(format_args!("            {}", clean(command)))?;
            }
        }
        if check.more > 0 {
            print(format_args!("        and {} more", check.more))?;
        }
        Ok(())
    }

    fn blessing(&self, blessing: &Blessing) -> Result<(), CliError> {
        for then in &blessing.written {
            let step = then.step.map_or_else(String::new, |step| format!(", step {step}"));
            let (path, keys) = (then.path.display(), then.keys.join(", "));
            let name = clean(&then.scenario);
            print(format_args!("blessed  {path}:{}  {name}{step}: {keys}", then.line))?;
        }
        for left in &blessing.left {
            print(format_args!("left     {}", clean(&left.to_string())))?;
        }
        let golden = &blessing.golden;
        for event_type in &golden.entries_added {
            print(format_args!("blessed  golden: an entry for {}", clean(event_type)))?;
        }
        for event_type in &golden.upcasts_replaced {
            print(format_args!(
                "blessed  golden: an entry of {} is brought to a newer version now",
                clean(event_type)
            ))?;
        }
        match golden.snapshots_added {
            0 => {}
            1 => print(format_args!("blessed  golden: a snapshot of the state"))?,
            several => print(format_args!("blessed  golden: {several} snapshots of the state"))?,
        }
        for refused in &golden.refused {
            print(format_args!("left     golden: {}", clean(&refused.to_string())))?;
        }
        Ok(())
    }

    fn closing(&self, report: &Report) -> Result<(), CliError> {
        let (failed, all) = (report.failed(), report.scenarios.len());
        let holding = report.checks.iter().filter(|check| check.passed()).count();
        let left_out = match report.left_out {
            0 => String::new(),
            left_out => format!(", {left_out} left out"),
        };
        let scenarios = format!("{} passed, {failed} failed{left_out}", all - failed);
        let scenarios = if failed == 0 { self.paint.good(&scenarios) } else { self.paint.bad(&scenarios) };
        print(format_args!(
            "{}: {scenarios}; {holding} of {} checks hold; seed {} for {} random sequences; {:.2} s",
            clean(&report.reducer),
            report.checks.len(),
            report.seed,
            report.sequences,
            report.elapsed.as_secs_f64()
        ))
    }

    fn gap(&self, name: &str) -> String {
        " ".repeat(self.name_columns.saturating_sub(name.chars().count()))
    }

    fn mark(&self, passed: bool) -> String {
        if passed { self.paint.good("ok  ") } else { self.paint.bad("FAIL") }
    }
}

/// A value as JSON, on lines of its own where it is long.
fn shown(value: Option<&Value>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value.to_string();
    if text.chars().count() <= VALUE_CHARS_MAX {
        return clean(&text);
    }
    clean(&pretty(value)).replace('\n', "\n                      ")
}

/// A figure that can be read: 12,345.
fn grouped(figure: u64) -> String {
    let digits = figure.to_string();
    let mut grouped = String::with_capacity(digits.len() * 2);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_figure_is_grouped_by_thousands() {
        let figures = [0, 999, 1_000, 12_345, 123_456, 1_234_567].map(super::grouped);
        assert_eq!(figures, ["0", "999", "1,000", "12,345", "123,456", "1,234,567"]);
    }
}
