//! What a component does before it has a stream: when it starts, and when it is asked what it is.

use foldhost::guest::GateError;

use super::*;

const ORDER: &[u8] = b"hostile misdeed:";

/// The hostile component with a misdeed in its bytes.
fn with_order(misdeed: &str) -> Vec<u8> {
    let mut component = component("hostile").to_vec();
    let places: Vec<_> = component.windows(ORDER.len()).enumerate().filter(|(_, bytes)| *bytes == ORDER).collect();
    let [(at, _)] = places[..] else { panic!("{} places for an order", places.len()) };
    let begin = at + ORDER.len();
    assert!(component[begin..begin + misdeed.len()].iter().all(|byte| *byte == b'.'), "no room for {misdeed}");
    component[begin..begin + misdeed.len()].copy_from_slice(misdeed.as_bytes());
    component
}

/// The hostile component with one more core module, which is instantiated beside its own: for what Rust cannot say.
fn with_module(wat: &str) -> Vec<u8> {
    let mut component = component("hostile").to_vec();
    let module = wat::parse_str(wat).unwrap();
    let index = core_modules(&component);
    let section = |id: u8, content: &[u8]| [&[id][..], &leb128(content.len()), content].concat();
    component.extend(section(1, &module));
    // One core instance: the module of this index, with no arguments.
    component.extend(section(2, &[&[1, 0][..], &leb128(index), &[0]].concat()));
    component
}

/// How many core modules a component has at its top.
fn core_modules(component: &[u8]) -> usize {
    let (mut at, mut modules) = (8, 0);
    while at < component.len() {
        modules += usize::from(component[at] == 1);
        let (mut length, mut shift) = (0, 0);
        loop {
            at += 1;
            length |= usize::from(component[at] & 0x7F) << shift;
            shift += 7;
            if component[at] < 0x80 {
                break;
            }
        }
        at += 1 + length;
    }
    modules
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn load(component: &[u8]) -> Result<ComponentReducer, GateError> {
    static ENGINE: OnceLock<GuestEngine> = OnceLock::new();
    ComponentReducer::load(ENGINE.get_or_init(|| GuestEngine::new(&Limits::default()).unwrap()), component)
}

/// What the gate says of a component, in which everything has to be presentable.
#[track_caller]
fn refusal(what: &str, component: &[u8]) -> String {
    let error = load(component).err().unwrap_or_else(|| panic!("{what} was let in"));
    assert!(error.offences.len() <= 100, "{what}: {} offences", error.offences.len());
    error.offences.iter().for_each(|offence| assert_presentable(offence));
    error.offences.join("; ")
}

#[test]
fn an_order_in_its_bytes_is_all_that_makes_it_another_component() {
    assert!(load(&with_order("decide spin")).is_ok(), "nobody asks it to decide when it is loaded");
    assert!(load(&with_module("(module)")).is_ok());
}

#[test]
fn a_component_that_fails_when_it_is_asked_what_it_is_is_refused() {
    for (act, says) in [
        ("spin", "fuel in describe"),
        ("trap", "trapped in describe"),
        ("panic", "as commanded"),
        ("panic-in-control-characters", "trapped in describe"),
        ("grow-memory", "memory in describe"),
        ("recurse", "trapped in describe"),
        ("hoard-handles", "handle"),
    ] {
        let refusal = refusal(act, &with_order(&format!("describe {act}")));
        assert!(refusal.contains(says), "{act}: {refusal}");
    }
    Neighbour::new().goes_on();
}

#[test]
fn a_component_that_lies_about_what_it_is_is_refused() {
    for (misdeed, says) in [
        ("answer huge", "broken answer in describe"),
        ("answer long", "name"),
        ("answer invalid-utf8", "broken answer in describe"),
        ("answer out-of-bounds", "broken answer in describe"),
        ("answer control-characters", "name"),
        ("answer empty", "name"),
        ("writes-unread", "Fine.v99"),
        ("names-twice", "twice"),
        ("no-commands", "0 commands"),
        ("many-names", ""),
    ] {
        let refusal = refusal(misdeed, &with_order(&format!("describe {misdeed}")));
        assert!(refusal.contains(says), "{misdeed}: {refusal}");
    }
    Neighbour::new().goes_on();
}

#[test]
fn a_component_that_fails_when_it_starts_is_refused() {
    for (act, says) in [("spin", "fuel in start"), ("trap", ""), ("grow-memory", "memory in start"), ("recurse", "")] {
        let refusal = refusal(act, &with_order(&format!("start {act}")));
        assert!(refusal.contains(says), "{act}: {refusal}");
    }
    Neighbour::new().goes_on();
}

#[test]
fn a_component_whose_parts_are_too_many_or_too_large_is_refused() {
    for (what, wat, says) in [
        ("a large table", "(module (table 20000 funcref))", ""),
        (
            "a table that grows",
            "(module (table 1 funcref)
               (func $start (loop (drop (table.grow (ref.null func) (i32.const 1000))) (br 0)))
               (start $start))",
            "",
        ),
        (
            "a table that grows by nothing",
            "(module (table 1 funcref)
               (func $start (loop (drop (table.grow (ref.null func) (i32.const 0))) (br 0)))
               (start $start))",
            "fuel in start",
        ),
        (
            "a table that is filled",
            "(module (table 9000 funcref)
               (func $start (loop (table.fill (i32.const 0) (ref.null func) (i32.const 9000)) (br 0)))
               (start $start))",
            "fuel in start",
        ),
        ("a large memory", "(module (memory 2000))", "memory"),
        ("a start without an end", "(module (func $start (loop (br 0))) (start $start))", "fuel in start"),
        ("a start that traps", "(module (func $start (unreachable)) (start $start))", ""),
        (
            "a start that divides",
            "(module (func $start (local i64) (local.set 0 (i64.const -1))
               (loop (local.set 0 (i64.or (i64.div_u (i64.const -2) (i64.or (local.get 0) (i64.const 1)))
                                          (i64.const 0x7000000000000000))) (br 0))) (start $start))",
            "fuel in start",
        ),
        ("two memories in one module", "(module (memory 1) (memory 1))", ""),
        ("a memory of 64 bits", "(module (memory i64 1))", ""),
        ("threads", "(module (memory 1 1 shared))", ""),
    ] {
        let refusal = refusal(what, &with_module(wat));
        assert!(refusal.contains(says), "{what}: {refusal}");
    }
    let mut component = with_module("(module)");
    let module = wat::parse_str("(module (memory 1))").unwrap();
    let first = core_modules(&component);
    for index in first..first + 20 {
        component.extend([&[1][..], &leb128(module.len()), &module].concat());
        component.extend([&[2, 3 + leb128(index).len() as u8, 1, 0][..], &leb128(index), &[0]].concat());
    }
    assert!(!refusal("twenty memories", &component).is_empty());
    Neighbour::new().goes_on();
}

/// What the engine keeps for an instance beside its memory is the host's: without it, a host would hold more than it may.
#[test]
fn what_an_instance_takes_beside_its_memory_is_counted() {
    let bytes = |wat: &str| load(&with_module(wat)).unwrap().create(&stream("hostile-1")).unwrap().memory_bytes();
    let (plain, globals) = (bytes("(module)"), "(global i64 (i64.const 0))".repeat(900));
    assert_eq!(bytes(&format!("(module {globals})")), plain + 900 * 16);
    assert_eq!(bytes("(module (table 2000 funcref))"), plain + 2_000 * 8);
}

/// Half a million cache lines, each of which names another one, and a walk over them: a unit of fuel a step.
const LOADS: &str = "(module (memory 520) (func $start (local i32) (local $line i32)
    (loop
        (i32.store
            (i32.shl (local.get $line) (i32.const 6))
            (i32.shl
                (i32.and
                    (i32.add (i32.mul (local.get $line) (i32.const 1103515245)) (i32.const 12345))
                    (i32.const 0x7FFFF))
                (i32.const 6)))
        (local.set $line (i32.add (local.get $line) (i32.const 1)))
        (br_if 0 (i32.lt_u (local.get $line) (i32.const 0x80000))))
    (loop CHAIN (br 0))) (start $start))";

/// As `the_fuel_of_a_call_lasts_so_long`, of what only hand-written code does: the difference between loading with much fuel and
/// with little, since most of either is compiling.
#[test]
#[ignore = "a measurement: cargo test -p foldhost --test containment -- --ignored --nocapture the_fuel_of_a_start"]
fn the_fuel_of_a_start_lasts_so_long() {
    let looped = |locals: &str, body: &str| {
        format!("(module (memory 1) (table 1 funcref) (func $start {locals} (loop {body} (br 0))) (start $start))")
    };
    let engine = |fuel_per_call_max: u64| {
        let reducer = ReducerLimits { fuel_per_call_max, ..Default::default() };
        GuestEngine::new(&Limits { reducer, ..Default::default() }).unwrap()
    };
    // The component's own start takes some before the loop comes.
    let engines = [engine(1_000_000), engine(201_000_000)];
    let chain =
        |before: &str, after: &str| format!("(local.set 0 {}(local.get 0){})", before.repeat(64), after.repeat(64));
    for (what, wat) in [
        ("memory.grow 0", looped("", "(drop (memory.grow (i32.const 0)))")),
        ("table.grow 0", looped("", "(drop (table.grow (ref.null func) (i32.const 0)))")),
        ("memory.fill 0", looped("", "(memory.fill (i32.const 0) (i32.const 0) (i32.const 0))")),
        ("memory.copy 0", looped("", "(memory.copy (i32.const 0) (i32.const 0) (i32.const 0))")),
        ("memory.fill n", looped("(local i32)", "(memory.fill (i32.const 0) (i32.const 0) (local.get 0))")),
        ("memory.copy n", looped("(local i32)", "(memory.copy (i32.const 0) (i32.const 9) (local.get 0))")),
        ("table.get", looped("", &"(drop (table.get (i32.const 0)))".repeat(32))),
        (
            "ref.func",
            looped("", &"(drop (ref.func $start))".repeat(32)).replace("(start", "(elem declare func $start) (start"),
        ),
        ("table.fill 0", looped("", "(table.fill (i32.const 0) (ref.null func) (i32.const 0))")),
        ("table.copy 0", looped("", "(table.copy (i32.const 0) (i32.const 0) (i32.const 0))")),
        (
            "i64.div_u",
            looped("(local i64)", &chain("(i64.div_u (i64.const -2) (i64.or (i64.const 0x700000001) ", "))")),
        ),
        ("f64.sqrt", looped("(local f64)", &chain("(f64.sqrt ", ")"))),
        (
            "i64.rem_s",
            looped("(local i64)", &chain("(i64.rem_s (i64.const -2) (i64.or (i64.const 0x700000001) ", "))")),
        ),
        ("f64.nearest", looped("(local f64)", &chain("(f64.nearest ", ")"))),
        ("f64x2.sqrt", looped("(local v128)", &chain("(f64x2.sqrt ", ")"))),
        ("f32x4.div", looped("(local v128)", &chain("(f32x4.div (v128.const f32x4 3 3 3 3) ", ")"))),
        ("i64x2.mul", looped("(local v128)", &chain("(i64x2.mul (v128.const i64x2 3 3) ", ")"))),
        ("loads in a row", LOADS.replace("CHAIN", &chain("(i32.load ", ")"))),
        ("f64.div", looped("(local f64)", &chain("(f64.div (f64.const 3) ", ")"))),
    ] {
        let component = with_module(&wat);
        let [short, long] = [0, 1].map(|at| {
            let took = (0..3).map(|_| {
                let (loaded, took) = timed(|| ComponentReducer::load(&engines[at], &component));
                assert!(loaded.unwrap_err().to_string().contains("in start"), "{what}");
                took
            });
            took.min().unwrap()
        });
        println!("{what:16} {:?}", long.saturating_sub(short));
    }
}
