//! What a component makes of itself when it is instantiated: counted before it is, however it is put together.

use foldhost::guest::GateError;

use super::*;

#[track_caller]
fn refused(component: &str) -> String {
    let bytes = wat::parse_str(format!("(component {component})")).unwrap();
    let GateError { offences } = ComponentReducer::load(&engine(&Limits::default()), &bytes).unwrap_err();
    // Of what was compiled, this is told.
    assert!(!offences.iter().any(|offence| offence.contains("it exports nothing")), "{offences:?}");
    offences.join("; ")
}

const GLOBALS: &str = "(global i64 (i64.const 0))";

/// They are memory of each warm stream, and no limit on memory counts them: thirteen instances of a million globals were 203 MB.
#[test]
fn globals_are_counted_over_all_instances_of_their_module() {
    let module = format!("(core module $m {})", GLOBALS.repeat(400));
    let two = "(core instance (instantiate $m))".repeat(2);
    let let_in = wat::parse_str(format!("(component {module} {two})")).unwrap();
    let error = ComponentReducer::load(&engine(&Limits::default()), &let_in).unwrap_err();
    assert!(error.to_string().contains("it exports nothing"), "{error}");
    let three = "(core instance (instantiate $m))".repeat(3);
    assert!(refused(&format!("{module} {three}")).contains("it has 1200 globals, and 1000 are allowed: "));
}

#[test]
fn every_part_of_an_instance_has_its_bound() {
    for (what, module) in [
        ("1001 globals, and 1000", GLOBALS.repeat(1_001)),
        (
            "15002 functions that are imported, exported or in tables, and 15000",
            format!("(table 1 funcref) (func $f) (elem func {}) (export \"f\" (func $f))", "$f ".repeat(15_001)),
        ),
        ("1001 segments, and 1000", format!("(memory 1) {}", "(data \"\")".repeat(1_001))),
        ("bytes of data, and 16777216", format!("(memory 300) (data \"{}\")", "x".repeat(16 << 20))),
        ("17 tables, and 16", "(table 1 funcref)".repeat(17)),
    ] {
        let told = refused(&format!("(core module $m {module}) (core instance (instantiate $m))"));
        assert!(told.contains(what), "{what}: {told}");
    }
    let instances = "(core instance (instantiate $m))".repeat(17);
    let told = refused(&format!("(core module $m) {instances}"));
    assert!(told.contains("it has 17 core instances, and 16 are allowed: link it as one core module"), "{told}");
}

/// Fifty levels are more instances than there is memory for in the world, and a few kilobytes.
#[test]
fn components_that_instantiate_each_other_twice_are_counted_and_not_followed() {
    let module = format!("(core module $m {}) (core instance (instantiate $m))", GLOBALS.repeat(10));
    let mut nested = format!("(component $c {module})");
    for _ in 0..50 {
        nested = format!("(component $c {nested} (instance (instantiate $c)) (instance (instantiate $c)))");
    }
    let told = refused(&format!("{nested} (instance (instantiate $c))"));
    for what in ["core instances, and 16", "instances of components, and 100", "globals, and 1000"] {
        assert!(told.contains(what), "{what}: {told}");
    }
    assert!(told.contains(&format!("it has {} core instances", 1_u64 << 50)), "{told}");
}

#[test]
fn a_module_of_the_component_around_it_is_counted_where_it_is_instantiated() {
    let module = format!("(core module $m {})", GLOBALS.repeat(600));
    let inner = "(component $c (alias outer 1 $m (core module $n)) (core instance (instantiate $n)))";
    let told = refused(&format!("{module} {inner} (instance (instantiate $c)) (instance (instantiate $c))"));
    assert!(told.contains("it has 1200 globals"), "{told}");
}

/// What it instantiates then, its parts do not tell.
#[test]
fn what_is_handed_over_to_be_instantiated_is_refused() {
    let module = "(core module $m)";
    let inner = "(component $c (import \"m\" (core module $n)) (core instance (instantiate $n)))";
    let told = refused(&format!("{module} {inner} (instance (instantiate $c (with \"m\" (core module $m))))"));
    assert!(told.contains("it instantiates modules or components that it is handed: link it as one"), "{told}");
    let inner = "(component $c (core module $m) (export \"m\" (core module $m)))";
    let aliased = "(alias export $i \"m\" (core module $n)) (core instance (instantiate $n))";
    let told = refused(&format!("{inner} (instance $i (instantiate $c)) {aliased}"));
    assert!(told.contains("that it is handed"), "{told}");
}

#[test]
fn components_that_call_each_other_are_refused() {
    let callee = "(component $c
        (core module $m (func (export \"f\")))
        (core instance $i (instantiate $m))
        (func (export \"f\") (canon lift (core func $i \"f\"))))";
    let told = refused(&format!("{callee} (instance $c (instantiate $c)) (core func (canon lower (func $c \"f\")))"));
    assert!(told.contains("components that call each other"), "{told}");
}
