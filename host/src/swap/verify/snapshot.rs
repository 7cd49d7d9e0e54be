//! A snapshot that the candidate would go on from.

use serde_json::Value;

use super::compare::{differences, shown};
use super::report::Seen;
use super::shadow::Shadow;
use super::side::{Side, Stopped};
use crate::event_store::{EventStoreError, SnapshotKey};
use crate::{PackedEvents, Version};

impl Shadow<'_> {
    /// Whether the candidate goes on from the snapshot that it would read, to the state that it folds to from the first event.
    pub(super) async fn snapshot(&mut self) -> Result<(), EventStoreError> {
        let candidate = &*self.pair.candidate;
        let key = SnapshotKey::schema(&candidate.descriptor().state_schema);
        let loaded = self.store.load(self.stream_id, Some(&key), self.page).await?;
        let Some(snapshot) = loaded.snapshot else { return Ok(()) };
        // One that nobody can unpack is replayed, by whomever.
        let Ok(state) = snapshot.state else { return Ok(()) };
        self.found.snapshots += 1;
        let restored = candidate.restore(self.stream_id, &state);
        let mut side = Side::begun(candidate, self.stream_id, restored, snapshot.version);
        if let Some(stopped) = side.stopped() {
            self.unreadable(stopped, &state);
            return Ok(());
        }
        let head = self.candidate.version();
        self.fold_behind(&mut side, loaded.tail, head).await?;
        if side.version() == head
            && let (Some(folded), Some(restored)) = (self.candidate.state(), side.state())
            && folded != restored
        {
            self.other_state(snapshot.version, &folded, &restored);
        }
        Ok(())
    }

    fn unreadable(&mut self, stopped: &Stopped, state: &[u8]) {
        let schema = &self.pair.candidate.descriptor().state_schema;
        let of_same_schema = self.pair.baseline.as_ref().filter(|other| other.descriptor().state_schema == *schema);
        let is_read = of_same_schema.is_some_and(|baseline| baseline.restore(self.stream_id, state).is_ok());
        let name = if is_read { "snapshot:unreadable-by-candidate" } else { "snapshot:unreadable" };
        self.found.differ(name, Seen { said: Some(stopped.fault.to_string()), ..Seen::at(stopped.version) });
    }

    async fn fold_behind(
        &self,
        side: &mut Side<'_>,
        mut tail: PackedEvents,
        head: Version,
    ) -> Result<(), EventStoreError> {
        while let Some(last) = tail.last_version() {
            let is_full = self.page.is_reached(tail.len(), tail.data.len());
            tail.take_closing();
            // An append may have come since the fold: the two are compared at the same version.
            let wanted = usize::try_from(head.get().saturating_sub(side.version().get())).unwrap_or(usize::MAX);
            side.apply(if wanted < tail.len() { tail.part(0, wanted) } else { tail });
            if !is_full || last >= head {
                break;
            }
            tail = self.store.load_events(self.stream_id, last, self.page).await?;
        }
        Ok(())
    }

    fn other_state(&mut self, from: Version, folded: &Value, restored: &Value) {
        let path = differences(folded, restored).into_iter().next().map(|field| field.path).unwrap_or_default();
        let seen = Seen {
            message: Some(format!("from the snapshot of version {from} it comes to another {path:?}")),
            baseline: Some(shown(folded)),
            candidate: Some(shown(restored)),
            ..Seen::at(self.candidate.version())
        };
        self.found.differ("snapshot:other-state", seen);
    }
}
