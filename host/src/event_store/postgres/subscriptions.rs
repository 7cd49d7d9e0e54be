//! Subscriptions: their names, checkpoints and leases. All times are the database's.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::error::database_error;
use super::{PostgresEventStore, log};
use crate::event_store::{
    ClaimOutcome, Cursor, EventStoreError, SubscriptionClaim, SubscriptionError, SubscriptionFilter, SubscriptionName,
    SubscriptionStart, SubscriptionStatus, SubscriptionStore,
};

#[async_trait]
impl SubscriptionStore for PostgresEventStore {
    async fn claim_subscription(&self, claim: &SubscriptionClaim) -> Result<ClaimOutcome, SubscriptionError> {
        match self.retry.run(|| self.claim(claim)).await? {
            Claimed::Outcome(outcome) => Ok(outcome),
            Claimed::OtherFilter(stored) => {
                let (name, asked) = (claim.name.clone(), claim.filter.clone());
                Err(SubscriptionError::FilterDiffers { name, stored, asked })
            }
            Claimed::OtherEpoch => Err(SubscriptionError::ForeignCheckpoint { name: claim.name.clone() }),
        }
    }

    /// Not sent again from here: whoever holds the lease knows how long there is sense in it.
    async fn renew_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        lease: Duration,
    ) -> Result<(), SubscriptionError> {
        let renewed = sqlx::query_file!(
            "src/event_store/postgres/renew_subscription.sql",
            name.as_str(),
            token as i64,
            lease.as_secs_f64()
        );
        let renewed = renewed.execute(&self.pool).await.map_err(database_error)?;
        if_one(renewed.rows_affected(), name)
    }

    async fn acknowledge_subscription(
        &self,
        name: &SubscriptionName,
        token: u64,
        cursor: Cursor,
    ) -> Result<(), SubscriptionError> {
        let acknowledge = || async {
            check_epoch(cursor, self.epoch().await?)?;
            sqlx::query_file!(
                "src/event_store/postgres/acknowledge_subscription.sql",
                name.as_str(),
                token as i64,
                cursor.epoch,
                cursor.transaction_id,
                cursor.position
            )
            .fetch_one(&self.pool)
            .await
            .map_err(database_error)
        };
        let outcome = self.retry.run(acknowledge).await?;
        let name = name.clone();
        match (outcome.is_known, outcome.is_in_log, outcome.is_held) {
            (true, true, true) => Ok(()),
            (false, ..) => Err(SubscriptionError::Unknown { name }),
            (_, false, _) => Err(SubscriptionError::NotHandedOut { name }),
            (.., false) => Err(SubscriptionError::Lost { name }),
        }
    }

    /// Not sent again either: the lease runs out.
    async fn release_subscription(&self, name: &SubscriptionName, token: u64) -> Result<(), SubscriptionError> {
        let released =
            sqlx::query_file!("src/event_store/postgres/release_subscription.sql", name.as_str(), token as i64);
        let released = released.execute(&self.pool).await.map_err(database_error)?;
        if_one(released.rows_affected(), name)
    }

    async fn subscriptions(&self, name: Option<&SubscriptionName>) -> Result<Vec<SubscriptionStatus>, EventStoreError> {
        self.retry.run(|| self.list_subscriptions(name)).await
    }

    async fn delete_subscription(&self, name: &SubscriptionName) -> Result<(), SubscriptionError> {
        let delete = || async {
            sqlx::query_file!("src/event_store/postgres/delete_subscription.sql", name.as_str())
                .fetch_optional(&self.pool)
                .await
                .map_err(database_error)
        };
        // One that was deleted with the answer lost must not be told to be unknown.
        let name = name.clone();
        match self.retry.run_refused(delete).await? {
            None => Err(SubscriptionError::Unknown { name }),
            Some(row) if row.is_deleted => Ok(()),
            Some(row) => Err(match row.leased_until {
                Some(leased_until) => SubscriptionError::InUse { name, leased_until },
                // Claimed in the same moment.
                None => SubscriptionError::InUse { name, leased_until: chrono::Utc::now() },
            }),
        }
    }

    async fn reset_subscription(&self, name: &SubscriptionName, to: Option<Cursor>) -> Result<(), SubscriptionError> {
        let reset = || async {
            let epoch = self.epoch().await?;
            to.map_or(Ok(()), |cursor| check_epoch(cursor, epoch))?;
            sqlx::query_file!(
                "src/event_store/postgres/reset_subscription.sql",
                name.as_str(),
                to.map(|cursor| cursor.epoch),
                to.map(|cursor| cursor.transaction_id),
                to.map(|cursor| cursor.position)
            )
            .fetch_one(&self.pool)
            .await
            .map_err(database_error)
        };
        let outcome = self.retry.run(reset).await?;
        match (outcome.is_known, outcome.is_reset) {
            (_, true) => Ok(()),
            (true, false) => Err(SubscriptionError::NotHandedOut { name: name.clone() }),
            (false, false) => Err(SubscriptionError::Unknown { name: name.clone() }),
        }
    }
}

/// What came of a claim, before it has words.
enum Claimed {
    Outcome(ClaimOutcome),
    OtherFilter(SubscriptionFilter),
    OtherEpoch,
}

impl PostgresEventStore {
    async fn epoch(&self) -> Result<i64, EventStoreError> {
        log::epoch(&self.pool, &self.epoch).await
    }

    /// Sent again after a lost answer, it finds its own reader and takes up the same lease.
    async fn claim(&self, claim: &SubscriptionClaim) -> Result<Claimed, EventStoreError> {
        let epoch = self.epoch().await?;
        let (name, reader) = (claim.name.as_str(), claim.reader.to_string());
        // Every further turn is one in which somebody else got somewhere.
        loop {
            let found = sqlx::query_file!("src/event_store/postgres/find_subscription.sql", name, &reader)
                .fetch_optional(&self.pool)
                .await
                .map_err(database_error)?;
            let Some(found) = found else {
                self.create_subscription(claim, epoch).await?;
                continue;
            };
            let filter = SubscriptionFilter { category: found.category, event_type: found.event_type };
            if filter != claim.filter {
                return Ok(Claimed::OtherFilter(filter));
            }
            if found.epoch.is_some_and(|found| found != epoch) {
                return Ok(Claimed::OtherEpoch);
            }
            if !found.is_free {
                let leased_for = seconds(found.leased_for_s);
                return Ok(Claimed::Outcome(ClaimOutcome::StandBy { leased_for }));
            }
            if let Some(outcome) = self.take_over(claim, &reader, epoch).await? {
                return Ok(Claimed::Outcome(outcome));
            }
        }
    }

    async fn create_subscription(&self, claim: &SubscriptionClaim, epoch: i64) -> Result<(), EventStoreError> {
        sqlx::query_file!(
            "src/event_store/postgres/create_subscription.sql",
            claim.name.as_str(),
            claim.filter.category.as_deref(),
            claim.filter.event_type.as_deref(),
            claim.start == SubscriptionStart::Now,
            epoch
        )
        .execute(&self.pool)
        .await
        .map(drop)
        .map_err(database_error)
    }

    /// None when it was not free any more.
    async fn take_over(
        &self,
        claim: &SubscriptionClaim,
        reader: &str,
        epoch: i64,
    ) -> Result<Option<ClaimOutcome>, EventStoreError> {
        let row = sqlx::query_file!(
            "src/event_store/postgres/claim_subscription.sql",
            claim.name.as_str(),
            reader,
            claim.lease.as_secs_f64(),
            claim.filter.category.as_deref(),
            claim.filter.event_type.as_deref(),
            epoch
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(database_error)?;
        Ok(row.map(|row| {
            let checkpoint = cursor(row.epoch, row.transaction_id, row.global_position);
            ClaimOutcome::Active { token: row.token as u64, checkpoint }
        }))
    }

    async fn list_subscriptions(
        &self,
        name: Option<&SubscriptionName>,
    ) -> Result<Vec<SubscriptionStatus>, EventStoreError> {
        let epoch = self.epoch().await?;
        let name = name.map(SubscriptionName::as_str);
        let rows = sqlx::query_file!("src/event_store/postgres/list_subscriptions.sql", name, epoch)
            .fetch_all(&self.pool)
            .await
            .map_err(database_error)?;
        rows.into_iter()
            .map(|row| {
                let broken = |reason: String| EventStoreError::Database(format!("subscription {}: {reason}", row.name));
                let reader = row.reader.as_deref().map(str::parse::<Uuid>).transpose();
                Ok(SubscriptionStatus {
                    name: SubscriptionName::new(&row.name).map_err(|error| broken(error.to_string()))?,
                    reader: reader.map_err(|error| broken(error.to_string()))?,
                    checkpoint: cursor(row.epoch, row.transaction_id, row.global_position),
                    checkpoint_is_foreign: row.epoch.is_some_and(|stored| stored != epoch),
                    acknowledged_at: row.acknowledged_at,
                    leased_until: row.leased_until,
                    token: row.token as u64,
                    lag: row.lag_s.map(|lag_s| seconds(Some(lag_s))),
                    filter: SubscriptionFilter { category: row.category, event_type: row.event_type },
                })
            })
            .collect()
    }
}

fn cursor(epoch: Option<i64>, transaction_id: Option<i64>, position: Option<i64>) -> Option<Cursor> {
    Some(Cursor { epoch: epoch?, transaction_id: transaction_id?, position: position? })
}

fn check_epoch(cursor: Cursor, epoch: i64) -> Result<(), EventStoreError> {
    if cursor.epoch == epoch { Ok(()) } else { Err(EventStoreError::ForeignCursor) }
}

/// A span as the database tells it: below zero where its clock was set back.
fn seconds(span_s: Option<f64>) -> Duration {
    Duration::try_from_secs_f64(span_s.unwrap_or_default()).unwrap_or_default()
}

fn if_one(rows: u64, name: &SubscriptionName) -> Result<(), SubscriptionError> {
    if rows == 1 { Ok(()) } else { Err(SubscriptionError::Lost { name: name.clone() }) }
}
