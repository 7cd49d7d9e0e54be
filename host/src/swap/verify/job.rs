//! A shadow replay on record: held by one host at a time, and taken up behind its checkpoint when that dies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use super::instances::AtHand;
use super::{Pair, Plan, Replay, Report, VerificationScope, VerificationView, replay};
use crate::event_store::{
    EventStoreError, NewVerification, Store, VerificationClaim, VerificationLease, VerificationStatus,
};
use crate::reducer::ReducerDigest;
use crate::swap::SwapError;
use crate::{Host, StreamId};

/// How long a host that says nothing keeps it.
const LEASE: Duration = Duration::from_secs(15);
/// How often it says how far it has come.
const SAVE_EVERY: Duration = Duration::from_secs(1);
/// Activations that are looked through for one with a journal; where there are more, one may have had it.
const ACTIVATIONS_MAX: usize = 1_000;
/// How long after the store failed it is asked again, within the lease.
const PAUSE: Duration = Duration::from_millis(500);

/// What to hold against what.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifyRequest {
    /// Who is tried.
    pub candidate: ReducerDigest,
    /// Who it is held against; none for who decides now.
    pub baseline: Option<ReducerDigest>,
    /// Which streams, and how.
    pub scope: VerificationScope,
    /// Who asks.
    pub by: Option<String>,
    /// Threads that fold; none for one each core.
    pub threads: Option<usize>,
}

impl VerifyRequest {
    /// A component against who decides now, over the whole history.
    #[must_use]
    pub fn of(candidate: ReducerDigest) -> Self {
        Self { candidate, baseline: None, scope: VerificationScope::default(), by: None, threads: None }
    }
}

impl Host {
    /// Begins a shadow replay, or goes on with one of the same kind that its host left; or says that another host is at it. It runs on
    /// in a task of its own: ask [`verification`](Self::verification) how it stands.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn verify(&self, name: &str, request: VerifyRequest) -> Result<VerificationView, SwapError> {
        Ok(self.begin_verification(name, request).await?.0)
    }

    /// As [`verify`](Self::verify), and waits for its end, whichever host comes to it.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn verify_to_the_end(&self, name: &str, request: VerifyRequest) -> Result<VerificationView, SwapError> {
        loop {
            let (view, task) = self.begin_verification(name, request.clone()).await?;
            match task {
                // Whatever becomes of it, the record says.
                Some(task) => drop(task.await),
                None => tokio::time::sleep(PAUSE).await,
            }
            let view = self.verification(view.verification_id).await?;
            if view.status != VerificationStatus::Running {
                return Ok(view);
            }
        }
    }

    async fn begin_verification(
        &self,
        name: &str,
        request: VerifyRequest,
    ) -> Result<(VerificationView, Option<JoinHandle<()>>), SwapError> {
        let candidate = self.kept(name, request.candidate).await?;
        let active = self.active_or_none(name).await?;
        let baseline = match request.baseline.or(active.map(|active| active.digest)) {
            Some(baseline) => Some(self.kept(name, baseline).await?.digest),
            None => None,
        };
        let pair = Pair {
            candidate: self.registry().of_digest(name, candidate.digest).await?,
            baseline: match baseline {
                Some(digest) => Some(self.registry().of_digest(name, digest).await?),
                None => None,
            },
        };
        let scope = serde_json::to_value(&request.scope)
            .map_err(|error| EventStoreError::InvalidBatch(format!("the scope: {error}")))?;
        let begun = NewVerification {
            verification_id: Uuid::now_v7(),
            name: name.to_owned(),
            candidate: candidate.digest,
            baseline,
            scope,
            started_by: request.by.clone(),
        };
        // Asked before it is held: who cannot ask holds nothing up.
        let is_sealed = self.store().is_sealed(name).await?;
        let has_journal = self.has_journal(name).await?;
        match self.store().begin_verification(&begun, LEASE).await? {
            VerificationClaim::Running(running) => Ok((running.try_into()?, None)),
            VerificationClaim::Held(held, begun) => {
                let view = VerificationView::try_from(begun.clone())?;
                let plan = Plan::of(&view.scope, self.limits(), is_sealed);
                let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
                let work = Job {
                    store: Arc::clone(self.store()),
                    held,
                    report: view.report.clone(),
                    before_ms: view.report.elapsed_ms,
                    begun: Instant::now(),
                    checkpoint: begun.checkpoint.clone(),
                    replay: Arc::new(Replay {
                        store: Arc::clone(self.store()) as _,
                        pair,
                        plan: Plan { decide_anew: has_journal && !view.scope.without_commands, ..plan },
                        category: name.to_owned(),
                        threads: request.threads.unwrap_or(cores),
                        at_hand: AtHand::default(),
                    }),
                };
                Ok((view, Some(self.spawn_until_gone(work.run(self.going())))))
            }
        }
    }

    /// Whether any generation of a reducer may have kept its commands. Where none has, no stream is asked for them: that cost as much as
    /// reading its events.
    async fn has_journal(&self, name: &str) -> Result<bool, SwapError> {
        let activations = self.activations(name, None, ACTIVATIONS_MAX).await?;
        Ok(activations.len() == ACTIVATIONS_MAX || activations.iter().any(|activation| activation.journal))
    }

    /// How a shadow replay stands.
    ///
    /// # Errors
    /// [`SwapError::UnknownVerification`]
    pub async fn verification(&self, verification_id: Uuid) -> Result<VerificationView, SwapError> {
        let found = self.store().verification(verification_id).await?;
        found.ok_or(SwapError::UnknownVerification(verification_id))?.try_into()
    }

    /// Shadow replays of a reducer, the newest first.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn verifications(
        &self,
        name: &str,
        candidate: Option<ReducerDigest>,
        verifications_max: usize,
    ) -> Result<Vec<VerificationView>, SwapError> {
        let found = self.store().verifications(name, candidate, verifications_max).await?;
        found.into_iter().map(VerificationView::try_from).collect()
    }

    /// Gives up a shadow replay that runs, whichever host is at it. False where it is over.
    ///
    /// # Errors
    /// [`SwapError`]
    pub async fn cancel_verification(&self, verification_id: Uuid) -> Result<bool, SwapError> {
        Ok(self.store().cancel_verification(verification_id).await?)
    }
}

/// One host's work at a shadow replay.
struct Job {
    store: Arc<dyn Store>,
    held: VerificationLease,
    report: Report,
    /// What it took hosts before this one.
    before_ms: u64,
    begun: Instant,
    checkpoint: Option<StreamId>,
    replay: Arc<Replay>,
}

/// It is another host's by now, or was given up.
struct Lost;

impl Job {
    /// To the end, or until it is another's. Killed or dropped anywhere, the next host goes on behind the checkpoint that was saved
    /// last.
    async fn run(mut self, going: CancellationToken) {
        let verification_id = self.held.verification_id;
        match going.run_until_cancelled(self.go()).await {
            Some(Ok(())) => {}
            Some(Err(Lost)) => tracing::info!(%verification_id, "a verification is not held here any more"),
            // Another host may go on at once.
            None => {
                let report = self.noted();
                let given_up =
                    self.store.save_verification(self.held, self.checkpoint.as_ref(), &report, Duration::ZERO);
                if let Err(error) = given_up.await {
                    tracing::debug!(%verification_id, %error, "a verification could not be given up, and is when its lease ends");
                }
            }
        }
    }

    async fn go(&mut self) -> Result<(), Lost> {
        // Beside the folds, for whoever watches: it only reads names.
        let mut total = Some(AbortOnDropHandle::new(tokio::spawn(count(Arc::clone(&self.replay)))));
        let mut saved = Instant::now();
        'anew: loop {
            let found = replay(Arc::clone(&self.replay), self.checkpoint.clone());
            let mut found = std::pin::pin!(found);
            loop {
                // A stream may take longer than the lease: it is renewed while it is waited for.
                let next = tokio::time::timeout(SAVE_EVERY, found.next()).await;
                match next {
                    Ok(None) => break 'anew,
                    Ok(Some(Ok((stream_id, findings)))) => {
                        self.report.add(findings);
                        self.checkpoint = Some(stream_id);
                    }
                    Ok(Some(Err(error))) => {
                        tracing::warn!(%error, "the history cannot be read, and is tried again");
                        self.save().await?;
                        tokio::time::sleep(PAUSE).await;
                        continue 'anew;
                    }
                    Err(_) => {}
                }
                if saved.elapsed() >= SAVE_EVERY {
                    if let Some(counted) = total.take_if(|total| total.is_finished()) {
                        self.report.streams_total = counted.await.ok().flatten();
                    }
                    self.save().await?;
                    saved = Instant::now();
                }
            }
        }
        self.report.streams_total = Some(self.report.streams);
        self.finish().await
    }

    fn noted(&mut self) -> serde_json::Value {
        let here_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.report.elapsed_ms = self.before_ms.saturating_add(here_ms);
        self.report.to_json()
    }

    /// Says how far it has come, as long as the lease may last.
    async fn save(&mut self) -> Result<(), Lost> {
        let report = self.noted();
        let until = Instant::now() + LEASE;
        loop {
            match self.store.save_verification(self.held, self.checkpoint.as_ref(), &report, LEASE).await {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(Lost),
                Err(error) if Instant::now() < until => {
                    tracing::warn!(%error, "how far a verification has come could not be recorded, and is again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(_) => return Err(Lost),
            }
        }
    }

    async fn finish(&mut self) -> Result<(), Lost> {
        let report = self.noted();
        let (status, until) = (self.report.status(), Instant::now() + LEASE);
        loop {
            match self.store.finish_verification(self.held, status, &report).await {
                Ok(true) => return Ok(()),
                // Also where it was recorded and the answer was lost.
                Ok(false) => return Err(Lost),
                Err(error) if Instant::now() < until => {
                    tracing::warn!(%error, "the end of a verification could not be recorded, and is again");
                    tokio::time::sleep(PAUSE).await;
                }
                Err(_) => return Err(Lost),
            }
        }
    }
}

/// How many streams there are to look at, as far as their names tell.
async fn count(replay: Arc<Replay>) -> Option<u64> {
    let mut ids = std::pin::pin!(super::replay::ids(replay, None));
    let mut count = 0;
    while let Some(id) = ids.next().await {
        id.ok()?;
        count += 1;
    }
    Some(count)
}
