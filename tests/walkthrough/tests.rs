//! How pages are read and compared.

use crate::digests::Digests;
use crate::page::{Block, Task, blocks, section};
use crate::printed::difference;

fn differs(shown: &str, printed: &str) -> Option<String> {
    difference(shown, printed, &mut Digests::default())
}

#[test]
fn a_block_is_read_with_the_comment_above_it() {
    let page = "# Title\n\n<!-- run, ends with 3 -->\n```sh\nfoldhost send\n\nfoldhost state\n```\ntext\n\
        <!-- find in src/lib.rs -->\n```rust\n    a\n```\n";
    let run = Block { task: Task::Run(3), text: "foldhost send\n\nfoldhost state\n".into(), line: 4 };
    let find = Block { task: Task::Find("src/lib.rs".into()), text: "    a\n".into(), line: 11 };
    assert_eq!(blocks(page), [run, find]);
}

#[test]
#[should_panic(expected = "line 3: what is this block for?")]
fn a_block_that_nobody_tries_is_found() {
    blocks("<!-- run -->\n\n```sh\nfoldhost\n```\n");
}

#[test]
fn a_section_is_read_alone_and_its_lines_count_from_the_top_of_the_page() {
    let page = "# Title\n\n```sh\nuntold\n```\n\n## First\n\n<!-- run -->\n```sh\none\n```\n\n### Within\n\n\
        <!-- prints -->\n```text\ntwo\n```\n\n## Second\n\n```sh\nuntold\n```\n";
    let found = blocks(&section(page, "First"));
    let texts: Vec<_> = found.iter().map(|block| (block.text.as_str(), block.line)).collect();
    assert_eq!(texts, [("one\n", 10), ("two\n", 17)]);
}

#[test]
#[should_panic(expected = "the page has no section \"Third\"")]
fn a_section_that_is_not_there_is_not_taken_for_an_empty_one() {
    section("## First\n", "Third");
}

#[test]
fn what_varies_is_not_compared_and_everything_else_is() {
    let line = |fuel: &str, by: u32, at: u64| {
        format!("  ok   it counts  {fuel} fuel\n 1  A.v1  {{\"by\":{by},\"at\":{at}}}\n")
    };
    let first = line("12,345", 2, 1_795_475_905_368);
    assert_eq!(differs(&first, &line("9,876", 2, 1_800_000_000_000)), None);
    let other = differs(&first, &line("12,345", 3, 1_795_475_905_368)).unwrap();
    assert!(other.contains(r#""by":2"#) && other.contains(r#"\"by\":3"#), "{other}");
    let took = "a-1  2 events in 1.7ms (1201/s)  state b04a64c2115e";
    assert_eq!(differs(took, "a-1  2 events in 11.7ms (12/s)  state 360ca02939c9"), None);
    assert!(differs(took, "a-1  3 events in 1.7ms (1201/s)  state b04a64c2115e").is_some());
    assert_eq!(differs("seed 7 for 100", "seed 17 for 100"), None);
    assert!(differs("seed 7 for 100", "seed 7 for 10").is_some());
    assert_eq!(differs("an event 94 ns, and 131 before", "an event 1 ns, and 2 before"), None);
    assert!(differs("94 streams, and 131 events", "1 streams, and 2 events").is_some());
}

#[test]
fn ids_of_commands_and_digests_of_bytes_vary_and_what_stands_around_them_does_not() {
    let line =
        |size: u32, bytes: &str, id: &str| format!(r#"{{"events":["A.v1 ({size} bytes, {bytes})"]}} (command {id})"#);
    let shown = line(29, "cdbfcf4b", "01a229b3-1733-7527-860d-5c47a4f4b47a");
    assert_eq!(differs(&shown, &line(29, "00000000", "01a229b3-9011-73cb-9893-1ce49e28f3d2")), None);
    assert!(differs(&shown, &line(30, "cdbfcf4b", "01a229b3-1733-7527-860d-5c47a4f4b47a")).is_some());
    assert!(differs(&shown, &line(29, "cdbfcf4b", "first")).is_some());
    assert!(differs("a face of 2026-11", "a fade of 2026-11").is_some());
}

#[test]
fn a_digest_stands_for_the_same_one_wherever_it_is_shown_or_typed() {
    let mut digests = Digests::default();
    let mut differs = |shown: &str, printed: &str| difference(shown, printed, &mut digests);
    let (first, second) = ("ec036a08c67498e3ae6ada3f304e0d99", "18cd9fdf0ef65a3951981b17476eb13c");
    let (first_here, second_here) = ("0000000000011111", "0000000000022222");
    let whole = |digest: &str| format!("digest {digest:0<64}");
    assert_eq!(differs(&whole(first), &whole(first_here)), None);
    assert_eq!(differs(&whole(second), &whole(second_here)), None);
    assert_eq!(differs(&format!("order {} decides", &first[..12]), "order 000000000001 decides"), None);
    assert!(differs(&format!("order {} decides", &first[..12]), "order 000000000002 decides").is_some());
    assert!(differs("order 91bc02000000 decides", "order 000000000001 decides").is_some());
    // A line that is passed over by dots says nothing.
    assert_eq!(differs("...\nc 3f2a77000000", "b 000000000003\nc 000000000004"), None);
    let typed =
        digests.typed("foldhost verify order 18cd9f\nfoldhost diff --from ec036a08 --to 3f2a77000000 18cd9e 18c");
    assert_eq!(typed, "foldhost verify order 000000\nfoldhost diff --from 00000000 --to 000000000004 18cd9e 18c");
}

#[test]
fn every_line_is_compared_unless_dots_stand_for_some() {
    let printed = "   Compiling a\none\ntwo\nthree\n";
    for shown in ["one\ntwo\nthree", "...\nthree", "one\n...", "one\n...\nthree", "..."] {
        assert_eq!(differs(shown, printed), None, "{shown}");
    }
    for shown in ["one\ntwo", "two\nthree", "three\n...\none", "one\n...\ntwo", "one\ntwo\nthree\nfour", ""] {
        assert!(differs(shown, printed).is_some(), "{shown}");
    }
}
