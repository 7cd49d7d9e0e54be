//! Which component decides for a category, since when and why.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Share;
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};

/// Since when which component decides for a category, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// The category.
    pub name: String,
    /// Counts the activations of this name, from 1.
    pub generation: u64,
    /// The component.
    pub digest: ReducerDigest,
    /// What the component says of itself.
    pub descriptor: Descriptor,
    /// The component that decides for a share of the streams in its place.
    pub canary: Option<Canary>,
    /// When it was activated.
    pub activated_at: DateTime<Utc>,
    /// What the effects that it decides may do.
    pub effects: EffectRules,
    /// Whether its commands are kept with their payloads, so that they can be decided anew.
    pub journal: bool,
    /// What it was made by.
    pub note: ActivationNote,
}

impl Activation {
    /// Whether a change would lead to what is there.
    pub(super) fn is_as(&self, change: &ActivationChange<'_>) -> bool {
        self.digest == change.digest
            && self.canary.as_ref().map(|canary| (canary.digest, canary.share)) == change.canary
            && change.rules.is_none_or(|rules| *rules == self.effects)
            && change.journal.is_none_or(|journal| journal == self.journal)
    }
}

/// A component that decides for a share of the streams.
#[derive(Clone, Debug, PartialEq)]
pub struct Canary {
    /// The component.
    pub digest: ReducerDigest,
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Of how many streams.
    pub share: Share,
}

/// What an activation was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationKind {
    /// Another component decides.
    #[default]
    Activated,
    /// A former one decides again.
    RolledBack,
    /// A candidate decides for a share of the streams.
    CanaryStarted,
    /// For another share.
    CanaryResized,
    /// For all of them.
    CanaryFinished,
    /// For none any more.
    CanaryWithdrawn,
    /// The same component under other rules.
    RulesChanged,
}

impl ActivationKind {
    /// Its name, as it is stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Activated => "activated",
            Self::RolledBack => "rolled-back",
            Self::CanaryStarted => "canary-started",
            Self::CanaryResized => "canary-resized",
            Self::CanaryFinished => "canary-finished",
            Self::CanaryWithdrawn => "canary-withdrawn",
            Self::RulesChanged => "rules-changed",
        }
    }

    /// As it is stored; what this program does not know is an activation.
    pub(super) fn of(name: &str) -> Self {
        [
            Self::RolledBack,
            Self::CanaryStarted,
            Self::CanaryResized,
            Self::CanaryFinished,
            Self::CanaryWithdrawn,
            Self::RulesChanged,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .unwrap_or_default()
    }
}

/// Who made an activation, why, and what allowed it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ActivationNote {
    /// What it was.
    pub kind: ActivationKind,
    /// Who, in the words of whoever asked: the host knows no users.
    pub by: Option<String>,
    /// Why, in the same words.
    pub reason: Option<String>,
    /// The policy that it went by, as JSON.
    pub policy: Option<Value>,
    /// The shadow replay that it went by.
    pub verification_id: Option<Uuid>,
}

/// Who is to decide for a category from now on.
#[derive(Clone, Debug)]
pub struct ActivationChange<'a> {
    /// The category.
    pub name: &'a str,
    /// The component.
    pub digest: ReducerDigest,
    /// Who decides for a share of the streams in its place.
    pub canary: Option<(ReducerDigest, Share)>,
    /// What its effects may do; none leaves the rules of the activation before.
    pub rules: Option<&'a EffectRules>,
    /// Whether its commands are kept; none leaves it as it was.
    pub journal: Option<bool>,
    /// The generation that this was decided on, 0 for none at all. Where another is active by then, nothing changes. Two operators
    /// who activate at once would else undo each other's change without having seen it.
    pub expected_generation: Option<u64>,
    /// Types of events that the category may have none of. They are looked for where appends wait: an event that the component does
    /// not read, recorded between the last look and the switch, once left streams behind that nobody could load.
    pub unread: &'a [String],
    /// Who and why.
    pub note: ActivationNote,
}

impl<'a> ActivationChange<'a> {
    /// The activation that it leads to. What it leaves open stays as it was before.
    pub(super) fn activation(
        &self,
        before: Option<&Activation>,
        (generation, activated_at): (u64, DateTime<Utc>),
        descriptor: Descriptor,
        canary: Option<Canary>,
    ) -> Activation {
        Activation {
            name: self.name.to_owned(),
            generation,
            digest: self.digest,
            descriptor,
            canary,
            activated_at,
            effects: self.rules.or(before.map(|active| &active.effects)).cloned().unwrap_or_default(),
            journal: self.journal.unwrap_or_else(|| before.is_some_and(|active| active.journal)),
            note: self.note.clone(),
        }
    }

    /// A component for all streams of a category, whatever was active.
    #[must_use]
    pub fn to(name: &'a str, digest: ReducerDigest) -> Self {
        let note = ActivationNote::default();
        Self { name, digest, canary: None, rules: None, journal: None, expected_generation: None, unread: &[], note }
    }
}

/// A component that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptReducer {
    /// What it is known by.
    pub digest: ReducerDigest,
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// Its size.
    pub bytes: u64,
    /// When it was deployed first.
    pub deployed_at: DateTime<Utc>,
    /// By whom.
    pub deployed_by: Option<String>,
}

/// Events of one type that are counted. To know that there are many is enough, and a hundred million took minutes.
pub const EVENTS_COUNTED_MAX: u64 = 100_000;

/// How many events of a type a category has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventCount {
    /// The type.
    pub event_type: String,
    /// How many there are; [`EVENTS_COUNTED_MAX`] stands for more.
    pub count: u64,
}

/// Types of events and how many there are of each.
pub(crate) fn listed(events: &[EventCount]) -> String {
    let listed = events.iter().map(|EventCount { event_type, count }| match *count {
        EVENTS_COUNTED_MAX => format!("{count} or more of {event_type}"),
        count => format!("{count} of {event_type}"),
    });
    listed.collect::<Vec<_>>().join(", ")
}
