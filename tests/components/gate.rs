//! The gate: what is wrong with a component, all of it at once, and the mend.

use foldhost::guest::{CONTRACT_VERSIONS, GateError};

use super::*;

#[track_caller]
fn offences(bytes: &[u8]) -> Vec<String> {
    let GateError { offences } = ComponentReducer::load(&engine(&Limits::default()), bytes).unwrap_err();
    offences
}

#[track_caller]
fn offence(bytes: &[u8]) -> String {
    let mut offences = offences(bytes);
    assert_eq!(offences.len(), 1, "{offences:?}");
    offences.remove(0)
}

fn wat(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap()
}

#[test]
fn what_is_no_component_is_told_how_to_become_one() {
    assert!(offence(b"").contains("foldhost build"));
    assert!(offence(b"#!/bin/sh").contains("no WebAssembly component"));
    assert!(offence(b"\0asm\x01\0\0\0").contains("core module"));
    assert!(offence(b"\0asm\x0d\0\x01\0 and then nonsense").contains("no valid component"));
    let small = engine(&Limits { component_bytes_max: 1_000, ..Limits::default() });
    let refused = ComponentReducer::load(&small, &component("order")).unwrap_err();
    assert!(refused.to_string().contains("component_bytes_max"), "{refused}");
}

#[test]
fn every_import_is_an_offence_with_a_mend_of_its_own() {
    let importing = wat(r#"(component
            (import "wasi:clocks/wall-clock@0.2.0" (instance
                (export "now" (func (result u64)))
                (export "resolution" (func (result u64)))))
            (import "wasi:random/random@0.2.0" (instance (export "get-random-u64" (func (result u64)))))
            (import "wasi:io/poll@0.2.0" (instance))
            (import "foldhost:reducer/reducer@1.2.0" (instance))
            (import "leak" (func (param "secret" string))))"#);
    let offences = offences(&importing);
    for (import, mend) in [
        ("it imports wasi:clocks/wall-clock@0.2.0 (now, resolution): ", "Context::now"),
        ("it imports wasi:random/random@0.2.0 (get-random-u64): ", "Context::seed"),
        ("it imports wasi:io/poll@0.2.0: ", "wasm32-unknown-unknown"),
        ("it imports foldhost:reducer/reducer@1.2.0: ", "exported, not imported"),
        ("it imports leak: ", "imports nothing"),
        ("it exports nothing and not foldhost:reducer/reducer@", "foldhost_sdk::export!"),
    ] {
        let told = offences.iter().find(|offence| offence.starts_with(import));
        assert!(told.is_some_and(|told| told.contains(mend)), "{import} {offences:?}");
    }
    assert_eq!(offences.len(), 6, "{offences:?}");
}

#[test]
fn another_version_of_the_contract_is_named_beside_those_that_the_host_speaks() {
    let spoken = CONTRACT_VERSIONS.join(" and ");
    for version in ["0.9.0", "1.0.1", "1.3.0", "2.0.0"] {
        let text = wit::present().replace("foldhost:reducer@1.2.0", &format!("foldhost:reducer@{version}"));
        let told = offence(&wit::hollow(&text));
        let expected = format!("it exports version {version} of the contract, and this host speaks {spoken}: ");
        assert!(told.starts_with(&expected), "{told}");
        assert!(told.contains("run a newer host"), "{told}");
    }
}

#[test]
fn the_contract_that_the_host_looks_for_is_the_one_in_wit() {
    for (version, text) in wit::contracts() {
        // Whole, it is let in as far as its first call, which traps in a component that does nothing.
        let told = offence(&wit::hollow(&text));
        assert!(told.contains("trapped in describe"), "{version}: {told}");
        for function in wit::functions(&text) {
            let told = offence(&wit::hollow_without(&text, &function));
            let name = match function.strip_prefix('[').and_then(|name| name.split_once(']')) {
                Some(("constructor", resource)) => format!("the constructor of {resource}"),
                Some((_, method)) => method.to_owned(),
                None => function,
            };
            let expected = format!("it exports foldhost:reducer/reducer@{version} without {name}: ");
            assert!(told.starts_with(&expected), "{told}");
        }
    }
}

#[test]
fn a_function_of_another_type_is_told_with_what_differs() {
    let change = |from: &str, to: &str| {
        let text = wit::present();
        assert!(text.contains(from), "{from}");
        offence(&wit::hollow(&text.replace(from, to)))
    };
    let told = change("seed: u64,", "seed: u32,");
    assert!(told.contains("aggregate.decide (") && told.contains("seed") && told.contains("`u64`"), "{told}");
    let told = change("delay(u64)", "wait(u64)");
    assert!(told.contains("aggregate.decide (") && told.contains("wait"), "{told}");
    // The type of the versions before is another one.
    let told = change("    custom(tuple<string, payload>),\n", "");
    assert!(told.contains("aggregate.decide ("), "{told}");
    let told = change("state-json: func() -> string;", "state-json: func() -> list<u8>;");
    assert!(told.contains("aggregate.state-json ("), "{told}");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let hollow = wat(r#"(component
            (import "leak" (func))
            (core module $m (memory 2000) (table 20000 funcref))
            (core instance (instantiate $m))
            (component $c)
            (instance $i (instantiate $c))
            (export "foldhost:reducer/reducer@1.0.0" (instance $i)))"#);
    let offences = offences(&hollow).join("\n");
    for part in [
        "it imports leak",
        "without the resource aggregate, describe, aggregate.decide, the constructor of aggregate, aggregate.restore, \
         aggregate.apply, aggregate.snapshot, aggregate.state-json, event-json: ",
        "memory_bytes_max",
        "table_elements_max",
    ] {
        assert!(offences.contains(part), "{part}\n{offences}");
    }
}

/// A validator repeats the names of what it refuses, and they are the component's.
#[test]
fn a_name_in_what_a_validator_says_stays_in_its_line_and_its_length() {
    let name = format!("x\\0aerror: forged \\1b[2J{}", "A".repeat(5_000));
    let twice = format!("(component (core module (func $f) {}))", format!("(export \"{name}\" (func $f))").repeat(2));
    let told = offence(&wat(&twice));
    assert!(
        told.starts_with("it is no valid component: duplicate export name `x error: forged \u{FFFD}[2JAAA"),
        "{told}"
    );
    assert!(!told.contains(char::is_control) && told.len() < 2_200, "{} bytes", told.len());
}

#[test]
fn many_versions_of_the_contract_are_told_by_some_of_them() {
    let exports: String =
        (3..500).map(|minor| format!("(export \"foldhost:reducer/reducer@1.{minor}.0\" (instance $i))")).collect();
    let told = offence(&wat(&format!("(component (component $c) (instance $i (instantiate $c)) {exports})")));
    assert!(told.starts_with("it exports version 1.3.0 and 1.4.0 and "), "{told}");
    assert!(told.contains(" and 477 more of the contract") && told.len() < 1_000, "{told}");
}

/// What it weighs hides nothing of what else there is to mend.
#[test]
fn debug_information_beyond_its_limit_is_told_with_all_the_rest() {
    let bytes = wat("(component (import \"leak\" (func)) (core module (@custom \".debug_info\" \"0123456789\")))");
    let limits = Limits { component_debug_bytes_max: 9, ..Limits::default() };
    let GateError { offences } = ComponentReducer::load(&engine(&limits), &bytes).unwrap_err();
    let begins = ["it imports leak: ", "it exports nothing", "it has 10 bytes of debug information, and 9 are allowed"];
    assert_eq!(offences.len(), begins.len(), "{offences:?}");
    for begin in begins {
        assert!(offences.iter().any(|offence| offence.starts_with(begin)), "{begin} {offences:?}");
    }
}

#[test]
fn a_component_with_endless_offences_is_told_a_bounded_number() {
    let imports: String = (0..500).map(|n| format!(r#"(import "leak-{}" (func))"#, "a".repeat(n + 1))).collect();
    let offences = offences(&wat(&format!("(component {imports})")));
    assert_eq!(offences.len(), 51, "{}", offences.len());
    assert_eq!(offences[50], "and 451 more");
    assert!(offences.iter().all(|offence| offence.len() < 500));
}
