//! The order's rules, natively: no component, no host, no store.

use foldhost_sdk::testing::Case;
use order::{OrderCommand, OrderEvent, cases};

#[test]
fn every_case_of_the_table_comes_out_as_it_says() {
    let failed: Vec<_> = cases().iter().filter_map(|case| Some(said(case, &case.check().err()?))).collect();
    assert!(failed.is_empty(), "{} cases fail\n\n{}", failed.len(), failed.join("\n\n"));
}

fn said<R: foldhost_sdk::testing::Testable>(case: &Case<R>, why: &impl std::fmt::Display) -> String {
    format!("{} ({})\n{why}", case.name, case.line)
}

#[test]
fn no_two_cases_have_one_name() {
    let mut names: Vec<_> = cases().into_iter().map(|case| case.name).collect();
    names.sort();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
}

/// Senders depend on the codes: each that a rule has stands in the table.
#[test]
fn every_rejection_code_of_the_rules_is_in_the_table() {
    let rules = concat!(include_str!("../src/rules.rs"), include_str!("../src/payment.rs"));
    let codes: Vec<_> = rules.split("Rejection::new(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(codes.len() > 10, "{codes:?}");
    let table = format!("{:?}", cases());
    for code in codes {
        assert!(table.contains(&format!("Rejected(\"{code}\")")), "`{code}` is in no case");
    }
}

#[test]
fn every_command_and_every_event_is_in_the_table() {
    use foldhost_sdk::{Command as _, Event as _};
    let commands: Vec<_> = cases().iter().map(|case| case.when.name()).collect();
    assert!(OrderCommand::NAMES.iter().all(|name| commands.contains(name)), "{commands:?}");
    let table = format!("{:?}", cases());
    for event_type in OrderEvent::WRITES {
        let name = event_type.split('.').next().unwrap_or_default();
        let (first, further) = (format!("Events([{name}"), format!("}}, {name} {{"));
        assert!(table.contains(&first) || table.contains(&further), "{event_type} is expected by no case");
    }
}
