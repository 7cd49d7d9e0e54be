//! Changes of who decides for counters, as operators ask for them.

use foldhost::event_store::Share;
use serde_json::{Value, json};

use super::record::{Activated, Generation};
use super::site::{COMPONENTS, Site, digest, generation};

/// A change, and what brings the reducer to where it can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Activate,
    KeepJournal,
    BeginCanary,
    GrowCanary,
    FinishCanary,
    WithdrawCanary,
    RollBack,
    ForceBack,
}

/// A change that is asked for, and what it leads to.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) path: &'static str,
    pub(crate) body: Value,
    pub(crate) leads_to: Activated,
}

const ACTIVATE: &str = "/reducers/counter/activate";
const CANARY: &str = "/reducers/counter/canary";
const FINISH: &str = "/reducers/counter/canary/finish";
const WITHDRAW: &str = "/reducers/counter/canary/withdraw";
const ROLL_BACK: &str = "/reducers/counter/rollback";

/// Half of the streams, and more.
const SHARES: [u16; 2] = [5_000, 7_000];

impl Step {
    /// Brings the reducer to where this can be done, undisturbed, and says how it is asked for.
    pub(crate) async fn prepare(self, site: &Site) -> Change {
        let needs_canary = matches!(self, Self::GrowCanary | Self::FinishCanary | Self::WithdrawCanary);
        let mut active = site.active("counter").await.unwrap();
        if active.generation.canary.is_some() && !needs_canary {
            site.done(WITHDRAW, &json!({})).await;
        } else if active.generation.canary.is_none() && needs_canary {
            let (body, _) = begin(&active.generation, SHARES[0]);
            site.done(CANARY, &body).await;
        }
        if matches!(self, Self::RollBack | Self::ForceBack) && former(site).await.is_none() {
            let other = other_than(&site.active("counter").await.unwrap().generation);
            site.done(ACTIVATE, &json!({ "digest": other, "force": "for a way back" })).await;
        }
        active = site.active("counter").await.unwrap();
        self.asked_for(site, active).await
    }

    async fn asked_for(self, site: &Site, active: Activated) -> Change {
        let Activated { generation: now, journal } = active;
        let next = Generation { number: now.number + 1, canary: None, ..now.clone() };
        let force = "for the test";
        let canary = now.canary.map(|(digest, _)| digest);
        let (path, body, next) = match self {
            Self::Activate => {
                let other = other_than(&now);
                (ACTIVATE, json!({ "digest": other, "force": force }), Generation { digest: other, ..next })
            }
            Self::KeepJournal => (ACTIVATE, json!({ "digest": now.digest, "journal": !journal }), next),
            Self::BeginCanary => {
                let (body, canary) = begin(&now, SHARES[0]);
                (CANARY, body, Generation { canary, ..next })
            }
            Self::GrowCanary => {
                // Back and forth, so that each is a change.
                let grown = now.canary.is_some_and(|(_, share)| share.ten_thousandths() == SHARES[1]);
                let share = Share::new(SHARES[usize::from(!grown)]).unwrap();
                (CANARY, json!({ "share": share }), Generation { canary: canary.map(|digest| (digest, share)), ..next })
            }
            Self::FinishCanary => (FINISH, json!({}), Generation { digest: canary.unwrap(), ..next }),
            Self::WithdrawCanary => (WITHDRAW, json!({}), next),
            Self::RollBack | Self::ForceBack => {
                let former = former(site).await.unwrap();
                let body = if self == Self::ForceBack { json!({ "force": force }) } else { json!({}) };
                (ROLL_BACK, body, Generation { digest: former, ..next })
            }
        };
        let journal = if self == Self::KeepJournal { !journal } else { journal };
        Change { path, body, leads_to: Activated { generation: next, journal } }
    }
}

fn begin(now: &Generation, share: u16) -> (Value, Option<(foldhost::reducer::ReducerDigest, Share)>) {
    let (candidate, share) = (other_than(now), Share::new(share).unwrap());
    (json!({ "digest": candidate, "share": share, "force": "for the test" }), Some((candidate, share)))
}

/// A component that does not decide.
fn other_than(now: &Generation) -> foldhost::reducer::ReducerDigest {
    let start = usize::try_from(now.number).unwrap();
    let mut others =
        (0..usize::from(COMPONENTS)).map(|number| digest(((start + number) % usize::from(COMPONENTS)) as u8));
    others.find(|other| *other != now.digest).unwrap()
}

/// The component that decided before, as the host tells what came.
async fn former(site: &Site) -> Option<foldhost::reducer::ReducerDigest> {
    let record = site.get("/reducers/counter").await;
    let generations = record["activations"].as_array().unwrap().iter().map(|shown| generation("counter", shown));
    let digests: Vec<_> = generations.map(|generation| generation.digest).collect();
    digests.iter().find(|digest| **digest != digests[0]).copied()
}
