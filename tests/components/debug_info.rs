//! Debug information that a component brings to harm its host: what it says is not followed, however much it is.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use wasm_encoder::{CustomSection, RawSection, Section as _};
use wasmparser::{Parser, Payload};

use super::*;

const ADDRESS: u8 = 0x01;
const DATA_OF_4_BYTES: u8 = 0x06;
const TEXT_BY_OFFSET: u8 = 0x0E;
/// Where an entry's code begins and how long it is.
const LOW_AND_HIGH: [u8; 4] = [0x11, ADDRESS, 0x12, DATA_OF_4_BYTES];
const ALL_OF_THE_CODE: [u8; 8] = [0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x7F];

/// A function with so many others inlined into each other, all of one name.
fn inlined(depth: usize, name_bytes: usize) -> Vec<(&'static str, Vec<u8>)> {
    let name = [0x03, TEXT_BY_OFFSET];
    let entry = |code: u8, tag: u8, name: &[u8]| [&[code, tag, 1][..], &LOW_AND_HIGH, name, &[0, 0]].concat();
    let kinds = [entry(1, 0x11, &[]), entry(2, 0x2E, &name), entry(3, 0x1D, &name), vec![0]].concat();
    let named = |code: u8| [&[code][..], &ALL_OF_THE_CODE, &[0; 4]].concat();
    let entries = [&[1][..], &ALL_OF_THE_CODE, &named(2), &named(3).repeat(depth), &vec![0; depth + 2]].concat();
    let unit = [&[4, 0, 0, 0, 0, 0, 4][..], &entries].concat();
    let length = u32::try_from(unit.len()).unwrap().to_le_bytes();
    let texts = [vec![b'a'; name_bytes], vec![0]].concat();
    vec![(".debug_abbrev", kinds), (".debug_info", [&length[..], &unit].concat()), (".debug_str", texts)]
}

/// A line table of one program, in which each byte is a row.
fn rows(count: usize) -> Vec<(&'static str, Vec<u8>)> {
    let header = [&[1, 1, 1, 0xFB, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1, 0][..], b"a.rs\0\0\0\0\0"].concat();
    let header_bytes = u32::try_from(header.len()).unwrap().to_le_bytes();
    // The last one is of all the code: whoever comes so far names it.
    let rows = [&[0, 5, 2, 0, 0, 0, 0][..], &vec![18; count], &[2, 0x80, 0x80, 0x80, 0x38], &[0, 1, 1]].concat();
    let unit = [&[4, 0][..], &header_bytes, &header, &rows].concat();
    let length = u32::try_from(unit.len()).unwrap().to_le_bytes();
    vec![(".debug_line", [&length[..], &unit].concat())]
}

/// A component with more custom sections in its first core module.
fn with_sections(component: &[u8], sections: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let range = Parser::new(0).parse_all(component).find_map(|payload| match payload.unwrap() {
        Payload::ModuleSection { unchecked_range, .. } => Some(unchecked_range),
        _ => None,
    });
    let range = range.map(|range| range.start as usize..range.end as usize).unwrap();
    let as_section = |module: &[u8]| {
        let mut section = Vec::new();
        RawSection { id: 1, data: module }.append_to(&mut section);
        section
    };
    let mut module = component[range.clone()].to_vec();
    let before = range.end - as_section(&module).len();
    for (name, data) in sections {
        CustomSection { name: (*name).into(), data: data.into() }.append_to(&mut module);
    }
    [&component[..before], &as_section(&module), &component[range.end..]].concat()
}

/// Each of them ended the process, took gigabytes, or kept a thread for seconds, at every trap.
#[test]
fn debug_information_that_is_made_to_harm_costs_a_trap_nothing() {
    let bytes = component("hostile");
    let plain = fault(&component_reducer("hostile"), "Recurse", "{}");
    let told = plain.to_string();
    let with_line = told.replace("hostile::acts::recurse", "hostile::acts::recurse (a.rs:1)");
    for (what, sections, expected) in [
        ("functions inlined into each other", inlined(100_000, 4), &told),
        ("functions of one long name", inlined(300, 7_000_000), &told),
        ("rows that are read", rows(2_000_000), &with_line),
        ("rows that are too many", rows(2 << 20), &told),
        ("nonsense", vec![(".debug_line", vec![0xFF; 1_000]), (".debug_info", vec![0xFF; 1_000])], &told),
    ] {
        let guest = ComponentReducer::load(&engine(&Limits::default()), &with_sections(&bytes, &sections)).unwrap();
        let mut aggregate = guest.create(&stream("hostile-1")).unwrap();
        let working = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
        let begun = working();
        let Err(DecideError::Fault(fault)) = decide(&mut *aggregate, "Recurse", "{}") else { panic!("{what}") };
        let took = working() - begun;
        assert_eq!(fault.to_string(), *expected, "{what}");
        // Of code that is not optimised; they were two to nine seconds of code that is.
        assert!(took < Duration::from_secs(1), "{what}: {took:?}");
    }
}
