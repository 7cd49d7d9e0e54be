//! Hosts killed while they change who decides.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use tokio::task::JoinHandle;

use super::change::{Change, Step};
use super::kill::{Kill, chance, points};
use super::record::History;
use super::site::{Said, Site, said};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_while_it_activates_leaves_the_former_or_the_next_generation_whole() {
    kill_in(&[Step::Activate, Step::KeepJournal], "activate").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_while_a_canary_begins_or_grows_leaves_the_former_or_the_next_generation_whole() {
    kill_in(&[Step::BeginCanary, Step::GrowCanary], "canary").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_while_a_canary_ends_leaves_the_former_or_the_next_generation_whole() {
    kill_in(&[Step::FinishCanary, Step::WithdrawCanary], "the canary's end").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_on_the_way_back_leaves_the_former_or_the_next_generation_whole() {
    kill_in(&[Step::ForceBack, Step::RollBack], "rollback").await;
}

/// Kills a host at many points of each step, and starts it again each time.
async fn kill_in(steps: &[Step], test: &str) {
    let mut chance = chance(test);
    let mut site = Site::open().await;
    for step in steps {
        // The second time, since the first one compiles.
        let mut usual = Duration::ZERO;
        for _ in 0..2 {
            let change = step.prepare(&site).await;
            let began = Instant::now();
            let (status, said) = ask(&site, &change).await.await.unwrap().unwrap();
            assert_eq!(status, StatusCode::OK, "{step:?}: {said}");
            usual = began.elapsed();
        }
        let (mut before, mut behind) = (0, 0);
        for point in points(&mut chance, usual) {
            match round(&mut site, *step, point).await {
                true => behind += 1,
                false => before += 1,
            }
        }
        println!(
            "{step:?}, which takes {usual:.1?}: {before} times the state before it, {behind} times the one behind it"
        );
    }
    site.hosts.stop().await;
}

/// Asks for a change, kills the host, and looks what there is. Whether the change was made.
async fn round(site: &mut Site, step: Step, point: Kill) -> bool {
    site.end_leases().await;
    let change = step.prepare(site).await;
    let held = site.hold(point).await;
    let asked = ask(site, &change).await;
    let told = site.kill_at(point, held, asked).await.ok();
    let history = site.history().await;
    let is_made = is_made(&history, &change);
    if let Some((status, said)) = &told {
        assert_eq!(*status, StatusCode::OK, "{step:?} {point:?}: {said}");
        assert!(is_made, "{step:?} {point:?} was told as made: {said}");
    }
    match point {
        Kill::Answered => assert!(told.is_some(), "{step:?}"),
        Kill::BeforeTelling => assert!(told.is_none() && !is_made, "{step:?}: none of it was committed"),
        Kill::InCommit => assert!(told.is_none() && is_made, "{step:?}: it was committed, and nobody heard of it"),
        Kill::After(_) => {}
    }
    site.start_and_compare(&history).await;
    is_made
}

/// The last generation is the one before the change or the one that it leads to.
fn is_made(history: &History, change: &Change) -> bool {
    let last = history.activations.iter().max_by_key(|activated| activated.generation.number).unwrap();
    let number = change.leads_to.generation.number;
    assert!([number - 1, number].contains(&last.generation.number), "{last:?} came of {change:?}");
    let is_made = last.generation.number == number;
    assert!(!is_made || *last == change.leads_to, "{last:?} came of {change:?}");
    is_made
}

/// Asks, in a task of its own; again while what was recorded is looked through for the way back.
pub(crate) async fn ask(site: &Site, change: &Change) -> JoinHandle<reqwest::Result<Said>> {
    let request = site.http.post(format!("{}{}", site.url().await, change.path)).json(&change.body);
    tokio::spawn(async move {
        loop {
            let (status, said) = said(request.try_clone().unwrap()).await?;
            if status != StatusCode::ACCEPTED {
                return Ok((status, said));
            }
        }
    })
}
