//! Components by digest, and which of them decides for which category.

use async_trait::async_trait;
use tokio::sync::broadcast;

use super::{Activation, ActivationChange, EventCount, EventStoreError, KeptReducer};
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
    /// [`EventStoreError::Outrun`] where another change came before this one, [`EventStoreError::Unread`] where there is an event of a type
    /// that may not be there.
    async fn activate(&self, change: &ActivationChange<'_>) -> Result<Activation, EventStoreError> {
        self.begin_activation(change).await?.commit().await
    }

    /// Does of [`activate`](Self::activate) what can be done while appends go on: nothing has changed by then, and other changes to
    /// the same name wait until what this gives is committed or dropped. So whoever can keep appends from being made in vain does it
    /// between the two, and for a second at most.
    ///
    /// # Errors
    /// As [`activate`](Self::activate).
    async fn begin_activation<'a>(
        &'a self,
        change: &'a ActivationChange<'a>,
    ) -> Result<Box<dyn PendingActivation + 'a>, EventStoreError>;

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

    /// How many events of each of these types a category has; [`EVENTS_COUNTED_MAX`](super::EVENTS_COUNTED_MAX) stands for more. Types that it has none of are left
    /// out.
    ///
    /// # Errors
    /// [`EventStoreError`]
    async fn count_events(&self, category: &str, event_types: &[String]) -> Result<Vec<EventCount>, EventStoreError>;

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

/// A change of who decides that nobody has seen yet. Dropped, it never was.
#[async_trait]
pub trait PendingActivation: Send {
    /// Waits for the appends under way, and makes the change.
    ///
    /// # Errors
    /// As [`ReducerStore::activate`]; then nothing has changed.
    async fn commit(self: Box<Self>) -> Result<Activation, EventStoreError>;
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
