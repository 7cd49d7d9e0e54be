//! `GET /reducers` and `POST /reducers`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde::Serialize;

use super::effect_rules::{ShownRules, rules_of};
use super::problem::Problem;
use super::request::{QueryOf, media_type, read_body};
use super::{Api, kinds};
use crate::reducer::Descriptor;
use crate::runtime::{DecidedBy, ReducerStatus};

/// A reducer that decides for a category.
#[derive(Serialize)]
pub(super) struct ActiveReducer {
    #[serde(flatten)]
    reducer: DecidedBy,
    commands: Vec<String>,
    event_types: Vec<String>,
    writes: Vec<String>,
    state_schema: String,
    sdk_version: String,
    /// What its effects may do.
    effects: ShownRules,
    activated_at: Option<DateTime<Utc>>,
}

#[derive(Serialize)]
pub(super) struct ActiveReducers {
    reducers: Vec<ActiveReducer>,
}

impl From<ReducerStatus> for ActiveReducer {
    fn from(status: ReducerStatus) -> Self {
        let ReducerStatus { reducer, descriptor, effects, activated_at } = status;
        let Descriptor { name: _, commands, event_types, writes, state_schema, sdk_version } = descriptor;
        let effects = effects.into();
        Self { reducer, commands, event_types, writes, state_schema, sdk_version, effects, activated_at }
    }
}

/// Lists the reducers that decide, by name.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<ActiveReducers>, Problem> {
    let reducers = api.host.reducers().await?;
    Ok(Json(ActiveReducers { reducers: reducers.into_iter().map(ActiveReducer::from).collect() }))
}

/// Deploys a component: the body is its bytes, and the query says what its effects may do.
pub(super) async fn deploy(
    State(api): State<Api>,
    // Not a struct: a parameter may stand there several times.
    QueryOf(parameters): QueryOf<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<ActiveReducer>), Problem> {
    match media_type(&headers)?.as_deref() {
        None | Some("application/wasm" | "application/octet-stream") => {}
        Some(_) => {
            let detail = "a reducer is deployed as the bytes of its component: send Content-Type: application/wasm";
            return Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail));
        }
    }
    let component = read_body(&headers, body, api.host.limits().component_bytes_max).await?;
    // Behind the body: a sender that is still writing when it is refused loses the answer that says why.
    let rules = rules_of(&parameters)?;
    let status = api.host.deploy_with(component.into(), rules).await?;
    Ok((StatusCode::CREATED, Json(status.into())))
}
