//! Components and activations in memory.

use async_trait::async_trait;
use chrono::Utc;
use tokio::sync::broadcast;

use super::InMemoryEventStore;
use super::records::Records;
use crate::StreamId;
use crate::event_store::history::{HistoryEvent, history_stream};
use crate::event_store::{
    Activation, ActivationChange, Canary, EVENTS_COUNTED_MAX, EventCount, EventStoreError, KeptReducer,
    PendingActivation, ReducerNews, ReducerStore,
};
use crate::reducer::{Descriptor, EffectRules, ReducerDigest};

impl Records {
    /// Appends to the history of a name.
    pub(super) fn tell(&mut self, name: &str, event: &HistoryEvent) -> Result<(), EventStoreError> {
        let (event, metadata) = event.serialized();
        self.push(&history_stream(name)?, event.event_type, event.data, metadata);
        Ok(())
    }

    fn kept(&self, digest: ReducerDigest) -> Result<&KeptReducer, EventStoreError> {
        let unknown = || EventStoreError::Database(format!("no component {digest} is kept"));
        self.components.get(&digest).map(|(kept, _)| kept).ok_or_else(unknown)
    }

    fn count_events(&self, category: &str, event_types: &[String]) -> Vec<EventCount> {
        let events = self.streams.iter().filter(|(stream_id, _)| stream_id.category() == category);
        let events: Vec<_> = events.flat_map(|(_, events)| events).collect();
        let count = |event_type: &String| {
            let count = events.iter().filter(|event| event.event_type == *event_type).count() as u64;
            (count > 0).then(|| EventCount { event_type: event_type.clone(), count: count.min(EVENTS_COUNTED_MAX) })
        };
        event_types.iter().filter_map(count).collect()
    }

    fn activate(&mut self, change: &ActivationChange<'_>) -> Result<(Activation, bool), EventStoreError> {
        let name = change.name;
        let before = self.active.get(name).cloned();
        let generation = before.as_ref().map_or(0, |active| active.generation);
        if let Some(expected) = change.expected_generation.filter(|expected| *expected != generation) {
            return Err(EventStoreError::Outrun { name: name.to_owned(), expected, active: generation });
        }
        if let Some(active) = before.as_ref().filter(|active| active.is_as(change)) {
            return Ok((active.clone(), false));
        }
        let events = self.count_events(name, change.unread);
        if !events.is_empty() {
            return Err(EventStoreError::Unread { name: name.to_owned(), events });
        }
        let canary = match change.canary {
            Some((digest, share)) => Some(Canary { digest, descriptor: self.kept(digest)?.descriptor.clone(), share }),
            None => None,
        };
        let descriptor = self.kept(change.digest)?.descriptor.clone();
        let activation = change.activation(before.as_ref(), (generation + 1, Utc::now()), descriptor, canary);
        self.tell(name, &HistoryEvent::activated(&activation, before.as_ref()))?;
        self.generations.insert((name.to_owned(), activation.generation), activation.clone());
        self.active.insert(name.to_owned(), activation.clone());
        Ok((activation, true))
    }
}

/// There is nothing to get ready.
struct Pending<'a> {
    store: &'a InMemoryEventStore,
    change: &'a ActivationChange<'a>,
}

#[async_trait]
impl PendingActivation for Pending<'_> {
    async fn commit(self: Box<Self>) -> Result<Activation, EventStoreError> {
        let (activation, is_new) = self.store.records().activate(self.change)?;
        if is_new {
            self.store.tell_all(ReducerNews::Activated(self.change.name.to_owned()));
        }
        Ok(activation)
    }
}

#[async_trait]
impl ReducerStore for InMemoryEventStore {
    async fn save_reducer(
        &self,
        digest: ReducerDigest,
        descriptor: &Descriptor,
        component: &[u8],
        deployed_by: Option<&str>,
    ) -> Result<bool, EventStoreError> {
        let mut records = self.records();
        if records.components.contains_key(&digest) {
            return Ok(false);
        }
        let kept = KeptReducer {
            digest,
            descriptor: descriptor.clone(),
            bytes: component.len() as u64,
            deployed_at: Utc::now(),
            deployed_by: deployed_by.map(str::to_owned),
        };
        records.tell(&descriptor.name, &HistoryEvent::deployed(&descriptor.name, &kept))?;
        records.components.insert(digest, (kept, component.to_vec()));
        drop(records);
        self.tell_all(ReducerNews::Candidate(digest));
        Ok(true)
    }

    async fn begin_activation<'a>(
        &'a self,
        change: &'a ActivationChange<'a>,
    ) -> Result<Box<dyn PendingActivation + 'a>, EventStoreError> {
        Ok(Box::new(Pending { store: self, change }))
    }

    async fn active_reducers(&self, name: Option<&str>) -> Result<Vec<Activation>, EventStoreError> {
        let records = self.records();
        let asked = |active: &&Activation| name.is_none_or(|name| active.name == name);
        Ok(records.active.values().filter(asked).cloned().collect())
    }

    async fn activations(
        &self,
        name: &str,
        before: Option<u64>,
        activations_max: usize,
    ) -> Result<Vec<Activation>, EventStoreError> {
        let records = self.records();
        let of_name = records.generations.range((name.to_owned(), 0)..=(name.to_owned(), u64::MAX)).rev();
        let below = of_name.filter(|((_, generation), _)| before.is_none_or(|before| *generation < before));
        Ok(below.take(activations_max).map(|(_, activation)| activation.clone()).collect())
    }

    async fn reducers(&self, name: &str, reducers_max: usize) -> Result<Vec<KeptReducer>, EventStoreError> {
        let records = self.records();
        let of_name = records.components.values().filter(|(kept, _)| kept.descriptor.name == name);
        let mut kept: Vec<_> = of_name.map(|(kept, _)| kept.clone()).collect();
        kept.sort_by(|a, b| b.deployed_at.cmp(&a.deployed_at).then(a.digest.cmp(&b.digest)));
        kept.truncate(reducers_max);
        Ok(kept)
    }

    async fn reducer(&self, digest: ReducerDigest) -> Result<Option<KeptReducer>, EventStoreError> {
        Ok(self.records().components.get(&digest).map(|(kept, _)| kept.clone()))
    }

    async fn effect_rules(&self, name: &str, generation: u64) -> Result<Option<EffectRules>, EventStoreError> {
        let activation = (name.to_owned(), generation);
        Ok(self.records().generations.get(&activation).map(|activation| activation.effects.clone()))
    }

    async fn load_component(&self, digest: ReducerDigest) -> Result<Option<Vec<u8>>, EventStoreError> {
        Ok(self.records().components.get(&digest).map(|(_, component)| component.clone()))
    }

    async fn count_events(&self, category: &str, event_types: &[String]) -> Result<Vec<EventCount>, EventStoreError> {
        Ok(self.records().count_events(category, event_types))
    }

    async fn streams_without_snapshot(
        &self,
        category: &str,
        wanted: &str,
        after: Option<&StreamId>,
        streams_max: usize,
    ) -> Result<Vec<StreamId>, EventStoreError> {
        let records = self.records();
        let mut streams: Vec<_> = records.snapshots.keys().map(|(stream_id, _)| stream_id.clone()).collect();
        streams.dedup();
        streams.retain(|stream_id| {
            let is_missing = records.snapshots_of(stream_id).all(|kept| kept.state_schema != wanted);
            stream_id.category() == category && after.is_none_or(|after| stream_id > after) && is_missing
        });
        streams.truncate(streams_max);
        Ok(streams)
    }

    async fn prune_snapshots(
        &self,
        category: &str,
        schemas: &[String],
        snapshots_max: usize,
    ) -> Result<u64, EventStoreError> {
        let mut records = self.records();
        let is_former = |(stream_id, schema): &&(StreamId, String)| {
            let has_one = records.snapshots_of(stream_id).any(|kept| schemas.contains(&kept.state_schema));
            stream_id.category() == category && !schemas.contains(schema) && has_one
        };
        let former: Vec<_> = records.snapshots.keys().filter(is_former).take(snapshots_max).cloned().collect();
        former.iter().for_each(|key| drop(records.snapshots.remove(key)));
        Ok(former.len() as u64)
    }

    async fn announce(&self, digest: ReducerDigest) -> Result<(), EventStoreError> {
        self.tell_all(ReducerNews::Candidate(digest));
        Ok(())
    }

    fn news(&self) -> broadcast::Receiver<ReducerNews> {
        self.news.subscribe()
    }
}

impl InMemoryEventStore {
    fn tell_all(&self, news: ReducerNews) {
        // Nobody has to listen.
        self.news.send(news).ok();
        self.appended.send_modify(|appends| *appends += 1);
    }
}
