//! How far an effect has come, and what is next. Pure: no clock, no store, nobody to talk to.

use std::collections::{BTreeMap, BTreeSet};

use foldhost_sdk::{EffectFailure, EffectOutcome, FlatEffectKind};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::body::EffectBody;
use crate::event_store::EffectStatus;

/// An effect under way. Times are milliseconds since 1970 by the database's clock.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) body: EffectBody,
    /// Nodes that began.
    states: BTreeMap<u32, NodeState>,
    parents: Vec<Option<u32>>,
    created_ms: i64,
    /// What the outcomes may take that are kept for replies.
    outcomes_bytes_max: usize,
}

/// How far one node has come; kept in the outbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum NodeState {
    /// It is to be run, for the first time or again.
    Waiting {
        due_ms: i64,
        #[serde(flatten)]
        tries: Tries,
    },
    /// It is over, and its outcome is on its way to the stream.
    Telling {
        ok: bool,
        outcome: EffectOutcome,
        due_ms: i64,
        #[serde(flatten)]
        tries: Tries,
    },
    /// It is over. `untold` says why the stream does not know.
    Over {
        ok: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        outcome: Option<EffectOutcome>,
        /// What went wrong, where something did: for the operator, whoever else knows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        untold: Option<String>,
    },
}

/// What was tried in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tries {
    /// How often.
    #[serde(default)]
    pub(crate) failed: u32,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) since_ms: Option<i64>,
}

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Run the node.
    Run(u32),
    /// Tell the stream its outcome.
    Tell(u32),
}

/// What is next.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Next {
    /// These, all at once; and when there is more to do.
    Now(Vec<Step>),
    /// Nothing before this time, and then this.
    Later { due_ms: i64, step: Step },
    /// Nothing any more.
    Over { status: EffectStatus, error: Option<String> },
}

/// What one look at the tree comes upon.
#[derive(Default)]
struct Look {
    ready: Vec<Step>,
    later: Option<(i64, Step)>,
}

impl Look {
    fn add(&mut self, step: Step, due_ms: i64, now_ms: i64) {
        if due_ms <= now_ms {
            self.ready.push(step);
        } else if self.later.is_none_or(|(earliest_ms, _)| due_ms < earliest_ms) {
            self.later = Some((due_ms, step));
        }
    }
}

impl Plan {
    /// An effect as the outbox has it. `progress` is what [`Plan::progress`] gave.
    pub(crate) fn new(
        body: EffectBody,
        progress: Option<&[u8]>,
        created_ms: i64,
        outcomes_bytes_max: usize,
    ) -> Result<Self, String> {
        let mut parents = vec![None; body.nodes.len()];
        for (node, parent) in body
            .nodes
            .iter()
            .zip(0_u32..)
            .flat_map(|(node, parent)| children(&node.kind).iter().map(move |child| (*child as usize, parent)))
        {
            parents[node] = Some(parent);
        }
        let states: BTreeMap<u32, NodeState> = match progress {
            None => BTreeMap::new(),
            Some(bytes) => serde_json::from_slice(bytes).map_err(|error| error.to_string())?,
        };
        if let Some(node) = states.keys().find(|node| **node as usize >= body.nodes.len()) {
            return Err(format!("its progress tells of part {node}, and it has {}", body.nodes.len()));
        }
        Ok(Self { body, states, parents, created_ms, outcomes_bytes_max })
    }

    /// For the outbox.
    #[expect(
        clippy::expect_used,
        reason = "numbers as keys, texts, numbers and lists of them: JSON has a form for all of it"
    )]
    pub(crate) fn progress(&self) -> Vec<u8> {
        serde_json::to_vec(&self.states).expect("progress has a form in JSON")
    }

    /// The root's place.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "children are named by u32, and the root comes after all of them"
    )]
    pub(crate) fn root(&self) -> u32 {
        (self.body.nodes.len() - 1) as u32
    }

    /// What a node is known by, to its stream and to whom it talks to: the effect's own id for its root.
    pub(crate) fn node_id(&self, effect_id: Uuid, node: u32) -> String {
        if node == self.root() { effect_id.to_string() } else { format!("{effect_id}.{node}") }
    }

    /// What a node does.
    pub(crate) fn kind(&self, node: u32) -> &FlatEffectKind {
        &self.body.nodes[node as usize].kind
    }

    /// The command that takes a node's outcome to the stream, and its payload. A timer has nothing to tell.
    pub(crate) fn reply(&self, node: u32) -> Option<(String, String)> {
        let NodeState::Telling { outcome, .. } = self.states.get(&node)? else { return None };
        let command = self.body.nodes[node as usize].reply_to.clone()?;
        let payload = match self.kind(node) {
            FlatEffectKind::Delay(_) => "{}".to_owned(),
            _ => serde_json::json!({ "outcome": outcome }).to_string(),
        };
        Some((command, payload))
    }

    /// What was tried of a step in vain.
    pub(crate) fn tries(&self, step: Step) -> Tries {
        let (Step::Run(node) | Step::Tell(node)) = step;
        match self.states.get(&node) {
            Some(NodeState::Waiting { tries, .. } | NodeState::Telling { tries, .. }) => *tries,
            _ => Tries::default(),
        }
    }

    /// Goes on as far as nothing has to be done for it, and says what is next.
    pub(crate) fn next(&mut self, now_ms: i64) -> Next {
        let mut look = Look::default();
        if self.visit(self.root(), self.created_ms, now_ms, &mut look).is_some() {
            return self.ending();
        }
        match look {
            Look { ready, later: Some((due_ms, step)) } if ready.is_empty() => Next::Later { due_ms, step },
            Look { ready, .. } => Next::Now(ready),
        }
    }

    /// Whether a node went well, once it is over and told. `began_ms` is when it may begin.
    fn visit(&mut self, node: u32, began_ms: i64, now_ms: i64, look: &mut Look) -> Option<bool> {
        match self.states.get(&node) {
            Some(NodeState::Over { ok, .. }) => return Some(*ok),
            Some(NodeState::Telling { due_ms, .. }) => {
                look.add(Step::Tell(node), *due_ms, now_ms);
                return None;
            }
            Some(NodeState::Waiting { .. }) | None => {}
        }
        let (ok, outcome) = match self.kind(node).clone() {
            FlatEffectKind::Parallel(children) => {
                let oks: Vec<_> = children.iter().map(|child| self.visit(*child, began_ms, now_ms, look)).collect();
                let ok = oks.into_iter().collect::<Option<Vec<_>>>()?.into_iter().all(|ok| ok);
                (ok, self.gathered(&children))
            }
            FlatEffectKind::Sequential(children) => {
                // A step begins when the one before it is over and its stream knows: what it leads to may depend on both.
                let (mut ok, mut done, mut begins_ms) = (true, 0, began_ms);
                while ok && done < children.len() {
                    ok = self.visit(children[done], begins_ms, now_ms, look)?;
                    (done, begins_ms) = (done + 1, now_ms);
                }
                (ok, self.gathered(&children[..done]))
            }
            leaf => {
                let delay_ms = if let FlatEffectKind::Delay(delay_ms) = leaf { delay_ms } else { 0 };
                let due_ms = began_ms.saturating_add(i64::try_from(delay_ms).unwrap_or(i64::MAX));
                let first = NodeState::Waiting { due_ms, tries: Tries::default() };
                let NodeState::Waiting { due_ms, .. } = *self.states.entry(node).or_insert(first) else { return None };
                if due_ms > now_ms || !matches!(leaf, FlatEffectKind::Delay(_)) {
                    look.add(Step::Run(node), due_ms, now_ms);
                    return None;
                }
                (true, EffectOutcome::Done)
            }
        };
        self.end(node, ok, outcome, now_ms);
        self.visit(node, began_ms, now_ms, look)
    }

    fn gathered(&self, children: &[u32]) -> EffectOutcome {
        let outcome = |child: &u32| match self.states.get(child) {
            Some(NodeState::Over { outcome: Some(outcome), .. }) => outcome.clone(),
            _ => EffectOutcome::Done,
        };
        EffectOutcome::All(children.iter().map(outcome).collect())
    }

    /// A node is over with this outcome.
    pub(crate) fn finish(&mut self, node: u32, outcome: EffectOutcome, now_ms: i64) {
        self.end(node, !outcome.is_failure(), outcome, now_ms);
    }

    fn end(&mut self, node: u32, ok: bool, outcome: EffectOutcome, now_ms: i64) {
        let error = (!ok).then(|| told_of(&outcome));
        let outcome = if self.is_waited_for(node) { Some(self.within_bounds(node, outcome)) } else { None };
        let state = match (outcome, self.body.nodes[node as usize].reply_to.is_some()) {
            (Some(outcome), true) => NodeState::Telling { ok, outcome, due_ms: now_ms, tries: Tries::default() },
            (outcome, _) => NodeState::Over { ok, outcome, error, untold: None },
        };
        self.states.insert(node, state);
    }

    /// Whether a stream is told of the node's outcome, by its own reply or by that of a node around it. Nobody needs the others: a
    /// thousand answers of a mebibyte each would else be kept for nothing.
    fn is_waited_for(&self, node: u32) -> bool {
        self.lineage(node).any(|node| self.body.nodes[node as usize].reply_to.is_some())
    }

    /// The node, and those around it.
    fn lineage(&self, node: u32) -> impl Iterator<Item = u32> {
        std::iter::successors(Some(node), |node| self.parents[*node as usize])
    }

    /// The outcome, or where it and what is kept already are too much for one command, a word on that.
    fn within_bounds(&self, node: u32, outcome: EffectOutcome) -> EffectOutcome {
        let own = children(self.kind(node));
        let kept = self.states.iter().filter(|(place, _)| !own.contains(place)).map(|(_, state)| match state {
            NodeState::Telling { outcome, .. } | NodeState::Over { outcome: Some(outcome), .. } => bytes(outcome),
            _ => 0,
        });
        let (kept, more) = (kept.sum::<usize>(), bytes(&outcome));
        if kept + more <= self.outcomes_bytes_max {
            return outcome;
        }
        let message = format!(
            "the outcome has {more} bytes, and {} are left for it",
            self.outcomes_bytes_max.saturating_sub(kept)
        );
        EffectOutcome::Failed(EffectFailure { code: "outcome-too-large".into(), message })
    }

    /// An attempt at a step failed, and the next one is made then.
    pub(crate) fn again(&mut self, step: Step, due_ms: i64, now_ms: i64) {
        self.put(step, due_ms, |tries| {
            tries.failed = tries.failed.saturating_add(1);
            tries.since_ms.get_or_insert(now_ms);
        });
    }

    /// A step cannot be tried here, and is to be tried then; counted in time, and not in attempts.
    pub(crate) fn wait(&mut self, step: Step, due_ms: i64, now_ms: i64) {
        self.put(step, due_ms, |tries| {
            tries.since_ms.get_or_insert(now_ms);
        });
    }

    /// A step was not tried, and is to be tried then.
    pub(crate) fn put_off(&mut self, step: Step, due_ms: i64) {
        self.put(step, due_ms, |_| {});
    }

    fn put(&mut self, step: Step, until_ms: i64, count: impl FnOnce(&mut Tries)) {
        let (Step::Run(node) | Step::Tell(node)) = step;
        if let Some(NodeState::Waiting { due_ms, tries } | NodeState::Telling { due_ms, tries, .. }) =
            self.states.get_mut(&node)
        {
            count(tries);
            *due_ms = until_ms;
        }
    }

    /// The stream was told of a node's outcome; or it never will be, for this reason.
    pub(crate) fn told(&mut self, node: u32, untold: Option<String>) {
        if let Some(NodeState::Telling { ok, outcome, .. }) = self.states.remove(&node) {
            // Who waits for the node around it is told of this one as well.
            let around = self.parents[node as usize].is_some_and(|parent| self.is_waited_for(parent));
            let error = (!ok).then(|| told_of(&outcome));
            let outcome = (around || untold.is_some()).then_some(outcome);
            self.states.insert(node, NodeState::Over { ok, outcome, error, untold });
        }
    }

    fn ending(&self) -> Next {
        let (mut status, mut error) = (EffectStatus::Done, None);
        for (node, state) in &self.states {
            let NodeState::Over { ok, error: failure, untold, .. } = state else { continue };
            if let Some(reason) = untold {
                return Next::Over { status: EffectStatus::Dead, error: Some(reason.clone()) };
            }
            let is_group = !children(self.kind(*node)).is_empty();
            if *ok || is_group {
                continue;
            }
            // What nobody was told of is what the operator is told of first.
            if !self.is_waited_for(*node) && status != EffectStatus::Dead {
                (status, error) = (EffectStatus::Dead, failure.clone());
            } else if status == EffectStatus::Done {
                (status, error) = (EffectStatus::Failed, failure.clone());
            }
        }
        Next::Over { status, error }
    }

    /// For a dead letter that is to be run again: what failed, and what nobody was told of, is undone.
    pub(crate) fn reopen(&mut self, now_ms: i64) {
        // What a stream was told is as it was told: a payment that it heard had failed must not be tried again behind its back.
        let told = |state: &NodeState| matches!(state, NodeState::Over { ok: false, untold: None, .. });
        let told: BTreeSet<u32> = self.states.iter().filter(|(_, state)| told(state)).map(|(node, _)| *node).collect();
        let is_told = |plan: &Self, node: u32| {
            plan.lineage(node).any(|node| told.contains(&node) && plan.body.nodes[node as usize].reply_to.is_some())
        };
        let states = std::mem::take(&mut self.states);
        for (node, state) in states {
            if matches!(state, NodeState::Over { .. }) && is_told(self, node) {
                self.states.insert(node, state);
                continue;
            }
            let is_group = !children(self.kind(node)).is_empty();
            match state {
                NodeState::Over { ok: true, outcome: Some(outcome), untold: Some(_), .. } => {
                    let telling = NodeState::Telling { ok: true, outcome, due_ms: now_ms, tries: Tries::default() };
                    self.states.insert(node, telling);
                }
                NodeState::Over { ok: true, untold: None, .. } if !is_group => {
                    self.states.insert(node, state);
                }
                // Runs again, or is put together again from its parts.
                _ => {}
            }
        }
    }
}

fn children(kind: &FlatEffectKind) -> &[u32] {
    match kind {
        FlatEffectKind::Parallel(children) | FlatEffectKind::Sequential(children) => children,
        _ => &[],
    }
}

/// About what an outcome takes.
fn bytes(outcome: &EffectOutcome) -> usize {
    serde_json::to_string(outcome).map_or(usize::MAX / 4, |json| json.len())
}

/// A failed outcome, for people.
fn told_of(outcome: &EffectOutcome) -> String {
    match outcome {
        EffectOutcome::Failed(EffectFailure { code, message }) => format!("{code}: {message}"),
        EffectOutcome::Http(response) => format!("http-{}", response.status),
        EffectOutcome::Rejected(EffectFailure { code, message }) => format!("rejected: {code}: {message}"),
        // A group, whose parts say what went wrong.
        _ => "a part of it failed".to_owned(),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
