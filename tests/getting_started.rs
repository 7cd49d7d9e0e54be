//! docs/getting-started.md, done as it says: its commands are run and its edits made, in its order, and what comes out is
//! compared with what it shows. What a block is for stands in the comment above it, which no reader sees.

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
#[allow(dead_code, reason = "the readers of other pages build the guests")]
mod reader;
#[path = "walkthrough/tests.rs"]
mod tests;

use page::Task;
use reader::Reader;

fn blocks() -> Vec<page::Block> {
    page::blocks(&std::fs::read_to_string(format!("{}/docs/getting-started.md", alone::REPOSITORY)).unwrap())
}

#[test]
fn a_newcomer_who_does_what_the_page_says_sees_what_it_shows() {
    let mut newcomer = Reader::with_crates_of_their_own();
    for block in blocks() {
        newcomer.perform(&block);
    }
    assert_eq!(newcomer.stop(), Some(0));
    // A rule that is missing fails its scenario, and one that is there passes: at first, and when it is changed.
    let tests = newcomer.ran().iter().filter(|(script, _)| script.starts_with("foldhost test ."));
    let statuses: Vec<_> = tests.map(|(_, status)| *status).collect();
    assert_eq!(statuses, [0, 1, 0, 0, 1, 0], "the ways of `foldhost test` on the page");
    for command in ["new invoice", "build .", "deploy .", "send invoice-1", "events", "state", "replay"] {
        let command = format!("foldhost {command}");
        assert!(newcomer.ran().iter().any(|(script, _)| script.contains(&command)), "the page has no `{command}`");
    }
}

#[test]
fn only_what_makes_the_program_itself_is_not_run() {
    let not_run: Vec<_> = blocks().into_iter().filter(|block| block.task == Task::NotRun).collect();
    assert_eq!(not_run.len(), 1);
    assert!(not_run[0].text.contains("cargo build --release -p foldhost"), "{}", not_run[0].text);
}
