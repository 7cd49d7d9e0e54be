//! What has to be known of a candidate before it decides.

use serde_json::{Value, json};

use super::{SwapError, VerificationView};
use crate::event_store::VerificationStatus;

/// What allows an activation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ActivationPolicy {
    /// A report over the whole history in which nothing differs.
    #[default]
    Clean,
    /// One in which nothing differs but what is named: `state:/total`, or with `*` at the end all that begins so.
    Accept(Vec<String>),
    /// Nothing but somebody's word, who says why. It is recorded.
    Force(String),
}

impl ActivationPolicy {
    /// For the record.
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Clean => json!({ "require": "clean" }),
            Self::Accept(names) => json!({ "accept": names }),
            Self::Force(_) => json!({ "force": true }),
        }
    }

    pub(super) fn reason(&self) -> Option<&str> {
        if let Self::Force(reason) = self { Some(reason) } else { None }
    }

    pub(super) fn validate(&self) -> Result<(), SwapError> {
        match self {
            Self::Force(reason) if reason.trim().is_empty() => {
                Err(SwapError::Invalid("to force an activation takes a reason: it is recorded".into()))
            }
            Self::Accept(names) if names.len() > 1_000 => {
                Err(SwapError::Invalid("at most 1,000 names of differences can be accepted".into()))
            }
            _ => Ok(()),
        }
    }

    /// Whether a report allows it.
    pub(super) fn judge(&self, view: &VerificationView) -> Result<(), SwapError> {
        let verification_id = view.verification_id;
        if view.status == VerificationStatus::Failed {
            let names = view.report.failures.names().map(str::to_owned).collect();
            return Err(SwapError::VerificationFailed { verification_id, names });
        }
        let accepted = |name: &str| match self {
            Self::Clean => false,
            Self::Accept(names) => names.iter().any(|accepted| covers(accepted, name)),
            Self::Force(_) => true,
        };
        let names: Vec<_> = view.report.differences.names().filter(|name| !accepted(name)).map(str::to_owned).collect();
        if names.is_empty() { Ok(()) } else { Err(SwapError::NotAccepted { verification_id, names }) }
    }
}

fn covers(accepted: &str, name: &str) -> bool {
    match accepted.strip_suffix('*') {
        // The name itself may end with a place in a list.
        Some(beginning) => name == accepted || name.starts_with(beginning),
        None => name == accepted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_covered_by_itself_and_by_its_beginning_with_a_star() {
        for (accepted, name, is_covered) in [
            ("state:/total", "state:/total", true),
            ("state:/total", "state:/totals", false),
            ("state:/items/*", "state:/items/*", true),
            ("state:/items*", "state:/items/*/price", true),
            ("state:*", "command:PlaceOrder:other-events", false),
            ("*", "command:PlaceOrder:other-events", true),
            ("", "state:", false),
        ] {
            assert_eq!(covers(accepted, name), is_covered, "{accepted} over {name}");
        }
    }
}
