//! The reader beside serde_json: the same documents are taken, and mean the same.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::from_str;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Everything {
    byte: u8,
    small: i16,
    whole: i64,
    large: u64,
    wide: i128,
    widest: u128,
    float: f64,
    short: f32,
    flag: bool,
    letter: char,
    text: String,
    nothing: (),
    maybe: Option<u32>,
    list: Vec<Inner>,
    pair: (u8, String),
    wrapped: Wrapped,
    kind: Kind,
    names: BTreeMap<String, i32>,
    numbers: BTreeMap<i64, Kind>,
    switches: BTreeMap<bool, u8>,
    kinds: BTreeMap<Unit, u8>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Inner {
    sku: String,
    quantity: u32,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped(Option<String>);

/// Read from a text without a copy of it, as a `deserialize_with` may do.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Trimmed {
    #[serde(deserialize_with = "trimmed")]
    text: String,
    #[serde(deserialize_with = "keys")]
    keys: Vec<String>,
}

fn trimmed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    <&str>::deserialize(deserializer).map(|text| text.trim().to_owned())
}

fn keys<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    BTreeMap::<&str, IgnoredAny>::deserialize(deserializer).map(|map| map.into_keys().map(str::to_owned).collect())
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Kind {
    Unit,
    Newtype(u8),
    Tuple(u8, bool),
    Struct { a: u8 },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Unit {
    Left,
    Right,
}

fn everything() -> Everything {
    Everything {
        byte: 255,
        small: -300,
        whole: i64::MIN,
        large: u64::MAX,
        wide: i128::MIN,
        widest: u128::MAX,
        float: 1.5e-7,
        short: 0.25,
        flag: true,
        letter: 'é',
        text: "a \"quoted\" \\ line\n\u{1F600} \u{7}".into(),
        nothing: (),
        maybe: None,
        list: vec![Inner { sku: "tea".into(), quantity: 2 }, Inner { sku: String::new(), quantity: 0 }],
        pair: (7, "x".into()),
        wrapped: Wrapped(Some("in".into())),
        kind: Kind::Struct { a: 1 },
        names: BTreeMap::from([("a".into(), -1), ("\n".into(), 1)]),
        numbers: BTreeMap::from([(-4, Kind::Unit), (9, Kind::Newtype(3)), (10, Kind::Tuple(1, false))]),
        switches: BTreeMap::from([(true, 1), (false, 0)]),
        kinds: BTreeMap::from([(Unit::Left, 1), (Unit::Right, 2)]),
    }
}

#[test]
fn every_kind_of_field_is_read_back_as_serde_json_wrote_it() {
    let written = everything();
    let json = serde_json::to_string(&written).unwrap();
    assert_eq!(from_str::<Everything>(&json).unwrap(), written);
    assert_eq!(from_str::<Everything>(&serde_json::to_string_pretty(&written).unwrap()).unwrap(), written);
}

/// What serde_json says of it, and what this reader says: both a value or both a refusal.
///
/// Floats too, to the last bit: natively serde_json has its feature `float_roundtrip`.
fn assert_the_same<T: DeserializeOwned + PartialEq + Debug>(json: &str, seed: u64) {
    match (from_str::<T>(json), serde_json::from_str::<T>(json)) {
        (Ok(ours), Ok(theirs)) => assert!(ours == theirs, "seed {seed}: {json}\n{ours:?}\n{theirs:?}"),
        (Err(_), Err(_)) => {}
        (ours, theirs) => panic!("seed {seed}: {json}\nours: {ours:?}\nserde_json's: {theirs:?}"),
    }
}

/// Bytes that matter to a reader of JSON, to be put where they do not belong.
const ODD: &[&str] = &[
    "",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "0",
    "-",
    "1",
    ".",
    "e",
    "+",
    "null",
    "true",
    "\\u",
    "\\ud83d",
    "\\ude00",
    "\u{1}",
    " ",
    "\n",
    "\t",
    "é",
    "1e400",
    "00",
    "\\/",
    "18446744073709551616",
    "-9223372036854775809",
    "\u{a0}",
    "\\u0000",
];

fn mutated(document: &str, random: &mut StdRng) -> String {
    let mut chars: Vec<char> = document.chars().collect();
    for _ in 0..random.random_range(1..=3) {
        let at = random.random_range(0..=chars.len());
        let end = (at + random.random_range(0..=2)).min(chars.len());
        let odd = ODD[random.random_range(0..ODD.len())];
        chars.splice(at..end, odd.chars());
    }
    chars.into_iter().collect()
}

fn random_value(random: &mut StdRng, depth: u8) -> Value {
    match random.random_range(0..if depth == 0 { 6 } else { 8 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random::<i64>()),
        3 => json!(random.random::<u64>()),
        // Of any bits; one that is no number is null.
        4 => json!(f64::from_bits(random.random())),
        5 => json!(["", "plain", "\"\\/\u{8}\u{c}\n\r\t", "\u{1F600}é\u{0}", "\u{2028}"][random.random_range(0..5)]),
        6 => (0..random.random_range(0..4)).map(|_| random_value(random, depth - 1)).collect(),
        _ => {
            let entries = (0..random.random_range(0..4)).map(|key| (key.to_string(), random_value(random, depth - 1)));
            Value::Object(entries.collect())
        }
    }
}

#[test]
fn random_documents_and_damaged_ones_are_taken_and_refused_as_serde_json_does() {
    let seed = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let typed = serde_json::to_string(&everything()).unwrap();
    for round in 0..20_000 {
        let value = random_value(&mut random, 4);
        let document = if round % 2 == 0 { value.to_string() } else { serde_json::to_string_pretty(&value).unwrap() };
        assert_eq!(from_str::<Value>(&document).unwrap(), value, "seed {seed}");
        assert_the_same::<Value>(&mutated(&document, &mut random), seed);
        assert_the_same::<Everything>(&mutated(&typed, &mut random), seed);
        assert_the_same::<Kind>(&mutated(r#"{"Tuple":[1,false]}"#, &mut random), seed);
        assert_the_same::<BTreeMap<i64, u8>>(&mutated(r#"{"-12":3,"45":1}"#, &mut random), seed);
    }
}

fn refusal<T: DeserializeOwned>(json: &str) -> String {
    match from_str::<T>(json) {
        Ok(_) => panic!("{json} was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_refusal_says_what_is_wrong_and_where() {
    for (json, message) in [
        (r#"{"sku": "tea"}"#, "missing field `quantity` at line 1 column 13"),
        ("{\"sku\": \"tea\",\n \"quantity\": \"2\"}", "invalid type: string \"2\", expected u32 at line 2 column 16"),
        (r#"{"sku": "tea", "quantity": -1}"#, "invalid value: integer `-1`, expected u32 at line 1 column 29"),
        (r#"{"sku": "tea", "quantity": 1.5}"#, "invalid type: floating point `1.5`, expected u32 at line 1 column 30"),
        (r#"{"sku": null}"#, "invalid type: null, expected a string at line 1 column 8"),
        (r#"{"sku": "a", "sku": "b"}"#, "duplicate field `sku` at line 1 column 18"),
        (r#"{"sku": "a",}"#, "trailing comma at line 1 column 12"),
        (r#"{"sku" "a"}"#, "expected `:` at line 1 column 7"),
        (r#"{"sku": "a" "quantity""#, "expected `,` or `}` at line 1 column 12"),
        (r#"{"sku": "a"#, "EOF while parsing a string at line 1 column 10"),
        ("", "EOF while parsing a value at line 1 column 0"),
        (r#"{"sku": "a", "quantity": 1} x"#, "trailing characters at line 1 column 28"),
    ] {
        assert_eq!(refusal::<Inner>(json), message, "{json}");
    }
    assert_eq!(
        refusal::<Kind>("\"Other\""),
        "unknown variant `Other`, expected one of `Unit`, `Newtype`, `Tuple`, `Struct` at line 1 column 7"
    );
}

#[test]
fn a_text_without_escapes_can_be_borrowed() {
    let read = from_str::<Trimmed>(r#"{"text": " tea ", "keys": {"a": 1, "b": []}}"#).unwrap();
    assert_eq!(read, Trimmed { text: "tea".into(), keys: vec!["a".into(), "b".into()] });
    // What has escapes stands nowhere as it is meant; serde_json says the same.
    let escaped = r#"{"text": "\ttea", "keys": {}}"#;
    assert!(refusal::<Trimmed>(escaped).starts_with("invalid type: string \"\ttea\", expected a borrowed string"));
    assert_the_same::<Trimmed>(escaped, 0);
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Inner(Inner),
    Text(String),
}

#[test]
fn a_struct_in_an_array_is_taken_by_an_untagged_enum_alone() {
    // Serde reads all of it first, and then each variant from what it read.
    assert_eq!(
        from_str::<Untagged>(r#"["tea", 2]"#).unwrap(),
        Untagged::Inner(Inner { sku: "tea".into(), quantity: 2 })
    );
    assert_the_same::<Untagged>(r#"["tea", 2]"#, 0);
}

#[test]
fn a_struct_in_an_array_is_refused_at_every_depth() {
    assert!(refusal::<Inner>(r#"["tea", 2]"#).starts_with("invalid type: sequence, expected struct Inner"));
    assert!(refusal::<Vec<Inner>>(r#"[["tea", 2]]"#).starts_with("invalid type: sequence, expected struct Inner"));
}

#[test]
fn nesting_beyond_the_limit_is_an_error_and_no_overflow_of_the_stack() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [1, 126, 127, 128, 200_000] {
        assert_the_same::<Value>(&nested(depth), 0);
        assert_eq!(from_str::<IgnoredAny>(&nested(depth)).is_ok(), depth <= 127, "{depth}");
    }
    assert!(refusal::<Value>(&nested(128)).starts_with("recursion limit exceeded"));
}

#[test]
fn fields_that_nobody_asked_for_are_passed_over_only_if_they_are_json() {
    let with = |extra: &str| format!(r#"{{"sku": "tea", "extra": {extra}, "quantity": 2}}"#);
    for extra in ["null", "[1, [2.5e3, {\"a\": \"\\u00e9\"}]]", "{}", "\"x\"", "-0"] {
        assert_eq!(from_str::<Inner>(&with(extra)).unwrap().quantity, 2, "{extra}");
    }
    for extra in ["", "[1,]", "{1: 2}", "01", "nul", "\"\\x\"", "[}", "1."] {
        assert!(from_str::<Inner>(&with(extra)).is_err(), "{extra}");
    }
}
