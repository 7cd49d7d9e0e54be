//! `GET /reducers`, `GET /reducers/{name}` and `POST /reducers`

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::effect_rules::{ShownRules, rules_of};
use super::problem::Problem;
use super::request::{PathOf, QueryOf, media_type, read_body};
use super::swaps::check_text;
use super::verifications::ShownVerification;
use super::{Api, kinds};
use crate::event_store::{Activation, ActivationKind, ActivationNote, KeptReducer, Share};
use crate::reducer::{Descriptor, ReducerDigest};
use crate::runtime::{DecidedBy, ReducerStatus};
use crate::swap::{DeployRequest, Deployed, DescriptorDifference};

/// Components and activations that are shown of one reducer, the newest ones.
const SHOWN_MAX: usize = 50;
/// Verifications that are shown of one reducer.
const VERIFICATIONS_SHOWN_MAX: usize = 10;

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
    /// Whether its commands are kept with their payloads.
    journal: bool,
    /// Who decides for a share of the streams in its place.
    canary: Option<ShownCanary>,
}

#[derive(Serialize)]
struct ShownCanary {
    digest: ReducerDigest,
    share: Share,
}

#[derive(Serialize)]
pub(super) struct ActiveReducers {
    reducers: Vec<ActiveReducer>,
}

impl From<ReducerStatus> for ActiveReducer {
    fn from(status: ReducerStatus) -> Self {
        let ReducerStatus { reducer, descriptor, effects, activated_at, canary, journal } = status;
        let canary = canary.map(|canary| ShownCanary { digest: canary.digest, share: canary.share });
        let Descriptor { name: _, commands, event_types, writes, state_schema, sdk_version } = descriptor;
        let effects = effects.into();
        Self {
            reducer,
            commands,
            event_types,
            writes,
            state_schema,
            sdk_version,
            effects,
            activated_at,
            journal,
            canary,
        }
    }
}

/// Lists the reducers that decide, by name.
pub(super) async fn list(State(api): State<Api>) -> Result<Json<ActiveReducers>, Problem> {
    let reducers = api.host.reducers().await?;
    Ok(Json(ActiveReducers { reducers: reducers.into_iter().map(ActiveReducer::from).collect() }))
}

/// A component, and who decides.
#[derive(Serialize)]
pub(super) struct DeployedComponent {
    name: String,
    digest: ReducerDigest,
    /// Whether it was not kept before.
    new: bool,
    /// Whether it decides.
    active: bool,
    commands: Vec<String>,
    event_types: Vec<String>,
    writes: Vec<String>,
    state_schema: String,
    sdk_version: String,
    /// Who decides now.
    decides: Option<ActiveReducer>,
    /// In what it differs from who decides; null where that is itself, or nobody.
    difference: Option<DescriptorDifference>,
}

impl From<Deployed> for DeployedComponent {
    fn from(deployed: Deployed) -> Self {
        let is_active = deployed.is_active();
        let Deployed { digest, descriptor, is_new, active, difference } = deployed;
        let Descriptor { name, commands, event_types, writes, state_schema, sdk_version } = descriptor;
        let decides = active.map(ActiveReducer::from);
        Self {
            name,
            digest,
            new: is_new,
            active: is_active,
            commands,
            event_types,
            writes,
            state_schema,
            sdk_version,
            decides,
            difference,
        }
    }
}

/// Deploys a component: the body is its bytes, and the query says what its effects may do, and who deploys.
pub(super) async fn deploy(
    State(api): State<Api>,
    // Not a struct: a parameter may stand there several times.
    QueryOf(mut parameters): QueryOf<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<DeployedComponent>), Problem> {
    match media_type(&headers)?.as_deref() {
        None | Some("application/wasm" | "application/octet-stream") => {}
        Some(_) => {
            let detail = "a reducer is deployed as the bytes of its component: send Content-Type: application/wasm";
            return Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, detail));
        }
    }
    let component = read_body(&headers, body, api.host.limits().component_bytes_max).await?;
    // Behind the body: a sender that is still writing when it is refused loses the answer that says why.
    let by = parameters.iter().position(|(name, _)| name == "by").map(|place| parameters.remove(place).1);
    by.as_deref().map_or(Ok(()), check_text)?;
    let request = DeployRequest { rules: rules_of(&parameters)?, by };
    let deployed = api.host.deploy_with(component.into(), request).await?;
    Ok((StatusCode::CREATED, Json(deployed.into())))
}

/// A reducer with all that is on record of it.
#[derive(Serialize)]
pub(super) struct ReducerRecord {
    name: String,
    active: Option<ActiveReducer>,
    components: Vec<Component>,
    activations: Vec<ShownActivation>,
    verifications: Vec<ShownVerification>,
}

#[derive(Serialize)]
struct Component {
    digest: ReducerDigest,
    bytes: u64,
    state_schema: String,
    deployed_at: DateTime<Utc>,
    by: Option<String>,
}

#[derive(Serialize)]
struct ShownActivation {
    generation: u64,
    kind: ActivationKind,
    digest: ReducerDigest,
    canary: Option<ShownCanary>,
    activated_at: DateTime<Utc>,
    by: Option<String>,
    reason: Option<String>,
    policy: Option<Value>,
    verification_id: Option<Uuid>,
}

impl From<Activation> for ShownActivation {
    fn from(activation: Activation) -> Self {
        let Activation { generation, digest, canary, activated_at, note, .. } = activation;
        let ActivationNote { kind, by, reason, policy, verification_id } = note;
        let canary = canary.map(|canary| ShownCanary { digest: canary.digest, share: canary.share });
        Self { generation, kind, digest, canary, activated_at, by, reason, policy, verification_id }
    }
}

/// Shows one reducer: who decides, and how that came.
pub(super) async fn show(State(api): State<Api>, PathOf(name): PathOf<String>) -> Result<Json<ReducerRecord>, Problem> {
    let active = api.host.reducers().await?.into_iter().find(|status| status.reducer.name == name);
    let components = api.host.kept_reducers(&name, SHOWN_MAX).await?;
    if active.is_none() && components.is_empty() {
        return Err(Problem::new(&kinds::UNKNOWN_REDUCER, format!("there is no reducer {name:?}")));
    }
    let activations = api.host.activations(&name, None, SHOWN_MAX).await?;
    let verifications = api.host.verifications(&name, None, VERIFICATIONS_SHOWN_MAX).await?;
    let component = |kept: KeptReducer| Component {
        digest: kept.digest,
        bytes: kept.bytes,
        state_schema: kept.descriptor.state_schema,
        deployed_at: kept.deployed_at,
        by: kept.deployed_by,
    };
    Ok(Json(ReducerRecord {
        name,
        active: active.map(ActiveReducer::from),
        components: components.into_iter().map(component).collect(),
        activations: activations.into_iter().map(ShownActivation::from).collect(),
        verifications: verifications.into_iter().map(ShownVerification::from).collect(),
    }))
}
