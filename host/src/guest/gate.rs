//! The gate: what a component has to be before it is let in. It names every offence that it finds, with the mend.

use wasmtime::component::Component;
use wasmtime::component::types::ComponentItem;

use super::GuestEngine;
use crate::reducer::Descriptor;

/// The interface that a reducer exports.
const CONTRACT: &str = "foldhost:reducer/reducer@1.0.0";
/// Longest text of a descriptor, in bytes, and most names in one list.
const DESCRIPTOR_TEXT_BYTES_MAX: usize = 255;
const DESCRIPTOR_NAMES_MAX: usize = 1_000;

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

    fn unless_empty(offences: Vec<String>) -> Result<(), Self> {
        if offences.is_empty() { Ok(()) } else { Err(Self { offences }) }
    }
}

/// Looks at the bytes before anything is compiled.
pub(super) fn check_bytes(engine: &GuestEngine, bytes: &[u8]) -> Result<(), GateError> {
    let most = engine.limits.component_bytes_max;
    if bytes.len() > most {
        return Err(GateError::of(format!(
            "it has {} bytes, and {most} are allowed (component_bytes_max)",
            bytes.len()
        )));
    }
    match bytes.get(..8) {
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(()),
        Some([0, b'a', b's', b'm', _, _, 0, 0]) => {
            Err(GateError::of("it is a core module and no component: make one with `foldhost build`"))
        }
        _ => Err(GateError::of("it is no WebAssembly component: pass the .wasm file that `foldhost build` wrote")),
    }
}

/// Looks at what the component imports and exports.
pub(super) fn check_world(engine: &GuestEngine, component: &Component) -> Result<(), GateError> {
    let types = component.component_type();
    let mut offences: Vec<String> = types
        .imports(&engine.engine)
        .map(|(name, item)| format!("it imports {name}{}, and a reducer imports nothing", functions(engine, &item.ty)))
        .collect();
    if types.get_export(&engine.engine, CONTRACT).is_none() {
        let exports: Vec<_> = types.exports(&engine.engine).map(|(name, _)| name.to_owned()).collect();
        let exports = if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") };
        offences
            .push(format!("it exports {exports} and not {CONTRACT}: export the reducer with foldhost_sdk::export!"));
    }
    GateError::unless_empty(offences)
}

/// The functions of an imported interface, since they tell what to take out.
fn functions(engine: &GuestEngine, item: &ComponentItem) -> String {
    let ComponentItem::ComponentInstance(instance) = item else { return String::new() };
    let names: Vec<_> = instance
        .exports(&engine.engine)
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
        .map(|(name, _)| name.to_owned())
        .collect();
    if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
}

/// Looks at what the component says of itself.
pub(super) fn check_descriptor(descriptor: &Descriptor) -> Result<(), GateError> {
    let mut offences = Vec::new();
    let name = &descriptor.name;
    if name.is_empty() || name.len() > 100 || name.contains('-') || name.chars().any(char::is_control) {
        offences.push(format!("its name {name:?} is no category: 1 to 100 bytes without - and control characters"));
    }
    if descriptor.state_schema.is_empty() || !is_name(&descriptor.state_schema) {
        offences.push(format!("its state schema {:?} is not a name", descriptor.state_schema));
    }
    if !is_name(&descriptor.sdk_version) {
        offences.push("its SDK version is not a name".to_owned());
    }
    for (what, names) in [("command", &descriptor.commands), ("event type", &descriptor.event_types)] {
        if names.is_empty() || names.len() > DESCRIPTOR_NAMES_MAX {
            offences.push(format!("it has {} {what}s, and 1 to {DESCRIPTOR_NAMES_MAX} are allowed", names.len()));
        }
        let mut seen = std::collections::HashSet::new();
        for name in names.iter().take(DESCRIPTOR_NAMES_MAX) {
            if !is_name(name) {
                offences.push(format!("its {what} {name:?} is not a name"));
            } else if !seen.insert(name) {
                offences.push(format!("its {what} {name} is there twice"));
            }
        }
    }
    GateError::unless_empty(offences)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= DESCRIPTOR_TEXT_BYTES_MAX && !text.chars().any(char::is_control)
}
