//! A reducer imports nothing: what could be imported is a way out of the sandbox, or an answer that another run would not get.

use wasmtime::Engine;
use wasmtime::component::types::{Component, ComponentItem};

use super::super::contract::INTERFACE;
use super::super::text::one_line;
use super::NAME_BYTES_MAX;

/// An offence for each import, with what to do instead.
pub(super) fn offences(engine: &Engine, component: &Component) -> Vec<String> {
    let import = |(name, item): (&str, wasmtime::component::types::ComponentExtern<'_>)| {
        let shown = one_line(name, NAME_BYTES_MAX);
        format!("it imports {shown}{}: {}", functions(engine, &item.ty), mend(name))
    };
    component.imports(engine).map(import).collect()
}

/// The functions of an imported interface, since they tell what to take out.
fn functions(engine: &Engine, item: &ComponentItem) -> String {
    const SHOWN_MAX: usize = 20;
    let ComponentItem::ComponentInstance(instance) = item else { return String::new() };
    let names: Vec<_> = instance
        .exports(engine)
        .filter(|(_, item)| matches!(item.ty, ComponentItem::ComponentFunc(_)))
        .map(|(name, _)| one_line(name, NAME_BYTES_MAX))
        .collect();
    match names.len() {
        0 => String::new(),
        1..=SHOWN_MAX => format!(" ({})", names.join(", ")),
        many => format!(" ({} and {} more)", names[..SHOWN_MAX].join(", "), many - SHOWN_MAX),
    }
}

/// What a reducer does instead.
fn mend(import: &str) -> &'static str {
    const FAMILIES: [(&str, &str); 9] = [
        ("wasi:clocks/", "take the time from Context::now, which is the same in every run"),
        ("wasi:random/", "take random numbers from Context::seed, which is the same in every run"),
        ("wasi:http/", "return an http effect, which the host sends once the events are durable"),
        ("wasi:sockets/", "return an effect, which the host runs once the events are durable"),
        ("wasi:filesystem/", "a reducer has no files: keep the data in events, or in the code"),
        ("wasi:cli/", "a reducer has no terminal, arguments or environment: log with Decision::log"),
        ("wasi:", "build for wasm32-unknown-unknown, as `foldhost build` does"),
        (INTERFACE, "the contract is exported, not imported: export the reducer with foldhost_sdk::export!"),
        ("", "a reducer imports nothing: take out the dependency or the extern block that declares it"),
    ];
    let mend = FAMILIES.iter().find(|(family, _)| import.starts_with(family)).map(|(_, mend)| *mend);
    mend.unwrap_or_default()
}
