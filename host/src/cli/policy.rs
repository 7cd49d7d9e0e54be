//! What allows an activation.

use serde_json::{Map, Value, json};

/// What is accepted of a report, or why none is asked for.
#[derive(clap::Args, Clone)]
#[command(next_help_heading = "What allows it")]
pub(crate) struct PolicyArgs {
    /// Accept this difference of the report, by its name; `state:/items*` stands for all that begin so; may be repeated
    #[arg(long, value_name = "NAME", conflicts_with = "force")]
    accept: Vec<String>,
    /// Ask for no report at all; the reason is recorded
    #[arg(long, value_name = "REASON")]
    force: Option<String>,
}

impl PolicyArgs {
    /// Into the body of a request.
    pub(crate) fn put_into(&self, body: &mut Map<String, Value>) {
        if let Some(reason) = &self.force {
            body.insert("force".into(), json!(reason));
        } else if !self.accept.is_empty() {
            body.insert("accept".into(), json!(self.accept));
        }
    }

    /// Whether no report is asked for.
    pub(crate) fn is_forced(&self) -> bool {
        self.force.is_some()
    }
}
