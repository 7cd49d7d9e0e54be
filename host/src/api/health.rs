//! `GET /healthz` and `GET /readyz`

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::problem::Problem;
use super::{Api, kinds};

/// How long the store may take to answer before the host counts as not ready.
const PING_MAX: Duration = Duration::from_secs(2);

/// Whether the process lives.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// Whether commands can be taken: the store answers.
pub(super) async fn ready(State(api): State<Api>) -> Result<Json<Value>, Problem> {
    match tokio::time::timeout(PING_MAX, api.host.store().ping()).await {
        Ok(Ok(())) => Ok(Json(json!({ "status": "ok" }))),
        Ok(Err(error)) => Err(Problem::new(&kinds::NOT_READY, error.to_string())),
        Err(_) => {
            let seconds = PING_MAX.as_secs();
            Err(Problem::new(&kinds::NOT_READY, format!("the event store did not answer within {seconds} seconds")))
        }
    }
}
