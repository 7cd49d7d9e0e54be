//! One line program of DWARF: the machine that it is for, and the files that it names.

use gimli::{AttributeValue, EndianSlice, LineInstruction, LittleEndian};

use super::Line;

/// Longest path, in bytes.
const PATH_BYTES_MAX: usize = 256;
/// Addresses that a linker gives to what it left out.
const LEFT_OUT: u64 = 0xFFFF_FFFE;

type Bytes<'a> = EndianSlice<'a, LittleEndian>;
pub(super) type Header<'a> = gimli::LineProgramHeader<Bytes<'a>>;

/// A row of a line table, as far as it matters.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) address: u64,
    pub(super) file: u64,
    line: u64,
}

/// The machine that line programs are for.
pub(super) struct Registers {
    pub(super) row: Row,
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
    pub(super) fn step(&mut self, instruction: &LineInstruction<Bytes<'_>>, header: &Header<'_>) -> bool {
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
pub(super) struct Files<'a> {
    header: &'a Header<'a>,
    names: &'a [u8],
    foreign: Vec<Option<bool>>,
    is_foreign: fn(&str) -> bool,
}

impl<'a> Files<'a> {
    pub(super) fn of(header: &'a Header<'a>, names: &'a [u8], is_foreign: fn(&str) -> bool) -> Self {
        Self { header, names, foreign: vec![None; header.file_names().len() + 1], is_foreign }
    }

    /// Each is asked about once: a program may go from one to the other with every row.
    pub(super) fn is_foreign(&mut self, file: u64) -> bool {
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

    pub(super) fn line(&self, row: Row) -> Option<Line> {
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
pub(super) struct Unit {
    pub(super) end: usize,
    pub(super) header_bytes: usize,
}

/// The line program at `at`. Read before gimli reads it, which takes the header for what it says it is.
pub(super) fn unit(programs: &[u8], at: usize) -> Option<Unit> {
    let rest = programs.get(at..)?;
    let word = |at: usize| Some(u32::from_le_bytes(rest.get(at..at + 4)?.try_into().ok()?) as usize);
    let length = word(0)?;
    let end = at.checked_add(4)?.checked_add(length).filter(|end| *end <= programs.len())?;
    let version = u16::from_le_bytes(rest.get(4..6)?.try_into().ok()?);
    // Since version 5, the sizes of an address and of a segment stand before it.
    let header_bytes = word(if version >= 5 { 8 } else { 6 })?;
    Some(Unit { end, header_bytes })
}
