//! Kinds of effects: a trait and a registry.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use foldhost_sdk::{EffectFailure, EffectOutcome, FlatEffectKind, OwnedPayload};
use serde::de::DeserializeOwned;

use crate::event::TraceParent;
use crate::reducer::EffectRules;
use crate::{Host, StreamId};

/// Runs the effects of one kind.
///
/// An effect is run at least once: a host may die between what it does and the moment that this is durable, and another one runs
/// it again, with the same [`EffectContext::effect_id`]. Hand that on to whatever is to do a thing once.
#[async_trait]
pub trait EffectRunner: Send + Sync + 'static {
    /// The kind's name: for one of your own, what a guest says in `EffectKind::Custom`. 1 to 64 bytes, without spaces.
    fn kind(&self) -> &str;

    /// How often it is tried, for how long, and how many at once.
    fn terms(&self) -> KindTerms {
        KindTerms::default()
    }

    /// What the effect talks to: a slow or dead target delays the effects of the same target only. Short, and without what is
    /// secret; at most 200 bytes of it are used.
    fn target(&self, effect: &FlatEffectKind) -> String {
        let _ = effect;
        String::new()
    }

    /// Does it, once. The future is dropped when [`KindTerms::attempt_max`] is over, and when the host goes down.
    ///
    /// # Errors
    /// [`EffectError`] says whether to try again.
    async fn run(&self, effect: &FlatEffectKind, context: &EffectContext) -> Result<EffectOutcome, EffectError>;
}

/// How effects of one kind are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindTerms {
    /// Attempts until it has failed for good. Default 40: with the pauses below, the deadline comes first.
    pub attempts_max: u32,
    /// Time from its first attempt until it has failed for good. Default 1 hour.
    pub deadline: Duration,
    /// How long one attempt may take. Default 30 seconds.
    pub attempt_max: Duration,
    /// Pause after the first failed attempt; it doubles with each further one. Default 200 milliseconds.
    pub backoff_min: Duration,
    /// Longest pause. Default 5 minutes.
    pub backoff_max: Duration,
    /// Effects that run at once against one target, on each host. Default 16.
    pub concurrency_max: usize,
    /// Failures in a row from which on a target is left alone for a while, 1 to 60 seconds. Default 5; 0 never.
    pub breaker_failures_max: u32,
}

impl Default for KindTerms {
    fn default() -> Self {
        Self {
            attempts_max: 40,
            deadline: Duration::from_secs(3_600),
            attempt_max: Duration::from_secs(30),
            backoff_min: Duration::from_millis(200),
            backoff_max: Duration::from_secs(300),
            concurrency_max: 16,
            breaker_failures_max: 5,
        }
    }
}

/// Where an effect comes from, and what it may do.
#[derive(Clone)]
pub struct EffectContext {
    /// Its id, the same in every attempt and of no other effect.
    pub effect_id: String,
    /// The stream whose decision asked for it.
    pub stream_id: StreamId,
    /// The rules of the activation that decided it.
    pub rules: Arc<EffectRules>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The id of the command that led to it.
    pub command_id: String,
    /// What that command belongs to.
    pub correlation_id: Option<String>,
    /// The trace that it is a part of.
    pub traceparent: Option<TraceParent>,
    /// The host, to send commands by and to read from.
    pub host: Host,
}

/// Why an attempt did nothing that counts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EffectError {
    /// Another attempt may go better.
    #[error("{code}: {message}")]
    Transient {
        /// What went wrong, for programs: kebab-case.
        code: Cow<'static, str>,
        /// What went wrong, for people. Without secrets, and without the words of whoever answered.
        message: String,
        /// How long the target wants to be left alone, where it said so.
        retry_after: Option<Duration>,
    },
    /// No attempt will go better.
    #[error("{code}: {message}")]
    Permanent {
        /// What is wrong, for programs: kebab-case.
        code: Cow<'static, str>,
        /// What is wrong, for people.
        message: String,
    },
    /// It was not tried, and this says nothing about its target: the host has too much to do, or goes down. Does not count as an
    /// attempt.
    #[error("not now: {0}")]
    NotNow(String),
}

impl EffectError {
    /// Another attempt may go better.
    pub fn transient(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Transient { code: code.into(), message: message.into(), retry_after: None }
    }

    /// No attempt will go better.
    pub fn permanent(code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self::Permanent { code: code.into(), message: message.into() }
    }

    /// As a stream is told of it.
    #[must_use]
    pub fn to_failure(&self) -> EffectFailure {
        let (code, message) = match self {
            Self::Transient { code, message, .. } | Self::Permanent { code, message } => (code.to_string(), message),
            Self::NotNow(message) => ("not-now".to_owned(), message),
        };
        EffectFailure { code, message: message.clone() }
    }
}

/// The arguments of an effect of a kind of your own, from JSON.
///
/// # Errors
/// [`EffectError::Permanent`] where they are none of this shape.
pub fn arguments<T: DeserializeOwned>(effect: &FlatEffectKind) -> Result<T, EffectError> {
    let FlatEffectKind::Custom { kind, payload } = effect else {
        return Err(EffectError::permanent("invalid-arguments", "the effect is of another kind"));
    };
    let OwnedPayload::Json(json) = payload else {
        return Err(EffectError::permanent("invalid-arguments", format!("{kind} takes JSON")));
    };
    let no_arguments = |error| EffectError::permanent("invalid-arguments", format!("{kind}: {error}"));
    serde_json::from_str(json).map_err(no_arguments)
}

/// Whether a kind may be named so. A guest's word for one stands in lanes and lists.
pub(super) fn is_kind_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && !name.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Names of what the host does by itself.
fn is_reserved(name: &str) -> bool {
    matches!(name, "delay" | "parallel" | "sequential" | "none" | "unknown")
}

/// The kinds that a host runs.
#[derive(Clone, Default)]
pub(crate) struct Kinds(HashMap<String, Arc<dyn EffectRunner>>);

impl Kinds {
    /// Those that every host runs beside HTTP requests.
    pub(crate) fn built_in() -> Self {
        let mut kinds = Self::default();
        kinds.add(Arc::new(super::commands::Dispatch));
        kinds.add(Arc::new(super::store_operations::StoreOperations));
        kinds
    }

    /// Adds a kind; false where there is one of its name already, or the name is none.
    pub(crate) fn add(&mut self, runner: Arc<dyn EffectRunner>) -> bool {
        let name = runner.kind().to_owned();
        is_kind_name(&name) && !is_reserved(&name) && self.0.insert(name, runner).is_none()
    }

    /// Whoever runs effects of this kind.
    pub(crate) fn get(&self, kind: &str) -> Option<&Arc<dyn EffectRunner>> {
        self.0.get(kind)
    }
}
