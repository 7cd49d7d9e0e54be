//! What the process holds: an idle host, and one with 10,000 warm order streams. Physical memory, as the kernel counts it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::sync::Arc;

use foldhost::{Command, CommandRequest, Host, Store, StreamId};
use foldhost_test_support::orders::place_order;
use foldhost_test_support::{component, database};

const STREAMS: usize = 10_000;

/// This process's share of physical memory, in bytes. Not VmRSS, which counts a page that 10,000 instances map from one image
/// of their component 10,000 times.
fn resident_bytes() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").expect("this bench reads Linux' /proc");
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").unwrap().lines().count()
}

#[tokio::main]
async fn main() {
    // cargo test runs benches too, with --test; what is measured here means nothing beside other tests.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let mega = |bytes: u64| bytes as f64 / 1e6;
    let component = component("order").to_vec();
    let database = database().await;
    let host = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).start().unwrap();
    host.deploy(component).await.unwrap();
    let idle = resident_bytes();
    println!("idle host with one component compiled: {:.1} MB, {} mappings", mega(idle), mappings());
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..64 {
        let host = host.clone();
        clients.spawn(async move {
            for number in (client..STREAMS).step_by(64) {
                let stream = StreamId::new(&format!("order-{number}")).unwrap();
                let request = CommandRequest::new(stream, Command::json("PlaceOrder", place_order()));
                host.send(request).await.unwrap();
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    assert_eq!(host.entities_len(), STREAMS);
    let warm = resident_bytes();
    println!(
        "{STREAMS} warm order streams: {:.1} MB, {:.1} kB a stream, {} mappings",
        mega(warm),
        (warm - idle) as f64 / STREAMS as f64 / 1e3,
        mappings()
    );
}
