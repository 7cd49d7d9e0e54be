//! From a decision to the outbox.

use std::time::Duration;

use foldhost_sdk::{Effect, FlatEffectKind};
use uuid::Uuid;

use super::body::{EffectBody, Node};
use super::kind::is_kind_name;
use super::plan::{Next, Plan, Step};
use super::targets::Lane;
use super::{Effects, kind_name};
use crate::event::TraceParent;
use crate::event_store::NewEffect;
use crate::reducer::EffectRules;

/// Longest wait that a guest may ask for.
const DELAY_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);

/// Where effects come from.
pub(crate) struct Origin<'a> {
    /// The category of the stream that decided.
    pub(crate) category: &'a str,
    /// What its effects may do.
    pub(crate) rules: &'a EffectRules,
    /// The commands that its reducer knows.
    pub(crate) commands: &'a [String],
    /// The command that it decided on.
    pub(crate) command_id: &'a str,
    /// What that belongs to.
    pub(crate) correlation_id: Option<&'a str>,
    /// The trace that it is a part of.
    pub(crate) traceparent: Option<&'a TraceParent>,
}

/// A decision's effects for the outbox; or why the host cannot stand behind them. What depends on data, an address that is none say,
/// is no reason: the effect fails then, and its stream is told.
pub(crate) fn take_in(effects: &Effects, roots: Vec<Effect>, origin: &Origin<'_>) -> Result<Vec<NewEffect>, String> {
    roots.into_iter().map(|root| take_in_one(effects, root, origin)).collect()
}

fn take_in_one(effects: &Effects, root: Effect, origin: &Origin<'_>) -> Result<NewEffect, String> {
    let nodes: Vec<Node> = foldhost_sdk::flatten(vec![root]).into_iter().map(Node::from).collect();
    for node in &nodes {
        if let FlatEffectKind::Custom { kind, .. } = &node.kind
            && !is_kind_name(kind)
        {
            return Err(format!("an effect's kind is named {kind:?}: a name has 1 to 64 bytes, and no spaces"));
        }
        if let Some(command) = node.reply_to.as_ref().filter(|command| !origin.commands.contains(*command)) {
            return Err(format!(
                "an effect replies with the command {command:?}, and it has {}",
                origin.commands.join(", ")
            ));
        }
        if let FlatEffectKind::Delay(delay_ms) = &node.kind
            && Duration::from_millis(*delay_ms) > DELAY_MAX
        {
            return Err(format!("an effect waits for {delay_ms} ms, and ten years are allowed"));
        }
    }
    let kind = nodes.last().map_or("none", |root| kind_name(&root.kind)).to_owned();
    let body = EffectBody {
        nodes,
        command_id: origin.command_id.to_owned(),
        correlation_id: origin.correlation_id.map(str::to_owned),
        traceparent: origin.traceparent.cloned(),
    };
    let bytes = body.to_bytes();
    let (lane, delay) = begin(effects, body, origin)?;
    Ok(NewEffect { effect_id: Uuid::now_v7(), kind, lane: lane.to_string(), delay, body: bytes })
}

/// Where it waits first, and for how long.
fn begin(effects: &Effects, body: EffectBody, origin: &Origin<'_>) -> Result<(Lane, Duration), String> {
    let category = origin.category;
    let mut plan = Plan::new(body, None, 0, usize::MAX)?;
    let (step, due_ms) = match plan.next(0) {
        Next::Now(steps) => (steps.into_iter().next(), 0),
        Next::Later { due_ms, step } => (Some(step), due_ms),
        Next::Over { .. } => (None, 0),
    };
    let lane = match step {
        Some(Step::Run(node)) => effects.lane(plan.kind(node), category, origin.rules),
        Some(Step::Tell(_)) | None => Lane::new("dispatch", category, category),
    };
    Ok((lane, Duration::from_millis(u64::try_from(due_ms).unwrap_or(0))))
}
