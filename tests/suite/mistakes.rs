//! Files that cannot be meant: each mistake is told with its place and with what to write.

use foldhost::suite::SuiteError;

use crate::place::Place;

fn mistakes(place: &Place) -> Vec<String> {
    match place.suite() {
        Err(SuiteError::Mistakes(mistakes)) => {
            // The place without the directory, which is another one each time.
            let told = mistakes.iter().map(ToString::to_string);
            told.map(|told| told.rsplit_once("scenarios/").unwrap().1.to_owned()).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn one(text: &str) -> String {
    match mistakes(&Place::with(text)).as_slice() {
        [one] => one.clone(),
        several => panic!("{several:#?}"),
    }
}

const THEN: &str = "then: { events: [] }";

fn scenario(rest: &str) -> String {
    format!("scenarios:\n- name: a\n  {rest}\n")
}

#[test]
fn an_unknown_key_is_told_with_the_known_ones() {
    let told = one("reducers: order\nscenarios: []\n");
    assert_eq!(told, "all.yaml:1:1: unknown key `reducers` in the file; known keys: reducer, scenarios");
    let told = one(&scenario(&format!("when: Reset\n  {THEN}\n  given_events: []")));
    assert!(told.starts_with("all.yaml:5:3: unknown key `given_events` in a scenario; known keys: name,"), "{told}");
    let told = one(&scenario("when: Reset\n  then: { event: [] }"));
    assert!(told.starts_with("all.yaml:4:11: unknown key `event` in then; known keys: events, rejected,"), "{told}");
    let told = one(&scenario("steps: [{ when: Reset, than: {} }]"));
    assert!(told.contains("unknown key `than` in a step; known keys: at, when, then"), "{told}");
}

#[test]
fn every_value_of_the_wrong_kind_is_told_with_the_right_one() {
    for (rest, said) in [
        ("when: Reset\n  then: []", "`then` is a map with the keys events,"),
        ("when: [Reset]\n  then: {}", "`when` is a name with its fields, as in"),
        ("when: { A: {}, B: {} }\n  then: { events: [] }", "`when` has one name, and here are 2"),
        ("when: Reset\n  then: { events: { A.v1: {} } }", "`events` is a list, and here is a map"),
        ("when: Reset\n  then: { rejected: 7 }", "`rejected` is a text, in quotes where needed, and here is a number"),
        ("when: Reset\n  then: { rejected: a, malformed: true }", "a command comes to one of rejected, malformed"),
        ("when: Reset\n  then: { malformed: false }", "`malformed` is `true`; leave it out otherwise"),
        ("when: Reset\n  then: { fuel_max: -1 }", "`fuel_max` is a whole number, 0 or more"),
        ("when: Reset\n  then: { log: [shout: a] }", "levels: debug, info, warn, error"),
        ("when: Reset\n  at: noon\n  then: { events: [] }", "a time as in 2026-01-01T12:00:00Z"),
        ("when: Reset\n  seed: many\n  then: { events: [] }", "`seed` is a whole number"),
        ("when: Reset\n  stream: \"\"\n  then: { events: [] }", "`stream` is no stream id"),
        ("then: { events: [] }", "there is no `when`"),
        ("when: Reset\n  steps: []", "`when` stands beside `steps`"),
        ("steps: []", "`steps` is empty: write at least one, as in `- when: Reset`"),
        ("given: [1]\n  when: Reset\n  then: { events: [] }", "an event is a name with its fields"),
        (
            "given:\n  - A.v1:\n    by: 2\n  when: Reset\n  then: { events: [] }",
            "indent the fields deeper than the name",
        ),
    ] {
        let told = mistakes(&Place::with(&scenario(rest))).join("\n");
        assert!(told.contains(said), "{rest:?}: {told}");
    }
    assert!(one("scenarios:\n- when: Reset\n  then: { events: [] }\n").contains("the scenario has no `name`"));
    assert!(one("reducer: order\n").contains("the file has no `scenarios`"));
    assert!(one("").contains("`the file` is a map"));
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once() {
    let place = Place::with("scenarios:\n- { name: a, when: 1, then: { foo: 1 } }\n- { nam: b }\n");
    place.write("scenarios/other.yaml", "scenarios: 1\n");
    assert_eq!(mistakes(&place).len(), 5, "{:#?}", mistakes(&place));
}

#[test]
fn two_scenarios_with_one_name_are_told_with_both_places() {
    let place = Place::with(&scenario(&format!("when: Reset\n  {THEN}")));
    place.write("scenarios/b.yaml", scenario(&format!("when: Reset\n  {THEN}")));
    let told = mistakes(&place).join("\n");
    assert!(told.starts_with("b.yaml:2:3: ") || told.contains("all.yaml:2 too"), "{told}");
}

#[test]
fn what_yaml_reads_in_two_ways_is_read_as_it_is_written() {
    // A country, a tracking number with zeros, and a version: texts in every file, whatever YAML 1.1 says.
    let place =
        Place::with(&scenario("when: { Ship: { to: no, tracking: 007, version: 1_0 } }\n  then: { events: [] }"));
    let when = place.suite().unwrap().files[0].scenarios[0].steps[0].when.fields.clone().unwrap();
    assert_eq!(when, serde_json::json!({"to": "no", "tracking": "007", "version": "1_0"}));
}

#[test]
fn text_that_is_no_yaml_is_told_with_its_line() {
    assert!(one("scenarios:\n- name: [a\n").starts_with("all.yaml:2:"));
    assert!(one("a: 1\na: 2\n").starts_with("all.yaml:2:1: duplicate mapping key"));
    assert!(one("scenarios: []\n---\nscenarios: []\n").contains("multiple"));
    assert!(one("scenarios: !!python/object:os.system []\n").contains("tag"));
    let place = Place::with("");
    place.write("scenarios/all.yaml", [0xff, 0xfe, 0x00]);
    assert!(mistakes(&place)[0].contains("no text in UTF-8"));
}

#[test]
fn a_file_that_is_made_to_be_too_much_is_refused() {
    let huge = format!("scenarios: []\n#{}", "x".repeat(1 << 20));
    assert!(one(&huge).contains("larger than 1048576 bytes"));
    assert!(one(&format!("scenarios: {}", "[".repeat(10_000))).starts_with("all.yaml:1:"));
    let deep = (0..100).fold(String::new(), |text, depth| format!("{text}{}a:\n", " ".repeat(depth)));
    assert!(one(&deep).contains("epth"), "{}", one(&deep));
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let before = format!("*a{}", level - 1);
        bomb += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(", "));
    }
    let told = one(&bomb);
    assert!(told.contains("budget") || told.contains("limit"), "{told}");
    let many: String = (0..1_001).map(|number| format!("- {{ name: s{number}, when: Reset, {THEN} }}\n")).collect();
    assert!(one(&format!("scenarios:\n{many}")).contains("1001 entries, and 1000 are allowed"));
}

#[test]
fn a_directory_without_scenarios_is_told_with_what_to_write() {
    for dir in ["empty", "missing"] {
        let place = Place::with("");
        let dir = place.path(dir);
        if dir.ends_with("empty") {
            std::fs::create_dir(&dir).unwrap();
        }
        let error = foldhost::suite::Suite::read(&dir).unwrap_err();
        assert!(matches!(error, SuiteError::NoScenarios { .. }), "{error:?}");
        let told = error.to_string();
        assert!(told.contains("first.yaml") && told.contains("then: { events: [Incremented.v1] }"), "{told}");
        // What it says to write is a scenario.
        let (_, example) = told.split_once('`').unwrap();
        let written = Place::with(example.trim_end_matches('`'));
        assert_eq!(written.suite().unwrap().files[0].scenarios[0].name, "it counts");
    }
}
