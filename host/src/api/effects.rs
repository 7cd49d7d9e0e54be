//! `/effects`: the outbox, for operators.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::filter::check_category;
use super::problem::Problem;
use super::request::{PathOf, QueryOf, page_len, read_json};
use super::{Api, kinds};
use crate::StreamId;
use crate::effects::EffectActionError;
use crate::event_store::{EFFECT_ERROR_BYTES_MAX, EffectFilter, EffectRecord, EffectStatus};

/// Effects of one page.
const EFFECTS_PER_PAGE_MAX: usize = 1_000;

/// Which effects are asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    status: Option<EffectStatus>,
    category: Option<String>,
    stream: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

/// An effect, for people and programs.
#[derive(Serialize)]
struct Listed {
    effect_id: Uuid,
    stream_id: StreamId,
    generation: Option<u64>,
    kind: String,
    lane: String,
    status: EffectStatus,
    attempts: u32,
    error: Option<String>,
    created_at: DateTime<Utc>,
    /// While it runs, when its lease ends; null once it is over.
    due_at: Option<DateTime<Utc>>,
    leased: bool,
    finished_at: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
pub(super) struct Page {
    effects: Vec<Listed>,
    /// What to ask with next, as `before`; null at the oldest.
    next: Option<Uuid>,
}

/// An effect with what it says, how far it has come, and what went wrong.
#[derive(Serialize)]
pub(super) struct Shown {
    #[serde(flatten)]
    listed: Listed,
    #[serde(flatten)]
    view: Value,
}

impl From<EffectRecord> for Listed {
    fn from(record: EffectRecord) -> Self {
        let EffectRecord { effect_id, stream_id, generation, kind, lane, status, attempts, error, .. } = record;
        let EffectRecord { created_at, due_at, leased, finished_at, .. } = record;
        Self {
            effect_id,
            stream_id,
            generation,
            kind,
            lane,
            status,
            attempts,
            error,
            created_at,
            due_at,
            leased,
            finished_at,
        }
    }
}

/// Lists effects, the newest first.
pub(super) async fn list(
    State(api): State<Api>,
    QueryOf(Listing { status, category, stream, before, limit }): QueryOf<Listing>,
) -> Result<Json<Page>, Problem> {
    let limit = page_len(limit, EFFECTS_PER_PAGE_MAX)?;
    category.as_deref().map_or(Ok(()), |category| check_category("category", category))?;
    let stream_id = stream.as_deref().map(StreamId::new).transpose()?;
    let before = before.as_deref().map(effect_id).transpose()?;
    let filter = EffectFilter { status, category, stream_id, before };
    // One more than is wanted tells whether there is a next page.
    let mut effects = api.host.store().effects(&filter, limit + 1).await?;
    let is_more = effects.len() > limit;
    effects.truncate(limit);
    let next = effects.last().filter(|_| is_more).map(|effect| effect.effect_id);
    Ok(Json(Page { effects: effects.into_iter().map(Listed::from).collect(), next }))
}

/// Shows one effect.
pub(super) async fn show(State(api): State<Api>, PathOf(id): PathOf<String>) -> Result<Json<Shown>, Problem> {
    let effect_id = effect_id(&id)?;
    let view = api.host.effect(effect_id).await?.ok_or(EffectActionError::Unknown(effect_id))?;
    Ok(Json(Shown { view: view.to_json(), listed: view.detail.record.into() }))
}

/// Has a dead letter run again.
pub(super) async fn retry(State(api): State<Api>, PathOf(id): PathOf<String>) -> Result<StatusCode, Problem> {
    api.host.retry_effect(effect_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Discarding {
    reason: String,
}

/// Gives an effect up, for a reason.
pub(super) async fn discard(
    State(api): State<Api>,
    PathOf(id): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let effect_id = effect_id(&id)?;
    let mend = r#"write {"reason": "..."}, which is kept with the effect"#;
    let body: Option<Discarding> = read_json(&headers, body, mend).await?;
    let Discarding { reason } = body.ok_or_else(|| Problem::new(&kinds::INVALID_BODY, mend))?;
    let is_line = !reason.trim().is_empty() && !reason.contains(char::is_control);
    if !is_line || reason.len() > EFFECT_ERROR_BYTES_MAX {
        let detail = format!("a reason is one line of text, 1 to {EFFECT_ERROR_BYTES_MAX} bytes: {mend}");
        return Err(Problem::new(&kinds::INVALID_BODY, detail));
    }
    api.host.discard_effect(effect_id, &reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn effect_id(text: &str) -> Result<Uuid, Problem> {
    // Not `parse` alone: that takes braces and a URN too, and an id is to have one form.
    let parsed = (text.len() == 36).then(|| Uuid::parse_str(text).ok()).flatten();
    parsed.ok_or_else(|| {
        // What the receivers of an effect's parts see, as their idempotency key.
        let is_part = text.get(..36).is_some_and(|id| Uuid::parse_str(id).is_ok()) && text[36..].starts_with('.');
        let detail = match is_part {
            true => format!("this is a part of effect {}: leave out what begins with the full stop", &text[..36]),
            false => "an effect's id is a UUID, as GET /effects lists it".to_owned(),
        };
        Problem::new(&kinds::INVALID_EFFECT_ID, detail)
    })
}
