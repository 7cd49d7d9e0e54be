//! `foldhost serve --watch`, by the real binary: crates that `foldhost new` made are edited, commands are sent, and what is told and
//! decided is looked at.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "new/alone.rs"]
mod alone;
#[path = "watch/clients.rs"]
mod clients;
#[path = "watch/host.rs"]
mod host;
#[path = "watch/new_crate.rs"]
mod new_crate;
#[path = "cli/program.rs"]
#[allow(dead_code, reason = "the tests of the other commands use more of it")]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use foldhost::PoolConfig;
use foldhost::embedded_postgres::Durability;
use foldhost_test_support::{OwnServer, database};
use serde_json::json;

use clients::Clients;
use host::WatchingHost;
use new_crate::NewCrate;
use program::{Outcome, open_dir, run};

/// What the template has, and what is put in its place.
const RULE: (&str, &str) = (r#"Rejection::new("nothing-to-add""#, r#"Rejection::new("too-little""#);
const SUM: (&str, &str) = ("=> state.total += amount", "=> state.total += amount * 2");

/// The two digests of `NAME BEFORE -> AFTER: ...`, and what follows.
fn swap<'a>(line: &'a str, name: &str) -> (&'a str, &'a str, &'a str) {
    let rest = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(' '));
    let swap = rest.and_then(|rest| rest.split_once(" -> ")).and_then(|(before, rest)| {
        let (after, what) = rest.split_once(": ")?;
        Some((before, after, what))
    });
    swap.unwrap_or_else(|| panic!("no swap of {name}: {line}"))
}

/// The digest of `NAME DIGEST decides, generation 1, ...`.
fn first<'a>(line: &'a str, name: &str) -> &'a str {
    let digest =
        line.strip_prefix(&format!("{name} ")).and_then(|rest| rest.split_once(" decides, generation 1, after "));
    digest.unwrap_or_else(|| panic!("not the first of {name}: {line}")).0
}

#[tokio::test(flavor = "multi_thread")]
async fn each_save_decides_the_next_command_without_a_restart_and_no_command_fails() {
    let database = database().await;
    let ledger = NewCrate::new("ledger");
    let host = WatchingHost::start(&database.url, &[&ledger], &[]);
    let line = host.told("ledger");
    let mut digest = first(&line, "ledger").to_owned();
    host.send("ledger-1", "Open", json!({ "title": "first" })).await.accepted();
    host.send("ledger-1", "Add", json!({ "amount": 0 })).await.rejected("nothing-to-add");
    let clients = Clients::start(&host, "ledger");

    clients.send_on().await;
    ledger.edit(RULE);
    let line = host.told("ledger");
    let (before, after, what) = swap(&line, "ledger");
    assert_eq!(before, digest);
    assert!(what.starts_with("nothing differs in ") && what.contains("; generation 2, after "), "{line}");
    digest = after.to_owned();
    host.send("ledger-1", "Add", json!({ "amount": 0 })).await.rejected("too-little");

    clients.send_on().await;
    ledger.edit(("    Close,\n}", "    Close,\n    Reopen,\n}"));
    // It does not compile like this: the arm is missing. What is told is told once.
    assert_eq!(host.told("ledger"), "ledger: the build failed (cargo says why above)");
    let arm = "(LedgerCommand::Close, New) =>";
    ledger.edit((arm, &format!("(LedgerCommand::Reopen, _) => Ok(Decision::none()),\n            {arm}")));
    let line = host.told("ledger");
    let (before, after, what) = swap(&line, "ledger");
    assert_eq!(before, digest);
    assert!(what.starts_with("+command Reopen; nothing differs in ") && what.contains("; generation 3, "), "{line}");
    host.send("ledger-1", "Reopen", json!({})).await.accepted();

    clients.send_on().await;
    clients.stop_and_check(&host).await;
    let record = host.get("/reducers/ledger").await;
    assert!(record["active"]["digest"].as_str().unwrap().starts_with(after), "{record}");
    for made in ["activations", "components", "verifications"] {
        let made = record[made].as_array().unwrap();
        assert!(made.len() >= 2 && made.iter().all(|one| one["by"] == "watch"), "{made:?}");
    }
    assert_eq!(host.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_differs_is_told_with_its_field_in_an_encrypted_category_too() {
    let database = database().await;
    let purse = NewCrate::new("purse");
    let keys = purse.beside("keys");
    fs::write(&keys, run(["keys", "generate"]).success()).unwrap();
    fs::set_permissions(&keys, fs::Permissions::from_mode(0o600)).unwrap();
    let flags = ["--encryption-keys", keys.to_str().unwrap(), "--encrypt", "purse"];
    let host = WatchingHost::start(&database.url, &[&purse], &flags);
    first(&host.told("purse"), "purse");
    for stream in ["purse-1", "purse-2", "purse-3"] {
        host.send(stream, "Open", json!({ "title": stream })).await.accepted();
    }
    for stream in ["purse-1", "purse-2"] {
        host.send(stream, "Add", json!({ "amount": 250 })).await.accepted();
    }
    purse.edit(SUM);
    let line = host.told("purse");
    let (_, _, what) = swap(&line, "purse");
    assert!(
        what.starts_with("2 of 3 streams differ in state:/total under the same state schema; generation 2, after "),
        "{line}"
    );
    assert_eq!(host.get("/streams/purse-1").await["state"]["total"], 500);
    assert_eq!(host.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_compile_or_cannot_fold_the_history_is_told_and_the_former_one_decides_on() {
    let database = database().await;
    let parcel = NewCrate::new("parcel");
    let host = WatchingHost::start(&database.url, &[&parcel], &[]);
    let line = host.told("parcel");
    let digest = first(&line, "parcel");
    let clients = Clients::start(&host, "parcel");
    host.send("parcel-1", "Open", json!({ "title": "first" })).await.accepted();
    host.send("parcel-1", "Add", json!({ "amount": 7 })).await.accepted();

    let import = "use foldhost_sdk::prelude::*;";
    parcel.edit((import, "ouse foldhost_sdk::prelude::*;"));
    assert_eq!(host.told("parcel"), "parcel: the build failed (cargo says why above)");
    host.send("parcel-1", "Add", json!({ "amount": 0 })).await.rejected("nothing-to-add");
    parcel.edit(("ouse foldhost_sdk::prelude::*;", import));
    assert_eq!(host.told("parcel"), format!("parcel stays at {digest}: the build came to the same component"));

    // Of one stream alone: those of the clients add ones.
    let panics = r#"=> { assert!(amount != 7, "nobody knows {amount}"); state.total += amount }"#;
    parcel.edit(("=> state.total += amount", panics));
    let line = host.told("parcel");
    let start = format!(
        "parcel stays at {digest}: 1 stream fails: trap in parcel-1 at version 1: the reducer trapped in apply: panicked at src/lib.rs:"
    );
    assert!(line.starts_with(&start) && line.contains(": nobody knows 7"), "{line}");
    host.send("parcel-1", "Add", json!({ "amount": 7 })).await.accepted();
    assert_eq!(host.get("/streams/parcel-1").await["state"]["total"], 14);

    // An event that is recorded is not read any more: that is told before anything is folded.
    parcel.edit((panics, "=> state.total += amount"));
    host.told("parcel");
    let source = parcel.source();
    parcel.write(&source.replace("ParcelAmountAdded", "ParcelSumAdded"));
    let line = host.told("parcel");
    assert!(line.starts_with("parcel is not swapped: ") && line.contains("ParcelAmountAdded.v1"), "{line}");

    parcel.write(&source.replace(RULE.0, RULE.1));
    swap(&host.told("parcel"), "parcel");
    host.send("parcel-1", "Add", json!({ "amount": 0 })).await.rejected("too-little");
    clients.stop_and_check(&host).await;
    assert_eq!(host.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn saving_the_same_again_does_nothing_and_a_save_during_a_build_is_not_missed() {
    let database = database().await;
    let basket = NewCrate::new("basket");
    let host = WatchingHost::start(&database.url, &[&basket], &[]);
    first(&host.told("basket"), "basket");

    basket.write(&basket.source());
    // It was seen, and found to be no other.
    let seen = host.line("src/lib.rs\"]");
    assert!(seen.line.contains("no source is another one"), "{}", seen.line);
    assert!(!seen.before.iter().any(|line| line.contains("basket")), "{:#?}", seen.before);

    basket.edit(RULE);
    let compiling = host.line("Compiling basket");
    assert!(!compiling.before.iter().any(|line| line.starts_with("basket")), "{:#?}", compiling.before);
    basket.edit((RULE.1, r#"Rejection::new("much-too-little""#));
    // The build that was under way, with the one rule or the other, and then the one that follows it.
    host.told("basket");
    host.told("basket");
    host.send("basket-1", "Open", json!({ "title": "first" })).await.accepted();
    host.send("basket-1", "Add", json!({ "amount": 0 })).await.rejected("much-too-little");

    // Ctrl-C while one is under way.
    basket.edit(SUM);
    host.line("Compiling basket");
    assert_eq!(host.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_is_told_of_and_left_alone() {
    let database = database().await;
    let voucher = NewCrate::new("voucher");
    let host = WatchingHost::start(&database.url, &[&voucher], &[]);
    let line = host.told("voucher");
    let digest = first(&line, "voucher");
    host.send("voucher-1", "Open", json!({ "title": "first" })).await.accepted();
    // Another component of the same rules.
    let mut other = voucher.component();
    other.extend([0, 6, 4, b'n', b'o', b't', b'e', 1]);
    let file = voucher.beside("other.wasm");
    fs::write(&file, other).unwrap();
    let candidate =
        host.run(&["deploy", file.to_str().unwrap(), "--json"]).json()["digest"].as_str().unwrap().to_owned();
    host.run(&["verify", "voucher", &candidate]).success();
    host.run(&["canary", "voucher", &candidate, "--share", "50%"]).success();

    voucher.edit(RULE);
    let line = host.told("voucher");
    let told = format!("voucher stays at {digest}: {} is its canary for 50% of the streams: finish", &candidate[..12]);
    assert!(line.starts_with(&told), "{line}");
    let record = host.get("/reducers/voucher").await;
    assert_eq!(record["active"]["canary"], json!({ "digest": candidate, "share": "50%" }));
    assert_eq!(record["active"]["generation"], 2);

    host.run(&["canary", "voucher", "--withdraw"]).success();
    voucher.edit(("the amount must be at least 1", "the amount has to be 1 or more"));
    let line = host.told("voucher");
    assert!(swap(&line, "voucher").2.contains("; generation 4, "), "{line}");
    host.send("voucher-1", "Add", json!({ "amount": 0 })).await.rejected("too-little");
    assert_eq!(host.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_for_a_moment_is_told_once_and_the_save_decides_when_it_is_back() {
    let mut server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&PoolConfig::default()).await;
    let coupon = NewCrate::new("coupon");
    let host = WatchingHost::start(&database.url, &[&coupon], &["--retry-for", "1s"]);
    first(&host.told("coupon"), "coupon");
    server.stop().await;
    coupon.edit(RULE);
    let line = host.told("coupon");
    assert!(
        line.starts_with("coupon: the database is unavailable: ") && line.ends_with("; it is tried again"),
        "{line}"
    );
    server.restart().await;
    let line = host.told("coupon");
    assert!(swap(&line, "coupon").2.starts_with("no streams yet; generation 2, "), "{line}");
    assert_eq!(host.stop(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_crates_are_followed_each_by_itself_and_their_database_may_lie_in_one_of_them() {
    let (booking, seat) = (NewCrate::new("booking"), NewCrate::new("seat"));
    // As somebody does who types `foldhost serve --watch . 2>serve.log` there.
    let host = WatchingHost::start_within(&booking, &[&booking, &seat]);
    let (told, other) = (host.told_of_any(&["booking", "seat"]), host.told_of_any(&["booking", "seat"]));
    let mut both = [told, other];
    both.sort();
    first(&both[0], "booking");
    first(&both[1], "seat");
    // Written to the database and to the log, which lie in the crate.
    for number in 0..20 {
        host.send(&format!("booking-{number}"), "Open", json!({ "title": "first" })).await.accepted();
    }
    seat.edit(RULE);
    // What came first came of this.
    let line = host.told_of_any(&["booking", "seat"]);
    assert!(swap(&line, "seat").2.starts_with("no streams yet; generation 2, "), "{line}");
    booking.edit(RULE);
    let line = host.told_of_any(&["booking", "seat"]);
    assert!(swap(&line, "booking").2.starts_with("nothing differs in 20 streams; generation 2, "), "{line}");
    assert_eq!(host.stop(), Some(0));
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_started() {
    let dir = open_dir();
    let empty = dir.path().to_str().unwrap();
    let refused = |flags: &[&str], code| -> String {
        let data_dir = dir.path().join("data");
        let mut serve =
            program::foldhost(["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir.to_str().unwrap()]);
        let outcome: Outcome = serve.args(flags).output().unwrap().into();
        assert!(!data_dir.exists());
        outcome.failure(code)
    };
    let line = refused(&["--watch", empty], 1);
    assert!(line.contains("is not a crate: name the directory that holds the reducer's Cargo.toml"), "{line}");
    fs::write(dir.path().join("Cargo.toml"), "").unwrap();
    let line = refused(&["--watch", empty, "--watch", &format!("{empty}/.")], 2);
    assert!(line.contains("is there twice: write it once"), "{line}");
    let line = refused(&["--watch", empty, "--log-format", "json"], 2);
    assert!(line.contains("leave out --log-format json"), "{line}");
}
