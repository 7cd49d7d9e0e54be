//! `/subscriptions`: named readers of the log.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::events::takes_event_stream;
use super::problem::Problem;
use super::request::{PathOf, QueryOf, page_len, read_json};
use super::{Api, delivery, kinds};
use crate::event_store::{
    Cursor, SubscriptionConfig, SubscriptionFilter, SubscriptionName, SubscriptionStart, SubscriptionStatus,
};

/// A subscription, for people and programs.
#[derive(Serialize)]
struct Listed {
    name: String,
    category: Option<String>,
    event_type: Option<String>,
    checkpoint: Option<String>,
    checkpoint_is_foreign: bool,
    acknowledged_at: Option<DateTime<Utc>>,
    reader: Option<Uuid>,
    leased_until: Option<DateTime<Utc>>,
    token: u64,
    /// The age of the oldest event that was not acknowledged; null when all were.
    lag_ms: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Subscriptions {
    subscriptions: Vec<Listed>,
}

impl From<SubscriptionStatus> for Listed {
    fn from(status: SubscriptionStatus) -> Self {
        let SubscriptionStatus { name, filter, checkpoint, checkpoint_is_foreign, acknowledged_at, .. } = status;
        let SubscriptionFilter { category, event_type } = filter;
        Self {
            name: name.as_str().to_owned(),
            category,
            event_type,
            checkpoint: checkpoint.map(|cursor| cursor.to_string()),
            checkpoint_is_foreign,
            acknowledged_at,
            reader: status.reader,
            leased_until: status.leased_until,
            token: status.token,
            lag_ms: status.lag.map(|lag| u64::try_from(lag.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// Lists the subscriptions, by name.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<Subscriptions>, Problem> {
    let subscriptions = api.host.store().subscriptions(None).await?;
    Ok(Json(Subscriptions { subscriptions: subscriptions.into_iter().map(Listed::from).collect() }))
}

/// What a reader asks for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reading {
    category: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    limit: Option<usize>,
    #[serde(default)]
    start: Start,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Start {
    #[default]
    Beginning,
    Now,
}

/// Becomes the active reader of a name for as long as the connection is open, or stands by until it is.
pub(super) async fn read(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    QueryOf(Reading { category, event_type, limit, start }): QueryOf<Reading>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name: SubscriptionName = name.parse()?;
    // Whoever only looks must not become the reader.
    if !takes_event_stream(&headers) {
        let detail = "a subscription is read as an event stream: send Accept: text/event-stream";
        return Err(Problem::new(&kinds::NOT_ACCEPTABLE, detail));
    }
    let start = match start {
        Start::Beginning => SubscriptionStart::Beginning,
        Start::Now => SubscriptionStart::Now,
    };
    let filter = SubscriptionFilter { category, event_type };
    let limits = api.host.limits();
    let mut page = limits.page();
    page.events_max = page_len(limit, limits.events_per_page_max)?;
    delivery::open(api, SubscriptionConfig { filter, start, page, ..SubscriptionConfig::new(name) }).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Acknowledgement {
    cursor: String,
    token: u64,
}

/// Acknowledges everything up to a cursor. Any host can: the token says whether its reader is still the active one.
pub(super) async fn acknowledge(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let name: SubscriptionName = name.parse()?;
    let mend = r#"write {"cursor": "...", "token": 1}, both as they came from the subscription"#;
    let body: Option<Acknowledgement> = read_json(&headers, body, mend).await?;
    let Acknowledgement { cursor, token } = body.ok_or_else(|| Problem::new(&kinds::INVALID_BODY, mend))?;
    let cursor: Cursor = cursor.parse()?;
    api.host.store().acknowledge_subscription(&name, token, cursor).await?;
    // A connection of this host may wait for it, and has room for more now.
    api.acknowledged.send_modify(|acknowledgements| *acknowledgements += 1);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Reset {
    to: Option<String>,
}

/// Puts the checkpoint to a cursor, or to the beginning of the log.
pub(super) async fn reset(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let name: SubscriptionName = name.parse()?;
    let mend = r#"write {"to": "CURSOR"}, or nothing for the beginning"#;
    let Reset { to } = read_json(&headers, body, mend).await?.unwrap_or_default();
    let to = to.as_deref().map(str::parse::<Cursor>).transpose()?;
    api.host.store().reset_subscription(&name, to).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Forgets a name that nobody reads.
pub(super) async fn delete(State(api): State<Api>, PathOf(name): PathOf<String>) -> Result<StatusCode, Problem> {
    let name: SubscriptionName = name.parse()?;
    api.host.store().delete_subscription(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}
