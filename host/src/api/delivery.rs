//! `GET /subscriptions/{name}/events`: a connection that is a reader of a subscription.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Api;
use super::problem::Problem;
use super::recorded::{Form, RecordedEvent, draw};
use super::subscription::{KEEP_ALIVE_INTERVAL, message, place};
use crate::event_store::{Cursor, Subscription, SubscriptionConfig, SubscriptionError};

/// How often a connection that may send no more looks for acknowledgements that went to other hosts.
const ROOM_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// A reader, and what it was sent.
struct Delivery {
    api: Api,
    /// None once it was released.
    subscription: Option<Subscription>,
    /// The token that the reader was told last.
    told: Option<u64>,
    /// Most events that are sent ahead of their acknowledgement.
    window: usize,
    /// Cursors of those that are.
    unacknowledged: VecDeque<Cursor>,
    /// Drawn, and not sent yet.
    waiting: VecDeque<RecordedEvent>,
    acknowledged: watch::Receiver<u64>,
    _place: OwnedSemaphorePermit,
}

/// Begins a delivery. The first claim is made here, while a failure can still be told as a problem.
pub(super) async fn open(api: Api, config: SubscriptionConfig) -> Result<Response, Problem> {
    let place = place(&api)?;
    let window = config.page.events_max;
    let mut subscription = Subscription::new(Arc::clone(api.host.store()), config)?;
    subscription.claim().await?;
    let acknowledged = api.acknowledged.subscribe();
    let delivery = Delivery {
        api,
        subscription: Some(subscription),
        told: None,
        window,
        unacknowledged: VecDeque::new(),
        waiting: VecDeque::new(),
        acknowledged,
        _place: place,
    };
    let messages = stream::unfold(delivery, |mut delivery| async move {
        let message = delivery.next().await?;
        Some((Ok::<_, Infallible>(message), delivery))
    });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)).into_response())
}

impl Delivery {
    /// The next message, whenever it comes. None ends the stream: at shutdown, or when the store fails.
    async fn next(&mut self) -> Option<Event> {
        let ending = self.api.ending.clone();
        let next = ending.run_until_cancelled(self.next_message()).await.flatten();
        if next.is_none()
            && let Some(subscription) = self.subscription.take()
        {
            // Before the connection ends, and with it perhaps the process.
            release(subscription).await;
        }
        next
    }

    async fn next_message(&mut self) -> Option<Event> {
        loop {
            match self.step().await {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(SubscriptionError::Lost { .. }) => {
                    // It stands by, and begins anew once it is told another token.
                    self.told = None;
                    self.unacknowledged.clear();
                    self.waiting.clear();
                }
                Err(error) => {
                    tracing::error!(%error, "the delivery of a subscription ends");
                    return None;
                }
            }
        }
    }

    async fn step(&mut self) -> Result<Option<Event>, SubscriptionError> {
        let Some(subscription) = &mut self.subscription else { return Ok(None) };
        subscription.stand_by().await?;
        let Some(token) = subscription.token() else { return Err(subscription.give_up()) };
        if self.told != Some(token) {
            self.told = Some(token);
            let data = json!({ "name": subscription.name().as_str(), "token": token });
            return Ok(Some(Event::default().event("subscription").data(data.to_string())));
        }
        if let Some(event) = self.waiting.pop_front() {
            return Ok(Some(message(&event)));
        }
        if self.unacknowledged.len() >= self.window {
            self.wait_for_room(token).await?;
            return Ok(None);
        }
        let events = subscription.next_up_to(self.window - self.unacknowledged.len()).await?;
        self.unacknowledged.extend(events.iter().map(|(cursor, _)| *cursor));
        let events = events.into_iter().map(|(cursor, event)| (Some(cursor), event)).collect();
        self.waiting = draw(&self.api.host, events, Form::Recorded).await?.into();
        Ok(None)
    }

    /// Waits until something was acknowledged, here or at another host.
    async fn wait_for_room(&mut self, token: u64) -> Result<(), SubscriptionError> {
        let Some(subscription) = &mut self.subscription else { return Ok(()) };
        loop {
            self.acknowledged.mark_unchanged();
            let status = self.api.host.store().subscriptions(Some(subscription.name())).await?.pop();
            let Some(status) = status.filter(|status| status.token == token) else {
                return Err(subscription.give_up());
            };
            let is_done = |cursor: &Cursor| status.checkpoint.is_some_and(|done| !cursor.is_ahead_of(done));
            while self.unacknowledged.front().is_some_and(is_done) {
                self.unacknowledged.pop_front();
            }
            if self.unacknowledged.len() < self.window {
                return Ok(());
            }
            tokio::select! {
                // The sender lives in the API that is held here.
                _ = self.acknowledged.changed() => {}
                () = tokio::time::sleep(ROOM_POLL_INTERVAL) => {}
                () = subscription.lost() => return Err(subscription.give_up()),
            }
        }
    }
}

impl Drop for Delivery {
    /// The reader has gone: another one takes over at once.
    fn drop(&mut self) {
        if let Some(subscription) = self.subscription.take()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(release(subscription));
        }
    }
}

async fn release(subscription: Subscription) {
    let name = subscription.name().clone();
    match subscription.release().await {
        Ok(()) | Err(SubscriptionError::Lost { .. }) => {}
        Err(error) => tracing::warn!(subscription = %name, %error, "the lease was not given back, and runs out"),
    }
}
