//! Hosts killed while they verify.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rand::Rng as _;
use serde_json::Value;
use sqlx::Row as _;
use tokio::process::{Child, Command};

use super::hosts::foldhost;
use super::kill::{Held, chance, pass};
use super::past;
use super::site::{Site, digest};

/// A history that one thread takes several seconds to fold, on a fast machine too: three hosts are killed in it. What takes time is the
/// stream and not the event.
const STREAMS: usize = 10_000;
const EVENTS_EACH: usize = 4;
/// How long a verification may take to come further.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the database has of a verification.
#[derive(Debug, PartialEq)]
struct Verification {
    id: String,
    status: String,
    checkpoint: Option<String>,
    streams: u64,
    /// How many hosts have held it.
    token: i64,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verification_whose_hosts_are_killed_goes_on_behind_its_checkpoint_and_ends() {
    let mut chance = chance("verify");
    let mut site = Site::open().await;
    let old = past::record(&mut site.connection, STREAMS, EVENTS_EACH).await;
    let events = STREAMS * EVENTS_EACH + site.sent.len();
    site.sent.extend(old);
    let mut streams = 0;
    let mut known = None;
    for killed in 0..3 {
        let verifying = verify(&site).await;
        until_further(&mut site, streams).await;
        pass(Duration::from_micros(chance.random_range(0..300_000))).await;
        kill(&mut site, verifying).await;
        let left = only(&mut site).await;
        assert!(left.status == "running" && left.checkpoint.is_some() && left.streams > streams, "{left:?}");
        assert_eq!(left.token, killed + 1, "each host takes it once: {left:?}");
        streams = left.streams;
        assert_eq!(known.get_or_insert_with(|| left.id.clone()), &left.id, "it is the same one");
        // The first of them is waited for until its lease ends, by the command itself.
        if killed > 0 {
            site.end_leases().await;
        }
    }
    // All is folded, and its end is not told yet.
    let mut held = Held::table(&site.database.url, "events").await;
    let verifying = verify(&site).await;
    held.until_waited_for(1).await;
    site.hosts.kill(0).await;
    held.release().await;
    assert!(!verifying.wait_with_output().await.unwrap().status.success());
    let history = site.history().await;
    assert_eq!((only(&mut site).await.status.as_str(), history.verified.len()), ("running", 0));
    site.start_and_compare(&history).await;

    site.end_leases().await;
    let output = verify(&site).await.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let verification: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verification["verification_id"].as_str(), known.as_deref());
    let report = &verification["report"];
    // Each stream once, whatever was folded again; those that are counted on since then come first, and had been folded by then.
    assert_eq!(
        (&verification["status"], &report["streams"]),
        (&"passed".into(), &(STREAMS + 2).into()),
        "{verification:#}"
    );
    assert_eq!(report["events"], events, "{verification:#}");
    site.hosts.kill(0).await;
    assert_eq!(site.history().await.verified.len(), 1);
}

/// Verifies by the command, which looks on until the end.
async fn verify(site: &Site) -> Child {
    let mut command = foldhost();
    command.args(["verify", "counter", &digest(1).to_string(), "--threads", "1", "--json", "--url", &site.url().await]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    Command::from(command).kill_on_drop(true).spawn().unwrap()
}

/// Kills the host, whose command fails by it, and starts another.
async fn kill(site: &mut Site, verifying: Child) {
    site.hosts.kill(0).await;
    let output = verifying.wait_with_output().await.unwrap();
    assert!(!output.status.success(), "it was over before the host was killed: let it take longer");
    let history = site.history().await;
    assert_eq!(history.verified.len(), 0);
    site.start_and_compare(&history).await;
}

async fn only(site: &mut Site) -> Verification {
    let ask = "SELECT verification_id::text AS id, status, checkpoint, token,
                      COALESCE((report->>'streams')::bigint, 0) AS streams FROM verifications";
    let row = sqlx::query(ask).fetch_one(&mut site.connection).await.unwrap();
    Verification {
        id: row.get("id"),
        status: row.get("status"),
        checkpoint: row.get("checkpoint"),
        streams: row.get::<i64, _>("streams") as u64,
        token: row.get("token"),
    }
}

/// Waits until it has recorded that it has come further.
async fn until_further(site: &mut Site, streams: u64) {
    let ask = "SELECT count(*) FROM verifications WHERE (report->>'streams')::bigint > $1";
    let (mut look, began) = (tokio::time::interval(Duration::from_millis(20)), Instant::now());
    loop {
        look.tick().await;
        let asked = sqlx::query_scalar::<_, i64>(ask).bind(streams as i64);
        if asked.fetch_one(&mut site.connection).await.unwrap() > 0 {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "the verification does not go on");
    }
}
