//! HTTP: what a host does, for whoever speaks JSON.
//!
//! | route | what it does | answer |
//! |---|---|---|
//! | `POST /streams/{id}/commands/{name}` | sends a command | `{"stream_id","version","events":[{"version","event_type","data"}],"reducer"}` |
//! | `POST /streams/{id}/commands/{name}?dry_run=true&at=VERSION&reducer=DIGEST&now_ms=TIME` | decides a command, and does nothing of it | `{"stream_id","version","reducer","events","effects","state"}` |
//! | `GET /streams/{id}?at=VERSION&reducer=DIGEST` | draws the state | `{"stream_id","version","state","reducer"}` |
//! | `GET /streams/{id}/events?from=VERSION&limit=N&upcast=true` | reads a stream | `{"stream_id","events","next"}` |
//! | `GET /streams/{id}/events?direction=backward&before=VERSION&limit=N&upcast=true` | reads it from its end | `{"stream_id","events","next"}` |
//! | `GET /streams/{id}/diff?from=DIGEST&to=DIGEST&at=VERSION` | a state under two components | `{"stream_id","version","from","to","fields"}` |
//! | `POST /streams/{id}/close` with `{"erase":true}` or `{"erase":false}` | closes a stream, and erases its data | `{"stream_id","version","erased"}` |
//! | `GET /events?after=CURSOR&limit=N&category=NAME&type=NAME&since=TIME&until=TIME&upcast=true` | reads the log of all streams | `{"events","next"}` |
//! | `GET /events` with `Accept: text/event-stream` | follows the log, from `Last-Event-ID` or `after` | server-sent events |
//! | `GET /subscriptions` | lists the named subscriptions, each with its lag | `{"subscriptions"}` |
//! | `GET /subscriptions/{name}/events?category=NAME&type=NAME&start=now&limit=N` with `Accept: text/event-stream` | reads under a name | server-sent events |
//! | `POST /subscriptions/{name}/acknowledge` with `{"cursor","token"}` | moves the checkpoint | 204 |
//! | `POST /subscriptions/{name}/reset` with `{"to":CURSOR}` or nothing | puts the checkpoint there, or to the beginning | 204 |
//! | `DELETE /subscriptions/{name}` | forgets a name that nobody reads | 204 |
//! | `GET /effects?status=STATUS&category=NAME&stream=ID&before=EFFECT&limit=N` | lists effects, the newest first | `{"effects","next"}` |
//! | `GET /effects/{id}` | shows one: what it says, how far it has come, what failed | the effect |
//! | `POST /effects/{id}/retry` | has a dead letter run again | 204 |
//! | `POST /effects/{id}/discard` with `{"reason":"..."}` | gives an effect up | 204 |
//! | `GET /reducers` | lists the reducers that decide | `{"reducers"}` |
//! | `POST /reducers?allow=ORIGIN&allow_private=ORIGIN&allow_category=NAME&effects_per_second_max=N&effects_at_once_max=N` | keeps a component, and has the first one of its name decide; says what its effects may do | 201 and the component, with who decides |
//! | `GET /reducers/{name}` | who decides, the components, the activations, the verifications | `{"name","active","components","activations","verifications"}` |
//! | `POST /reducers/{name}/verify` with `{"digest","baseline","sample","since","without_commands","threads","by"}` | begins a shadow replay | 202 and the verification |
//! | `GET /reducers/{name}/verifications?digest=DIGEST&limit=N` | lists them, the newest first | `{"verifications"}` |
//! | `GET`, `DELETE /reducers/{name}/verifications/{id}` | shows one, gives one up | the verification; 204 |
//! | `POST /reducers/{name}/activate`, with the query of a deployment, with `{"digest","accept","force","journal","expected_generation","by","reason"}` | has a component decide, if its report allows it | the reducer |
//! | `POST /reducers/{name}/rollback` with `{"to","expected_generation","force","by","reason"}` or nothing | has the former one decide again | the reducer; 202 and the verification while that is looked into |
//! | `POST /reducers/{name}/canary` with `{"digest","share","accept","force","by","reason"}` | has a component decide for a share of the streams | the reducer |
//! | `POST /reducers/{name}/canary/finish`, `/withdraw` with `{"by","reason"}` or nothing | for all of them, for none | the reducer |
//! | `GET /healthz` | whether the process lives | `{"status":"ok"}` |
//! | `GET /readyz` | whether the store answers | `{"status":"ok"}` |
//! | `GET /metrics` | what the host counts and measures | text of Prometheus |
//!
//! A command's arguments are JSON, no body standing for `{}`, or bytes in the reducer's own encoding (`Content-Type:
//! application/octet-stream`). `Idempotency-Key` makes it safe to send again: the same command under the same key is
//! answered with the first outcome. `Expected-Version` is a number, `none`, `exists` or `any`. `Correlation-Id`, `Causation-Id`,
//! `traceparent` and `Event-Metadata` (a JSON object) are recorded beside the events. An answer comes when the outcome is
//! durable.
//!
//! Everything else is a problem document (RFC 9457, `application/problem+json`): `type`, `title`, `status`, `detail`, and a `code` that
//! never changes its meaning. 429 and 503 come with `Retry-After`.
//!
//! | status | codes |
//! |---|---|
//! | 400 | `invalid-stream-id`, `invalid-command-name`, `invalid-path`, `invalid-query`, `invalid-header`, `invalid-cursor`, `invalid-body`, `invalid-metadata`, `invalid-subscription`, `invalid-effect-id`, `malformed-json`, `malformed-command` |
//! | 404 | `not-found`, `unknown-category` (with `category`), `unknown-command` (with `known_commands`), `unknown-stream`, `unknown-subscription`, `unknown-effect`, `unknown-reducer`, `unknown-verification`, `version-beyond-head` (with `asked`, `head`) |
//! | 405 | `method-not-allowed` |
//! | 406 | `not-acceptable` |
//! | 408 | `body-timeout` |
//! | 409 | `conflict` (with `expected`, `actual`), `not-erasable`, `native-reducer`, `subscription-lost`, `subscription-in-use` (with `leased_until`), `subscription-differs` (with the `category` and `event_type` that it reads), `effect-status` (with `effect_status`), `effect-unreadable`, `outrun` (with `active`), `not-verified`, `verifying` (with `verification_id`), `verification-failed` (with `verification_id`, `names`), `not-accepted` (with `verification_id`, `names`), `events-unreadable` (with `events`), `canary-under-way`, `no-canary`, `canary-writes` (with `event_types`), `no-former`, `verification-over` |
//! | 410 | `foreign-cursor`, `stream-closed` (with `version`), `stream-erased` |
//! | 413 | `too-large` (with `bytes_max`) |
//! | 415 | `unsupported-media-type` |
//! | 422 | `swap-invalid`, `rejected` (with `rejection`: the reducer's own `code` and `message`), `command-id-reused`, `component-refused` (with `offences`) |
//! | 429 | `busy` |
//! | 500 | `reducer-trap`, `reducer-fuel-exhausted`, `reducer-time-exhausted`, `reducer-memory-exhausted`, `reducer-broken-answer`, `reducer-cannot-apply`, `reducer-cannot-restore`, `reducer-too-old`, `reducer-unusable`, `component-unchecked`, `lost`, `store-failed`, `store-encryption`, `store-schema`, `stream-corrupt`, `internal` |
//! | 503 | `contended`, `overloaded`, `shutting-down`, `store-unavailable`, `not-ready`, `too-many-subscribers`, `reducer-not-started` |
//! | 504 | `timeout` |
//! | 507 | `store-full` |
//!
//! After `lost`, `timeout` and `store-unavailable` it is not known whether a command was done.

mod around;
mod closing;
mod commands;
mod delivery;
mod effect_rules;
mod effects;
mod events;
mod failures;
mod filter;
mod health;
mod kinds;
mod metadata;
mod metrics;
mod problem;
mod recorded;
mod reducers;
mod request;
mod serve;
mod streams;
mod subscription;
mod subscriptions;
mod swaps;
mod time_travel;
mod verifications;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{delete, get, post};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

use crate::Host;

pub use metrics::MetricsText;
pub use serve::{serve, serve_with};

/// How long a request may take until its sender is told that there is no answer.
const REQUEST_MAX: Duration = Duration::from_secs(60);
/// Event streams at once. One that follows the log polls ten times a second, a named one twenty to fifty times; 400 polls a
/// second cost a database nothing that was measured.
const SUBSCRIBERS_MAX: usize = 40;

/// What the handlers share.
#[derive(Clone)]
struct Api {
    host: Host,
    request_max: Duration,
    subscribers: Arc<Semaphore>,
    /// Cancelled at shutdown: an event stream has no end of its own, and would hold its connection open for good.
    ending: CancellationToken,
    /// Changes with every acknowledgement that this host takes.
    acknowledged: Arc<watch::Sender<u64>>,
    /// What `GET /metrics` shows; nothing is there without it.
    metrics: Option<MetricsText>,
}

impl Api {
    fn new(host: Host) -> Self {
        let subscribers = Arc::new(Semaphore::new(SUBSCRIBERS_MAX));
        let (acknowledged, ending) = (Arc::new(watch::Sender::new(0)), CancellationToken::new());
        Self { host, request_max: REQUEST_MAX, subscribers, ending, acknowledged, metrics: None }
    }
}

/// The API as a router, for whoever serves it beside routes of their own. Its event streams end when their readers go;
/// [`serve`] ends them at shutdown too.
pub fn router(host: Host) -> Router {
    routes(Api::new(host))
}

/// As [`router`], with `metrics` at `GET /metrics`.
pub fn router_with(host: Host, metrics: MetricsText) -> Router {
    routes(Api { metrics: Some(metrics), ..Api::new(host) })
}

fn routes(api: Api) -> Router {
    Router::new()
        .route("/streams/{id}/commands/{name}", post(commands::send))
        .route("/streams/{id}", get(streams::state))
        .route("/streams/{id}/events", get(streams::events))
        .route("/streams/{id}/diff", get(time_travel::diff))
        .route("/streams/{id}/close", post(closing::close))
        .route("/streams/", get(streams::without_id))
        .route("/streams//events", get(streams::without_id))
        .route("/streams//close", post(streams::without_id))
        .route("/streams//commands/{name}", post(streams::without_id))
        .route("/events", get(events::read))
        .route("/subscriptions", get(subscriptions::list))
        .route("/subscriptions/{name}", delete(subscriptions::delete))
        .route("/subscriptions/{name}/events", get(subscriptions::read))
        .route("/subscriptions/{name}/acknowledge", post(subscriptions::acknowledge))
        .route("/subscriptions/{name}/reset", post(subscriptions::reset))
        .route("/effects", get(effects::list))
        .route("/effects/{id}", get(effects::show))
        .route("/effects/{id}/retry", post(effects::retry))
        .route("/effects/{id}/discard", post(effects::discard))
        .route("/reducers", get(reducers::list).post(reducers::deploy))
        .route("/reducers/{name}", get(reducers::show))
        .route("/reducers/{name}/verify", post(verifications::verify))
        .route("/reducers/{name}/verifications", get(verifications::list))
        .route("/reducers/{name}/verifications/{id}", get(verifications::show).delete(verifications::cancel))
        .route("/reducers/{name}/activate", post(swaps::activate))
        .route("/reducers/{name}/rollback", post(swaps::roll_back))
        .route("/reducers/{name}/canary", post(swaps::canary))
        .route("/reducers/{name}/canary/finish", post(swaps::finish_canary))
        .route("/reducers/{name}/canary/withdraw", post(swaps::withdraw_canary))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::show))
        .fallback(around::not_found)
        .method_not_allowed_fallback(around::method_not_allowed)
        .layer(from_fn_with_state(api.clone(), around::deadline))
        .layer(CatchPanicLayer::custom(around::panicked))
        .layer(from_fn(around::log))
        .with_state(api)
}
