//! A host that freezes, as a paused virtual machine does: its connections stay, and so does what they have locked.

use std::time::{Duration, Instant};

use reqwest::StatusCode;

use super::change::Step;
use super::kill::Held;
use super::site::Site;
use super::swapping::ask;

/// How long commands may be held up by a host that froze: the server gives its transaction 10 seconds.
const HELD_UP_MAX: Duration = Duration::from_secs(20);

/// It held the lock that all appends of the category share, until TCP gave it up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_freezes_while_it_activates_holds_others_up_for_seconds_and_has_activated_nothing() {
    let mut site = Site::open().await;
    site.hosts.start(1);
    let before = site.active("counter").await.unwrap();
    site.count_on(1, &before).await;
    let change = Step::Activate.prepare(&site).await;
    // It has its locks, and waits to write. Let go, its transaction waits for what it says next.
    let mut held = Held::tellings(&site.database.url).await;
    let asked = ask(&site, &change).await;
    held.until_waited_for(1).await;
    site.hosts.freeze(0).await;
    held.release().await;
    let began = Instant::now();
    let counted = tokio::time::timeout(HELD_UP_MAX, site.count_on(1, &before)).await;
    counted.expect("commands go on through the other host");
    println!("held up for {:.1?}", began.elapsed());
    site.hosts.thaw(0);
    let (status, said) = asked.await.unwrap().unwrap();
    assert_eq!((status, &said["code"]), (StatusCode::SERVICE_UNAVAILABLE, &"store-unavailable".into()), "{said}");
    assert_eq!(site.active("counter").await, Some(before));
    // What the server ended is mended by the next one who asks.
    site.count().await;
    site.hosts.kill(0).await;
    site.hosts.kill(1).await;
    let history = site.history().await;
    assert_eq!(history.activations.len(), 1);
    site.start_and_compare(&history).await;
}
