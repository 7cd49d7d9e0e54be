//! Former versions of events: the derive's chains of upcasters, and what is listed, drawn and refused.

#![allow(clippy::unwrap_used)]

use foldhost_sdk::prelude::*;
use foldhost_sdk::{DecideError, EventError, Fold, Payload};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Place {
    city: String,
    country: String,
}

/// A parcel after a few years.
#[derive(Debug, Clone, PartialEq, Event)]
enum ParcelEvent {
    /// Its shape changed twice.
    #[event(version = 3, v1 = history::Weighed, v2 = WeighedV2)]
    Weighed { grams: u64, scale: Option<String> },
    /// It was called `Sent` until version 2, and nobody recorded a version 1.
    #[event(version = 4, since = 2, v2 = Sent as "parcel.Sent", v3 = DispatchedV3)]
    Dispatched {
        #[serde(rename = "to")]
        place: Place,
    },
    /// Its first shape is a variant of its own, since nothing says what it would be today.
    #[event(version = 2)]
    Scanned { depot: u16, at_ms: i64 },
    #[event(name = "Scanned")]
    ScannedSomewhere { at_ms: i64 },
    /// Not emitted any more.
    #[event(read_only)]
    Painted(String),
    /// Tuples and no fields at all have former versions too.
    #[event(version = 2, v1 = LabelledV1)]
    Labelled(String, u32),
    #[event(version = 2, v1 = LostV1)]
    Lost,
}

mod history {
    #[derive(foldhost_sdk::FormerEvent)]
    pub(crate) struct Weighed {
        pub(crate) kilograms: u8,
    }
}

#[derive(FormerEvent)]
struct WeighedV2 {
    grams: u64,
}

impl From<history::Weighed> for WeighedV2 {
    fn from(former: history::Weighed) -> Self {
        Self { grams: 1_000 * u64::from(former.kilograms) }
    }
}

impl From<WeighedV2> for ParcelEvent {
    fn from(WeighedV2 { grams }: WeighedV2) -> Self {
        Self::Weighed { grams, scale: None }
    }
}

#[derive(FormerEvent)]
struct Sent(String);

#[derive(FormerEvent)]
struct DispatchedV3 {
    #[serde(rename = "to")]
    r#type: (String, String),
}

impl From<Sent> for DispatchedV3 {
    fn from(Sent(city): Sent) -> Self {
        Self { r#type: (city, "DE".into()) }
    }
}

impl From<DispatchedV3> for ParcelEvent {
    fn from(DispatchedV3 { r#type: (city, country) }: DispatchedV3) -> Self {
        Self::Dispatched { place: Place { city, country } }
    }
}

#[derive(FormerEvent)]
struct LabelledV1 {
    text: String,
}

/// The last upcaster yields the enum, so it may choose the variant.
impl From<LabelledV1> for ParcelEvent {
    fn from(LabelledV1 { text }: LabelledV1) -> Self {
        match text.strip_prefix("painted ") {
            Some(colour) => Self::Painted(colour.to_owned()),
            None => Self::Labelled(text, 1),
        }
    }
}

#[derive(FormerEvent)]
struct LostV1;

impl From<LostV1> for ParcelEvent {
    fn from(LostV1: LostV1) -> Self {
        Self::Lost
    }
}

/// Each readable type with bytes of it, the JSON as recorded, and the event that it is today.
fn recorded() -> Vec<(&'static str, Vec<u8>, &'static str, ParcelEvent)> {
    let weighed = |grams, scale: Option<&str>| ParcelEvent::Weighed { grams, scale: scale.map(str::to_owned) };
    let dispatched = || ParcelEvent::Dispatched { place: Place { city: "Ulm".into(), country: "DE".into() } };
    vec![
        ("Weighed.v3", vec![9, 1, 1, b'a'], r#"{"grams":9,"scale":"a"}"#, weighed(9, Some("a"))),
        ("Weighed.v2", vec![9], r#"{"grams":9}"#, weighed(9, None)),
        ("Weighed.v1", vec![9], r#"{"kilograms":9}"#, weighed(9_000, None)),
        ("Dispatched.v4", b"\x03Ulm\x02DE".to_vec(), r#"{"to":{"city":"Ulm","country":"DE"}}"#, dispatched()),
        ("Dispatched.v3", b"\x03Ulm\x02DE".to_vec(), r#"{"to":["Ulm","DE"]}"#, dispatched()),
        ("parcel.Sent.v2", b"\x03Ulm".to_vec(), r#""Ulm""#, dispatched()),
        ("Scanned.v2", vec![7, 2], r#"{"depot":7,"at_ms":1}"#, ParcelEvent::Scanned { depot: 7, at_ms: 1 }),
        ("Scanned.v1", vec![2], r#"{"at_ms":1}"#, ParcelEvent::ScannedSomewhere { at_ms: 1 }),
        ("Painted.v1", b"\x03red".to_vec(), r#""red""#, ParcelEvent::Painted("red".into())),
        ("Labelled.v2", b"\x03red\x05".to_vec(), r#"["red",5]"#, ParcelEvent::Labelled("red".into(), 5)),
        ("Labelled.v1", b"\x03red".to_vec(), r#"{"text":"red"}"#, ParcelEvent::Labelled("red".into(), 1)),
        ("Lost.v2", vec![], "{}", ParcelEvent::Lost),
        ("Lost.v1", vec![], "{}", ParcelEvent::Lost),
    ]
}

#[test]
fn every_version_is_listed_variant_by_variant_with_the_newest_first() {
    let types: Vec<&str> = recorded().iter().map(|(event_type, ..)| *event_type).collect();
    assert_eq!(ParcelEvent::EVENT_TYPES, types);
}

#[test]
fn only_what_may_be_emitted_is_written() {
    assert_eq!(ParcelEvent::WRITES, ["Weighed.v3", "Dispatched.v4", "Scanned.v2", "Labelled.v2", "Lost.v2"]);
}

#[test]
fn an_old_event_is_brought_to_the_newest_version_one_after_the_other() {
    for (event_type, bytes, _, today) in recorded() {
        assert_eq!(ParcelEvent::from_bytes(event_type, &bytes), Ok(today.clone()), "{event_type}");
        assert_eq!(ParcelEvent::decoder(event_type).unwrap()(&bytes), Ok(today), "{event_type}");
    }
}

#[test]
fn an_old_event_is_drawn_as_it_was_recorded_and_as_it_is_today() {
    for (event_type, bytes, json, today) in recorded() {
        assert_eq!(ParcelEvent::recorded_json(event_type, &bytes).unwrap(), json, "{event_type}");
        let upcast = foldhost_sdk::event_upcast::<Parcel>(event_type, &bytes).unwrap();
        assert_eq!((upcast.event_type.as_str(), upcast.json), (today.event_type(), today.to_json().unwrap()));
    }
}

#[test]
fn an_upcaster_into_the_enum_may_choose_the_variant() {
    let upcast = foldhost_sdk::event_upcast::<Parcel>("Labelled.v1", b"\x0bpainted red").unwrap();
    assert_eq!((upcast.event_type.as_str(), upcast.json.as_str()), ("Painted.v1", r#""red""#));
}

#[test]
fn json_of_any_version_becomes_the_bytes_that_were_recorded_then() {
    for (event_type, bytes, json, _) in recorded() {
        assert_eq!(ParcelEvent::bytes_from_json(event_type, json), Ok(bytes), "{event_type}");
    }
}

#[track_caller]
fn assert_json_is_refused(event_type: &str, json: &str, message: &str) {
    let error = ParcelEvent::bytes_from_json(event_type, json).unwrap_err();
    assert!(matches!(error, EventError::MalformedJson { .. }), "{error}");
    assert!(error.to_string().contains(message) && error.to_string().contains(event_type), "{error}");
}

#[test]
fn json_of_an_old_version_has_exactly_its_fields() {
    assert_json_is_refused("Weighed.v1", r#"{"kilograms":9,"grams":1}"#, "unknown field `grams`");
    assert_json_is_refused("Weighed.v1", r#"{"grams":9}"#, "unknown field `grams`");
    assert_json_is_refused("Weighed.v2", "{}", "missing field `grams`");
    assert_json_is_refused("Weighed.v2", "[9]", "found an array");
    assert_json_is_refused("Lost.v1", "[]", "found an array");
    assert_json_is_refused("Weighed.v1", r#"{"kilograms":900}"#, "900");
    assert!(matches!(ParcelEvent::bytes_from_json("Weighed.v9", "{}"), Err(EventError::UnknownType { .. })));
}

#[test]
fn versions_that_nothing_reads_are_refused_with_those_that_are_read() {
    for event_type in ["Weighed.v4", "Weighed.v0", "Dispatched.v1", "Dispatched.v2", "parcel.Sent.v3", "Weighed"] {
        assert!(ParcelEvent::decoder(event_type).is_none(), "{event_type}");
        let error = ParcelEvent::recorded_json(event_type, &[]).unwrap_err();
        assert!(error.to_string().contains("Weighed.v3, Weighed.v2, Weighed.v1, Dispatched.v4"), "{error}");
    }
}

#[test]
fn missing_and_left_over_bytes_of_an_old_version_are_refused_under_its_own_name() {
    for bytes in [&[][..], &[9, 9]] {
        let error = ParcelEvent::from_bytes("Weighed.v1", bytes).unwrap_err();
        assert!(matches!(&error, EventError::Malformed { event_type, .. } if event_type == "Weighed.v1"), "{error}");
    }
}

#[test]
fn a_former_shape_on_its_own_is_written_and_read_as_it_was() {
    let weighed = history::Weighed { kilograms: 9 };
    assert_eq!(weighed.to_bytes("Weighed.v1"), Ok(vec![9]));
    assert_eq!(weighed.to_json("Weighed.v1").unwrap(), r#"{"kilograms":9}"#);
    assert_eq!(history::Weighed::from_json("Weighed.v1", r#"{"kilograms": 9}"#).unwrap().kilograms, 9);
    assert_eq!(history::Weighed::from_bytes("Weighed.v1", &[9]).unwrap().kilograms, 9);
}

struct Parcel;

#[derive(Command)]
enum ParcelCommand {
    Paint { colour: String },
    ScanSomewhere,
    Lose,
}

impl Reducer for Parcel {
    const NAME: &'static str = "parcel";
    const STATE_SCHEMA: &'static str = "parcel.v1";
    type State = Vec<String>;
    type Command = ParcelCommand;
    type Event = ParcelEvent;

    fn decide(_: &Vec<String>, command: ParcelCommand, _: &Context) -> Result<Decision<ParcelEvent>, Rejection> {
        Ok(Decision::event(match command {
            ParcelCommand::Paint { colour } => ParcelEvent::Painted(colour),
            ParcelCommand::ScanSomewhere => ParcelEvent::ScannedSomewhere { at_ms: 1 },
            ParcelCommand::Lose => ParcelEvent::Lost,
        }))
    }

    fn apply(state: &mut Vec<String>, event: ParcelEvent) {
        state.push(format!("{event:?}"));
    }
}

#[test]
fn a_page_of_mixed_versions_folds_as_if_all_were_of_today() {
    let (mut types, mut index, mut ends, mut data) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    // Back and forth between the types, and twice, as a stream of several years is.
    let events = recorded();
    for (position, (event_type, bytes, ..)) in events.iter().rev().chain(&events).enumerate() {
        if position < events.len() {
            types.push((*event_type).to_owned());
        }
        index.push(types.iter().position(|known| known == event_type).unwrap().try_into().unwrap());
        data.extend(bytes);
        ends.push(data.len().try_into().unwrap());
    }
    let mut fold = Fold::<Parcel>::new("parcel-1");
    fold.apply_packed(1, &types, &index, &ends, &data).unwrap();
    let today: Vec<String> = events.iter().rev().chain(&events).map(|event| format!("{:?}", event.3)).collect();
    assert_eq!(*fold.state(), today);
}

#[test]
fn a_version_that_is_not_read_any_more_stops_the_fold_where_it_stands() {
    let mut fold = Fold::<Parcel>::new("parcel-1");
    let types = ["Weighed.v1".to_owned(), "Dispatched.v1".to_owned()];
    let error = fold.apply_packed(1, &types, &[0, 1], &[1, 2], &[9, 9]).unwrap_err();
    assert_eq!(error.version, 2);
    assert!(error.message.contains("`Dispatched.v1` is unknown"), "{error}");
}

#[test]
fn an_event_that_is_read_only_is_not_handed_out() {
    let fold = Fold::<Parcel>::new("parcel-1");
    let decide = |name, json| fold.decide(name, Payload::Json(json), &Context::for_test("parcel-1"));
    for (answer, only_read) in
        [(decide("Paint", r#"{"colour": "red"}"#), "Painted.v1"), (decide("ScanSomewhere", "{}"), "Scanned.v1")]
    {
        let Err(DecideError::Faulty(EventError::ReadOnly { event_type, written })) = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(event_type, only_read);
        assert_eq!(written, ParcelEvent::WRITES.join(", "));
    }
    assert_eq!(decide("Lose", "{}").unwrap().events[0].event_type, "Lost.v2");
}

/// Deployed before the one that emits version 2, so that there is a way back from that.
#[derive(Debug, PartialEq, Event)]
enum ReadsAhead {
    Counted {
        by: u8,
    },
    #[event(name = "Counted", version = 2, read_only)]
    CountedV2 {
        by: u32,
        at_ms: i64,
    },
}

#[test]
fn a_newer_version_can_be_read_before_anything_emits_it() {
    assert_eq!(ReadsAhead::EVENT_TYPES, ["Counted.v1", "Counted.v2"]);
    assert_eq!(ReadsAhead::WRITES, ["Counted.v1"]);
    assert_eq!(ReadsAhead::from_bytes("Counted.v2", &[7, 2]), Ok(ReadsAhead::CountedV2 { by: 7, at_ms: 1 }));
}
