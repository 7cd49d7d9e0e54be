//! File and line of a place in a component's code, out of its line tables (`foldhost build --debug-info`).
//!
//! Debug information is a component's own, like its code, and no limit on its bytes bounds what it says: twenty thousand functions
//! inlined into each other were a recursion that ended the process, and a hundred with one long name took six gigabytes. So the engine
//! is given none. Here the line tables are read and nothing else, when there was a trap: no function that was inlined, no recursion, a
//! bounded number of steps, and nothing is kept of what a step finds but two places.

use std::ops::{Range, RangeInclusive};

use gimli::{AttributeValue, DebugLine, DebugLineOffset, EndianSlice, LineInstruction, LittleEndian};
use wasmparser::{Parser, Payload};

/// Line programs that are read for one trap, in bytes, each of which is an instruction at most; the order guest has 385 kB. A program
/// that is more than what is left of them is passed over.
const PROGRAM_BYTES_MAX: usize = 4 << 20;
/// Header of one line program, which names its files; those of the order guest have up to 4 kB. Each byte of it may be a file, of
/// which gimli makes a hundred bytes.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 256;
/// Addresses that a linker gives to what it left out.
const LEFT_OUT: u64 = 0xFFFF_FFFE;
/// Bytes of an address in WebAssembly's DWARF.
const ADDRESS_BYTES: u8 = 4;

type Bytes<'a> = EndianSlice<'a, LittleEndian>;
type Header<'a> = gimli::LineProgramHeader<Bytes<'a>>;

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
        let found = &mut self.found;
        self.wanted.retain_mut(|wanted| {
            let at = *wanted.addresses.end();
            if row.address > at || end <= *wanted.addresses.start() {
                return true;
            }
            if wanted.addresses.contains(&row.address) && !files.is_foreign(row.file) {
                wanted.authored = Some(row);
            }
            if end <= at {
                return true;
            }
            found[wanted.index] = files.line(wanted.authored.unwrap_or(row));
            false
        });
    }
}

/// A row of a line table, as far as it matters.
#[derive(Clone, Copy)]
struct Row {
    address: u64,
    file: u64,
    line: u64,
}

/// The machine that line programs are for.
struct Registers {
    row: Row,
    /// Whether the linker left out the code that the rows are of.
    left_out: bool,
}

impl Default for Registers {
    fn default() -> Self {
        Self { row: Row { address: 0, file: 1, line: 1 }, left_out: false }
    }
}

impl Registers {
    /// Runs one instruction, and says whether it makes a row.
    fn step(&mut self, instruction: &LineInstruction<Bytes<'_>>, header: &Header<'_>) -> bool {
        let row = &mut self.row;
        let advance = |opcode: u8| {
            let adjusted = opcode.wrapping_sub(header.opcode_base());
            (adjusted / header.line_range(), adjusted % header.line_range())
        };
        let instruction_bytes = u64::from(header.minimum_instruction_length());
        match *instruction {
            LineInstruction::Special(opcode) => {
                let (instructions, lines) = advance(opcode);
                row.address = row.address.wrapping_add(u64::from(instructions) * instruction_bytes);
                row.line = row.line.wrapping_add_signed(i64::from(header.line_base()) + i64::from(lines));
            }
            LineInstruction::AdvancePc(instructions) => {
                row.address = row.address.wrapping_add(instructions.wrapping_mul(instruction_bytes));
            }
            LineInstruction::ConstAddPc => {
                row.address = row.address.wrapping_add(u64::from(advance(u8::MAX).0) * instruction_bytes);
            }
            LineInstruction::FixedAddPc(bytes) => row.address = row.address.wrapping_add(u64::from(bytes)),
            LineInstruction::SetAddress(address) => {
                row.address = address;
                self.left_out = address >= LEFT_OUT;
            }
            LineInstruction::AdvanceLine(lines) => row.line = row.line.wrapping_add_signed(lines),
            LineInstruction::SetFile(file) => row.file = file,
            _ => {}
        }
        let makes_a_row =
            matches!(instruction, LineInstruction::Special(_) | LineInstruction::Copy | LineInstruction::EndSequence);
        // The end has to be seen, since it begins the next one.
        makes_a_row && (!self.left_out || matches!(instruction, LineInstruction::EndSequence))
    }
}

/// The files that one line program names.
struct Files<'a> {
    header: &'a Header<'a>,
    names: &'a [u8],
    foreign: Vec<Option<bool>>,
    is_foreign: fn(&str) -> bool,
}

impl<'a> Files<'a> {
    fn of(header: &'a Header<'a>, names: &'a [u8], is_foreign: fn(&str) -> bool) -> Self {
        Self { header, names, foreign: vec![None; header.file_names().len() + 1], is_foreign }
    }

    /// Each is asked about once: a program may go from one to the other with every row.
    fn is_foreign(&mut self, file: u64) -> bool {
        let index = usize::try_from(file).unwrap_or(usize::MAX);
        match self.foreign.get(index) {
            None => true,
            Some(Some(known)) => *known,
            Some(None) => {
                let foreign = self.path(file).is_none_or(|path| (self.is_foreign)(&path));
                self.foreign[index] = Some(foreign);
                foreign
            }
        }
    }

    fn line(&self, row: Row) -> Option<Line> {
        Some(Line { file: self.path(row.file)?, line: u32::try_from(row.line).ok()? })
    }

    fn path(&self, file: u64) -> Option<String> {
        let entry = self.header.file(file)?;
        let name = self.text(&entry.path_name())?;
        let directory = entry.directory(self.header).and_then(|directory| self.text(&directory)).unwrap_or_default();
        if directory.is_empty() || name.starts_with('/') {
            return Some(name);
        }
        Some(format!("{directory}/{name}"))
    }

    fn text(&self, value: &AttributeValue<Bytes<'_>>) -> Option<String> {
        let bytes = match value {
            AttributeValue::String(text) => text.slice(),
            AttributeValue::DebugLineStrRef(offset) => self.names.get(offset.0..)?,
            _ => return None,
        };
        let bytes = &bytes[..bytes.len().min(PATH_BYTES_MAX)];
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Some(String::from_utf8_lossy(text).into_owned())
    }
}

/// Where one line program ends, and how long its header is.
struct Unit {
    end: usize,
    header_bytes: usize,
}

/// The line program at `at`. Read before gimli reads it, which takes the header for what it says it is.
fn unit(programs: &[u8], at: usize) -> Option<Unit> {
    let rest = programs.get(at..)?;
    let word = |at: usize| Some(u32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?) as usize);
    let length = word(0)?;
    let end = at.checked_add(4)?.checked_add(length).filter(|end| *end <= programs.len())?;
    let version = u16::from_le_bytes(rest.get(4..6)?.try_into().ok()?);
    // Since version 5, the sizes of an address and of a segment stand before it.
    let header_bytes = word(if version >= 5 { 8 } else { 6 })?;
    Some(Unit { end, header_bytes })
}
