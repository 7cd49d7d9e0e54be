//! `GET /streams/{id}/diff`, and commands that are decided and not done.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::problem::Problem;
use super::request::{PathOf, QueryOf};
use super::{Api, kinds};
use crate::reducer::ReducerDigest;
use crate::runtime::DecidedBy;
use crate::swap::{DryRun, DryRunDecision, DryRunOutcome, StateDifference};
use crate::testing::effect_json;
use crate::{Command, CommandError, StreamId, Version};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    from: String,
    to: String,
    at: Option<u64>,
}

/// A stream under two components.
#[derive(Serialize)]
pub(super) struct Difference {
    stream_id: StreamId,
    version: Version,
    from: DecidedBy,
    to: DecidedBy,
    fields: Vec<Field>,
}

/// A field in which they differ; `null` where it is not there, as where it is null.
#[derive(Serialize)]
struct Field {
    path: String,
    from: Option<Value>,
    to: Option<Value>,
}

/// Shows in which fields a stream's state differs under two components.
pub(super) async fn diff(
    State(api): State<Api>,
    PathOf(id): PathOf<String>,
    QueryOf(asked): QueryOf<Asked>,
) -> Result<Json<Difference>, Problem> {
    let stream_id = StreamId::new(&id)?;
    let category = stream_id.category();
    let from = api.host.find_reducer(category, &asked.from).await?.digest;
    let to = api.host.find_reducer(category, &asked.to).await?.digest;
    let difference = api.host.state_difference(&stream_id, asked.at.map(Version::new), from, to).await?;
    let StateDifference { version, from, to, fields } = difference;
    let fields = fields.into_iter().map(|(path, from, to)| Field { path, from, to }).collect();
    Ok(Json(Difference { stream_id, version, from: from.reducer, to: to.reducer, fields }))
}

/// How a command is decided without being done.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DryQuery {
    #[serde(default)]
    pub(super) dry_run: bool,
    at: Option<u64>,
    reducer: Option<String>,
    now_ms: Option<i64>,
}

impl DryQuery {
    /// What says how makes no sense for a command that is done.
    pub(super) fn check(&self) -> Result<(), Problem> {
        let says_how = self.at.is_some() || self.reducer.is_some() || self.now_ms.is_some();
        if says_how && !self.dry_run {
            let detail = "at, reducer and now_ms go with dry_run=true: a command is done at the head, by who decides";
            return Err(Problem::new(&kinds::INVALID_QUERY, detail));
        }
        Ok(())
    }
}

/// What a command would lead to.
#[derive(Serialize)]
pub(super) struct WouldBe {
    stream_id: StreamId,
    version: Version,
    reducer: DecidedBy,
    events: Vec<WouldBeEvent>,
    effects: Vec<Value>,
    state: Option<Box<RawValue>>,
}

#[derive(Serialize)]
struct WouldBeEvent {
    event_type: String,
    data: Option<Box<RawValue>>,
}

/// Decides a command, and does nothing of it. A rule's no is told as for a command that is done.
pub(super) async fn dry_run(
    api: &Api,
    stream_id: StreamId,
    command: Command,
    command_id: Option<String>,
    asked: DryQuery,
) -> Result<WouldBe, Problem> {
    let digest: Option<ReducerDigest> = match &asked.reducer {
        Some(digest) => Some(api.host.find_reducer(stream_id.category(), digest).await?.digest),
        None => None,
    };
    let (at, now_ms) = (asked.at.map(Version::new), asked.now_ms);
    let request = DryRun { stream_id: stream_id.clone(), command, at, digest, now_ms, command_id };
    let DryRunOutcome { version, reducer, decided } = api.host.dry_run(request).await?;
    let DryRunDecision { events, effects, state } = decided.map_err(CommandError::Rejected)?;
    let raw = |json: String| RawValue::from_string(json).ok();
    let events = events.into_iter().map(|(event_type, json)| WouldBeEvent { event_type, data: json.and_then(raw) });
    let events = events.collect();
    Ok(WouldBe {
        stream_id,
        version,
        reducer,
        events,
        effects: effects.iter().map(effect_json).collect(),
        state: raw(state),
    })
}
