//! A reducer exports one version of the contract, whole.

use std::borrow::Borrow;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::super::contract::{CONTRACT_VERSIONS, Contract, Finder, INTERFACE, Version};
use super::super::text::one_line;
use super::NAME_BYTES_MAX;

/// The contract that the component exports, in its newest version that this host speaks, or offences that say what is missing.
pub(super) fn find(engine: &Engine, component: &Component, offences: &mut Vec<String>) -> Option<Contract> {
    let found = Version::ALL.into_iter().find_map(|version| {
        let interface = version.interface();
        Finder::new(engine, component, &interface).map(|finder| (version, interface, finder))
    });
    let Some((version, interface, mut finder)) = found else {
        offences.push(no_contract(engine, component));
        return None;
    };
    let contract = Contract::find(version, &mut finder);
    if !finder.missing.is_empty() {
        let missing = finder.missing.join(", ");
        offences
            .push(format!("it exports {interface} without {missing}: export the reducer with foldhost_sdk::export!"));
    }
    if !finder.different.is_empty() {
        let different = finder.different.join(", ");
        offences.push(format!(
            "it exports {interface} with other types than the contract has: {different}; build it with the SDK, or from wit/ of this host"
        ));
    }
    contract
}

/// Some of many names: a component can be made to export as many as it has bytes.
fn listed<T: Borrow<str>>(names: &[T], between: &str) -> String {
    const SHOWN_MAX: usize = 20;
    let shown = names[..names.len().min(SHOWN_MAX)].join(between);
    match names.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

fn no_contract(engine: &Engine, component: &Component) -> String {
    let types = component.component_type();
    let names: Vec<_> = types.exports(engine).map(|(name, _)| one_line(name, NAME_BYTES_MAX)).collect();
    let spoken = CONTRACT_VERSIONS.join(" and ");
    let versions: Vec<_> = names.iter().filter_map(|name| name.strip_prefix(INTERFACE)?.strip_prefix('@')).collect();
    if !versions.is_empty() {
        return format!(
            "it exports version {} of the contract, and this host speaks {spoken}: build it with the SDK of this host, or run a newer host",
            listed(&versions, " and ")
        );
    }
    let exports = match &names[..] {
        [] => "nothing".to_owned(),
        names => listed(names, ", "),
    };
    format!(
        "it exports {exports} and not {INTERFACE}@{}: export the reducer with foldhost_sdk::export!",
        Version::ALL[0].as_str()
    )
}
