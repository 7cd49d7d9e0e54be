//! `#[derive(Event)]`: names, bytes and JSON of every form of variant.

#![allow(clippy::unwrap_used)]

use foldhost_sdk::{Event, EventError};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Address {
    street: String,
    number: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Event)]
enum ParcelEvent {
    Packed {
        weight_g: u32,
        #[serde(rename = "to")]
        address: Address,
    },
    // The same name as the type that it holds.
    Address(Address),
    Weighed(u32, String),
    Lost,
    #[event(version = 3, since = 3)]
    Opened {
        r#type: u8,
    },
    #[event(name = "parcel.Returned", version = 2, since = 2)]
    Back {},
}

fn address() -> Address {
    Address { street: "Elm".into(), number: Some(4) }
}

fn one_of_each() -> Vec<ParcelEvent> {
    vec![
        ParcelEvent::Packed { weight_g: 300, address: address() },
        ParcelEvent::Address(address()),
        ParcelEvent::Weighed(5, "kg".into()),
        ParcelEvent::Lost,
        ParcelEvent::Opened { r#type: 9 },
        ParcelEvent::Back {},
    ]
}

#[test]
fn a_type_is_the_variants_name_and_version_unless_told_otherwise() {
    let types = ["Packed.v1", "Address.v1", "Weighed.v1", "Lost.v1", "Opened.v3", "parcel.Returned.v2"];
    assert_eq!(ParcelEvent::EVENT_TYPES, types);
    assert_eq!(one_of_each().iter().map(Event::event_type).collect::<Vec<_>>(), types);
}

#[test]
fn every_form_of_variant_is_read_back_as_it_was() {
    for event in one_of_each() {
        let bytes = event.to_bytes().unwrap();
        assert_eq!(ParcelEvent::from_bytes(event.event_type(), &bytes), Ok(event.clone()));
        assert_eq!(ParcelEvent::decoder(event.event_type()).unwrap()(&bytes), Ok(event));
    }
}

#[test]
fn only_the_fields_are_encoded_and_no_discriminant() {
    let bytes: Vec<Vec<u8>> = one_of_each().iter().map(|event| event.to_bytes().unwrap()).collect();
    let address = [3, b'E', b'l', b'm', 1, 4];
    assert_eq!(bytes[0], [&[251, 44, 1], address.as_slice()].concat());
    assert_eq!(bytes[1], address);
    assert_eq!(bytes[2], [5, 2, b'k', b'g']);
    assert_eq!(bytes[3..], [vec![], vec![9], vec![]]);
}

/// The same events after a few years: variants added and moved.
#[derive(Debug, PartialEq, Event)]
enum ParcelEventLater {
    Scanned { at_ms: i64 },
    Weighed(u32, String),
    Lost,
}

#[test]
fn adding_and_moving_variants_leaves_recorded_events_readable() {
    for event in [ParcelEvent::Weighed(5, "kg".into()), ParcelEvent::Lost] {
        let later = ParcelEventLater::from_bytes(event.event_type(), &event.to_bytes().unwrap()).unwrap();
        assert_eq!(later.to_json(), event.to_json());
    }
}

#[test]
fn as_json_an_event_is_its_fields() {
    let json: Vec<String> = one_of_each().iter().map(|event| event.to_json().unwrap()).collect();
    assert_eq!(
        json,
        [
            r#"{"weight_g":300,"to":{"street":"Elm","number":4}}"#,
            r#"{"street":"Elm","number":4}"#,
            r#"[5,"kg"]"#,
            "{}",
            r#"{"type":9}"#,
            "{}",
        ]
    );
}

#[test]
fn an_unknown_type_is_refused_with_those_that_are_known() {
    let error = ParcelEventLater::from_bytes("Packed.v1", &[]).unwrap_err();
    assert!(matches!(&error, EventError::UnknownType { event_type, .. } if event_type == "Packed.v1"));
    assert!(error.to_string().contains("Scanned.v1, Weighed.v1, Lost.v1"), "{error}");
    assert!(ParcelEventLater::decoder("Weighed.v2").is_none(), "another version is another type");
}

#[test]
fn missing_and_left_over_bytes_are_refused() {
    let mut bytes = ParcelEvent::Weighed(5, "kg".into()).to_bytes().unwrap();
    assert!(matches!(ParcelEvent::from_bytes("Weighed.v1", &bytes[..3]), Err(EventError::Malformed { .. })));
    bytes.push(0);
    let error = ParcelEvent::from_bytes("Weighed.v1", &bytes).unwrap_err();
    assert!(error.to_string().contains("1 bytes are left over"), "{error}");
    assert!(matches!(ParcelEvent::from_bytes("Lost.v1", &[0]), Err(EventError::Malformed { .. })));
}
