//! Commands sent to one stream, one after another, and what came of them.

use crate::reducer::Context;
use crate::testing::laws::{Decided, PAGE_EVENTS, Picture, apply, broken, is_fault};
use crate::testing::{Law, Mismatch};
use crate::{Aggregate, Command, Reducer, SerializedEvent, StreamId};

/// A stream with a past, and the commands that come to it.
#[derive(Clone, Debug)]
pub(super) struct Play {
    pub(super) stream_id: StreamId,
    pub(super) given: Vec<SerializedEvent>,
    pub(super) moves: Vec<Move>,
}

/// One command, and its circumstances.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) command: Command,
    pub(super) command_id: String,
    pub(super) now_ms: i64,
    pub(super) seed: u64,
}

/// What came of a play.
pub(super) struct Played {
    /// For each move: its decision, and the fuel that it took.
    pub(super) decided: Vec<(Decided, Option<u64>)>,
    /// For each move, and for the end: how many events there were.
    pub(super) versions: Vec<usize>,
    /// The state after each move.
    pub(super) pictures: Vec<Picture>,
    /// Every event, the given ones first.
    pub(super) history: Vec<SerializedEvent>,
}

impl Move {
    pub(super) fn context(&self, stream_id: &StreamId, version: usize) -> Context {
        Context {
            stream_id: stream_id.as_str().to_owned(),
            version: version as u64,
            command_id: self.command_id.clone(),
            now_ms: self.now_ms,
            seed: self.seed,
        }
    }
}

impl Play {
    /// Decides and applies, as a host does that has the stream to itself.
    pub(super) fn run(&self, reducer: &dyn Reducer) -> Result<Played, Mismatch> {
        let mut history = self.given.clone();
        let mut aggregate = self.fold(reducer, &history).map_err(Mismatch::Given)?;
        let (mut decided, mut pictures, mut versions) = (Vec::new(), Vec::new(), vec![history.len()]);
        for next in &self.moves {
            let came = aggregate.decide(&next.command, &next.context(&self.stream_id, history.len()));
            let fuel = aggregate.fuel_spent();
            if is_fault(&came) {
                // A host drops it too, and loads the stream anew.
                aggregate = self.fold(reducer, &history).map_err(Mismatch::Given)?;
            } else if let Ok(decision) = &came {
                check_declared(reducer, &decision.events)?;
                let law = Law::EmittedEventsApply;
                apply(aggregate.as_mut(), history.len(), &decision.events, PAGE_EVENTS)
                    .map_err(|difference| Mismatch::Law { law, difference })?;
                history.extend(decision.events.iter().cloned());
            }
            versions.push(history.len());
            pictures.push(Picture::of(aggregate.as_mut())?);
            decided.push((came, fuel));
        }
        if pictures.is_empty() {
            pictures.push(Picture::of(aggregate.as_mut())?);
        }
        Ok(Played { decided, versions, pictures, history })
    }

    /// A fresh instance with these events folded.
    pub(super) fn fold(&self, reducer: &dyn Reducer, events: &[SerializedEvent]) -> Result<Box<dyn Aggregate>, String> {
        let mut aggregate = reducer.create(&self.stream_id).map_err(|fault| fault.to_string())?;
        apply(aggregate.as_mut(), 0, events, PAGE_EVENTS)?;
        Ok(aggregate)
    }

    /// The decision of one move on a fresh instance, and its fuel: the figure that does not vary.
    pub(super) fn decide_afresh(
        &self,
        reducer: &dyn Reducer,
        played: &Played,
        number: usize,
    ) -> Result<(Decided, Option<u64>), Mismatch> {
        let (next, version) = (&self.moves[number], played.versions[number]);
        let folded = self.fold(reducer, &played.history[..version]);
        let law = Law::DecideIsDeterministic;
        let mut aggregate = folded.map_err(|difference| Mismatch::Law { law, difference })?;
        let decided = aggregate.decide(&next.command, &next.context(&self.stream_id, version));
        Ok((decided, aggregate.fuel_spent()))
    }

    /// The commands as they stand in a scenario, for whoever wants to keep them: flow style, which is JSON.
    pub(super) fn told(&self) -> Vec<String> {
        let seed = self.moves.first().map(|first| format!("seed: {}", first.seed));
        let steps = self.moves.iter().map(|next| {
            let arguments = match &next.command.payload {
                crate::Payload::Json(json) => json.as_str(),
                crate::Payload::Binary(_) => "(binary)",
            };
            let name = serde_json::Value::from(next.command.name.as_str());
            format!(r#"  - {{ "at": {}, "when": {{ {name}: {arguments} }} }}"#, next.now_ms)
        });
        seed.into_iter().chain(["steps:".to_owned()]).chain(steps).collect()
    }
}

impl Played {
    /// The state at the end.
    pub(super) fn last(&self) -> Option<&Picture> {
        self.pictures.last()
    }
}

/// Nothing is emitted but what the descriptor says. A component of contract 1.0.0 does not say which of its event types are only read.
fn check_declared(reducer: &dyn Reducer, emitted: &[SerializedEvent]) -> Result<(), Mismatch> {
    let descriptor = reducer.descriptor();
    let declared = if descriptor.writes.is_empty() { &descriptor.event_types } else { &descriptor.writes };
    match emitted.iter().find(|event| !declared.contains(&event.event_type)) {
        None => Ok(()),
        Some(SerializedEvent { event_type, .. }) => {
            let difference = format!("{event_type} is none of {}", declared.join(", "));
            Err(Mismatch::Law { law: Law::EmittedEventsApply, difference })
        }
    }
}

/// A picture that another aggregate has to have.
pub(super) fn restored(
    reducer: &dyn Reducer,
    stream_id: &StreamId,
    snapshot: &[u8],
) -> Result<Box<dyn Aggregate>, Mismatch> {
    reducer.restore(stream_id, snapshot).map_err(|fault| broken(Law::SnapshotsKeepTheState, &fault))
}
