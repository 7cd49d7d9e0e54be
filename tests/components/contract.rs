//! Components of every version of the contract that was ever published.

use foldhost_test_support::swap_to;
use std::sync::Arc;

use foldhost::guest::CONTRACT_VERSIONS;
use foldhost::reducer::{Effect, EffectKind};
use foldhost::{CommandReply, CommandRequest, Host, InMemoryEventStore, Store};

use super::*;
use crate::rules::{ADD, PLACE, SHIP, decides_as_natively, folds_as_natively};

/// A guest of this repository as it was built for a published version.
fn published_guest(name: &str, version: &str) -> Vec<u8> {
    let path = wit::repository().join(format!("tests/components/{name}-contract-{version}.wasm"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn published_reducer(name: &str, version: &str) -> ComponentReducer {
    ComponentReducer::load(&engine(&Limits::default()), &published_guest(name, version)).unwrap()
}

/// The versions with an order guest of their own in tests/components: all but the present one.
fn published() -> Vec<&'static str> {
    CONTRACT_VERSIONS[..CONTRACT_VERSIONS.len() - 1].to_vec()
}

#[test]
fn the_host_speaks_every_contract_that_was_published_and_the_present_one() {
    let texts: Vec<_> = wit::contracts().into_iter().map(|(version, _)| version).collect();
    assert_eq!(
        texts, CONTRACT_VERSIONS,
        "wit/published and wit/reducer.wit on the left, the host's adapters on the right"
    );
    for version in published() {
        assert_eq!(published_reducer("order", version).contract_version(), version);
    }
    assert_eq!(component_reducer("order").contract_version(), CONTRACT_VERSIONS[CONTRACT_VERSIONS.len() - 1]);
}

#[test]
fn a_component_of_a_published_contract_decides_and_folds_as_the_present_guest_does() {
    for version in published() {
        let guest = published_reducer("order", version);
        decides_as_natively(&guest);
        folds_as_natively(&guest);
    }
}

#[test]
fn a_component_of_contract_1_0_0_has_what_that_contract_had() {
    let (old, present) = (published_reducer("order", "1.0.0"), component_reducer("order"));
    assert!(old.descriptor().writes.is_empty());
    assert_eq!(old.descriptor().name, present.descriptor().name);
    assert_eq!(old.descriptor().state_schema, "order.v1");
    let event = &history(1)[0];
    let asked = [(event.event_type.as_str(), event.data.as_slice())];
    assert_eq!(old.events_json(&asked), present.events_json(&asked));
    let unsupported = |call| ReducerFault::Unsupported { call };
    assert_eq!(old.events_upcast(&asked), Err(unsupported("event-upcast")));
    assert_eq!(old.event_from_json(&event.event_type, "{}"), Err(unsupported("event-from-json")));
}

#[test]
fn a_component_since_contract_1_1_0_reads_events_from_json_and_in_their_newest_version() {
    let since = published().into_iter().filter(|version| *version != "1.0.0");
    for guest in since.map(|version| published_reducer("order", version)).chain([component_reducer("order")]) {
        reads_events_from_json_and_in_their_newest_version(&guest);
    }
}

fn reads_events_from_json_and_in_their_newest_version(guest: &ComponentReducer) {
    let event = &history(1)[0];
    let asked = [(event.event_type.as_str(), event.data.as_slice()), (&event.event_type, &[255])];
    let json = guest.events_json(&asked).unwrap().remove(0).unwrap();
    assert_eq!(guest.event_from_json(&event.event_type, &json), Ok(Ok(event.data.clone())));
    let native = NativeReducer::<order::Order>::new();
    let upcast = guest.events_upcast(&asked);
    assert_eq!(upcast, native.events_upcast(&asked));
    let [read, unreadable] = upcast.unwrap().try_into().unwrap();
    assert_eq!(read, Ok(UpcastEvent { event_type: event.event_type.clone(), json: json.clone() }));
    assert!(unreadable.unwrap_err().contains("are not a `OrderPlaced.v1`"));
    for refused in [guest.event_from_json("Nothing.v1", &json), guest.event_from_json(&event.event_type, "{")] {
        assert!(matches!(refused, Ok(Err(_))), "{refused:?}");
    }
}

/// What the hostile guest asks for when it is to ask for one effect of each kind.
fn every_effect(hostile: &dyn Reducer) -> Vec<Effect> {
    let mut aggregate = hostile.create(&stream("hostile-1")).unwrap();
    decide(&mut *aggregate, "AskEveryEffect", "{}").unwrap().effects
}

fn is_custom(effect: &Effect) -> bool {
    matches!(effect.kind, EffectKind::Custom { .. })
}

#[test]
fn every_kind_of_effect_comes_out_of_a_component_as_it_was_asked_for() {
    let asked = every_effect(&NativeReducer::<hostile::Hostile>::new());
    assert_eq!(every_effect(&component_reducer("hostile")), asked);
    assert_eq!(asked.iter().filter(|effect| is_custom(effect)).count(), 2, "{asked:?}");
}

#[test]
fn a_component_of_contract_1_1_0_asks_for_every_kind_of_effect_that_contract_had() {
    let mut asked = every_effect(&NativeReducer::<hostile::Hostile>::new());
    asked.retain(|effect| !is_custom(effect));
    let old = published_reducer("hostile", "1.1.0");
    assert_eq!(old.contract_version(), "1.1.0");
    assert_eq!(every_effect(&old), asked);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_begun_under_an_old_contract_is_continued_under_the_present_one() {
    for version in published() {
        is_continued_under_the_present_contract(version).await;
    }
}

async fn is_continued_under_the_present_contract(version: &str) {
    let store: Arc<dyn Store> = Arc::new(InMemoryEventStore::new());
    let host = Host::builder(store).start().unwrap();
    host.deploy(published_guest("order", version)).await.unwrap();
    let begun = send(&host, PLACE).await;
    assert_eq!(send(&host, ADD).await.version, Version::new(2));
    swap_to(&host, component("order").to_vec()).await;
    let shipped = send(&host, SHIP).await;
    assert_eq!(shipped.version, Version::new(3));
    assert_ne!(begun.reducer.digest, shipped.reducer.digest);
    let state = host.state(&stream("order-1"), None).await.unwrap().json;
    let state: serde_json::Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["items"][0]["quantity"], 3, "{state}");
}

async fn send(host: &Host, (name, payload): (&str, &str)) -> CommandReply {
    host.send(CommandRequest::new(stream("order-1"), Command::json(name, payload))).await.unwrap()
}
