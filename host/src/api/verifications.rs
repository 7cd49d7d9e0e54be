//! `/reducers/{name}/verify` and `/reducers/{name}/verifications`: shadow replays.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::problem::Problem;
use super::request::{PathOf, QueryOf, page_len, read_json};
use super::swaps::check_text;
use super::{Api, kinds};
use crate::event_store::Share;
use crate::swap::{Streams, VerificationScope, VerificationView, VerifyRequest};

/// Verifications of one page.
const VERIFICATIONS_MAX: usize = 100;

/// A shadow replay, for people and programs.
#[derive(Serialize)]
pub(super) struct ShownVerification {
    #[serde(flatten)]
    view: VerificationView,
    /// Of what the candidate spends on an event, in nanoseconds.
    candidate_ns_per_event: Option<f64>,
    baseline_ns_per_event: Option<f64>,
}

impl From<VerificationView> for ShownVerification {
    fn from(view: VerificationView) -> Self {
        let events = view.report.events;
        let each = |ns: u64| (events > 0).then(|| (ns as f64 / events as f64 * 10.0).round() / 10.0);
        let candidate_ns_per_event = each(view.report.candidate_ns);
        let baseline_ns_per_event = each(view.report.baseline_ns).filter(|_| view.baseline.is_some());
        Self { candidate_ns_per_event, baseline_ns_per_event, view }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verify {
    digest: String,
    baseline: Option<String>,
    sample: Option<Share>,
    since: Option<DateTime<Utc>>,
    #[serde(default)]
    without_commands: bool,
    threads: Option<usize>,
    by: Option<String>,
}

/// Begins a shadow replay, or goes on with one; it runs on behind the answer.
pub(super) async fn verify(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let mend = "say which component: {\"digest\": \"...\"}, and where it is wanted a sample (\"5%\"), since (a time), or a baseline";
    let Some(asked) = read_json::<Verify>(&headers, body, mend).await? else {
        return Err(Problem::new(&kinds::INVALID_BODY, mend));
    };
    let streams = match (asked.sample, asked.since) {
        (None, None) => Streams::All,
        (Some(share), None) => Streams::Sample(share),
        (None, Some(time)) => Streams::Since(time),
        (Some(_), Some(_)) => {
            return Err(Problem::new(&kinds::INVALID_BODY, "sample and since stand there both: write one of them"));
        }
    };
    if asked.threads.is_some_and(|threads| !(1..=1_024).contains(&threads)) {
        return Err(Problem::new(&kinds::INVALID_BODY, "threads is 1 to 1024"));
    }
    asked.by.as_deref().map_or(Ok(()), check_text)?;
    let candidate = api.host.find_reducer(&name, &asked.digest).await?.digest;
    let baseline = match &asked.baseline {
        Some(digest) => Some(api.host.find_reducer(&name, digest).await?.digest),
        None => None,
    };
    let scope = VerificationScope { streams, without_commands: asked.without_commands };
    let request = VerifyRequest { candidate, baseline, scope, by: asked.by, threads: asked.threads };
    let view = api.host.verify(&name, request).await?;
    let location = format!("/reducers/{name}/verifications/{}", view.verification_id);
    let mut response = (StatusCode::ACCEPTED, Json(ShownVerification::from(view))).into_response();
    // A name may have characters that no header takes; whoever asked knows it.
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Listing {
    digest: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Verifications {
    verifications: Vec<ShownVerification>,
}

/// Lists shadow replays, the newest first.
pub(super) async fn list(
    State(api): State<Api>,
    PathOf(name): PathOf<String>,
    QueryOf(asked): QueryOf<Listing>,
) -> Result<Json<Verifications>, Problem> {
    let most = page_len(asked.limit, VERIFICATIONS_MAX)?;
    let candidate = match &asked.digest {
        Some(digest) => Some(api.host.find_reducer(&name, digest).await?.digest),
        None => None,
    };
    let found = api.host.verifications(&name, candidate, most).await?;
    Ok(Json(Verifications { verifications: found.into_iter().map(ShownVerification::from).collect() }))
}

/// Shows one.
pub(super) async fn show(
    State(api): State<Api>,
    PathOf((name, id)): PathOf<(String, String)>,
) -> Result<Json<ShownVerification>, Problem> {
    Ok(Json(find(&api, &name, &id).await?.into()))
}

/// Gives one up that runs.
pub(super) async fn cancel(
    State(api): State<Api>,
    PathOf((name, id)): PathOf<(String, String)>,
) -> Result<StatusCode, Problem> {
    let view = find(&api, &name, &id).await?;
    match api.host.cancel_verification(view.verification_id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::new(&kinds::VERIFICATION_OVER, format!("verification {id} is over"))),
    }
}

async fn find(api: &Api, name: &str, id: &str) -> Result<VerificationView, Problem> {
    let unknown = || Problem::new(&kinds::UNKNOWN_VERIFICATION, format!("{name} has no verification {id:?}"));
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let view = api.host.verification(id).await?;
    if view.name == name { Ok(view) } else { Err(unknown()) }
}
