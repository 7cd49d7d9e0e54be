//! A store that fails when a test says so.

mod calls;
mod reducers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::EventStoreError;

/// A store over another one, which fails the next calls of a kind, or loses the answer to an append or an activation, when it is told to. All else
/// goes through to the store within.
///
/// It shows what a program does when its database does not answer, without a database:
///
/// ```
/// # async fn run() -> Result<(), foldhost::EventStoreError> {
/// use std::sync::Arc;
/// use foldhost::testing::{FaultyStore, events, stream};
/// use foldhost::{EventStore, EventStoreError, ExpectedVersion, InMemoryEventStore, Version};
///
/// let store = FaultyStore::new(Arc::new(InMemoryEventStore::new()));
/// store.lose_next_acknowledgement();
/// let order = stream("order-1");
/// let lost = store.append_events(&order, ExpectedVersion::NoStream, events(["A.v1"])).await;
/// assert!(matches!(lost, Err(EventStoreError::Unavailable(_))));
/// assert_eq!(store.inner().events_len(), 1);
///
/// // append_once is told that its answer was lost, and finds out what became of the append.
/// store.lose_next_acknowledgement();
/// let order = stream("order-2");
/// let once = store.append_once(&order, ExpectedVersion::Any, "c-1", events(["A.v1"])).await?;
/// assert_eq!(once, (Version::new(1), Version::new(1)));
/// assert_eq!(store.faults_left(), 0);
/// # Ok(())
/// # }
/// # tokio::runtime::Runtime::new().unwrap().block_on(run()).unwrap();
/// ```
#[derive(Debug)]
pub struct FaultyStore<S: ?Sized> {
    /// In the order in which they were asked for.
    faults: Mutex<Vec<(StoreCall, Fault)>>,
    inner: Arc<S>,
}

/// The kinds of calls that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StoreCall {
    /// `append_many`, `append_atomic`, and what is made of them: `append_events` and `append_once`.
    Append,
    /// `load` and `load_events`.
    Load,
    /// `read_stream`, `read_stream_backwards`, `read_all`, `read_streams`, `read_journal` and `is_sealed`.
    Read,
    /// `find_commands`.
    FindCommands,
    /// `save_snapshot`.
    SaveSnapshot,
    /// `close_stream`.
    CloseStream,
    /// `ping`, `log_lag`.
    Ping,
    /// All of [`ReducerStore`](crate::ReducerStore), but for what [`StoreCall::Activate`] is.
    Reducers,
    /// `commit` of an activation that was begun, and with it the second half of `activate`.
    Activate,
    /// All of [`VerificationStore`](crate::event_store::VerificationStore).
    Verifications,
    /// All of [`SubscriptionStore`](crate::event_store::SubscriptionStore).
    Subscriptions,
    /// All of [`OutboxStore`](crate::event_store::OutboxStore).
    Outbox,
}

#[derive(Debug)]
enum Fault {
    /// None yet: those behind it come later.
    LetThrough,
    /// The call is not made.
    Refuse(EventStoreError),
    /// The call is made, and its answer lost.
    LoseAnswer,
}

impl<S: ?Sized> FaultyStore<S> {
    /// A store that does not fail yet.
    #[must_use]
    pub fn new(inner: Arc<S>) -> Self {
        Self { faults: Mutex::default(), inner }
    }

    /// The store within, which never fails.
    #[must_use]
    pub fn inner(&self) -> &Arc<S> {
        &self.inner
    }

    /// The next `calls` calls of this kind do nothing, and answer with `error`. Faults of one kind come in the order in which
    /// they were asked for.
    #[expect(clippy::needless_pass_by_value, reason = "so that it is called with the error as it is made")]
    pub fn fail_next(&self, calls: usize, call: StoreCall, error: EventStoreError) {
        self.faults().extend((0..calls).map(|_| (call, Fault::Refuse(error.clone()))));
    }

    /// The next `calls` calls of this kind go through, and the faults that are asked for later come behind them.
    pub fn let_through(&self, calls: usize, call: StoreCall) {
        self.faults().extend((0..calls).map(|_| (call, Fault::LetThrough)));
    }

    /// The next append is made, and answers with [`EventStoreError::Unavailable`] whatever became of it: as over a connection
    /// that breaks in the wrong moment.
    pub fn lose_next_acknowledgement(&self) {
        self.faults().push((StoreCall::Append, Fault::LoseAnswer));
    }

    /// As [`lose_next_acknowledgement`](Self::lose_next_acknowledgement), of the next activation that is committed.
    pub fn lose_next_activation_answer(&self) {
        self.faults().push((StoreCall::Activate, Fault::LoseAnswer));
    }

    /// As [`lose_next_acknowledgement`](Self::lose_next_acknowledgement), of the next call of the outbox. One that claims, updates
    /// or renews is made; one that only reads goes through.
    pub fn lose_next_outbox_answer(&self) {
        self.faults().push((StoreCall::Outbox, Fault::LoseAnswer));
    }

    /// Faults that were asked for and have not come yet.
    #[must_use]
    pub fn faults_left(&self) -> usize {
        self.faults().iter().filter(|(_, fault)| !matches!(fault, Fault::LetThrough)).count()
    }

    fn faults(&self) -> MutexGuard<'_, Vec<(StoreCall, Fault)>> {
        // No code runs under the lock that could panic halfway through a change.
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_fault(&self, call: StoreCall) -> Option<Fault> {
        let mut faults = self.faults();
        let place = faults.iter().position(|(of, _)| *of == call)?;
        Some(faults.remove(place).1)
    }

    /// The store within, unless this call is to fail.
    fn enter(&self, call: StoreCall) -> Result<&S, EventStoreError> {
        match self.next_fault(call) {
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::LoseAnswer | Fault::LetThrough) | None => Ok(&self.inner),
        }
    }

    /// Makes a call, fails it, or makes it and loses its answer.
    async fn answer<T>(
        &self,
        call: StoreCall,
        made: impl Future<Output = Result<T, EventStoreError>> + Send,
    ) -> Result<T, EventStoreError> {
        match self.next_fault(call) {
            Some(Fault::Refuse(error)) => Err(error),
            Some(Fault::LoseAnswer) => {
                drop(made.await);
                Err(EventStoreError::Unavailable("the answer was lost".into()))
            }
            Some(Fault::LetThrough) | None => made.await,
        }
    }
}
