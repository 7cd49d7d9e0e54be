//! Components that do nothing, of any contract: made from the contract's text, so that they cannot lag behind it.

use std::path::{Path, PathBuf};

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, Resolve};

pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The present contract.
pub(crate) fn present() -> String {
    std::fs::read_to_string(repository().join("wit/reducer.wit")).unwrap()
}

/// The contracts that were published, and the present one, each with its version.
pub(crate) fn contracts() -> Vec<(String, String)> {
    let published = std::fs::read_dir(repository().join("wit/published")).unwrap().map(|entry| {
        let entry = entry.unwrap();
        let text = std::fs::read_to_string(entry.path().join("reducer.wit")).unwrap();
        (entry.file_name().into_string().unwrap(), text)
    });
    let mut contracts: Vec<_> = published.collect();
    let present = present();
    contracts.push((version(&present), present));
    contracts.sort();
    contracts
}

fn version(text: &str) -> String {
    let (_, rest) = text.split_once("foldhost:reducer@").unwrap();
    rest.split_once(';').unwrap().0.to_owned()
}

/// A component of the world `guest` in `text`, whose functions trap.
pub(crate) fn hollow(text: &str) -> Vec<u8> {
    encoded(Resolve::default(), text, |_| {})
}

/// The same without one function.
pub(crate) fn hollow_without(text: &str, function: &str) -> Vec<u8> {
    encoded(Resolve::default(), text, |resolve| {
        let removed = resolve.interfaces.iter_mut().filter_map(|(_, it)| it.functions.shift_remove(function)).count();
        assert_eq!(removed, 1, "{function}");
    })
}

/// The names of a contract's functions.
pub(crate) fn functions(text: &str) -> Vec<String> {
    let mut resolve = Resolve::default();
    resolve.push_str("reducer.wit", text).unwrap();
    let (_, interface) = resolve.interfaces.iter().find(|(_, it)| it.name.as_deref() == Some("reducer")).unwrap();
    interface.functions.keys().cloned().collect()
}

fn encoded(mut resolve: Resolve, text: &str, change: impl FnOnce(&mut Resolve)) -> Vec<u8> {
    let package = resolve.push_str("reducer.wit", text).unwrap();
    change(&mut resolve);
    let world = resolve.select_world(&[package], Some("guest")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(wit_parser::LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap()
}
