//! "Swap its logic" in examples/order-processing/README.md, done as it says: its commands are run in its order, against a host,
//! and what comes out is compared with what it shows. What a block is for stands in the comment above it, which no reader sees.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "new/alone.rs"]
mod alone;
#[path = "walkthrough/digests.rs"]
mod digests;
#[path = "walkthrough/page.rs"]
mod page;
#[path = "walkthrough/printed.rs"]
mod printed;
#[path = "cli/program.rs"]
#[allow(dead_code, reason = "the tests of the other commands use more of it")]
mod program;
#[path = "walkthrough/reader.rs"]
#[allow(dead_code, reason = "the readers of other pages make crates")]
mod reader;

use page::Task;
use reader::Reader;

fn blocks() -> Vec<page::Block> {
    let page = format!("{}/examples/order-processing/README.md", alone::REPOSITORY);
    page::blocks(&page::section(&std::fs::read_to_string(page).unwrap(), "Swap its logic"))
}

#[test]
fn an_operator_who_does_what_the_walk_says_sees_what_it_shows() {
    let mut operator = Reader::with_the_guests();
    for block in blocks() {
        operator.perform(&block);
    }
    assert_eq!(operator.stop(), Some(0));
    // What the walk is there to show: each of its steps, and those that are refused.
    let ended = |command: &str| -> Vec<i32> {
        let ran = operator.ran().iter().filter(|(script, _)| script.starts_with(&format!("foldhost {command}")));
        ran.map(|(_, status)| *status).collect()
    };
    assert_eq!(ended("deploy guests/order"), [0, 0, 0]);
    assert_eq!(ended("verify order"), [5, 5], "the second is against the release that reads ahead");
    assert_eq!(ended("canary order"), [1, 0, 0], "refused, begun, finished");
    assert_eq!(
        ended("rollback order"),
        [0, 1],
        "to the one before, and to one that cannot read what was recorded since"
    );
    assert_eq!(ended("activate order"), [0, 0, 0], "the journal, the release that reads ahead, the one that grants");
}

#[test]
fn nothing_on_the_walk_is_left_to_its_reader() {
    let blocks = blocks();
    assert!(blocks.iter().all(|block| block.task != Task::NotRun));
    // What commands print is shown.
    let shown = |pair: &[page::Block]| !matches!(pair[0].task, Task::Run(_)) || pair[1].task == Task::Prints;
    assert!(blocks.len() > 20 && blocks.windows(2).all(shown));
}
