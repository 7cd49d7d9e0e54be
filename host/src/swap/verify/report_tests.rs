#![allow(clippy::unwrap_used)]
use super::*;

fn example() -> Example {
    let stream_id = StreamId::new("order-1").unwrap();
    Example { stream_id, version: Version::new(1), baseline: None, candidate: None, message: None }
}

#[test]
fn a_report_stays_small_whatever_is_found() {
    let mut report = Report::default();
    for number in 0..10_000 {
        let mut found = StreamFindings::of(&example().stream_id, false);
        found.differ(&format!("state:/{}", number % 1_000), Seen::default());
        report.add(found);
    }
    let Findings(findings) = &report.differences;
    assert_eq!(findings.len(), NAMES_MAX + 1);
    assert_eq!(findings.values().map(|finding| finding.count).sum::<u64>(), 10_000);
    assert!(findings.values().all(|finding| finding.examples.len() <= EXAMPLES_MAX));
    assert_eq!(Report::from_json(&report.to_json()).unwrap(), report);
}

#[test]
fn what_is_found_of_one_stream_stays_small_whatever_it_holds() {
    let mut found = StreamFindings::of(&example().stream_id, false);
    for number in 0..10_000 {
        found.differ(&format!("command:Withdraw:{}", number % 1_000), Seen::default());
        found.fail("decide:trap", Seen::default());
    }
    let kept = |findings: &Findings| findings.0.values().map(|finding| finding.examples.len()).sum::<usize>();
    assert!(kept(&found.differences) <= (NAMES_MAX + 1) * EXAMPLES_MAX);
    assert_eq!(kept(&found.failures), EXAMPLES_MAX);
    let mut report = Report::default();
    report.add(found);
    assert_eq!(report.failures.0["decide:trap"].count, 10_000, "each is counted");
    assert_eq!(report.differences.0.values().map(|finding| finding.count).sum::<u64>(), 10_000);
}

#[test]
fn of_a_sealed_stream_a_report_says_where_and_nothing_that_was_in_it() {
    let found = |is_sealed| {
        let mut found = StreamFindings::of(&example().stream_id, is_sealed);
        let (baseline, candidate) = (Some("Ada".into()), Some("ADA".into()));
        let (message, said) = (Some("command Rename".into()), Some("Ada has no balance".into()));
        found.fail("trap", Seen { baseline, candidate, message, said, ..Seen::at(Version::new(7)) });
        let mut report = Report::default();
        report.add(found);
        report.failures.0["trap"].examples[0].clone()
    };
    let plain = found(false);
    assert_eq!((plain.baseline, plain.candidate), (Some("Ada".into()), Some("ADA".into())));
    assert_eq!(plain.message.as_deref(), Some("command Rename: Ada has no balance"));
    let message = Some("command Rename".into());
    assert_eq!(found(true), Example { version: Version::new(7), message, ..example() });
}

#[test]
fn a_failure_is_told_before_a_difference() {
    let mut report = Report::default();
    assert_eq!(report.status(), VerificationStatus::Passed);
    report.differences.add("state:/total", example());
    assert_eq!(report.status(), VerificationStatus::Differs);
    report.failures.add("trap", example());
    assert_eq!(report.status(), VerificationStatus::Failed);
}
