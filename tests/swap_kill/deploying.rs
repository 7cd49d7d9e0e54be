//! Hosts killed while a component is deployed.

use std::process::Stdio;
use std::time::Instant;

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::hosts::foldhost;
use super::kill::{Held, Kill, chance, points};
use super::site::{COMPONENTS, Site, component, digest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_while_a_candidate_is_deployed_has_kept_it_and_told_so_or_neither() {
    let mut chance = chance("deploy");
    let mut site = Site::open().await;
    let began = Instant::now();
    site.deploy(component(COMPONENTS)).await.unwrap();
    let usual = began.elapsed();
    let (mut before, mut behind) = (0, 0);
    for (number, point) in (COMPONENTS + 1..).zip(points(&mut chance, usual)) {
        match deploy(&mut site, number, point).await {
            true => behind += 1,
            false => before += 1,
        }
    }
    println!("a deployment, which takes {usual:.1?}: {before} times not kept, {behind} times kept");
    site.hosts.stop().await;
}

/// Deploys a candidate by the command, kills the host, and deploys it again. Whether it was kept by then.
async fn deploy(site: &mut Site, number: u8, point: Kill) -> bool {
    let file = site.file("candidate.wasm", &component(number));
    let held = site.hold(point).await;
    let mut command = foldhost();
    command.args(["deploy", "--json", "--url", &site.url().await]).arg(file);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let deploying = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let deployed = site.kill_at(point, held, tokio::spawn(deploying.wait_with_output())).await.unwrap();
    let history = site.history().await;
    let is_kept = history.kept.iter().any(|(_, kept)| *kept == digest(number));
    let is_told = deployed.status.success();
    assert!(!is_told || is_kept, "it was told as deployed, and is not kept");
    match point {
        Kill::Answered => assert!(is_told, "{}", String::from_utf8_lossy(&deployed.stderr)),
        Kill::BeforeTelling => assert!(!is_kept, "none of it was committed"),
        Kill::InCommit => assert!(is_kept && !is_told, "it was committed, and nobody heard of it"),
        Kill::After(_) => {}
    }
    site.start_and_compare(&history).await;
    // Deploying again goes on, and says whether there was something to do.
    let (status, said) = site.deploy(component(number)).await.unwrap();
    assert_eq!(
        (status, &said["new"], &said["active"]),
        (StatusCode::CREATED, &json!(!is_kept), &json!(false)),
        "{said}"
    );
    is_kept
}

/// The first deployment of a name is two steps: the component is kept, and then it decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_killed_in_the_first_deployment_of_a_name_goes_on_where_it_was_when_it_is_deployed_again() {
    for table in ["events", "activations"] {
        let mut site = Site::empty().await;
        let mut held = Held::table(&site.database.url, table).await;
        let url = format!("{}/reducers", site.url().await);
        let request = site.http.post(url).header("Content-Type", "application/wasm").body(component(0));
        let deploying = tokio::spawn(request.send());
        held.until_waited_for(1).await;
        site.hosts.kill(0).await;
        held.release().await;
        assert!(deploying.await.unwrap().is_err());
        let history = site.history().await;
        let is_kept = table == "activations";
        assert_eq!((history.kept.len(), history.activations.len()), (usize::from(is_kept), 0), "{table}");

        site.hosts.start(0);
        let url = site.url().await;
        let answer =
            site.http.post(format!("{url}/streams/counter-1/commands/Reset")).json(&json!({})).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "nothing decides");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["code"], "unknown-category");
        if is_kept {
            site.says_what_there_is(&history).await;
        }
        let (status, said) = site.deploy(component(0)).await.unwrap();
        assert_eq!(
            (status, &said["new"], &said["active"]),
            (StatusCode::CREATED, &json!(!is_kept), &json!(true)),
            "{said}"
        );
        assert_eq!(said["decides"]["generation"], 1);
        site.count().await;
        site.hosts.kill(0).await;
        site.history().await;
    }
}
