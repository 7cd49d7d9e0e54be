//! Subscriptions in memory. Leases are counted by the monotonic clock.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{InMemoryEventStore, Records};
use crate::event_store::{
    ClaimOutcome, Cursor, EventStoreError, LogFilter, SubscriptionClaim, SubscriptionError, SubscriptionFilter,
    SubscriptionName, SubscriptionStart, SubscriptionStatus, SubscriptionStore,
};

/// A name and how far it has come.
#[derive(Debug)]
pub(super) struct SubscriptionRecord {
    filter: SubscriptionFilter,
    checkpoint: Option<Cursor>,
    acknowledged_at: Option<DateTime<Utc>>,
    lease: Option<Lease>,
    token: u64,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    reader: Uuid,
    ends: Instant,
    /// The same, as it is told.
    leased_until: DateTime<Utc>,
}

impl Lease {
    fn of(reader: Uuid, lease: Duration) -> Self {
        Self { reader, ends: Instant::now() + lease, leased_until: Utc::now() + lease }
    }

    fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }
}

impl SubscriptionRecord {
    /// The lease of whoever reads; none once it ran out.
    fn held(&self) -> Option<Lease> {
        self.lease.filter(|lease| !lease.left().is_zero())
    }
}

impl Records {
    /// Where the log ends.
    fn end(&self) -> Cursor {
        Cursor { epoch: 0, transaction_id: 0, position: i64::try_from(self.log.len()).unwrap_or(i64::MAX) }
    }

    fn claim(&mut self, claim: &SubscriptionClaim) -> Result<ClaimOutcome, SubscriptionError> {
        let SubscriptionClaim { name, filter, start, reader, lease } = claim;
        let new_token = self.tokens + 1;
        let checkpoint = match start {
            SubscriptionStart::Beginning => None,
            SubscriptionStart::Now => Some(self.end()),
        };
        let record = self.subscriptions.entry(name.clone()).or_insert_with(|| SubscriptionRecord {
            filter: filter.clone(),
            checkpoint,
            acknowledged_at: None,
            lease: None,
            token: 0,
        });
        if record.filter != *filter {
            let (name, stored, asked) = (name.clone(), record.filter.clone(), filter.clone());
            return Err(SubscriptionError::FilterDiffers { name, stored, asked });
        }
        if let Some(held) = record.held().filter(|held| held.reader != *reader) {
            return Ok(ClaimOutcome::StandBy { leased_for: held.left() });
        }
        if record.lease.is_none_or(|former| former.reader != *reader) {
            record.token = new_token;
            self.tokens = new_token;
        }
        record.lease = Some(Lease::of(*reader, *lease));
        Ok(ClaimOutcome::Active { token: record.token, checkpoint: record.checkpoint })
    }

    /// The subscription, while the token is in force.
    fn in_force(&mut self, name: &SubscriptionName, token: u64) -> Result<&mut SubscriptionRecord, SubscriptionError> {
        let record = self.subscriptions.get_mut(name).filter(|record| record.token == token);
        record.ok_or_else(|| SubscriptionError::Lost { name: name.clone() })
    }

    /// Refuses what is no place that a reader was shown.
    fn check_place(&self, name: &SubscriptionName, cursor: Cursor) -> Result<(), SubscriptionError> {
        if cursor.epoch != 0 {
            return Err(EventStoreError::ForeignCursor.into());
        }
        if cursor.is_ahead_of(self.end()) {
            return Err(SubscriptionError::NotHandedOut { name: name.clone() });
        }
        Ok(())
    }

    fn known(&self, name: &SubscriptionName) -> Result<(), SubscriptionError> {
        match self.subscriptions.contains_key(name) {
            true => Ok(()),
            false => Err(SubscriptionError::Unknown { name: name.clone() }),
        }
    }

    fn status(&self, name: &SubscriptionName, record: &SubscriptionRecord) -> SubscriptionStatus {
        let seen = record.checkpoint.map_or(0, |cursor| usize::try_from(cursor.position).unwrap_or(usize::MAX));
        let filter: LogFilter = record.filter.clone().into();
        let mut behind = self.log.iter().skip(seen).filter_map(|(stream, version)| self.event(stream, *version));
        let oldest = behind.find(|event| filter.admits(event));
        let held = record.held();
        SubscriptionStatus {
            name: name.clone(),
            filter: record.filter.clone(),
            checkpoint: record.checkpoint,
            checkpoint_is_foreign: false,
            acknowledged_at: record.acknowledged_at,
            reader: held.map(|held| held.reader),
            leased_until: held.map(|held| held.leased_until),
            token: record.token,
            lag: oldest.map(|event| (Utc::now() - event.created_at).to_std().unwrap_or_default()),
        }
    }
}

#[async_trait]
impl SubscriptionStore for InMemoryEventStore {
    async fn claim_subscription(&self, claim: &SubscriptionClaim) -> Result<ClaimOutcome, SubscriptionError> {
        self.records().claim(claim)
    }

    async fn renew_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        lease: Duration,
    ) -> Result<(), SubscriptionError> {
        let mut records = self.records();
        match &mut records.in_force(name, token)?.lease {
            Some(held) => *held = Lease::of(held.reader, lease),
            None => return Err(SubscriptionError::Lost { name: name.clone() }),
        }
        Ok(())
    }

    async fn acknowledge_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        cursor: Cursor,
    ) -> Result<(), SubscriptionError> {
        let mut records = self.records();
        records.check_place(name, cursor)?;
        records.known(name)?;
        let record = records.in_force(name, token)?;
        if record.checkpoint.is_none_or(|checkpoint| cursor.is_ahead_of(checkpoint)) {
            record.checkpoint = Some(cursor);
            record.acknowledged_at = Some(Utc::now());
        }
        Ok(())
    }

    async fn release_subscription(&self, name: &SubscriptionName, token: u64) -> Result<(), SubscriptionError> {
        let mut records = self.records();
        let released = records.in_force(name, token)?.lease.take();
        released.map(drop).ok_or_else(|| SubscriptionError::Lost { name: name.clone() })
    }

    async fn subscriptions(&self, name: Option<&SubscriptionName>) -> Result<Vec<SubscriptionStatus>, EventStoreError> {
        let records = self.records();
        let asked = records.subscriptions.iter().filter(|(known, _)| name.is_none_or(|name| *known == name));
        Ok(asked.map(|(name, record)| records.status(name, record)).collect())
    }

    async fn delete_subscription(&self, name: &SubscriptionName) -> Result<(), SubscriptionError> {
        let mut records = self.records();
        records.known(name)?;
        if let Some(held) = records.subscriptions.get(name).and_then(SubscriptionRecord::held) {
            return Err(SubscriptionError::InUse { name: name.clone(), leased_until: held.leased_until });
        }
        records.subscriptions.remove(name);
        Ok(())
    }

    async fn reset_subscription(&self, name: &SubscriptionName, to: Option<Cursor>) -> Result<(), SubscriptionError> {
        let mut records = self.records();
        records.known(name)?;
        to.map_or(Ok(()), |cursor| records.check_place(name, cursor))?;
        let token = records.tokens + 1;
        if let Some(record) = records.subscriptions.get_mut(name) {
            (record.checkpoint, record.acknowledged_at, record.token) = (to, None, token);
        }
        records.tokens = token;
        Ok(())
    }
}
