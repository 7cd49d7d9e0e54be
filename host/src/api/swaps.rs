//! `POST /reducers/{name}/activate`, `/rollback`, `/canary`, `/canary/finish` and `/canary/withdraw`

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::effect_rules::rules_of;
use super::problem::Problem;
use super::reducers::ActiveReducer;
use super::request::{PathOf, QueryOf, read_json};
use super::verifications::ShownVerification;
use super::{Api, kinds};
use crate::event_store::Share;
use crate::swap::{ActivateRequest, ActivationPolicy, CanaryRequest, RollBackOutcome, RollBackRequest};

/// How long a way back is looked through before its asker is told how far it is.
const ROLL_BACK_WAIT: Duration = Duration::from_secs(5);
/// Longest text of who or why.
const TEXT_BYTES_MAX: usize = 1_000;

/// Who, why, and what allows it. It stands in the bodies field by field: flattened into them, it would have a misspelt field dropped
/// in silence, and with `expectedGeneration` the guard that it stood for.
struct Wanted {
    /// Names of differences that are accepted.
    accept: Option<Vec<String>>,
    /// Why nothing is looked at.
    force: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

impl Wanted {
    fn policy(&mut self) -> Result<ActivationPolicy, Problem> {
        for text in [&self.force, &self.by, &self.reason].into_iter().flatten() {
            check_text(text)?;
        }
        match (self.force.take(), self.accept.take()) {
            (Some(_), Some(_)) => {
                Err(Problem::new(&kinds::INVALID_BODY, "accept and force stand there both: write one of them"))
            }
            (Some(reason), None) => Ok(ActivationPolicy::Force(reason)),
            (None, Some(names)) => Ok(ActivationPolicy::Accept(names)),
            (None, None) => Ok(ActivationPolicy::Clean),
        }
    }
}

pub(super) fn check_text(text: &str) -> Result<(), Problem> {
    if text.len() > TEXT_BYTES_MAX || text.contains('\0') {
        let detail = format!("by, reason and force have at most {TEXT_BYTES_MAX} bytes each, and no NUL bytes");
        return Err(Problem::new(&kinds::INVALID_BODY, detail));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Activate {
    digest: String,
    journal: Option<bool>,
    expected_generation: Option<u64>,
    accept: Option<Vec<String>>,
    force: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

/// Makes a component the one that decides; the query says what its effects may do, as for a deployment.
pub(super) async fn activate(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    QueryOf(parameters): QueryOf<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ActiveReducer>, Problem> {
    let mend = "say which component: {\"digest\": \"...\"}, with accept or force where the report is not clean";
    let Some(asked) = read_json::<Activate>(&headers, body, mend).await? else {
        return Err(Problem::new(&kinds::INVALID_BODY, mend));
    };
    let Activate { accept, force, by, reason, .. } = asked;
    let mut wanted = Wanted { accept, force, by, reason };
    let policy = wanted.policy()?;
    let rules = rules_of(&parameters)?;
    let digest = api.host.find_reducer(&name, &asked.digest).await?.digest;
    let request = ActivateRequest {
        digest,
        policy,
        rules,
        journal: asked.journal,
        expected_generation: asked.expected_generation,
        by: wanted.by,
        reason: wanted.reason,
    };
    Ok(Json(api.host.activate(&name, request).await?.into()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StartCanary {
    digest: Option<String>,
    share: Share,
    accept: Option<Vec<String>>,
    force: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

/// Has a candidate decide for a share of the streams, or for another share.
pub(super) async fn canary(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ActiveReducer>, Problem> {
    let mend = "say which component, and of how many streams: {\"digest\": \"...\", \"share\": \"5%\"}";
    let Some(asked) = read_json::<StartCanary>(&headers, body, mend).await? else {
        return Err(Problem::new(&kinds::INVALID_BODY, mend));
    };
    let StartCanary { digest, share, accept, force, by, reason } = asked;
    let mut wanted = Wanted { accept, force, by, reason };
    let policy = wanted.policy()?;
    let digest = match &digest {
        Some(digest) => Some(api.host.find_reducer(&name, digest).await?.digest),
        None => None,
    };
    let Wanted { by, reason, .. } = wanted;
    let request = CanaryRequest { digest, share, policy, by, reason };
    Ok(Json(api.host.canary(&name, request).await?.into()))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    by: Option<String>,
    reason: Option<String>,
}

impl Told {
    async fn read(headers: &HeaderMap, body: Body) -> Result<Self, Problem> {
        let mend = "this takes {\"by\": \"...\", \"reason\": \"...\"} or nothing";
        let told = read_json::<Self>(headers, body, mend).await?.unwrap_or_default();
        for text in [&told.by, &told.reason].into_iter().flatten() {
            check_text(text)?;
        }
        Ok(told)
    }
}

/// Has the canary decide for all streams.
pub(super) async fn finish_canary(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ActiveReducer>, Problem> {
    let Told { by, reason } = Told::read(&headers, body).await?;
    Ok(Json(api.host.finish_canary(&name, by, reason).await?.into()))
}

/// Has the active one decide for all streams again.
pub(super) async fn withdraw_canary(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ActiveReducer>, Problem> {
    let Told { by, reason } = Told::read(&headers, body).await?;
    Ok(Json(api.host.withdraw_canary(&name, by, reason).await?.into()))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RollBack {
    to: Option<String>,
    expected_generation: Option<u64>,
    force: Option<String>,
    by: Option<String>,
    reason: Option<String>,
}

/// Has the former component decide again; 202 and the verification while what was recorded since is looked through.
pub(super) async fn roll_back(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mend =
        "this takes {\"to\": \"DIGEST\", \"force\": \"why\", \"by\": \"...\"}, each where it is wanted, or nothing";
    let RollBack { to, expected_generation, force, by, reason } =
        read_json(&headers, body, mend).await?.unwrap_or_default();
    for text in [&force, &by, &reason].into_iter().flatten() {
        check_text(text)?;
    }
    let to = match &to {
        Some(digest) => Some(api.host.find_reducer(&name, digest).await?.digest),
        None => None,
    };
    let request = RollBackRequest { to, expected_generation, force, by, reason };
    match api.host.roll_back_within(&name, request, ROLL_BACK_WAIT).await? {
        RollBackOutcome::Done(status) => Ok(Json(ActiveReducer::from(*status)).into_response()),
        RollBackOutcome::Verifying(view) => {
            Ok((StatusCode::ACCEPTED, Json(ShownVerification::from(*view))).into_response())
        }
    }
}
