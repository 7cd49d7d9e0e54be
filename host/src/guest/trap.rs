//! Why a guest trapped, and where: from its panic's record, and from the functions that were on its stack.
//!
//! All of it is the guest's own: it wrote the record, and its names and lines come from its file. So everything is bounded,
//! checked and kept to one line, and stands in messages about that guest alone.

use wasmtime::{FrameInfo, Store, Trap, Val, WasmBacktrace, WasmCoreDump};

use super::instance::Sandbox;
use super::lines::{Instruction, Line, LineTables};
use super::text::one_line;

/// The global that holds a panic record's address (wit/README.md, "Beside the contract").
const RECORD: &str = "foldhost_panic";
/// Longest message, file name and function name that are shown, in bytes.
const MESSAGE_BYTES_MAX: usize = 1 << 10;
const FILE_BYTES_MAX: usize = 256;
const FUNCTION_BYTES_MAX: usize = 160;
/// How many functions are named, innermost first.
const FUNCTIONS_MAX: usize = 3;

/// What a trap was: the panic's words, or else the engine's, and the functions where it was.
pub(super) fn reason(trap: Trap, error: &wasmtime::Error, store: &mut Store<Sandbox>) -> String {
    let panic = match trap {
        // How a panic ends.
        Trap::UnreachableCodeReached => panic_record(error, store),
        _ => None,
    };
    if let Some(panic) = panic {
        // It has its line already. Of what a panic itself goes through, nobody learns anything.
        let functions = functions(error, store.data().lines());
        return match authored(functions) {
            Some(place) => format!("{panic}, in {place}"),
            None => panic,
        };
    }
    let what = match trap {
        // A Rust guest keeps part of its stack in its memory, below everything else, and falls out of it at the bottom.
        Trap::MemoryOutOfBounds => format!("{trap} (call stack exhausted, if it has no unsafe code)"),
        trap => trap.to_string(),
    };
    match place(error, store) {
        Some(place) => format!("{what}, in {place}"),
        None => what,
    }
}

/// The panic's record in the memory that the trap left. Every number in it is checked: a guest may have written anything there.
fn panic_record(error: &wasmtime::Error, store: &mut Store<Sandbox>) -> Option<String> {
    // The component cannot be entered any more, and its core instances are to be had from here alone.
    let dump = error.downcast_ref::<WasmCoreDump>()?;
    dump.instances().iter().find_map(|instance| {
        let Val::I32(record) = instance.get_global(&mut *store, RECORD)?.get(&mut *store) else { return None };
        let memory = instance.get_memory(&mut *store, "memory")?;
        read(memory.data(&*store), record.cast_unsigned())
    })
}

fn read(memory: &[u8], record: u32) -> Option<String> {
    let word = |index: usize| {
        let at = usize::try_from(record).ok()?.checked_add(index * 4)?;
        let bytes = memory.get(at..at.checked_add(4)?)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let text = |len: usize, at: usize, bytes_max: usize| {
        let bytes = memory.get(at..at.checked_add(len.min(bytes_max))?)?;
        Some(one_line(&String::from_utf8_lossy(bytes), bytes_max))
    };
    let message_len = word(0)?;
    if message_len == 0 {
        return None;
    }
    let message = text(message_len, word(1)?, MESSAGE_BYTES_MAX)?;
    let file = text(word(2)?, word(3)?, FILE_BYTES_MAX)?;
    Some(format!("panicked at {file}:{}:{}: {message}", word(4)?, word(5)?))
}

/// The innermost functions that a reducer's author knows, or else the innermost of all.
pub(super) fn place(error: &wasmtime::Error, store: &Store<Sandbox>) -> Option<String> {
    let functions = functions(error, store.data().lines());
    authored(functions.clone()).or_else(|| shown(functions))
}

/// The innermost functions that a reducer's author knows.
fn authored(mut functions: Vec<Function>) -> Option<String> {
    functions.retain(|function| !is_support(&function.name));
    shown(functions)
}

/// The functions that were on the stack, innermost first, with their lines where the component has line tables.
fn functions(error: &wasmtime::Error, lines: Option<&LineTables>) -> Vec<Function> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    let frames = backtrace.frames();
    let mut found = lines.map(|lines| {
        let instructions: Vec<_> = frames.iter().map(instruction).collect();
        lines.find(&instructions, is_support).into_iter()
    });
    let mut at = || found.as_mut()?.next()?;
    frames.iter().map(|frame| Function { name: demangled(frame.func_name().unwrap_or("?")), at: at() }).collect()
}

/// The engine counts both from the component's beginning.
fn instruction(frame: &FrameInfo) -> Instruction {
    let at = frame.module_offset().unwrap_or_default();
    Instruction { function: at.saturating_sub(frame.func_offset().unwrap_or_default()), at }
}

fn shown(mut functions: Vec<Function>) -> Option<String> {
    // Recursion.
    functions.dedup_by(|caller, called| caller.name == called.name);
    functions.truncate(FUNCTIONS_MAX);
    let shown: Vec<_> = functions.iter().map(Function::shown).collect();
    (!shown.is_empty()).then(|| shown.join(", called by "))
}

#[derive(Clone)]
struct Function {
    name: String,
    /// File and line, of a component with line tables.
    at: Option<Line>,
}

impl Function {
    fn shown(&self) -> String {
        let name = one_line(&self.name, FUNCTION_BYTES_MAX);
        match &self.at {
            Some(Line { file, line }) => format!("{name} ({}:{line})", one_line(file, FILE_BYTES_MAX)),
            None => name,
        }
    }
}

/// Without the hash at its end, which says nothing to anybody.
fn demangled(name: &str) -> String {
    // A name's length is the guest's choice, and so is the work of taking it apart.
    let name = &name[..name.floor_char_boundary(4 * FUNCTION_BYTES_MAX)];
    format!("{:#}", rustc_demangle::demangle(name))
}

/// Whether the name of a function, or of its file, begins as those do that no author of a reducer wrote.
fn is_support(name: &str) -> bool {
    const SUPPORT: [&str; 20] = [
        "core::",
        "alloc::",
        "std::",
        "/rustc/",
        "library/",
        "/rust/deps/",
        "dlmalloc",
        "serde",
        "bincode",
        "compiler_builtins",
        "wit_bindgen",
        "foldhost_sdk::",
        "foldhost-sdk-",
        "wit-bindgen-",
        "guests/sdk/",
        "__rust",
        "_rust",
        "rust_",
        "cabi_",
        "foldhost:",
    ];
    let name = name.trim_start_matches(['<', '&', '(', '[']);
    SUPPORT.iter().any(|support| name.starts_with(support))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(words: [u32; 6], texts: &[u8]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).chain(texts.iter().copied()).collect()
    }

    #[test]
    fn a_panic_s_record_is_read_from_where_it_says() {
        let memory = memory([5, 24, 9, 29, 41, 9], b"no\nowsrc/ru.rs");
        assert_eq!(read(&memory, 0).as_deref(), Some("panicked at src/ru.rs:41:9: no ow"));
    }

    #[test]
    fn a_record_that_points_anywhere_is_no_record() {
        let text = b"no\nowsrc/ru.rs";
        assert_eq!(read(&memory([0, 24, 9, 29, 41, 9], text), 0), None, "before a panic");
        assert_eq!(read(&memory([5, 1 << 20, 9, 29, 41, 9], text), 0), None);
        assert_eq!(read(&memory([u32::MAX, u32::MAX, 9, 29, 41, 9], text), 0), None);
        assert_eq!(read(&memory([5, 24, u32::MAX, 29, 41, 9], text), 0), None);
        for record in [20, 37, 38, u32::MAX - 3, u32::MAX] {
            assert_eq!(read(&memory([5, 24, 9, 29, 41, 9], text), record), None, "{record}");
        }
    }

    #[test]
    fn a_name_is_shown_as_it_was_written() {
        assert_eq!(demangled("_ZN5order5rules5place17h8579314c3f524bc2E"), "order::rules::place");
        assert_eq!(demangled("place"), "place");
        assert!(is_support("<alloc::vec::Vec<T> as core::clone::Clone>::clone") && !is_support("order::rules::place"));
    }
}
