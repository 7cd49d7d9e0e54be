//! The history of a reducer: what was deployed, verified and activated, as events of a stream of its own. They stand in the log like any
//! others, and are written in the transaction of what they tell.

use serde_json::{Value, json};

use super::{Activation, ActivationKind, EventStoreError, KeptReducer, Verification};
use crate::{EventMetadata, SerializedEvent, StreamId};

/// The category of the streams that hold it. No reducer can have this name: the gate lets none begin with `$`.
pub const HISTORY_CATEGORY: &str = "$reducers";

/// The stream that holds the history of the reducer `name`: `$reducers-order`.
///
/// # Errors
/// [`EventStoreError::InvalidBatch`] where the name is none of a category.
pub fn history_stream(name: &str) -> Result<StreamId, EventStoreError> {
    let id = format!("{HISTORY_CATEGORY}-{name}");
    StreamId::new(&id).map_err(|error| EventStoreError::InvalidBatch(format!("the history {id:?}: {error}")))
}

/// An event of a history: JSON, which every reader of the log can read without a reducer.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEvent {
    /// Its type, as in `ReducerActivated.v1`.
    pub event_type: &'static str,
    /// What it says.
    pub data: Value,
}

impl HistoryEvent {
    /// A component was kept.
    pub(super) fn deployed(name: &str, kept: &KeptReducer) -> Self {
        let KeptReducer { digest, descriptor, bytes, deployed_by, .. } = kept;
        let data = json!({
            "name": name,
            "digest": digest,
            "bytes": bytes,
            "by": deployed_by,
            "commands": descriptor.commands,
            "event_types": descriptor.event_types,
            "writes": descriptor.writes,
            "state_schema": descriptor.state_schema,
        });
        Self { event_type: "ReducerDeployed.v1", data }
    }

    /// A shadow replay came to its end.
    pub(super) fn verified(verification: &Verification) -> Self {
        let data = json!({
            "name": verification.name,
            "verification_id": verification.verification_id,
            "candidate": verification.candidate,
            "baseline": verification.baseline,
            "status": verification.status,
            "by": verification.started_by,
            // The whole of it is kept with the verification; a log is no place for a megabyte of examples.
            "streams": verification.report.get("streams"),
            "events": verification.report.get("events"),
        });
        Self { event_type: "ReducerVerified.v1", data }
    }

    /// Somebody else decides.
    pub(super) fn activated(activation: &Activation, before: Option<&Activation>) -> Self {
        let note = &activation.note;
        let canary = activation.canary.as_ref().map(|canary| json!({"digest": canary.digest, "share": canary.share}));
        let data = json!({
            "name": activation.name,
            "generation": activation.generation,
            "digest": activation.digest,
            "canary": canary,
            "before": before.map(|before| json!({"generation": before.generation, "digest": before.digest})),
            "by": note.by,
            "reason": note.reason,
            "policy": note.policy,
            "verification_id": note.verification_id,
        });
        let event_type = match note.kind {
            ActivationKind::Activated => "ReducerActivated.v1",
            ActivationKind::RolledBack => "ReducerRolledBack.v1",
            ActivationKind::CanaryStarted => "CanaryStarted.v1",
            ActivationKind::CanaryResized => "CanaryResized.v1",
            ActivationKind::CanaryFinished => "CanaryFinished.v1",
            ActivationKind::CanaryWithdrawn => "CanaryWithdrawn.v1",
            ActivationKind::RulesChanged => "ReducerRulesChanged.v1",
        };
        Self { event_type, data }
    }

    /// As it is appended.
    pub(super) fn serialized(&self) -> (SerializedEvent, EventMetadata) {
        let data = self.data.to_string().into_bytes();
        (SerializedEvent { event_type: self.event_type.to_owned(), data }, EventMetadata::default())
    }
}
