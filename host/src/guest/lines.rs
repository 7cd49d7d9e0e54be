//! File and line of a place in a component's code, out of its line tables (`foldhost build --debug-info`).
//!
//! Debug information is a component's own, like its code, and no limit on its bytes bounds what it says: twenty thousand functions
//! inlined into each other were a recursion that ended the process, and a hundred with one long name took six gigabytes. So the engine
//! is given none. Here the line tables are read and nothing else, when there was a trap: no function that was inlined, no recursion, a
//! bounded number of steps, and nothing is kept of what a step finds but two places.

mod program;

use std::ops::{Range, RangeInclusive};

use gimli::{DebugLine, DebugLineOffset, LineInstruction, LittleEndian};
use wasmparser::{Parser, Payload};

use self::program::{Files, Header, Registers, Row, unit};

/// Line programs that are read for one trap, in bytes, each of which is an instruction at most; the order guest has 385 kB. A program
/// that is more than what is left of them is passed over. So many take 25 ms at most, of all that was tried.
const PROGRAM_BYTES_MAX: usize = 2 << 20;
/// Header of one line program, which names its files; those of the order guest have up to 4 kB. Each byte of it may be a file, of
/// which gimli makes a hundred bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Bytes of an address in WebAssembly's DWARF.
const ADDRESS_BYTES: u8 = 4;

/// The line tables of a component that has some. Their bytes are within the component's debug information, which has a limit.
pub(super) struct LineTables {
    modules: Vec<ModuleLines>,
}

struct ModuleLines {
    /// Where the code section's content stands in the component. DWARF's addresses count from its beginning.
    code: Range<usize>,
    programs: Box<[u8]>,
    names: Box<[u8]>,
}

/// An instruction of the component, and where its function begins. Both count from the component's beginning.
#[derive(Clone, Copy)]
pub(super) struct Instruction {
    pub(super) function: usize,
    pub(super) at: usize,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) file: String,
    pub(super) line: u32,
}

impl LineTables {
    /// Those of a component that the gate let in; none where it has none.
    pub(super) fn of(component: &[u8]) -> Option<Self> {
        let mut modules = Vec::new();
        let (mut code, mut programs, mut names) = (None, None, None);
        for payload in Parser::new(0).parse_all(component) {
            match payload.ok()? {
                Payload::Version { .. } => (code, programs, names) = (None, None, None),
                Payload::CodeSectionStart { range, .. } => {
                    code = Some(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?);
                }
                Payload::CustomSection(section) if section.name() == ".debug_line" => programs = Some(section.data()),
                Payload::CustomSection(section) if section.name() == ".debug_line_str" => names = Some(section.data()),
                // A module's, since a component's own sections have no code before them.
                Payload::End(_) => {
                    if let (Some(code), Some(programs)) = (code.take(), programs.take()) {
                        let names = names.take().unwrap_or_default().into();
                        modules.push(ModuleLines { code, programs: programs.into(), names });
                    }
                }
                _ => {}
            }
        }
        (!modules.is_empty()).then_some(Self { modules })
    }

    /// The line of each instruction, where the tables name it. Of code that was compiled into a function from a file that
    /// `is_foreign`, the last line before it in that function that is not, if there is one.
    pub(super) fn find(&self, instructions: &[Instruction], is_foreign: fn(&str) -> bool) -> Vec<Option<Line>> {
        let mut search = Search { found: vec![None; instructions.len()], wanted: Vec::new(), is_foreign };
        let mut bytes_left = PROGRAM_BYTES_MAX;
        for module in &self.modules {
            let in_module = |instruction: &Instruction| {
                let code = |at: usize| module.code.contains(&at).then(|| (at - module.code.start) as u64);
                Some(code(instruction.function)?..=code(instruction.at)?)
            };
            let wanted = instructions.iter().enumerate();
            search.wanted = wanted
                .filter_map(|(index, instruction)| {
                    in_module(instruction).map(|addresses| Wanted { index, addresses, authored: None })
                })
                .collect();
            search.module(module, &mut bytes_left);
        }
        search.found
    }
}

/// An instruction whose line is looked for.
struct Wanted {
    index: usize,
    /// From its function's first instruction to its own.
    addresses: RangeInclusive<u64>,
    /// The last row before it, in its function and in the sequence that is being read, whose file is not foreign.
    authored: Option<Row>,
}

/// A pass over the line programs of a module.
struct Search {
    found: Vec<Option<Line>>,
    /// What was not found yet.
    wanted: Vec<Wanted>,
    is_foreign: fn(&str) -> bool,
}

impl Search {
    fn module(&mut self, module: &ModuleLines, bytes_left: &mut usize) {
        let section = DebugLine::new(&module.programs, LittleEndian);
        let mut at = 0;
        while let Some(unit) = unit(&module.programs, at) {
            if self.wanted.is_empty() {
                return;
            }
            let bytes = unit.end - at;
            if bytes <= *bytes_left && unit.header_bytes <= HEADER_BYTES_MAX {
                *bytes_left -= bytes;
                if let Ok(program) = section.program(DebugLineOffset(at), ADDRESS_BYTES, None, None) {
                    self.program(program.header(), &module.names);
                }
            }
            at = unit.end;
        }
    }

    /// Runs one line program.
    fn program(&mut self, header: &Header<'_>, names: &[u8]) {
        if header.maximum_operations_per_instruction() != 1 {
            return;
        }
        let mut files = Files::of(header, names, self.is_foreign);
        let mut instructions = header.instructions();
        let (mut registers, mut row) = (Registers::default(), None::<Row>);
        while let Ok(Some(instruction)) = instructions.next_instruction(header) {
            if !registers.step(&instruction, header) {
                continue;
            }
            if let Some(row) = row.replace(registers.row) {
                self.take(row, registers.row.address, &mut files);
            }
            if matches!(instruction, LineInstruction::EndSequence) {
                (registers, row) = (Registers::default(), None);
                self.wanted.iter_mut().for_each(|wanted| wanted.authored = None);
            }
        }
    }

    /// Looks whose line a row is, which holds from its address up to `end`.
    fn take(&mut self, row: Row, end: u64, files: &mut Files<'_>) {
        let is_of = |wanted: &Wanted| row.address <= *wanted.addresses.end() && end > *wanted.addresses.start();
        // Most rows are of other functions.
        if !self.wanted.iter().any(is_of) {
            return;
        }
        let (found, authored) = (&mut self.found, !files.is_foreign(row.file));
        self.wanted.retain_mut(|wanted| {
            if !is_of(wanted) {
                return true;
            }
            if authored && wanted.addresses.contains(&row.address) {
                wanted.authored = Some(row);
            }
            if end <= *wanted.addresses.end() {
                return true;
            }
            found[wanted.index] = files.line(wanted.authored.unwrap_or(row));
            false
        });
    }
}

#[cfg(test)]
mod tests;
