//! `GET /events`: the log of all streams, page by page or as it grows.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::filter::Filter;
use super::problem::Problem;
use super::recorded::{Form, RecordedEvent, draw};
use super::request::{QueryOf, header_text, page_len};
use super::{Api, kinds, subscription};
use crate::event_store::Cursor;
use crate::{Host, LogFilter, PageLimit};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Some of the log.
#[derive(Serialize)]
struct LogEvents {
    events: Vec<RecordedEvent>,
    /// The cursor to ask with next: the last event's, or the one that came where there was no event.
    next: Option<String>,
}

/// Which events of the log, how many at once, and how they are drawn.
pub(super) struct LogQuery {
    filter: LogFilter,
    limit: usize,
    form: Form,
}

/// Reads a page of the log, or begins a subscription where the sender takes an event stream.
pub(super) async fn read(
    State(api): State<Api>,
    QueryOf(query): QueryOf<Filter>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let limit = page_len(query.limit, api.host.limits().events_per_page_max)?;
    let asked = LogQuery { filter: query.log_filter()?, limit, form: query.form() };
    let subscribes = takes_event_stream(&headers);
    if subscribes && asked.filter.until.is_some() {
        let detail = "an event stream has no end: leave until out, or ask for pages, without Accept: text/event-stream";
        return Err(Problem::new(&kinds::INVALID_QUERY, detail));
    }
    // A browser that reconnects repeats its first URL, so the header is the newer of the two.
    let resumed = if subscribes { header_text(&headers, &LAST_EVENT_ID)? } else { None };
    let after = resumed.or(query.after.as_deref()).filter(|text| !text.is_empty());
    let after = after.map(str::parse::<Cursor>).transpose()?;
    if subscribes {
        return subscription::open(api, after, asked).await;
    }
    let (events, last) = page(&api.host, after, &asked).await?;
    let next = last.or(after).map(|cursor| cursor.to_string());
    Ok(Json(LogEvents { events, next }).into_response())
}

/// The events behind a cursor that a filter admits, and the last one's own cursor.
pub(super) async fn page(
    host: &Host,
    after: Option<Cursor>,
    asked: &LogQuery,
) -> Result<(Vec<RecordedEvent>, Option<Cursor>), Problem> {
    let LogQuery { filter, limit, form } = asked;
    let page = PageLimit { events_max: *limit, ..host.limits().page() };
    let events = host.store().read_all(after, filter, page).await?;
    let last = events.last().map(|(cursor, _)| *cursor);
    let events = events.into_iter().map(|(cursor, event)| (Some(cursor), event)).collect();
    let events = draw(host, events, *form).await?;
    Ok((events, last))
}

pub(super) fn takes_event_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream"))
}
