//! The account that the variants are held against: what its scenarios and golden files say of it.

use std::path::Path;

use foldhost::suite::{RunOptions, Suite, run};
use foldhost_test_support::component_reducer;

use super::*;

#[test]
fn the_plain_account_keeps_to_its_scenarios_and_golden_files() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests/account/scenarios");
    let suite = Suite::read(&dir).unwrap();
    let options = RunOptions { golden_required: true, sequences: 20, ..RunOptions::default() };
    let report = run(&component_reducer(ACCOUNT), &suite, &options).unwrap();
    assert!(report.passed(), "{report:#?}");
    assert_eq!((report.scenarios.len(), report.reducer.as_str()), (5, ACCOUNT));
}
