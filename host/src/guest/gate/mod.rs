//! The gate: what a component has to be before it is let in. It names every offence that it finds, with the mend.

mod anatomy;
mod code;
mod descriptor;
mod exports;
mod imports;
mod parts;

pub(super) use descriptor::check_descriptor;

use std::fmt::Display;

use wasmtime::Engine;
use wasmtime::component::Component;

use self::anatomy::Anatomy;
use super::contract::Contract;
use super::fault::REASON_BYTES_MAX;
use super::text::one_line;
use crate::{Limits, ReducerLimits};

/// Offences that are told; a component can be made to have as many as it has bytes.
const OFFENCES_MAX: usize = 50;
/// Longest name that is repeated, in bytes.
const NAME_BYTES_MAX: usize = 255;
const PAGE_BYTES: u64 = 64 << 10;

/// Why a component was not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the component was refused: {}", offences.join("; "))]
pub struct GateError {
    /// All that is wrong with it.
    pub offences: Vec<String>,
}

impl GateError {
    pub(super) fn of(offence: impl Into<String>) -> Self {
        Self { offences: vec![offence.into()] }
    }

    fn unless_empty(mut offences: Vec<String>) -> Result<(), Self> {
        if offences.is_empty() {
            return Ok(());
        }
        if let Some(more) = offences.len().checked_sub(OFFENCES_MAX).filter(|more| *more > 0) {
            offences.truncate(OFFENCES_MAX);
            offences.push(format!("and {more} more"));
        }
        Err(Self { offences })
    }
}

/// What the bytes alone tell of a component that may be compiled.
pub(super) struct Examined {
    /// What the engine allocates for an instance, beside its memories and tables.
    pub(super) context_bytes: usize,
    /// What is wrong with it and does not keep it from being compiled: told with all the rest.
    offences: Vec<String>,
}

/// Looks at the bytes before anything is compiled.
pub(super) fn check_bytes(limits: &Limits, bytes: &[u8]) -> Result<Examined, GateError> {
    let most = limits.component_bytes_max;
    if bytes.len() > most {
        return Err(GateError::of(format!(
            "it has {} bytes, and {most} are allowed (component_bytes_max)",
            bytes.len()
        )));
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => {}
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => {
            return Err(GateError::of("it is a core module and no component: make one with `foldhost build`"));
        }
        _ => {
            return Err(GateError::of(
                "it is no WebAssembly component: pass the .wasm file that `foldhost build` wrote",
            ));
        }
    }
    let anatomy = Anatomy::of(bytes).map_err(|error| invalid(&error))?;
    let mut offences = anatomy.offences();
    let must_not_be_compiled = !offences.is_empty();
    let (debug_bytes, most) = (anatomy.debug_bytes, limits.component_debug_bytes_max);
    if debug_bytes > most as u64 {
        offences.push(format!(
            "it has {debug_bytes} bytes of debug information, and {most} are allowed (component_debug_bytes_max): build it without, or raise the limit"
        ));
    }
    if must_not_be_compiled {
        return Err(GateError { offences });
    }
    Ok(Examined { context_bytes: anatomy.instantiations.made.context_bytes(), offences })
}

pub(super) fn invalid(error: &dyn Display) -> GateError {
    refused("it is no valid component", error)
}

/// With the engine's words, or a parser's: they repeat names, which the component chose.
pub(super) fn refused(what: &str, error: &dyn Display) -> GateError {
    GateError::of(format!("{what}: {}", one_line(&error.to_string(), REASON_BYTES_MAX)))
}

/// Looks at all that can be seen without running it: imports, exports, size.
pub(super) fn check_component(
    engine: &Engine,
    component: &Component,
    examined: &Examined,
    limits: &ReducerLimits,
) -> Result<Contract, GateError> {
    let types = component.component_type();
    let mut offences = imports::offences(engine, &types);
    let contract = exports::find(engine, component, &mut offences);
    offences.extend(size_offences(component, limits));
    offences.extend(examined.offences.iter().cloned());
    GateError::unless_empty(offences)?;
    // Without offences there is a contract: whatever is not found is one.
    contract.ok_or_else(|| GateError::of("its contract cannot be told"))
}

/// Looks at what it wants from its first instant on.
pub(super) fn check_size(component: &Component, limits: &ReducerLimits) -> Result<(), GateError> {
    GateError::unless_empty(size_offences(component, limits))
}

fn size_offences(component: &Component, limits: &ReducerLimits) -> Vec<String> {
    // None if it imports modules, which is an offence of its own.
    let Some(wanted) = component.resources_required() else { return Vec::new() };
    let mut offences = Vec::new();
    let bytes = wanted.max_initial_memory_size.unwrap_or_default().saturating_mul(PAGE_BYTES);
    if bytes > limits.memory_bytes_max as u64 {
        let most = limits.memory_bytes_max;
        offences.push(format!(
            "it begins with {bytes} bytes of memory, and {most} are allowed (memory_bytes_max): make its statics smaller, or raise the limit"
        ));
    }
    let elements = wanted.max_initial_table_size.unwrap_or_default();
    if elements > limits.table_elements_max as u64 {
        let most = limits.table_elements_max;
        offences.push(format!(
            "it begins with {elements} table elements, and {most} are allowed (table_elements_max): raise the limit"
        ));
    }
    offences
}
