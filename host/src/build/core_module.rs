//! What is done to the core module between cargo and the component: its imports are looked at, its names made readable.

use std::collections::BTreeMap;
use std::ops::Range;

use rustc_demangle::demangle;
use wasm_encoder::{Module, NameMap, NameSection, RawSection};
use wasmparser::{KnownCustom, Name, NameSectionReader, Parser, Payload};

use super::BuildError;

/// Longest name of a function that is kept, in bytes. Generic code nests them without end, and a trap is read by people.
const NAME_BYTES_MAX: usize = 120;

/// Refuses a module that imports something, and names all of it.
pub(super) fn check_imports(core_module: &[u8]) -> Result<(), BuildError> {
    let mut imports = BTreeMap::<String, Vec<String>>::new();
    for payload in Parser::new(0).parse_all(core_module) {
        if let Payload::ImportSection(section) = payload.map_err(malformed)? {
            for import in section.into_imports() {
                let import = import.map_err(malformed)?;
                // Not of the outside: these make handles of the component's own resource.
                if !import.module.starts_with("[export]") {
                    imports.entry(import.module.to_owned()).or_default().push(import.name.to_owned());
                }
            }
        }
    }
    if imports.is_empty() { Ok(()) } else { Err(BuildError::Imports { imports: imports.into_iter().collect() }) }
}

/// The same module with its functions named as in the source, `order::rules::check_item`, and without the sections that
/// nobody reads. DWARF stays, if it is there.
pub(super) fn tidied(core_module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(core_module) {
        let payload = payload.map_err(malformed)?;
        if let Payload::CustomSection(custom) = &payload {
            match (custom.as_known(), custom.name()) {
                (KnownCustom::Name(names), _) => {
                    module.section(&readable(names)?);
                    continue;
                }
                // The first is what wit-component makes the component from.
                (_, name) if name.starts_with("component-type") || name.starts_with(".debug_") => {}
                _ => continue,
            }
        }
        if let Some((id, range)) = payload.as_section() {
            let data =
                core_module.get(to_usize(range)).ok_or_else(|| BuildError::component("a section is cut short"))?;
            module.section(&RawSection { id, data });
        }
    }
    Ok(module.finish())
}

fn to_usize(range: Range<u64>) -> Range<usize> {
    // The module is in memory: its offsets fit.
    range.start as usize..range.end as usize
}

/// The names of functions alone, demangled and without the hashes of the compiler.
fn readable(names: NameSectionReader<'_>) -> Result<NameSection, BuildError> {
    let mut section = NameSection::new();
    for subsection in names {
        let Name::Function(functions) = subsection.map_err(malformed)? else { continue };
        let mut renamed = NameMap::new();
        for naming in functions {
            let naming = naming.map_err(malformed)?;
            renamed.append(naming.index, &short(format!("{:#}", demangle(naming.name))));
        }
        section.functions(&renamed);
    }
    Ok(section)
}

fn short(mut name: String) -> String {
    if name.len() > NAME_BYTES_MAX {
        name.truncate(name.floor_char_boundary(NAME_BYTES_MAX - '…'.len_utf8()));
        name.push('…');
    }
    name
}

fn malformed(error: impl std::fmt::Display) -> BuildError {
    BuildError::component(&format!("it is malformed: {error}"))
}
