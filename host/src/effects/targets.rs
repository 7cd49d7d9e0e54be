//! Bulkheads: how many effects may run against which target, and for which reducer.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::KindTerms;
use super::breaker::Breaker;
use crate::reducer::EffectRules;

/// What effects of one lane have in common. Written as `KIND TARGET CATEGORY`: by category too, so that a reducer that is held back
/// by its rules holds back nobody else, and its effects cost nobody a look.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lane {
    /// What runs them.
    pub(super) kind: String,
    /// What they talk to.
    pub(super) target: String,
    /// The category of the streams that asked for them.
    pub(super) category: String,
}

impl Lane {
    /// Of a target in its runner's words, which are cut where they are too long for an index.
    pub(super) fn new(kind: &str, target: &str, category: &str) -> Self {
        let target = target.replace(|c: char| c.is_whitespace() || c.is_control(), "_");
        let target = cut(&target, TARGET_BYTES_MAX).to_owned();
        Self { kind: kind.to_owned(), target, category: category.to_owned() }
    }

    /// As the outbox has it.
    pub(super) fn parse(text: &str) -> Self {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (target, category) = rest.rsplit_once(' ').unwrap_or(("", rest));
        Self { kind: kind.to_owned(), target: target.to_owned(), category: unescaped(category) }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, target, category } = self;
        // A category may have spaces, and one that is not read back as it was is held to nobody's rules.
        let category = category.replace('%', "%25").replace(' ', "%20");
        write!(f, "{kind} {target} {category}")
    }
}

fn unescaped(category: &str) -> String {
    category.replace("%20", " ").replace("%25", "%")
}

/// Longest target.
const TARGET_BYTES_MAX: usize = 200;

fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// The targets that effects talk to, and the reducers that asked for them.
pub(super) struct Targets {
    state: Mutex<State>,
    running_max: usize,
    /// Told whenever a place becomes free.
    pub(super) freed: Notify,
}

#[derive(Default)]
struct State {
    targets: HashMap<(String, String), Target>,
    reducers: HashMap<String, Pace>,
    running: usize,
}

#[derive(Default)]
struct Target {
    running: usize,
    breaker: Breaker,
}

/// How fast one reducer's effects go.
struct Pace {
    running: usize,
    /// Attempts that it may make at once; refilled with time.
    tokens: f64,
    refilled_at: Instant,
}

impl Pace {
    fn refill(&mut self, rate: u32, now: Instant) {
        let more = now.saturating_duration_since(self.refilled_at).as_secs_f64() * f64::from(rate);
        // A second's worth at most: an hour of rest is no leave to send an hour's requests at once.
        self.tokens = (self.tokens + more).min(f64::from(rate));
        self.refilled_at = now;
    }
}

/// Places for effects of a lane.
pub(super) struct Reserved {
    pub(super) slots: Vec<Slot>,
    /// Where there are fewer than were asked for: when there may be more without anybody's leaving.
    pub(super) more_at: Option<Instant>,
}

impl Targets {
    pub(super) fn new(running_max: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), running_max, freed: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Places for as many effects of a lane as there are, `wanted` at most.
    pub(super) fn reserve(
        self: &Arc<Self>,
        lane: &Lane,
        terms: &KindTerms,
        rules: &EffectRules,
        wanted: usize,
    ) -> Reserved {
        let now = Instant::now();
        let mut guard = self.state();
        let state = &mut *guard;
        let mut more_at = None;
        let mut places = wanted.min(self.running_max.saturating_sub(state.running));
        // No category takes more than a quarter of the host: a guest may ask for as many targets as it likes.
        let held = state.reducers.get(&lane.category).map_or(0, |pace| pace.running);
        places = places.min((self.running_max / 4).max(1).saturating_sub(held));
        let target = state.targets.entry((lane.kind.clone(), lane.target.clone())).or_default();
        places = places.min(terms.concurrency_max.saturating_sub(target.running));
        match target.breaker.admits(now) {
            Ok(most) => places = places.min(most),
            Err(until) => (places, more_at) = (0, until),
        }
        let pace = state.reducers.entry(lane.category.clone()).or_insert_with(|| Pace {
            running: 0,
            tokens: rules.rate_per_second_max.map_or(0.0, f64::from),
            refilled_at: now,
        });
        if let Some(most) = rules.concurrency_max {
            places = places.min((most as usize).saturating_sub(pace.running));
        }
        if let Some(rate) = rules.rate_per_second_max {
            pace.refill(rate, now);
            let whole = pace.tokens.floor();
            if whole < places as f64 {
                let missing = Duration::from_secs_f64((1.0 - pace.tokens.fract()) / f64::from(rate.max(1)));
                (places, more_at) = (whole as usize, Some(now + missing));
            }
            pace.tokens -= places as f64;
        }
        // While the breaker is open, it admits one.
        let probes = places > 0 && target.breaker.enter();
        (target.running, pace.running, state.running) =
            (target.running + places, pace.running + places, state.running + places);
        state.forget(lane);
        drop(guard);
        let slot = || Slot {
            targets: Arc::clone(self),
            lane: lane.clone(),
            is_paced: rules.rate_per_second_max.is_some(),
            breaker_failures_max: terms.breaker_failures_max,
            probes,
            heard: Heard::Nothing,
        };
        Reserved { slots: (0..places).map(|_| slot()).collect(), more_at }
    }
}

impl State {
    /// Lets go of what there is nothing to remember of: guests choose the names of targets.
    fn forget(&mut self, lane: &Lane) {
        let key = (lane.kind.clone(), lane.target.clone());
        if self.targets.get(&key).is_some_and(|target| target.running == 0 && target.breaker.is_at_rest()) {
            self.targets.remove(&key);
        }
        // A bucket that is forgotten before it is full would be full at once.
        let now = Instant::now();
        let is_rested = |pace: &Pace| now.saturating_duration_since(pace.refilled_at) > Duration::from_secs(1);
        if self.reducers.len() > 1_000 {
            self.reducers.retain(|_, pace| pace.running > 0 || !is_rested(pace));
        }
    }
}

/// What was heard of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Nothing,
    Success,
    Failure,
}

/// One effect's place; given back when it is dropped.
pub(super) struct Slot {
    targets: Arc<Targets>,
    lane: Lane,
    is_paced: bool,
    breaker_failures_max: u32,
    /// Whether it asks alone if the target is well again.
    probes: bool,
    heard: Heard,
}

impl Slot {
    /// The lane that it is in.
    pub(super) fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The target did what it was asked.
    pub(super) fn succeeded(mut self) {
        self.heard = Heard::Success;
    }

    /// The target failed.
    pub(super) fn failed(mut self) {
        self.heard = Heard::Failure;
    }

    /// Nothing was there for it: as if it had never been taken.
    pub(super) fn unused(self) {
        if self.is_paced
            && let Some(pace) = self.targets.state().reducers.get_mut(&self.lane.category)
        {
            pace.tokens += 1.0;
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.targets.state();
        state.running -= 1;
        if let Some(pace) = state.reducers.get_mut(&self.lane.category) {
            pace.running -= 1;
        }
        if let Some(target) = state.targets.get_mut(&(self.lane.kind.clone(), self.lane.target.clone())) {
            target.running -= 1;
            match self.heard {
                Heard::Nothing => target.breaker.left(self.probes),
                Heard::Success => target.breaker.succeeded(),
                Heard::Failure => target.breaker.failed(self.breaker_failures_max, Instant::now(), self.probes),
            }
        }
        state.forget(&self.lane);
        drop(state);
        self.targets.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(target: &str) -> Lane {
        Lane::new("http", target, "order")
    }

    fn terms(concurrency_max: usize) -> KindTerms {
        KindTerms { concurrency_max, breaker_failures_max: 2, ..KindTerms::default() }
    }

    #[test]
    fn a_lane_is_read_back_as_it_was_written() {
        for (kind, target, category) in [
            ("http", "https://a.example", "order"),
            ("delay", "", "order"),
            ("mail", "", ""),
            ("mail", "a b  c", "an order"),
            ("mail", "", " "),
            ("mail", "%20", "a%20b % c%25"),
        ] {
            let lane = Lane::new(kind, target, category);
            assert_eq!(Lane::parse(&lane.to_string()), lane);
            assert_eq!(lane.category, category);
        }
        let long = Lane::new(&"k".repeat(64), &"ä b".repeat(1_000), &" ".repeat(255));
        assert!(long.to_string().len() <= crate::event_store::LANE_BYTES_MAX);
        assert_eq!(Lane::parse(&long.to_string()), long);
    }

    #[test]
    fn a_full_target_takes_no_place_of_another() {
        let targets = Targets::new(100);
        let rules = EffectRules::default();
        let slow = targets.reserve(&lane("slow"), &terms(3), &rules, 50);
        assert_eq!(slow.slots.len(), 3);
        assert_eq!(targets.reserve(&lane("slow"), &terms(3), &rules, 50).slots.len(), 0);
        assert_eq!(targets.reserve(&lane("well"), &terms(3), &rules, 50).slots.len(), 3);
        drop(slow);
        assert_eq!(targets.reserve(&lane("slow"), &terms(3), &rules, 50).slots.len(), 3);
    }

    #[test]
    fn all_of_them_together_are_no_more_than_the_host_takes() {
        let targets = Targets::new(16);
        let of = |category: &str| {
            let lane = Lane::new("http", category, category);
            targets.reserve(&lane, &terms(5), &EffectRules::default(), 9)
        };
        let held: Vec<_> = ["a", "b", "c"].map(of).into();
        assert!(held.iter().all(|reserved| reserved.slots.len() == 4), "a quarter for each");
        let (fourth, fifth) = (of("d"), of("e"));
        assert_eq!((fourth.slots.len(), fifth.slots.len()), (4, 0));
        drop((held, fourth, fifth));
        assert_eq!(targets.state().running, 0);
    }

    #[test]
    fn a_reducer_is_held_to_its_own_rate_and_number() {
        let targets = Targets::new(100);
        let rules = EffectRules { concurrency_max: Some(2), ..EffectRules::default() };
        let two = targets.reserve(&lane("a"), &terms(16), &rules, 9);
        assert_eq!((two.slots.len(), targets.reserve(&lane("b"), &terms(16), &rules, 9).slots.len()), (2, 0));
        drop(two);
        let rules = EffectRules { rate_per_second_max: Some(4), ..EffectRules::default() };
        let other = Lane::new("http", "a", "cart");
        let four = targets.reserve(&other, &terms(16), &rules, 9);
        assert_eq!(four.slots.len(), 4);
        assert!(four.more_at.is_some_and(|at| at <= Instant::now() + Duration::from_millis(250)));
        four.slots.into_iter().for_each(Slot::unused);
        assert_eq!(targets.reserve(&other, &terms(16), &rules, 9).slots.len(), 4, "what was not used is there again");
        assert_eq!(targets.reserve(&other, &terms(16), &rules, 9).slots.len(), 0, "what was used is not");
    }

    #[test]
    fn a_target_that_fails_is_left_alone_and_is_not_forgotten_meanwhile() {
        let targets = Targets::new(100);
        let rules = EffectRules::default();
        for slot in targets.reserve(&lane("dead"), &terms(16), &rules, 2).slots {
            slot.failed();
        }
        let none = targets.reserve(&lane("dead"), &terms(16), &rules, 2);
        assert!(none.slots.is_empty() && none.more_at.is_some());
        assert_eq!(targets.reserve(&lane("well"), &terms(16), &rules, 2).slots.len(), 2);
    }

    #[test]
    fn names_of_targets_that_guests_make_up_are_not_kept() {
        let targets = Targets::new(100);
        for number in 0..10_000 {
            let reserved = targets.reserve(&lane(&number.to_string()), &terms(1), &EffectRules::default(), 1);
            reserved.slots.into_iter().for_each(Slot::succeeded);
        }
        assert!(targets.state().targets.is_empty());
    }
}
