//! What stands around every request: the deadline, the net under panics, the line in the log.

use std::any::Any;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument as _, Span};

use super::metadata::{correlation_id, traceparent};
use super::problem::{Problem, Told};
use super::{Api, kinds};
use crate::TraceParent;

/// Answers in time, whatever becomes of the request. A subscription is answered once its first page is there.
pub(super) async fn deadline(State(api): State<Api>, request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(api.request_max, next.run(request)).await;
    answer.unwrap_or_else(|_| {
        let detail = "there was no answer in time, and a command may be done all the same: send it again with the same \
                      Idempotency-Key to learn what came of it";
        Problem::new(&kinds::TIMEOUT, detail).into_response()
    })
}

/// What the sender is told of a panic: not where, and not why.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
pub(super) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(panic = text.unwrap_or("of another type than text"), "a request panicked");
    Problem::new(&kinds::INTERNAL, "the host failed at this request; its log says why").into_response()
}

/// One line a request, in the trace that it is a part of. Never a body, and no header but those two that are there to be
/// found in a log: the rest can hold what is nobody else's business.
pub(super) async fn log(request: Request, next: Next) -> Response {
    let span = span_of(request.headers());
    answer_and_tell(request, next).instrument(span).await
}

/// Names the trace and the correlation id on every line of a request. One that has neither has no span: it costs nothing then.
fn span_of(headers: &HeaderMap) -> Span {
    let (trace, correlation_id) = (traceparent(headers), correlation_id(headers));
    let trace_id = trace.as_ref().map(TraceParent::trace_id);
    match (trace_id, correlation_id) {
        (None, None) => Span::none(),
        // Of the highest level, so that it is there for every line that a filter lets through.
        _ => tracing::error_span!("request", trace_id, correlation_id),
    }
}

async fn answer_and_tell(request: Request, next: Next) -> Response {
    let (method, path, begun) = (request.method().clone(), request.uri().path().to_owned(), Instant::now());
    let response = next.run(request).await;
    let (status, elapsed_us) = (response.status().as_u16(), begun.elapsed().as_micros());
    match response.extensions().get::<Told>() {
        Some(Told { code, detail }) if status >= 500 => {
            tracing::error!(%method, path, status, elapsed_us, code, detail, "request failed");
        }
        told => tracing::debug!(%method, path, status, elapsed_us, code = told.map(|told| told.code), "request"),
    }
    response
}

/// No such path.
pub(super) async fn not_found(uri: Uri) -> Problem {
    Problem::new(&kinds::NOT_FOUND, format!("there is nothing at {}", uri.path()))
}

/// No such method at this path; the `Allow` header names those that there are.
pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::new(&kinds::METHOD_NOT_ALLOWED, format!("{} does not take {method}", uri.path()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::serve::serve_api;
    use super::*;
    use crate::{Host, InMemoryEventStore};

    #[tokio::test]
    async fn a_request_that_takes_too_long_is_told_to_come_again_under_its_key() {
        let host = Host::builder(Arc::new(InMemoryEventStore::new())).start().unwrap();
        let api = Api { request_max: Duration::from_millis(20), ..Api::new(host) };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tokio::spawn(serve_api(listener, api, std::future::pending()));
        // The rest of the body never comes.
        sender
            .write_all(b"POST /streams/a-1/commands/B HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{")
            .await
            .unwrap();
        let mut answer = Vec::new();
        while sender.read_buf(&mut answer).await.unwrap() > 0 && !answer.ends_with(b"}") {}
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 504 "), "{answer}");
        assert!(answer.contains(r#""code":"timeout""#) && answer.contains("Idempotency-Key"), "{answer}");
    }
}
