//! Components by digest, which of them decides for which category, and what was found out about candidates.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::EventStoreError;
use super::history::HistoryEvent;
use crate::StreamId;
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};

/// Components by digest, and which of them decides for which category.
#[async_trait]
pub trait ReducerStore: Send + Sync + 'static {
    /// Keeps a component, and tells the history of its name; both or neither. False where it is kept already: nothing changes then.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn save_reducer(
        &self,
        digest: ReducerDigest,
        descriptor: &Descriptor,
        component: &[u8],
        deployed_by: Option<&str>,
    ) -> Result<bool, EventStoreError>;

    /// Changes who decides for a category, as the next generation, and tells the history of its name; all of it or nothing. If that is
    /// who decides already, nothing changes. Appends that name an older generation are refused from now on.
    ///
    /// # Errors
    /// [`EventStoreError::Outrun`] where another change came before this one.
    async fn activate(&self, change: &ActivationChange<'_>) -> Result<Activation, EventStoreError>;

    /// The active reducers, by name; with `name`, only that one.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError>;

    /// The activations of one name below generation `before`, the newest first.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn activations(
        &self,
        name: &str,
        before: Option<u64>,
        activations_max: usize,
    ) -> Result<Vec<Activation>, EventStoreError>;

    /// The components that are kept under a name, the newest first.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn reducers(&self, name: &str, reducers_max: usize) -> Result<Vec<KeptReducer>, EventStoreError>;

    /// What is kept of one component beside its bytes.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn reducer(&self, digest: ReducerDigest) -> Result<Option<KeptReducer>, EventStoreError>;

    /// What the effects of one activation may do, whether it is still active or not. None where there never was one.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn effect_rules(&self, name: &str, generation: u64) -> Result<Option<EffectRules>, EventStoreError>;

    /// A kept component's bytes.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError>;

    /// How many events of each of these types a category has; [`EVENTS_COUNTED_MAX`] stands for more. Types that it has none of are left
    /// out.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn count_events(
        &self,
        category: &str,
        event_types: &[String],
    ) -> Result<Vec<EventCount>, EventStoreError>;

    /// Streams of a category, behind `after` in byte order, that have a snapshot and none of the schema `wanted`.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn streams_without_snapshot(
        &self,
        category: &str,
        wanted: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError>;

    /// Deletes snapshots of a category that are of none of these schemas, of streams that have one that is; `snapshots_max` at most.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn prune_snapshots(
        &self,
        category: &str,
        schemas: &[String],
        snapshots_max: usize,
    ) -> Result<u64, EventStoreError>;

    /// Tells all hosts that a component may decide soon, so that they have it compiled by then.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn announce(&self, digest: ReducerDigest) -> Result<(), EventStoreError>;

    /// What happens to reducers from now on, through this host or another. Not all of it: who has to know looks for himself.
    fn news(&self) -> broadcast::Receiver<ReducerNews>;
}

/// Something that happened to a reducer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReducerNews {
    /// Somebody else decides for this name.
    Activated(String),
    /// A component may decide soon.
    Candidate(ReducerDigest),
    /// Nobody knows what: the connection was lost for a while.
    Missed,
}

impl ReducerNews {
    /// For a notification.
    pub(super) fn written(&self) -> String {
        match self {
            Self::Activated(name) => format!("activated {name}"),
            Self::Candidate(digest) => format!("candidate {digest}"),
            Self::Missed => "missed".to_owned(),
        }
    }

    /// From a notification; what this program does not know is looked for.
    pub(super) fn read(text: &str) -> Self {
        match text.split_once(' ') {
            Some(("activated", name)) => Self::Activated(name.to_owned()),
            Some(("candidate", digest)) => digest.parse().map_or(Self::Missed, Self::Candidate),
            _ => Self::Missed,
        }
    }
}

/// Shadow replays on record, and the work that follows a swap: both are taken by one host at a time, and go on elsewhere when it
/// dies.
#[async_trait]
pub trait VerificationStore: Send + Sync + 'static {
    /// Begins a shadow replay, or goes on with one of the same kind that nobody holds any more.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn begin_verification(
        &self,
        begun: &NewVerification,
        lease: Duration,
    ) -> Result<VerificationClaim, EventStoreError>;

    /// Records how far it has come, and holds it for `lease` from now on. False where it is somebody else's by now, or over.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn save_verification(
        &self,
        held: VerificationLease,
        checkpoint: Option<&StreamId>,
        report: &Value,
        lease: Duration,
    ) -> Result<bool, EventStoreError>;

    /// Records its end, and tells the history of its name; both or neither. False where it is somebody else's by now, or over.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn finish_verification(
        &self,
        held: VerificationLease,
        status: VerificationStatus,
        report: &Value,
    ) -> Result<bool, EventStoreError>;

    /// Ends one that runs, whoever holds it. False where it is over.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn cancel_verification(&self, verification_id: Uuid) -> Result<bool, EventStoreError>;

    /// One of them.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn verification(&self, verification_id: Uuid) -> Result<Option<Verification>, EventStoreError>;

    /// Those of one name, the newest first; with `candidate`, only of that component.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn verifications(
        &self,
        name: &str,
        candidate: Option<ReducerDigest>,
        verifications_max: usize,
    ) -> Result<Vec<Verification>, EventStoreError>;

    /// Takes the work that follows an activation, for `lease`; none while another host holds it, and when it is done.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn claim_task(
        &self,
        name: &str,
        generation: u64,
        lease: Duration,
    ) -> Result<Option<TaskClaim>, EventStoreError>;

    /// Records how far it has come, or that it is done. False where it is somebody else's by now.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn save_task(
        &self,
        name: &str,
        generation: u64,
        token: u64,
        progress: TaskProgress,
    ) -> Result<bool, EventStoreError>;
}

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

/// A share of a category's streams, in ten-thousandths: 1 to 10,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

/// A share that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a share is a percentage from 0.01 to 100 with two decimals at most, as in 5 or 12.5%")]
pub struct ShareError;

impl Share {
    /// Of so many ten-thousandths.
    ///
    /// # Errors
    /// [`ShareError`] unless there are 1 to 10,000.
    pub fn new(ten_thousandths: u16) -> Result<Self, ShareError> {
        if (1..=10_000).contains(&ten_thousandths) { Ok(Self(ten_thousandths)) } else { Err(ShareError) }
    }

    /// In ten-thousandths.
    #[must_use]
    pub fn ten_thousandths(self) -> u16 {
        self.0
    }

    /// Whether a stream is of it: by the first eight bytes of the SHA-256 of its id, so that every host says the same, and a share that
    /// grows keeps the streams that it had.
    #[must_use]
    pub fn holds(self, stream_id: &StreamId) -> bool {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(stream_id.as_str());
        let mut first = [0; 8];
        first.copy_from_slice(&hash[..8]);
        u64::from_be_bytes(first) % 10_000 < u64::from(self.0)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 100, self.0 % 100);
        match part {
            0 => write!(f, "{whole}%"),
            part if part % 10 == 0 => write!(f, "{whole}.{}%", part / 10),
            part => write!(f, "{whole}.{part:02}%"),
        }
    }
}

impl std::str::FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 2 {
            return Err(ShareError);
        }
        let number = |text: &str| text.parse::<u16>().map_err(|_| ShareError);
        let hundredths = number(part)? * if part.len() == 1 { 10 } else { 1 };
        Self::new(number(whole)? * 100 + hundredths)
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
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
    /// Who and why.
    pub note: ActivationNote,
}

impl<'a> ActivationChange<'a> {
    /// A component for all streams of a category, whatever was active.
    #[must_use]
    pub fn to(name: &'a str, digest: ReducerDigest) -> Self {
        let note = ActivationNote::default();
        Self { name, digest, canary: None, rules: None, journal: None, expected_generation: None, note }
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

/// A shadow replay to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVerification {
    /// Its id, where it is not one to go on with.
    pub verification_id: Uuid,
    /// The category.
    pub name: String,
    /// Who is tried.
    pub candidate: ReducerDigest,
    /// Who it is held against.
    pub baseline: Option<ReducerDigest>,
    /// Which streams, and how they are looked at; one with another scope is another one.
    pub scope: Value,
    /// Who asked.
    pub started_by: Option<String>,
}

/// A shadow replay that a host holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationLease {
    /// Which.
    pub verification_id: Uuid,
    /// Rises with each host that takes it.
    pub token: u64,
}

/// What became of the wish to begin one.
#[derive(Clone, Debug, PartialEq)]
pub enum VerificationClaim {
    /// It is this host's: from the beginning, or behind its checkpoint.
    Held(VerificationLease, Verification),
    /// Another host is at it.
    Running(Verification),
}

/// How a shadow replay stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerificationStatus {
    /// Somebody is at it, or was until he died.
    Running,
    /// Nothing differs.
    Passed,
    /// Something differs.
    Differs,
    /// The candidate cannot take the baseline's place.
    Failed,
    /// It was given up.
    Cancelled,
}

impl VerificationStatus {
    /// Its name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Passed => "passed",
            Self::Differs => "differs",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Running, Self::Passed, Self::Differs, Self::Failed, Self::Cancelled]
            .into_iter()
            .find(|status| status.as_str() == name)
    }
}

/// A shadow replay on record.
#[derive(Clone, Debug, PartialEq)]
pub struct Verification {
    /// Its id.
    pub verification_id: Uuid,
    /// The category.
    pub name: String,
    /// Who is tried.
    pub candidate: ReducerDigest,
    /// Who it is held against.
    pub baseline: Option<ReducerDigest>,
    /// Which streams, and how they are looked at.
    pub scope: Value,
    /// How it stands.
    pub status: VerificationStatus,
    /// The last stream that the report holds.
    pub checkpoint: Option<StreamId>,
    /// What came out so far.
    pub report: Value,
    /// Who asked.
    pub started_by: Option<String>,
    /// Since when.
    pub started_at: DateTime<Utc>,
    /// Until when.
    pub finished_at: Option<DateTime<Utc>>,
    /// Whether a host is at it now; else, where it runs, the next one who asks for the same goes on with it.
    pub is_held: bool,
}

/// Work behind a swap that a host has taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskClaim {
    /// Rises with each host that takes it.
    pub token: u64,
    /// The last stream that was done.
    pub checkpoint: Option<StreamId>,
}

/// How far such work has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskProgress {
    /// Up to this stream; held for so long from now on.
    At(Option<StreamId>, Duration),
    /// All of it.
    Done,
}

impl Verification {
    /// For the history.
    pub(super) fn told(&self) -> HistoryEvent {
        HistoryEvent::verified(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_share_is_read_as_it_is_written() {
        for (text, ten_thousandths) in [("5", 500), ("12.5%", 1_250), ("0.01%", 1), ("100%", 10_000), ("1.05", 105)] {
            let share: Share = text.parse().unwrap();
            assert_eq!(share.ten_thousandths(), ten_thousandths);
            assert_eq!(share.to_string().parse::<Share>().unwrap(), share);
        }
        for text in ["", "0", "0%", "101", "100.01", "-1", "1.234", "1.", ".5", "a", "1e1", "65536", "%"] {
            assert_eq!(text.parse::<Share>(), Err(ShareError), "{text:?}");
        }
    }

    #[test]
    fn a_share_that_grows_keeps_its_streams_and_holds_about_as_many_as_it_says() {
        let streams: Vec<_> = (0..10_000).map(|n| StreamId::new(&format!("order-{n}")).unwrap()).collect();
        let of = |share: u16| streams.iter().filter(move |stream| Share::new(share).unwrap().holds(stream));
        assert!(of(1_000).all(|stream| Share::new(2_500).unwrap().holds(stream)));
        assert!((850..1_150).contains(&of(1_000).count()), "{}", of(1_000).count());
        assert_eq!(of(10_000).count(), streams.len());
    }
}
