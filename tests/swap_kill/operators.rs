//! Operators who do not know of each other.

use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::kill::Held;
use super::site::{Said, Site, digest, said};

const ACTIVATE: &str = "/reducers/counter/activate";
const CANARY: &str = "/reducers/counter/canary";

/// Asks both hosts at the same moment: each has looked at who is active before either of them changes it.
async fn at_once(site: &Site, asked: [(&str, Value); 2]) -> Vec<Said> {
    let mut held = Held::history(&site.database.url, "counter").await;
    let mut asking = JoinSet::new();
    for (place, (path, body)) in asked.into_iter().enumerate() {
        let url = format!("{}{path}", site.hosts.listens(place).await);
        asking.spawn(said(site.http.post(url).json(&body)));
    }
    held.until_waited_for(2).await;
    held.release().await;
    asking.join_all().await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_operators_who_swap_at_once_one_does_and_the_other_is_told_that_he_was_outrun() {
    let mut site = Site::open().await;
    site.hosts.start(1);
    let activate = |number: u8| (ACTIVATE, json!({ "digest": digest(number), "force": "at once" }));
    let canary = |number: u8| (CANARY, json!({ "digest": digest(number), "share": "50%", "force": "at once" }));
    let (withdraw, finish) = ("/reducers/counter/canary/withdraw", "/reducers/counter/canary/finish");
    let back = ("/reducers/counter/rollback", json!({ "force": "at once" }));
    one_of_both(&mut site, [activate(1), activate(2)], 2).await;
    // The same: the second one would have nothing to do, and does not know it.
    one_of_both(&mut site, [activate(0), activate(0)], 3).await;
    one_of_both(&mut site, [back, activate(2)], 4).await;
    let journal = json!({ "digest": site.active("counter").await.unwrap().generation.digest, "journal": true });
    let candidate = other(&site).await;
    one_of_both(&mut site, [activate(candidate), (ACTIVATE, journal)], 5).await;
    let candidate = other(&site).await;
    one_of_both(&mut site, [canary(candidate), canary(candidate)], 6).await;
    one_of_both(&mut site, [(withdraw, json!({})), (finish, json!({}))], 7).await;
    let candidate = other(&site).await;
    one_of_both(&mut site, [activate(candidate), canary(candidate)], 8).await;
    site.hosts.kill(0).await;
    site.hosts.kill(1).await;
    let history = site.history().await;
    assert_eq!(history.activations.len(), 8);
}

/// A component that does not decide.
async fn other(site: &Site) -> u8 {
    let active = site.active("counter").await.unwrap().generation.digest;
    (0..3).find(|number| digest(*number) != active).unwrap()
}

async fn one_of_both(site: &mut Site, asked: [(&'static str, Value); 2], generation: u64) {
    let mut answers = at_once(site, asked.clone()).await;
    answers.sort_by_key(|(status, _)| *status);
    let [(done, won), (outrun, lost)] = &answers[..] else { unreachable!("two were asked") };
    assert_eq!((*done, &won["generation"]), (StatusCode::OK, &json!(generation)), "{asked:?}: {won}");
    assert_eq!((*outrun, &lost["code"]), (StatusCode::CONFLICT, &json!("outrun")), "{asked:?}: {lost}");
    assert_eq!(lost["active"], generation, "{lost}");
    // And both hosts say the same.
    for place in 0..2 {
        let url = format!("{}/reducers/counter", site.hosts.listens(place).await);
        let (_, record) = said(site.http.get(url)).await.unwrap();
        assert_eq!(
            (&record["active"]["generation"], &record["active"]["digest"]),
            (&won["generation"], &won["digest"])
        );
    }
    site.count().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_operators_who_have_looked_at_one_generation_one_changes_it() {
    const OPERATORS: usize = 12;
    let mut site = Site::open().await;
    site.hosts.start(1);
    for generation in 1..=4 {
        let active = site.active("counter").await.unwrap();
        let others: Vec<_> = (0..3).map(digest).filter(|digest| *digest != active.generation.digest).collect();
        let mut asking = JoinSet::new();
        for operator in 0..OPERATORS {
            let url = format!("{}{ACTIVATE}", site.hosts.listens(operator % 2).await);
            let mut body = json!({ "force": "at once", "expected_generation": generation });
            match operator % 3 {
                // The same component under another rule.
                0 => body["digest"] = json!(active.generation.digest),
                other => body["digest"] = json!(others[other - 1]),
            }
            body["journal"] = json!(!active.journal);
            asking.spawn(said(site.http.post(url).json(&body)));
        }
        let answers: Vec<_> = asking.join_all().await.into_iter().map(Result::unwrap).collect();
        let (done, other): (Vec<_>, Vec<_>) = answers.iter().partition(|(status, _)| *status == StatusCode::OK);
        assert_eq!(done.len(), 1, "{answers:?}");
        assert!(other.iter().all(|(status, said)| *status == 409 && said["code"] == "outrun"), "{answers:?}");
        assert_eq!(done[0].1["generation"], generation + 1);
        site.count().await;
    }
    site.hosts.kill(0).await;
    site.hosts.kill(1).await;
    assert_eq!(site.history().await.activations.len(), 5);
}
