//! The kind of effect that the example adds, on a host.
#![allow(clippy::unwrap_used, missing_docs)]

use std::sync::Arc;
use std::time::Duration;

use foldhost::reducer::EffectRules;
use foldhost::{Command as HostCommand, CommandRequest, Host, InMemoryEventStore, NativeReducer, StreamId};
use foldhost_sdk::prelude::*;
use foldhost_sdk::{OwnedPayload, read_json};
use order::Order;
use order_processing::{Letter, Mail};

/// Writes to customers, and notes what became of it.
struct Notice;

#[derive(Debug, Command)]
enum NoticeCommand {
    Write { to: String, text: String },
    Written { outcome: EffectOutcome },
}

#[derive(Debug, PartialEq, Event)]
enum NoticeEvent {
    Asked { to: String },
    Sent { file: String },
    Refused { code: String },
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct NoticeState {
    file: Option<String>,
    refused: Option<String>,
}

impl Reducer for Notice {
    const NAME: &'static str = "notice";
    const STATE_SCHEMA: &'static str = "notice.v1";
    type State = NoticeState;
    type Command = NoticeCommand;
    type Event = NoticeEvent;

    fn decide(_: &NoticeState, command: NoticeCommand, _: &Context) -> Result<Decision<NoticeEvent>, Rejection> {
        Ok(Decision::event(match command {
            NoticeCommand::Write { to, text } => {
                let letter = OwnedPayload::json(&Letter { to: to.clone(), text });
                let mail = Effect::custom("mail", letter).reply_to("Written");
                return Ok(Decision::event(NoticeEvent::Asked { to }).with_effect(mail));
            }
            NoticeCommand::Written { outcome: EffectOutcome::Custom(json) } => {
                NoticeEvent::Sent { file: read_json(&json).map_err(|no| Rejection::new("no-file", no.to_string()))? }
            }
            NoticeCommand::Written { outcome: EffectOutcome::Failed(failure) } => {
                NoticeEvent::Refused { code: failure.code }
            }
            NoticeCommand::Written { outcome } => return Err(Rejection::new("unexpected", format!("{outcome:?}"))),
        }))
    }

    fn apply(state: &mut NoticeState, event: NoticeEvent) {
        match event {
            NoticeEvent::Asked { .. } => {}
            NoticeEvent::Sent { file } => state.file = Some(file),
            NoticeEvent::Refused { code } => state.refused = Some(code),
        }
    }
}

async fn written(host: &Host, id: &str, to: &str) -> NoticeState {
    let stream = StreamId::new(id).unwrap();
    let arguments = serde_json::json!({ "to": to, "text": "your tea is on its way" }).to_string();
    host.send(CommandRequest::new(stream.clone(), HostCommand::json("Write", arguments))).await.unwrap();
    let told = async {
        let mut pause = tokio::time::interval(Duration::from_millis(5));
        loop {
            pause.tick().await;
            let state: NoticeState = serde_json::from_str(&host.state(&stream, None).await.unwrap().json).unwrap();
            if state != NoticeState::default() {
                return state;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.unwrap()
}

#[tokio::test]
async fn a_letter_is_put_into_the_directory_and_its_stream_hears_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let payments = EffectRules { origins: vec!["https://pay.example".parse().unwrap()], ..EffectRules::default() };
    let host = Host::builder(Arc::new(InMemoryEventStore::new()))
        .reducer(NativeReducer::<Order>::new())
        .effect_rules("order", payments)
        .reducer(NativeReducer::<Notice>::new())
        .effect_kind(Mail::new(directory.path()))
        .start()
        .unwrap();

    let file = written(&host, "notice-1", "ada@example.com").await.file.unwrap();
    let letter = std::fs::read_to_string(directory.path().join(&file)).unwrap();
    assert_eq!(letter, "To: ada@example.com\n\nyour tea is on its way\n");

    let refused = written(&host, "notice-2", "nobody").await;
    assert_eq!(refused.refused.as_deref(), Some("invalid-address"));
    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, [file.as_str()], "one letter, and nothing unfinished");
    assert!(host.shutdown().await);
}
