//! A lease as its holder may trust it, and its renewal.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::{SubscriptionError, SubscriptionName, SubscriptionStore};

/// A lease that is renewed in the background until it is dropped.
///
/// It is good for as long as it was asked for, counted from before the request was sent, on this machine's own monotonic clock:
/// the store began to count later, so the holder gives up before anybody else can take over. That needs no answer from the
/// store: a holder that is cut off from it knows in time.
#[derive(Debug)]
pub(super) struct Lease {
    /// Closed once the lease is known to be lost.
    valid_until: watch::Receiver<Instant>,
    _renewal: AbortOnDropHandle<()>,
}

/// What is renewed.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) name: SubscriptionName,
    pub(super) token: u64,
    pub(super) lease: Duration,
}

impl Lease {
    /// Takes over what was asked for at `asked_at`.
    pub(super) fn hold<S: SubscriptionStore + ?Sized>(store: Arc<S>, term: Term, asked_at: Instant) -> Self {
        let (sender, valid_until) = watch::channel(asked_at + term.lease);
        let _renewal = AbortOnDropHandle::new(tokio::spawn(renew(store, term, sender)));
        Self { valid_until, _renewal }
    }

    pub(super) fn is_valid(&self) -> bool {
        self.valid_until.has_changed().is_ok() && Instant::now() < *self.valid_until.borrow()
    }

    /// Comes back once the lease is lost.
    pub(super) async fn lost(&self) {
        let mut valid_until = self.valid_until.clone();
        loop {
            let until = *valid_until.borrow_and_update();
            if Instant::now() >= until {
                return;
            }
            tokio::select! {
                () = sleep_until(until) => {}
                renewed = valid_until.changed() => if renewed.is_err() { return },
            }
        }
    }
}

/// Renews three times a lease: two of the answers may be lost. Ends when the lease does.
async fn renew<S: SubscriptionStore + ?Sized>(store: Arc<S>, term: Term, valid_until: watch::Sender<Instant>) {
    let Term { name, token, lease } = term;
    let (between, after_failure) = (lease / 3, lease / 10);
    let mut pause = between;
    loop {
        sleep(pause).await;
        let (asked_at, end) = (Instant::now(), *valid_until.borrow());
        if asked_at >= end {
            tracing::warn!(subscription = %name, "the lease ran out: it could not be renewed in time");
            return;
        }
        // A request that hangs must not take up the whole lease.
        let answer = timeout_at(end.min(asked_at + between), store.renew_subscription(&name, token, lease)).await;
        pause = match answer {
            Ok(Ok(())) => {
                valid_until.send_replace(asked_at + lease);
                between
            }
            Ok(Err(SubscriptionError::Store(error))) => {
                tracing::warn!(subscription = %name, %error, "the lease was not renewed");
                after_failure
            }
            Ok(Err(lost)) => {
                tracing::warn!(subscription = %name, %lost, "the lease is lost");
                return;
            }
            Err(_) => {
                tracing::warn!(subscription = %name, "the lease was not renewed: there was no answer");
                after_failure
            }
        };
    }
}
