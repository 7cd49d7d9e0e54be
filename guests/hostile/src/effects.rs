//! One effect of each kind that the contract knows, so that tests can see what becomes of it on its way to the host.

use foldhost_sdk::{DispatchedCommand, Effect, EventStoreOperation, HttpRequest, NewEvent, OwnedPayload};

/// A tree for each kind, with everything in it that an effect can have.
pub(crate) fn one_of_each() -> Vec<Effect> {
    let stream_id = || "hostile-2".to_owned();
    let events = vec![NewEvent { event_type: "Fine.v1".to_owned(), data: vec![0, 255] }];
    vec![
        Effect::delay(u64::MAX).reply_to("Ok"),
        Effect::parallel([
            dispatch(OwnedPayload::Json(r#"{"bytes": 1}"#.to_owned())).reply_to("Ok"),
            Effect::sequential([
                dispatch(OwnedPayload::Binary(vec![1, 254])),
                Effect::http(request()),
                Effect::parallel([]),
            ]),
        ])
        .reply_to("Ok"),
        Effect::event_store(EventStoreOperation::AppendEvents { stream_id: stream_id(), events }),
        Effect::event_store(EventStoreOperation::LoadEvents { stream_id: stream_id(), from_version: 3 }),
        Effect::event_store(EventStoreOperation::SaveSnapshot { stream_id: stream_id() }),
        Effect::event_store(EventStoreOperation::LoadSnapshot { stream_id: stream_id() }),
        // Since contract 1.2.0.
        Effect::custom("sms", OwnedPayload::Json(r#"{"to": "+43 1"}"#.to_owned())).reply_to("Ok"),
        Effect::custom("", OwnedPayload::Binary(vec![0, 255])),
    ]
}

fn dispatch(payload: OwnedPayload) -> Effect {
    Effect::dispatch("hostile-2", DispatchedCommand { name: "HugeEvent".to_owned(), payload })
}

fn request() -> HttpRequest {
    HttpRequest::post("https://example.com/?q=1").header("accept", "*/*").header("accept", "é").body([0, 255])
}
