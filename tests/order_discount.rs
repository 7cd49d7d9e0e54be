//! The two releases that follow guests/order, as components: what each decides, and which of the three can follow which.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhost::reducer::ReducerDigest;
use foldhost::suite::{RunOptions, Suite, run};
use foldhost::swap::{ActivateRequest, ActivationPolicy, RollBackRequest, SwapError};
use foldhost::testing::golden::Golden;
use foldhost::testing::{assert_case, command, encode, encode_command, scenario, stream};
use foldhost::{
    Command, CommandError, CommandRequest, ComponentReducer, GuestEngine, Host, Limits, NativeReducer, Reducer,
};
use foldhost_test_support::{TestDatabase, component, component_with, database};
use serde_json::json;

/// The feature of the release that grants discounts.
const GRANT: &str = "grant";

fn guest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guests").join(path)
}

fn loaded(component: &[u8]) -> ComponentReducer {
    ComponentReducer::load(&GuestEngine::new(&Limits::default()).unwrap(), component).unwrap()
}

fn reads_ahead() -> Arc<[u8]> {
    component("order-discount")
}

fn grants() -> Arc<[u8]> {
    component_with("order-discount", &[GRANT])
}

#[test]
fn the_table_of_each_release_holds_natively_and_through_its_component() {
    for (component, is_granting) in [(reads_ahead(), false), (grants(), true)] {
        let cases = order_discount::cases(is_granting);
        assert!(cases.len() > 4, "{}", cases.len());
        let reducer = loaded(&component);
        cases.iter().for_each(|case| assert_case(&reducer, case));
    }
    let native = NativeReducer::<order_discount::Order>::new();
    order_discount::cases(order_discount::GRANTS).iter().for_each(|case| assert_case(&native, case));
}

#[test]
fn the_scenarios_and_the_golden_files_hold_in_both_releases() {
    let options = RunOptions { seed: 7, sequences: 20, golden_required: true, filter: None };
    let golden = Golden::read(&guest("order-discount/golden")).unwrap();
    let both = [(reads_ahead(), &["scenarios"][..]), (grants(), &["scenarios", "scenarios-granting"])];
    for (component, suites) in both {
        let reducer = loaded(&component);
        assert_eq!(golden.check(&reducer as &dyn Reducer), []);
        for suite in suites {
            let suite = Suite::read(&guest("order-discount").join(suite)).unwrap();
            let report = run(&reducer, &suite, &options).unwrap();
            assert!(report.passed(), "{report:#?}");
        }
    }
}

/// That an activation of it accepts no difference of a command, and one of the state.
#[test]
fn the_release_that_reads_ahead_decides_everything_as_the_one_before_and_has_no_discount_to_show() {
    let (before, now) = (loaded(&component("order")), loaded(&reads_ahead()));
    let cases = order::cases();
    assert!(cases.len() > 40, "{}", cases.len());
    for case in cases {
        let begun = |reducer| {
            let begun = scenario(reducer).stream(&case.context.stream_id).at(case.context.now_ms);
            let begun = begun.command_id(case.context.command_id.as_str()).seed(case.context.seed);
            begun.given(case.given.iter().map(encode)).when(encode_command(&case.when))
        };
        let (before, now) = (begun(&before as &dyn Reducer), begun(&now));
        assert_eq!(now.decided(), before.decided(), "{}", case.name);
        let mut state = before.state().clone();
        state["discount"] = json!(0);
        assert_eq!(*now.state(), state, "{}", case.name);
    }
}

/// A host on which the first release placed an order.
async fn shop(database: &TestDatabase) -> (Host, ReducerDigest) {
    let host = Host::builder(database.store.clone()).start().unwrap();
    let first = host.deploy(component("order").to_vec()).await.unwrap();
    assert!(first.is_active());
    place(&host, "order-1").await;
    (host, first.digest)
}

fn placing() -> Command {
    command(
        "PlaceOrder",
        json!({"customer_id": "ada", "items": [{"sku": "TABLE", "quantity": 1, "unit_price": 25_000}]}),
    )
}

/// Places an order of 250.00. Gives the type of its event.
async fn place(host: &Host, stream_id: &str) -> String {
    let reply = host.send(CommandRequest::new(stream(stream_id), placing())).await.unwrap();
    reply.events[0].event_type.clone()
}

async fn ship(host: &Host, stream_id: &str) -> Result<(), CommandError> {
    let shipment = command("ShipOrder", json!({"tracking": "1Z"}));
    host.send(CommandRequest::new(stream(stream_id), shipment)).await.map(drop)
}

async fn activate(host: &Host, component: &[u8]) -> ReducerDigest {
    let digest = host.deploy(component.to_vec()).await.unwrap().digest;
    let policy = ActivationPolicy::Force("for the test".into());
    host.activate("order", ActivateRequest { policy, ..ActivateRequest::of(digest) }).await.unwrap();
    digest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_to_the_first_release_is_open_until_an_order_is_placed_in_the_new_version() {
    let database = database().await;
    let (host, first) = shop(&database).await;
    let back = || RollBackRequest { to: Some(first), ..RollBackRequest::default() };
    activate(&host, &grants()).await;
    assert!(ship(&host, "order-1").await.is_ok(), "what was placed before is read");
    let status = host.roll_back("order", back()).await.unwrap();
    assert_eq!(status.reducer.digest, first);

    let granting = activate(&host, &grants()).await;
    assert_eq!(place(&host, "order-2").await, "OrderPlaced.v2");
    match host.roll_back("order", back()).await {
        Err(SwapError::Unreadable { events, .. }) => {
            let listed: Vec<_> = events.iter().map(|events| (events.event_type.as_str(), events.count)).collect();
            assert_eq!(listed, [("OrderPlaced.v2", 1)]);
        }
        other => panic!("it should have been refused: {other:?}"),
    }
    let active = host.reducers().await.unwrap();
    assert_eq!(active[0].reducer.digest, granting, "who decided decides on");
    assert!(host.shutdown().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_that_is_forced_locks_the_streams_that_cannot_be_read_and_no_others() {
    let database = database().await;
    let (host, first) = shop(&database).await;
    let granting = activate(&host, &grants()).await;
    place(&host, "order-2").await;
    let force = Some("the test wants it".to_owned());
    host.roll_back("order", RollBackRequest { to: Some(first), force, ..RollBackRequest::default() }).await.unwrap();
    let error = ship(&host, "order-2").await.unwrap_err();
    assert!(error.to_string().contains("OrderPlaced.v2"), "{error}");
    assert_eq!(place(&host, "order-3").await, "OrderPlaced.v1");
    ship(&host, "order-1").await.unwrap();

    // Nothing is lost: one that reads it goes on with it.
    let policy = ActivationPolicy::Force("for the test".into());
    host.activate("order", ActivateRequest { policy, ..ActivateRequest::of(granting) }).await.unwrap();
    ship(&host, "order-2").await.unwrap();
    assert!(host.shutdown().await);
}
