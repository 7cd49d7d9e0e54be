//! What a misdeed took is given back.
//!
//! One test, in a binary of its own: what is measured is what the whole process has.
#![allow(clippy::unwrap_used, missing_docs)]

#[allow(dead_code, reason = "tests/containment.rs uses the rest of it")]
#[path = "containment/provoke.rs"]
mod provoke;

use hostile::Call;
use provoke::provoke;

/// What this process has in memory, shared pages by their part.
fn resident_bytes() -> usize {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() << 10
}

/// Those that take much memory, in the guest or in the host, and those that end in the middle of something.
const ROUND: [(Call, &str); 12] = [
    (Call::Decide, "grow-memory"),
    (Call::Apply, "grow-memory"),
    (Call::Decide, "hoard-handles"),
    (Call::Decide, "recurse"),
    (Call::Decide, "panic-at-length"),
    (Call::Decide, "forge-panic-huge"),
    (Call::Decide, "shared-megabyte"),
    (Call::Decide, "million-events"),
    (Call::Decide, "log huge"),
    (Call::StateJson, "answer huge"),
    (Call::Snapshot, "answer huge"),
    (Call::EventJson, "answer invalid-utf8"),
];

#[test]
fn a_hundred_rounds_of_misdeeds_leave_the_process_as_large_as_one() {
    let round = || {
        for (call, how) in ROUND {
            assert!(provoke(call, how).is_err(), "{} {how}", call.name());
        }
    };
    // The first ones fill the allocator's pools, and the engine's.
    (0..10).for_each(|_| round());
    let before = resident_bytes();
    (0..100).for_each(|_| round());
    let grown = resident_bytes().saturating_sub(before);
    println!("{} MiB before, {} KiB more after", before >> 20, grown >> 10);
    // A leak of an answer a round would be 2 GiB, one of an instance more, and one of a page of each instance 8 MiB.
    assert!(grown < 4 << 20, "{} MiB more after 100 rounds", grown >> 20);
}
