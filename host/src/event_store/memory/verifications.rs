//! Shadow replays on record in memory, and the work that follows a swap.

use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::InMemoryEventStore;
use super::records::Records;
use crate::StreamId;
use crate::event_store::outbox::bounded;
use crate::event_store::{
    EventStoreError, NewVerification, TaskClaim, TaskProgress, Verification, VerificationClaim, VerificationLease,
    VerificationStatus, VerificationStore,
};
use crate::reducer::ReducerDigest;

#[derive(Debug)]
pub(super) struct HeldVerification {
    verification: Verification,
    leased_until: DateTime<Utc>,
    token: u64,
}

#[derive(Debug)]
pub(super) struct HeldTask {
    checkpoint: Option<StreamId>,
    leased_until: DateTime<Utc>,
    token: u64,
    finished: bool,
}

fn until(lease: Duration) -> DateTime<Utc> {
    Utc::now() + bounded(lease)
}

impl HeldVerification {
    fn is_like(&self, begun: &NewVerification) -> bool {
        let Verification { name, candidate, baseline, scope, status, .. } = &self.verification;
        *status == VerificationStatus::Running
            && (name, candidate, baseline, scope) == (&begun.name, &begun.candidate, &begun.baseline, &begun.scope)
    }

    fn is_held(&self) -> bool {
        self.verification.status == VerificationStatus::Running && self.leased_until > Utc::now()
    }

    fn shown(&self) -> Verification {
        Verification { is_held: self.is_held(), ..self.verification.clone() }
    }
}

impl Records {
    fn held(&mut self, lease: VerificationLease) -> Option<&mut HeldVerification> {
        self.verifications.iter_mut().find(|held| {
            held.verification.verification_id == lease.verification_id
                && held.token == lease.token
                && held.verification.status == VerificationStatus::Running
        })
    }

    fn finish(
        &mut self,
        verification_id: Uuid,
        status: VerificationStatus,
        report: Option<&Value>,
    ) -> Result<bool, EventStoreError> {
        let found = self.verifications.iter_mut().map(|held| &mut held.verification);
        let mut running = found.filter(|found| found.status == VerificationStatus::Running);
        let Some(verification) = running.find(|found| found.verification_id == verification_id) else {
            return Ok(false);
        };
        (verification.status, verification.finished_at) = (status, Some(Utc::now()));
        if let Some(report) = report {
            verification.report = report.clone();
        }
        let (name, told) = (verification.name.clone(), verification.told());
        self.tell(&name, &told)?;
        Ok(true)
    }
}

#[async_trait]
impl VerificationStore for InMemoryEventStore {
    async fn begin_verification(
        &self,
        begun: &NewVerification,
        lease: Duration,
    ) -> Result<VerificationClaim, EventStoreError> {
        let mut records = self.records();
        if let Some(running) = records.verifications.iter_mut().rev().find(|held| held.is_like(begun)) {
            if running.is_held() {
                return Ok(VerificationClaim::Running(running.shown()));
            }
            (running.token, running.leased_until) = (running.token + 1, until(lease));
            let held =
                VerificationLease { verification_id: running.verification.verification_id, token: running.token };
            return Ok(VerificationClaim::Held(held, running.shown()));
        }
        let NewVerification { verification_id, name, candidate, baseline, scope, started_by } = begun.clone();
        let verification = Verification {
            verification_id,
            name,
            candidate,
            baseline,
            scope,
            status: VerificationStatus::Running,
            checkpoint: None,
            report: json!({}),
            started_by,
            started_at: Utc::now(),
            finished_at: None,
            is_held: true,
        };
        let begun = HeldVerification { verification, leased_until: until(lease), token: 1 };
        let claim = VerificationClaim::Held(VerificationLease { verification_id, token: 1 }, begun.shown());
        records.verifications.push(begun);
        Ok(claim)
    }

    async fn save_verification(
        &self,
        held: VerificationLease,
        checkpoint: Option<&StreamId>,
        report: &Value,
        lease: Duration,
    ) -> Result<bool, EventStoreError> {
        let mut records = self.records();
        let Some(running) = records.held(held) else { return Ok(false) };
        running.leased_until = until(lease);
        running.verification.report = report.clone();
        if let Some(checkpoint) = checkpoint {
            running.verification.checkpoint = Some(checkpoint.clone());
        }
        Ok(true)
    }

    async fn finish_verification(
        &self,
        held: VerificationLease,
        status: VerificationStatus,
        report: &Value,
    ) -> Result<bool, EventStoreError> {
        let mut records = self.records();
        if records.held(held).is_none() {
            return Ok(false);
        }
        records.finish(held.verification_id, status, Some(report))
    }

    async fn cancel_verification(&self, verification_id: Uuid) -> Result<bool, EventStoreError> {
        self.records().finish(verification_id, VerificationStatus::Cancelled, None)
    }

    async fn verification(&self, verification_id: Uuid) -> Result<Option<Verification>, EventStoreError> {
        let records = self.records();
        let found = records.verifications.iter().find(|held| held.verification.verification_id == verification_id);
        Ok(found.map(HeldVerification::shown))
    }

    async fn verifications(
        &self,
        name: &str,
        candidate: Option<ReducerDigest>,
        verifications_max: usize,
    ) -> Result<Vec<Verification>, EventStoreError> {
        let records = self.records();
        let of_name = records
            .verifications
            .iter()
            .rev()
            .map(HeldVerification::shown)
            .filter(|found| found.name == name && candidate.is_none_or(|candidate| found.candidate == candidate));
        Ok(of_name.take(verifications_max).collect())
    }

    async fn claim_task(
        &self,
        name: &str,
        generation: u64,
        lease: Duration,
    ) -> Result<Option<TaskClaim>, EventStoreError> {
        let mut records = self.records();
        let begun = HeldTask { checkpoint: None, leased_until: DateTime::UNIX_EPOCH, token: 0, finished: false };
        let task = records.tasks.entry((name.to_owned(), generation)).or_insert(begun);
        if task.finished || task.leased_until > Utc::now() {
            return Ok(None);
        }
        (task.token, task.leased_until) = (task.token + 1, until(lease));
        Ok(Some(TaskClaim { token: task.token, checkpoint: task.checkpoint.clone() }))
    }

    async fn save_task(
        &self,
        name: &str,
        generation: u64,
        token: u64,
        progress: TaskProgress,
    ) -> Result<bool, EventStoreError> {
        let mut records = self.records();
        let task = records.tasks.get_mut(&(name.to_owned(), generation));
        let Some(task) = task.filter(|task| task.token == token && !task.finished) else { return Ok(false) };
        match progress {
            TaskProgress::Done => task.finished = true,
            TaskProgress::At(checkpoint, lease) => {
                task.leased_until = until(lease);
                task.checkpoint = checkpoint.or(task.checkpoint.take());
            }
        }
        Ok(true)
    }
}
