//! With the command journal on the store remembers every command, also of senders that gave no id: a lost answer is not to be taken
//! for another's command.

use std::sync::Arc;

use foldhost::swap::ActivateRequest;
use foldhost::{Command, CommandError, CommandReply, CommandRequest, EventStore, Host, PoolConfig, Store, Version};
use foldhost_test_support::component;

use crate::answers::{APPEND, behind_proxy};
use crate::proxy::Fault;
use crate::stream;

async fn send(host: &Host, name: &str, payload: &str) -> Result<CommandReply, CommandError> {
    host.send(CommandRequest::new(stream("counter-1"), Command::json(name, payload))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_the_journal_whose_answer_was_lost_is_done_once_and_its_sender_notices_nothing() {
    let (_database, proxy, store) = behind_proxy(&PoolConfig::default()).await;
    let store = Arc::new(store);
    let host = Host::builder(Arc::clone(&store) as Arc<dyn Store>).start().unwrap();
    let counter = host.deploy(component("counter").to_vec()).await.unwrap();
    let journal = ActivateRequest { journal: Some(true), ..ActivateRequest::of(counter.digest) };
    assert!(host.activate("counter", journal).await.unwrap().journal);

    let mut struck = 0;
    for fault in [Fault::CutAfter, Fault::CutBefore, Fault::CutAfter] {
        // One that leads to an event, and two of which nothing but their record is appended.
        proxy.strike(APPEND, fault);
        let counted = send(&host, "Increment", r#"{"by":2}"#).await.unwrap();
        assert_eq!((counted.version, counted.events.len()), (Version::new(2 * struck / 3 + 1), 1), "{fault:?}");
        proxy.strike(APPEND, fault);
        let rejected = send(&host, "Increment", r#"{"by":0}"#).await.unwrap_err();
        assert!(
            matches!(&rejected, CommandError::Rejected(no) if no.code == "nothing-to-add"),
            "{fault:?}: {rejected}"
        );
        assert_eq!(send(&host, "Reset", "{}").await.unwrap().version, Version::new(2 * struck / 3 + 2));
        proxy.strike(APPEND, fault);
        let nothing = send(&host, "Reset", "{}").await.unwrap();
        assert_eq!((nothing.version, nothing.events.len()), (Version::new(2 * struck / 3 + 2), 0), "{fault:?}");
        struck += 3;
        proxy.until_struck(struck as usize).await;
    }
    let journal = store.read_journal(&stream("counter-1"), None, 100).await.unwrap();
    assert_eq!(journal.len(), 12, "each of them once: {journal:#?}");
    assert_eq!(store.read_stream(&stream("counter-1"), Version::EMPTY, 100.into()).await.unwrap().len(), 6);
}
