//! States and decisions of any version, under any reducer. Nothing of it is recorded.

use std::sync::Arc;

use serde_json::Value;

use super::SwapError;
use super::verify::{FieldDifference, differences};
use crate::reducer::{Command, DecideError, Effect, Reducer, ReducerDigest, Rejection};
use crate::runtime::{DecidedBy, LoadError, StateView, context, load_until};
use crate::{Host, ReadError, StreamId, Version};

/// A stream under two reducers.
#[derive(Clone, Debug, PartialEq)]
pub struct StateDifference {
    /// How many events were folded.
    pub version: Version,
    /// Under the one.
    pub from: StateView,
    /// Under the other.
    pub to: StateView,
    /// In which fields they differ: the path, the value under the one and under the other.
    pub fields: Vec<(String, Option<Value>, Option<Value>)>,
}

/// A command that is to be decided and not done.
#[derive(Clone, Debug, PartialEq)]
pub struct DryRun {
    /// For which stream.
    pub stream_id: StreamId,
    /// The command.
    pub command: Command,
    /// At which version; none for the head.
    pub at: Option<Version>,
    /// Under which reducer; none for who decides now.
    pub digest: Option<ReducerDigest>,
    /// The clock that it is decided with, in milliseconds since 1970; none for now.
    pub now_ms: Option<i64>,
    /// The id that it is decided under; none for one that the host makes.
    pub command_id: Option<String>,
}

/// What a command would lead to.
#[derive(Clone, Debug, PartialEq)]
pub struct DryRunOutcome {
    /// The version that it was decided on.
    pub version: Version,
    /// Who decided.
    pub reducer: DecidedBy,
    /// A rule's no, or what would be recorded and asked for.
    pub decided: Result<DryRunDecision, Rejection>,
}

/// What would be recorded and asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct DryRunDecision {
    /// The events: type, and JSON where the reducer can draw it.
    pub events: Vec<(String, Option<String>)>,
    /// The effects.
    pub effects: Vec<Effect>,
    /// The state behind them, as JSON.
    pub state: String,
}

impl Host {
    /// A stream's state at its head or at a version, under any component that is kept; none for who decides now.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn state_under(
        &self,
        stream_id: &StreamId,
        at: Option<Version>,
        digest: Option<ReducerDigest>,
    ) -> Result<StateView, SwapError> {
        let Some(digest) = digest else { return Ok(self.state(stream_id, at).await?) };
        let reducer = self.reducer_of(stream_id, digest).await?;
        self.state_of(stream_id, at, &reducer).await
    }

    /// A stream at its head or at a version, under two components.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn state_difference(
        &self,
        stream_id: &StreamId,
        at: Option<Version>,
        from: ReducerDigest,
        to: ReducerDigest,
    ) -> Result<StateDifference, SwapError> {
        let (from, to) = (self.reducer_of(stream_id, from).await?, self.reducer_of(stream_id, to).await?);
        let from = self.state_of(stream_id, at, &from).await?;
        // At the same version, whatever was appended meanwhile.
        let to = self.state_of(stream_id, Some(from.version), &to).await?;
        let document = |view: &StateView| serde_json::from_str(&view.json).unwrap_or(Value::String(view.json.clone()));
        let fields = differences(&document(&from), &document(&to));
        let fields = fields.into_iter().map(|FieldDifference { path, before, after }| (path, before, after));
        Ok(StateDifference { version: from.version, fields: fields.collect(), from, to })
    }

    /// Decides a command at a version under a component, and does nothing of it: nothing is appended, remembered or run.
    ///
    /// # Errors
    /// [`SwapError`]; a rule's no is an answer.
    pub async fn dry_run(&self, request: DryRun) -> Result<DryRunOutcome, SwapError> {
        let DryRun { stream_id, command, at, digest, now_ms, command_id } = request;
        self.check_command(&command)?;
        let reducer = match digest {
            Some(digest) => self.reducer_of(&stream_id, digest).await?,
            None => self.registry().deciding(&stream_id).await?.reducer,
        };
        let descriptor = reducer.descriptor();
        if !descriptor.commands.contains(&command.name) {
            return Err(SwapError::Command(crate::CommandError::UnknownCommand {
                reducer: descriptor.name.clone(),
                command: command.name.clone(),
                known: descriptor.commands.clone(),
            }));
        }
        let loaded =
            load_until(&**self.store(), &*reducer, &stream_id, self.limits(), at.unwrap_or(Version::MAX)).await;
        let mut loaded = loaded.map_err(|error| self.failed(&stream_id, &reducer, error))?;
        check_reached(&stream_id, at, loaded.version)?;
        let now_ms = now_ms.unwrap_or_else(|| chrono::Utc::now().timestamp_millis());
        let command_id = command_id.unwrap_or_else(|| uuid::Uuid::now_v7().to_string());
        let context = context(&stream_id, loaded.version, &command_id, now_ms);
        let (version, by) = (loaded.version, self.decided_by(&reducer));
        let fault = |fault| self.failed(&stream_id, &reducer, LoadError::Fault { fault, version });
        let decision = match loaded.aggregate.decide(&command, &context) {
            Ok(decision) => decision,
            Err(DecideError::Rejected(no)) => return Ok(DryRunOutcome { version, reducer: by, decided: Err(no) }),
            Err(DecideError::Malformed(reason)) => return Err(crate::CommandError::Malformed(reason).into()),
            Err(DecideError::Fault(failed)) => return Err(fault(failed)),
        };
        if !decision.events.is_empty() {
            let packed = crate::PackedEvents::of(version.next(), &decision.events);
            let packed = packed.map_err(|error| crate::CommandError::TooLarge(error.to_string()))?;
            loaded.aggregate.apply(packed).map_err(fault)?;
        }
        let events: Vec<_> = decision.events.iter().collect();
        let drawn = loaded.aggregate.events_json(&events).map_err(fault)?;
        let types = decision.events.iter().map(|event| event.event_type.clone());
        let events = types.zip(drawn.into_iter().map(Result::ok)).collect();
        let state = loaded.aggregate.state_json().map_err(fault)?;
        let decided = DryRunDecision { events, effects: decision.effects, state };
        Ok(DryRunOutcome { version, reducer: by, decided: Ok(decided) })
    }

    async fn reducer_of(&self, stream_id: &StreamId, digest: ReducerDigest) -> Result<Arc<dyn Reducer>, SwapError> {
        let kept = self.kept(stream_id.category(), digest).await?;
        Ok(self.registry().of_digest(&kept.descriptor.name, kept.digest).await?)
    }

    async fn state_of(
        &self,
        stream_id: &StreamId,
        at: Option<Version>,
        reducer: &Arc<dyn Reducer>,
    ) -> Result<StateView, SwapError> {
        let until = at.unwrap_or(Version::MAX);
        let loaded = load_until(&**self.store(), &**reducer, stream_id, self.limits(), until).await;
        let mut loaded = loaded.map_err(|error| self.failed(stream_id, reducer, error))?;
        let version = loaded.version;
        if version == Version::EMPTY && self.store().load_events(stream_id, version, 1.into()).await?.is_empty() {
            return Err(ReadError::UnknownStream(stream_id.clone()).into());
        }
        check_reached(stream_id, at, version)?;
        let json = loaded.aggregate.state_json();
        let json = json.map_err(|fault| self.failed(stream_id, reducer, LoadError::Fault { fault, version }))?;
        Ok(StateView { version, json, reducer: self.decided_by(reducer) })
    }

    /// By its digest alone: no activation has to do with it.
    fn decided_by(&self, reducer: &Arc<dyn Reducer>) -> DecidedBy {
        DecidedBy { name: reducer.descriptor().name.clone(), digest: reducer.digest(), generation: None }
    }

    fn failed(&self, stream_id: &StreamId, reducer: &Arc<dyn Reducer>, error: LoadError) -> SwapError {
        SwapError::Command(self.not_loaded(stream_id, reducer, error))
    }
}

fn check_reached(stream_id: &StreamId, at: Option<Version>, head: Version) -> Result<(), SwapError> {
    match at.filter(|asked| *asked > head) {
        Some(asked) => Err(ReadError::BeyondHead { stream_id: stream_id.clone(), asked, head }.into()),
        None => Ok(()),
    }
}
