#![allow(clippy::unwrap_used)]

use std::time::Instant;

use rand::{Rng as _, SeedableRng as _};

use super::*;

/// A component of one function that does nothing a thousand times, with these debug sections.
fn component(sections: &[(&str, &[u8])]) -> Vec<u8> {
    let escaped = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let sections = sections.iter().map(|(name, bytes)| format!("(@custom {name:?} \"{}\")", escaped(bytes)));
    let text = format!("(component (core module (func {}) {}))", "nop ".repeat(1_000), sections.collect::<String>());
    wat::parse_str(text).unwrap()
}

/// A line program of version 4, in the header's middle the files.
fn program(files: &[u8], instructions: &[u8]) -> Vec<u8> {
    let header = [&[1, 1, 1, 0xFB, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1][..], files].concat();
    let header_bytes = u32::try_from(header.len()).unwrap().to_le_bytes();
    unit_of(&[&4_u16.to_le_bytes()[..], &header_bytes, &header, instructions].concat())
}

fn unit_of(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_le_bytes()[..], content].concat()
}

/// Of two files: one of the author's and one of the language's.
const FILES: &[u8] = b"src\0/rustc/1/library\0\0rules.rs\0\x01\0\0core.rs\0\x02\0\0\0";
const RULES: u8 = 1;
const CORE: u8 = 2;

/// A row, so many bytes and lines after the one before.
fn row(bytes: u8, lines: u8) -> u8 {
    assert!(lines <= 8, "more are another instruction");
    13 + 5 + lines + 14 * bytes
}

fn begin_at(address: u32) -> Vec<u8> {
    [&[0, 5, 2][..], &address.to_le_bytes()].concat()
}

const END: &[u8] = &[0, 1, 1];

fn file(index: u8) -> [u8; 2] {
    [4, index]
}

/// The lines of the instructions at these addresses of one function that begins at `function`.
fn found(component: &[u8], function: usize, addresses: &[usize]) -> Vec<Option<Line>> {
    let tables = LineTables::of(component).unwrap();
    let code = tables.modules[0].code.start;
    let instruction = |at: &usize| Instruction { function: code + function, at: code + at };
    let instructions: Vec<_> = addresses.iter().map(instruction).collect();
    tables.find(&instructions, |path| path.starts_with("/rustc/"))
}

fn rules(line: u32) -> Option<Line> {
    Some(Line { file: "src/rules.rs".into(), line })
}

#[test]
fn the_line_of_an_instruction_is_that_of_the_row_before_it() {
    let rows = [&begin_at(10)[..], &[row(0, 4), row(10, 3), row(5, 0), row(5, 2)], &[2, 5], END].concat();
    let component = component(&[(".debug_line", &program(FILES, &rows))]);
    let lines = found(&component, 10, &[10, 19, 20, 29, 30, 34, 35, 9]);
    assert_eq!(lines, [rules(5), rules(5), rules(8), rules(8), rules(10), rules(10), None, None]);
}

#[test]
fn code_of_another_s_file_is_told_by_the_author_s_line_before_it_in_the_function() {
    let rows = [
        &begin_at(10)[..],
        &[row(0, 4)],
        &file(CORE),
        &[row(5, 8)],
        &file(RULES),
        &[row(5, 0), 2, 5],
        END,
        // A function without a line of its author's.
        &begin_at(40),
        &file(CORE),
        &[row(0, 6), 2, 5],
        END,
    ]
    .concat();
    let component = component(&[(".debug_line", &program(FILES, &rows))]);
    assert_eq!(found(&component, 10, &[16, 20]), [rules(5), rules(13)]);
    // The row before its own function is another's.
    assert_eq!(found(&component, 15, &[16])[0].as_ref().unwrap().file, "/rustc/1/library/core.rs");
    assert_eq!(found(&component, 40, &[42])[0].as_ref().unwrap().line, 7);
}

#[test]
fn tables_of_version_5_have_their_names_in_a_section_of_their_own() {
    let header = [
        &[1, 1, 1, 0xFB, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1][..],
        // A directory, by its offset; a file, by its offset and its directory.
        &[1, 1, 0x1F, 1, 0, 0, 0, 0],
        &[2, 1, 0x1F, 2, 0x0B, 2, 4, 0, 0, 0, 0, 4, 0, 0, 0, 0],
    ]
    .concat();
    let rows = [&begin_at(10)[..], &[row(0, 4), 2, 5], END].concat();
    let header_bytes = u32::try_from(header.len()).unwrap().to_le_bytes();
    let program = unit_of(&[&[5, 0, 4, 0][..], &header_bytes, &header, &rows].concat());
    let component = component(&[(".debug_line", &program), (".debug_line_str", b"src\0rules.rs\0")]);
    assert_eq!(found(&component, 10, &[12]), [rules(5)]);
}

#[test]
fn what_the_linker_left_out_names_nothing() {
    let rows =
        [&begin_at(u32::MAX)[..], &[row(0, 4), row(10, 3)], END, &begin_at(10), &[row(0, 1), 2, 5], END].concat();
    let component = component(&[(".debug_line", &program(FILES, &rows))]);
    assert_eq!(found(&component, 5, &[5, 11]), [None, rules(2)]);
}

#[test]
fn programs_beyond_the_bounds_are_passed_over_and_the_next_one_is_read() {
    let good = program(FILES, &[&begin_at(10)[..], &[row(0, 4), 2, 5], END].concat());
    let long_header = program(&[b"x\0\0\0\0".repeat(HEADER_BYTES_MAX / 5), vec![0]].concat(), END);
    let long = program(FILES, &vec![row(0, 0); PROGRAM_BYTES_MAX]);
    let nonsense = unit_of(&[9, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for before in [long_header, long, nonsense] {
        let component = component(&[(".debug_line", &[before, good.clone()].concat())]);
        assert_eq!(found(&component, 10, &[11]), [rules(5)]);
    }
    // No more in all: of two that are small enough by themselves, the second is not read.
    let half = program(FILES, &vec![row(0, 0); PROGRAM_BYTES_MAX - good.len()]);
    let component = component(&[(".debug_line", &[half, good].concat())]);
    assert_eq!(found(&component, 10, &[11]), [None]);
}

#[test]
fn a_name_is_cut_before_it_is_copied() {
    let files = [b"\0", &[b'x'; 60_000][..], b"\0\0\0\0\0"].concat();
    let component =
        component(&[(".debug_line", &program(&files, &[&begin_at(10)[..], &[row(0, 4), 2, 5], END].concat()))]);
    assert_eq!(found(&component, 10, &[11])[0].as_ref().unwrap().file.len(), 256);
}

/// Whatever it holds, reading it ends, and soon.
#[test]
fn damaged_tables_are_read_without_a_panic() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    let rows = [&begin_at(10)[..], &[row(0, 4), row(10, 3), 8, 9, 1, 0], &file(CORE), &[row(5, 8), 2, 5], END].concat();
    let whole = component(&[(".debug_line", &program(FILES, &rows))]);
    let tables = LineTables::of(&whole).unwrap();
    let code = tables.modules[0].code.clone();
    let instructions: Vec<_> = (0..8).map(|at| Instruction { function: code.start, at: code.start + 5 * at }).collect();
    let begun = Instant::now();
    for _ in 0..20_000 {
        let mut programs = tables.modules[0].programs.clone();
        for _ in 0..random.random_range(1..6) {
            let at = random.random_range(0..programs.len());
            programs[at] = random.random();
        }
        let cut = random.random_range(0..=programs.len());
        let damaged = ModuleLines { code: code.clone(), programs: programs[..cut].into(), names: Box::default() };
        let lines = LineTables { modules: vec![damaged] }.find(&instructions, |_| false);
        assert_eq!(lines.len(), instructions.len());
    }
    println!("{:?}", begun.elapsed());
}
