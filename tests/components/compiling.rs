//! What a component may cost the compiler: the gate counts it before anything is compiled.

use std::time::Instant;

use foldhost::guest::GateError;

use super::*;

fn refused(module: &str) -> GateError {
    let bytes = wat::parse_str(format!("(component (core module {module}))")).unwrap();
    ComponentReducer::load(&engine(&Limits::default()), &bytes).unwrap_err()
}

/// A function with so many locals that are all in use, and one piece of code after the other.
fn function(locals: usize, pieces: usize, piece: impl Fn(usize) -> String) -> String {
    let code: String = (0..pieces).map(piece).collect();
    format!("(func (local {}) {code})", "i64 ".repeat(locals))
}

/// Adds one local to another.
fn add(from: usize, to: usize) -> String {
    format!("(local.set {to} (i64.add (local.get {from}) (i64.const 1)))")
}

fn looped(locals: usize) -> impl Fn(usize) -> String {
    move |at| format!("(loop {} (br_if 0 (i32.const 0)))", add(at % locals, at * 7 % locals))
}

/// Loops in each other.
fn nested(locals: usize, depth: usize) -> String {
    let enter = |at: usize| format!("(loop {}", add(at % locals, at * 7 % locals));
    let leave = |at: usize| format!("{} (br_if 0 (i32.const 0)))", add(at * 3 % locals, at * 5 % locals));
    let both = (0..depth).map(enter).chain((0..depth).map(leave));
    format!("(func (local {}) {})", "i64 ".repeat(locals), both.collect::<String>())
}

/// So many values, and a piece of code that each of them has to outlive.
fn outlived(values: usize, pieces: usize, piece: &str) -> String {
    let (make, use_up) = ("call $value ".repeat(values), "i64.add ".repeat(values - 1));
    format!("(func (result i64) {make} {} {use_up})", piece.repeat(pieces))
}

const VALUE: &str = "(func $value (result i64) (i64.const 1))";

/// Code that took the compiler a minute and gigabytes, or would have, at a few kilobytes.
#[test]
fn code_that_is_too_much_for_the_compiler_is_refused_before_it_is_compiled() {
    let arity = |type_: &str| format!("(type (func {type_}))");
    for (what, module) in [
        ("20001 locals in a function, and 1000", function(20_001, 1, looped(20_001))),
        ("bytes of code in a function, and 262144", function(1, 60_000, |_| "(drop (i32.const 0))".repeat(2))),
        ("bytes of code, and 2097152", function(1, 40_000, |_| "(drop (i32.const 0))".into()).repeat(20)),
        ("10001 functions, and 10000", "(func)".repeat(10_001)),
        ("5001 types, and 5000", "(type (func))".repeat(5_001)),
        ("50050 locals, and 50000", function(910, 0, looped(1)).repeat(55)),
        ("101 parameters of a function, and 100", arity(&format!("(param {})", "i64 ".repeat(101)))),
        ("17 results of a function, and 16", arity(&format!("(result {})", "i64 ".repeat(17)))),
        ("502 blocks within each other, and 500", nested(1, 501)),
        ("counted at each branch, and 20000000", function(900, 9_000, looped(900))),
        ("counted at each branch, and 20000000", function(1, 3_000, looped(1)).repeat(3)),
        ("counted at each branch, and 20000000", format!("{VALUE}{}", outlived(4_000, 4_000, "(block)"))),
        (
            "counted at each instruction, and 50000000",
            format!("{VALUE}{}", outlived(5_000, 9_000, "(drop (call $value))")),
        ),
        // What a function has that is looked at no further: two bytes would make a thousand values each.
        (
            "1000 results of a function, and 16",
            format!(
                "(func $many (result {}) unreachable) (func {} unreachable)",
                "i64 ".repeat(1_000),
                "call $many ".repeat(50_000)
            ),
        ),
    ] {
        let refused = refused(&module).to_string();
        assert!(refused.contains(what), "{what}: {refused}");
        assert!(refused.contains("are allowed: make its largest functions smaller"), "{refused}");
        // What was compiled is told what it does not export.
        assert!(!refused.contains("it exports nothing"), "{what}: {refused}");
    }
}

/// The most work that is let in, by what makes the work.
fn shapes() -> Vec<(&'static str, String)> {
    let repeated = |function: String, times: usize| function.repeat(times);
    vec![
        ("loops over locals", repeated(function(900, 1_000, looped(900)), 5)),
        ("many loops", repeated(function(10, 3_100, looped(10)), 1)),
        ("few loops, many functions", repeated(function(10, 20, looped(10)), 5_000)),
        ("nested loops over locals", repeated(nested(990, 490), 7)),
        ("nested loops", repeated(nested(10, 490), 38)),
        ("values that outlive loops", format!("{VALUE}{}", outlived(1_800, 1_800, "(loop (br_if 0 (i32.const 0)))"))),
        ("values that outlive calls", format!("{VALUE}{}", outlived(4_000, 4_000, "(drop (call $value))"))),
        ("calls with few values", format!("{VALUE}{}", outlived(300, 80_000, "(drop (call $value))"))),
        ("calls", format!("{VALUE}{}", repeated(function(1, 80_000, |_| "(drop (call $value))".into()), 8))),
        (
            "calls through a table",
            format!(
                "(table 1 funcref) {}",
                repeated(function(1, 90, |_| "(call_indirect (i32.const 0))".into()), 3_600)
            ),
        ),
        (
            "fills of memory",
            format!(
                "(memory 1) {}",
                repeated(function(1, 20, |_| "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))".into()), 9_000)
            ),
        ),
        ("locals", repeated(function(1_000, 0, looped(1)), 50)),
        ("empty functions", repeated("(func)".into(), 9_990)),
    ]
}

#[test]
#[ignore = "a measurement: cargo test -p foldhost --test components -- --ignored --nocapture the_most_work"]
fn the_most_work_that_is_let_in_takes_so_long() {
    for (what, module) in shapes() {
        // The peak begins anew.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let begun = Instant::now();
        let refused = refused(&module).to_string();
        // It was compiled: a bound that refuses it is another measurement.
        assert!(refused.contains("it exports nothing"), "{what}: {refused}");
        println!("{what:30} {:8.2?}  {}", begun.elapsed(), peak());
    }
}

/// What this process had in memory at most.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned()
}
