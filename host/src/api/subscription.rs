//! The log as server-sent events: what is there already, and then what is appended.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use tokio::sync::OwnedSemaphorePermit;

use super::events::{LogQuery, page};
use super::kinds;
use super::problem::Problem;
use super::recorded::RecordedEvent;
use super::{Api, SUBSCRIBERS_MAX};
use crate::event_store::Cursor;

/// How long a subscription that is up to date waits before it asks again.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How long a connection may be silent. Proxies close the ones that are for longer, most after a minute.
pub(super) const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// A reader of the log, and how far it is.
struct Subscription {
    api: Api,
    after: Option<Cursor>,
    asked: LogQuery,
    waiting: VecDeque<RecordedEvent>,
    /// One of [`SUBSCRIBERS_MAX`], given back when the reader goes.
    _place: OwnedSemaphorePermit,
}

/// Begins a subscription. The first page is read here, while a failure can still be told as a problem.
pub(super) async fn open(api: Api, after: Option<Cursor>, asked: LogQuery) -> Result<Response, Problem> {
    let place = place(&api)?;
    let (events, last) = page(&api.host, after, &asked).await?;
    let subscription = Subscription { api, after: last.or(after), asked, waiting: events.into(), _place: place };
    let events = stream::unfold(subscription, |mut subscription| async move {
        let event = subscription.next().await?;
        Some((Ok::<_, Infallible>(event), subscription))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE_INTERVAL)).into_response())
}

/// One of [`SUBSCRIBERS_MAX`].
pub(super) fn place(api: &Api) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(&api.subscribers).try_acquire_owned().map_err(|_| {
        let detail =
            format!("{SUBSCRIBERS_MAX} subscriptions are open, and no more are served: try again later, or poll");
        Problem::new(&kinds::TOO_MANY_SUBSCRIBERS, detail)
    })
}

impl Subscription {
    /// The next event, whenever it comes. None ends the stream: at shutdown, or when the store fails; the reader resumes with
    /// the last id that it saw.
    async fn next(&mut self) -> Option<Event> {
        let ending = self.api.ending.clone();
        ending.run_until_cancelled(self.next_event()).await?
    }

    async fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(message(&event));
            }
            match page(&self.api.host, self.after, &self.asked).await {
                Ok((events, Some(last))) => {
                    self.waiting = events.into();
                    self.after = Some(last);
                }
                Ok((_, None)) => tokio::time::sleep(POLL_INTERVAL).await,
                Err(problem) => {
                    let (code, detail) = (problem.kind.code, problem.detail);
                    tracing::error!(code, detail, "a subscription to the log ends");
                    return None;
                }
            }
        }
    }
}

pub(super) fn message(event: &RecordedEvent) -> Event {
    // A line break in an id or a name would begin a field of the sender's choice, and axum panics at it.
    let event_type: String = event.event_type.chars().filter(|character| !character.is_control()).collect();
    let message = Event::default().id(event.cursor.as_deref().unwrap_or_default()).event(event_type);
    // All of it is text, numbers and checked JSON.
    message.json_data(event).unwrap_or_else(|_| Event::default().comment("an event that is not JSON"))
}
