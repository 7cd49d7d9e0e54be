//! The core that the component and a native host share.

#![allow(clippy::unwrap_used)]

use foldhost_sdk::prelude::*;
use foldhost_sdk::{DecideError, Decoder, EncodedEvent, EventError, FlatEffectKind, Fold, LogLine, Payload};

struct Account;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct AccountState {
    cents: i64,
    owner: Option<String>,
}

#[derive(Command)]
enum AccountCommand {
    Open { owner: String },
    Deposit { cents: i64 },
}

#[derive(Debug, Clone, PartialEq, Event)]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: i64 },
}

impl Reducer for Account {
    const NAME: &'static str = "account";
    const STATE_SCHEMA: &'static str = "account.v1";
    type State = AccountState;
    type Command = AccountCommand;
    type Event = AccountEvent;

    fn decide(
        state: &AccountState,
        command: AccountCommand,
        context: &Context,
    ) -> Result<Decision<AccountEvent>, Rejection> {
        match command {
            AccountCommand::Open { owner } => Ok(Decision::event(AccountEvent::Opened { owner })
                .and(AccountEvent::Deposited { cents: 100 })
                .with_effect(Effect::delay(context.seed))
                .with_log(LogLevel::Info, format!("opened {}", context.stream_key()))),
            AccountCommand::Deposit { .. } if state.owner.is_none() => {
                Err(Rejection::new("not-open", "the account is not open"))
            }
            AccountCommand::Deposit { cents } => Ok(Decision::event(AccountEvent::Deposited { cents })),
        }
    }

    fn apply(state: &mut AccountState, event: AccountEvent) {
        match event {
            AccountEvent::Opened { owner } => state.owner = Some(owner),
            AccountEvent::Deposited { cents } => state.cents += cents,
        }
    }
}

const DEPOSITED: &str = "Deposited.v1";

fn types(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn context() -> Context {
    Context::for_test("account-7")
}

#[test]
fn a_page_is_folded_in_its_order() {
    let mut fold = Fold::<Account>::new("account-7");
    // "Ann" opened; 1, -1 and 5 cents (zigzag: 2, 1, 10) deposited. The page's types stand in another order than the enum's.
    let data = [3, b'A', b'n', b'n', 2, 1, 10];
    fold.apply_packed(1, &types(&[DEPOSITED, "Opened.v1"]), &[1, 0, 0, 0], &[4, 5, 6, 7], &data).unwrap();
    assert_eq!(*fold.state(), AccountState { cents: 5, owner: Some("Ann".into()) });
    assert_eq!(fold.stream_id(), "account-7");
}

#[test]
fn an_empty_page_changes_nothing() {
    let mut fold = Fold::<Account>::new("account-7");
    fold.apply_packed(1, &[], &[], &[], &[]).unwrap();
    fold.apply_packed(1, &types(&["Unknown.v1"]), &[], &[], &[]).unwrap();
    assert_eq!(*fold.state(), AccountState::default());
}

#[test]
fn a_type_that_is_named_but_not_used_may_be_unknown() {
    let mut fold = Fold::<Account>::new("account-7");
    fold.apply_packed(1, &types(&["Unknown.v1", DEPOSITED]), &[1], &[1], &[2]).unwrap();
    assert_eq!(fold.state().cents, 1);
}

#[track_caller]
fn assert_refused(names: &[&str], index: &[u16], ends: &[u32], data: &[u8], version: u64, message: &str) {
    let mut fold = Fold::<Account>::new("account-7");
    let error = fold.apply_packed(41, &types(names), index, ends, data).unwrap_err();
    assert_eq!(error.version, version, "{error}");
    assert!(error.message.contains(message), "{error}");
}

#[test]
fn a_page_whose_columns_do_not_fit_is_refused_at_the_version_where_it_breaks() {
    assert_refused(&[DEPOSITED], &[0, 0], &[1], &[2], 42, "2 type indices but 1 ends");
    assert_refused(&[DEPOSITED], &[0], &[1, 2], &[2, 2], 42, "1 type indices but 2 ends");
    assert_refused(&[DEPOSITED], &[0, 1], &[1, 2], &[2, 2], 42, "type index is 1");
    assert_refused(&[], &[0], &[1], &[2], 41, "type index is 0");
    assert_refused(&[DEPOSITED], &[0], &[2], &[2], 41, "its last event ends at 2");
    assert_refused(&[DEPOSITED], &[0], &[u32::MAX], &[2], 41, "its last event ends at 4294967295");
    assert_refused(&[DEPOSITED], &[0], &[1], &[2, 2], 41, "2 bytes");
    assert_refused(&[DEPOSITED], &[], &[], &[2], 41, "its last event ends at 0");
    assert_refused(&[DEPOSITED], &[0, 0, 0], &[1, 0, 1], &[2], 42, "spans the bytes 1 to 0");
    assert_refused(&[DEPOSITED], &[0, 0], &[9, 1], &[2], 41, "spans the bytes 0 to 9");
}

#[test]
fn an_event_that_cannot_be_read_is_refused_at_its_version() {
    assert_refused(&[DEPOSITED, "Closed.v1"], &[0, 1], &[1, 1], &[2], 42, "`Closed.v1` is unknown");
    assert_refused(&[DEPOSITED], &[0, 0], &[1, 3], &[2, 2, 2], 42, "left over");
    assert_refused(&["Opened.v1"], &[0], &[2], &[9, b'A'], 41, "not a `Opened.v1`");
}

#[test]
fn the_last_version_of_all_is_reported_without_overflow() {
    let mut fold = Fold::<Account>::new("account-7");
    let error = fold.apply_packed(u64::MAX, &types(&[DEPOSITED]), &[0, 9], &[1, 2], &[2, 2]).unwrap_err();
    assert_eq!(error.version, u64::MAX);
}

#[test]
fn a_decision_holds_events_effects_and_log_lines_and_changes_nothing() {
    let fold = Fold::<Account>::new("account-7");
    let decision = fold.decide("Open", Payload::Json(r#"{"owner": "Ann"}"#), &context()).unwrap();
    assert_eq!(
        decision.events,
        [
            EncodedEvent { event_type: "Opened.v1", data: vec![3, b'A', b'n', b'n'] },
            EncodedEvent { event_type: DEPOSITED, data: vec![200] },
        ]
    );
    assert_eq!(decision.effects[0].kind, FlatEffectKind::Delay(context().seed));
    assert_eq!(decision.log, [LogLine { level: LogLevel::Info, message: "opened 7".into() }]);
    assert_eq!(*fold.state(), AccountState::default());
    assert_eq!(fold.decide("Open", Payload::Binary(&[3, b'A', b'n', b'n']), &context()), Ok(decision));
}

#[test]
fn a_rejection_and_an_unreadable_command_are_told_apart() {
    let fold = Fold::<Account>::new("account-7");
    let decide = |name, json| fold.decide(name, Payload::Json(json), &context());
    assert!(matches!(decide("Deposit", r#"{"cents": 1}"#), Err(DecideError::Rejected(no)) if no.code == "not-open"));
    assert!(matches!(decide("Deposit", "{}"), Err(DecideError::Malformed(_))));
    assert!(matches!(decide("Close", "{}"), Err(DecideError::Malformed(_))));
}

#[test]
fn a_snapshot_restores_the_state() {
    let mut fold = Fold::<Account>::new("account-7");
    fold.apply_packed(1, &types(&["Opened.v1", DEPOSITED]), &[0, 1], &[2, 3], &[1, b'A', 10]).unwrap();
    let restored = Fold::<Account>::restore("account-7", &fold.snapshot()).unwrap();
    assert_eq!(restored.state(), fold.state());
    assert_eq!(restored.state_json(), r#"{"cents":5,"owner":"A"}"#);
}

#[test]
fn a_snapshot_of_another_shape_is_refused_with_the_schema() {
    for bytes in [&[][..], &[0, 0, 0], &[0, 9]] {
        let error = Fold::<Account>::restore("account-7", bytes).unwrap_err();
        assert!(error.contains("account.v1"), "{error}");
    }
}

#[test]
fn the_descriptor_names_what_the_reducer_understands() {
    let descriptor = foldhost_sdk::descriptor::<Account>();
    assert_eq!(descriptor.name, "account");
    assert_eq!(descriptor.commands, ["Open", "Deposit"]);
    assert_eq!(descriptor.event_types, ["Opened.v1", DEPOSITED]);
    assert_eq!(descriptor.state_schema, "account.v1");
    assert_eq!(descriptor.sdk_version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_recorded_event_is_shown_as_json() {
    assert_eq!(foldhost_sdk::event_json::<Account>(DEPOSITED, &[10]), Ok(r#"{"cents":5}"#.into()));
    assert!(foldhost_sdk::event_json::<Account>("Closed.v1", &[]).unwrap_err().contains("Closed.v1"));
    assert!(foldhost_sdk::event_json::<Account>(DEPOSITED, &[]).is_err());
}

/// A field whose two halves of serde disagree: written as a number, read as text.
#[derive(Debug, Clone, Deserialize)]
struct Lopsided(#[allow(dead_code, reason = "only its encoding matters")] String);

impl Serialize for Lopsided {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(200)
    }
}

/// Read back as another value each time.
#[derive(Debug, Clone, Deserialize)]
struct Growing(u64);

impl Serialize for Growing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0 + 1)
    }
}

/// Read back as another value, which looks the same to people.
#[derive(Debug, Clone)]
struct Signature(u8);

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match serializer.is_human_readable() {
            true => serializer.serialize_str("signed"),
            false => serializer.serialize_u8(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(u8::deserialize(deserializer)? / 2))
    }
}

#[derive(Event)]
enum CarelessEvent {
    Written { value: Lopsided },
    Grown { note: String, by: Growing, last: String },
    Signed { at_ms: u8, signature: Signature },
}

#[derive(Command)]
enum CarelessCommand {
    Write,
    Grow { note: String },
    Sign,
}

struct Careless;

impl Reducer for Careless {
    const NAME: &'static str = "careless";
    const STATE_SCHEMA: &'static str = "careless.v1";
    type State = ();
    type Command = CarelessCommand;
    type Event = CarelessEvent;

    fn decide(_: &(), command: CarelessCommand, _: &Context) -> Result<Decision<CarelessEvent>, Rejection> {
        Ok(Decision::event(match command {
            CarelessCommand::Write => CarelessEvent::Written { value: Lopsided("x".into()) },
            CarelessCommand::Grow { note } => CarelessEvent::Grown { note, by: Growing(1), last: "z".repeat(500) },
            CarelessCommand::Sign => CarelessEvent::Signed { at_ms: 7, signature: Signature(8) },
        }))
    }

    fn apply((): &mut (), _: CarelessEvent) {}
}

fn why_unreadable(name: &str, json: &str) -> String {
    match Fold::<Careless>::new("careless-1").decide(name, Payload::Json(json), &context()) {
        Err(DecideError::Faulty(EventError::Unreadable { message, .. })) => message,
        answer => panic!("{answer:?}"),
    }
}

#[test]
fn an_event_that_could_never_be_read_again_is_not_handed_out() {
    let decoder: Option<Decoder<CarelessEvent>> = CarelessEvent::decoder("Written.v1");
    assert!(decoder.is_some());
    assert!(why_unreadable("Write", "").contains("bytes are missing"));
}

#[test]
fn an_event_that_would_be_read_back_as_another_is_not_handed_out() {
    let message = why_unreadable("Grow", r#"{"note": "a"}"#);
    assert!(message.contains(r#"`{"note":"a","by":2,"last":"zzz"#), "{message}");
    assert!(message.contains(r#"comes back as `{"note":"a","by":3,"last":"zzz"#), "{message}");
    let message = why_unreadable("Sign", "");
    assert_eq!(message, "encoded again it has 2 bytes instead of 2, other ones from byte 1 on");
}

#[test]
fn only_the_part_that_differs_is_shown_of_a_large_event() {
    // Two bytes a character, once shifted by one: the cut must not fall into a character.
    for note in ["\u{e4}".repeat(5_000), format!("a{}", "\u{e4}".repeat(5_000))] {
        let message = why_unreadable("Grow", &format!(r#"{{"note": "{note}"}}"#));
        assert!(message.contains(r#""by":2"#) && message.contains(r#""by":3"#), "{message}");
        assert!(message.starts_with("`...") && message.ends_with("...`") && message.len() < 400, "{message}");
    }
}

/// By hand, and read back as another event.
#[derive(Debug)]
enum SwappedEvent {
    Opened,
    Closed,
}

impl Event for SwappedEvent {
    const EVENT_TYPES: &'static [&'static str] = &["Opened.v1", "Closed.v1"];

    fn event_type(&self) -> &'static str {
        match self {
            Self::Opened => "Opened.v1",
            Self::Closed => "Closed.v1",
        }
    }

    fn to_bytes(&self) -> Result<Vec<u8>, EventError> {
        Ok(Vec::new())
    }

    fn decoder(event_type: &str) -> Option<Decoder<Self>> {
        match event_type {
            "Opened.v1" => Some(|_| Ok(Self::Closed)),
            "Closed.v1" => Some(|_| Ok(Self::Opened)),
            _ => None,
        }
    }

    fn to_json(&self) -> Result<String, EventError> {
        Ok("{}".into())
    }
}

#[derive(Command)]
enum SwappedCommand {
    Open,
}

struct Swapped;

impl Reducer for Swapped {
    const NAME: &'static str = "swapped";
    const STATE_SCHEMA: &'static str = "swapped.v1";
    type State = ();
    type Command = SwappedCommand;
    type Event = SwappedEvent;

    fn decide(_: &(), SwappedCommand::Open: SwappedCommand, _: &Context) -> Result<Decision<SwappedEvent>, Rejection> {
        Ok(Decision::event(SwappedEvent::Opened))
    }

    fn apply((): &mut (), _: SwappedEvent) {}
}

#[test]
fn an_event_that_is_read_back_as_another_type_is_not_handed_out() {
    let answer = Fold::<Swapped>::new("swapped-1").decide("Open", Payload::Json(""), &context());
    let Err(DecideError::Faulty(error)) = answer else { panic!("{answer:?}") };
    assert!(error.to_string().contains("`Opened.v1` would not be read back as it is"), "{error}");
    assert!(error.to_string().contains("read back as a `Closed.v1`"), "{error}");
}

#[test]
#[should_panic(expected = "not kebab-case")]
fn a_rejection_code_of_another_form_fails_in_tests() {
    let _ = Rejection::new("NotOpen", "the account is not open");
}
