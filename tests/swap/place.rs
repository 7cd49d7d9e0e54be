//! Where the accounts are kept, and what the tests ask of them.

use std::path::Path;

use foldhost::event_store::sealing::{Encryption, MasterKeys};
use foldhost::{InMemoryEventStore, PoolConfig, PostgresEventStore};
use foldhost_test_support::TestDatabase;

use super::*;

pub(crate) const ACCOUNT: &str = "account";

/// A store that no other test uses.
pub(crate) struct Place {
    pub(crate) store: Arc<dyn Store>,
    /// Where it is on Postgres, and the keys that the accounts are sealed under.
    pub(crate) database: Option<(TestDatabase, MasterKeys)>,
}

impl Place {
    pub(crate) fn in_memory() -> Self {
        let store = InMemoryEventStore::new().erasable([ACCOUNT]);
        Self { store: Arc::new(store), database: None }
    }

    /// One that seals the accounts, so that they can be erased as those in memory can.
    pub(crate) async fn postgres() -> Self {
        let database = database().await;
        let keys = MasterKeys::parse(&MasterKeys::generate_line()).unwrap();
        let store = sealing(PostgresEventStore::clone(&database.store), &keys);
        Self { store, database: Some((database, keys)) }
    }

    /// A place of the same kind that seals nothing: there a report shows values.
    pub(crate) async fn unsealed(self) -> Self {
        match self.database {
            None => Self { store: Arc::new(InMemoryEventStore::new()), database: None },
            Some(_) => {
                let database = database().await;
                let keys = MasterKeys::parse(&MasterKeys::generate_line()).unwrap();
                Self { store: Arc::clone(&database.store) as Arc<dyn Store>, database: Some((database, keys)) }
            }
        }
    }

    /// The same records through connections of their own, for a runtime that ends before this one's.
    pub(crate) async fn store_of_its_own(&self) -> Arc<dyn Store> {
        match &self.database {
            None => Arc::clone(&self.store),
            Some((database, keys)) => {
                let store = PostgresEventStore::connect(&database.url, &PoolConfig::default()).await.unwrap();
                sealing(store, keys)
            }
        }
    }

    pub(crate) fn builder(&self) -> HostBuilder {
        over(Arc::clone(&self.store))
    }

    pub(crate) fn host(&self) -> Host {
        self.builder().start().unwrap()
    }

    /// A host whose accounts are decided by the plain guest.
    pub(crate) async fn plain(&self) -> (Host, ReducerDigest) {
        let host = self.host();
        let plain = deploy(&host, &[]).await;
        assert!(plain.is_active());
        (host, plain.digest)
    }

    /// Events as they lie in the store, whatever reads them.
    pub(crate) async fn write(&self, id: &str, events: Vec<SerializedEvent>) {
        let head = self.events(id).await.len() as u64;
        let batch = StreamBatch::new(stream(id), Version::new(head), events);
        self.store.append_atomic(&[batch]).await.unwrap();
    }

    pub(crate) async fn events(&self, id: &str) -> Vec<Event> {
        self.store.read_stream(&stream(id), Version::EMPTY, 10_000.into()).await.unwrap()
    }

    /// All events of the category, stream by stream.
    pub(crate) async fn all_events(&self) -> Vec<Event> {
        let streams = self.store.read_streams(ACCOUNT, None, 10_000).await.unwrap();
        let mut events = Vec::new();
        for id in streams {
            events.extend(self.events(id.as_str()).await);
        }
        events
    }

    /// The history of the account: types, and what they say.
    pub(crate) async fn history(&self) -> Vec<(String, Value)> {
        let events = self.store.read_stream(&history_stream(ACCOUNT).unwrap(), Version::EMPTY, 1_000.into()).await;
        let said = |event: Event| (event.event_type, serde_json::from_slice(&event.data).unwrap());
        events.unwrap().into_iter().map(said).collect()
    }

    pub(crate) async fn activations(&self) -> Vec<Activation> {
        self.store.activations(ACCOUNT, None, 1_000).await.unwrap()
    }

    pub(crate) async fn journal(&self, id: &str) -> Vec<JournaledCommand> {
        self.store.read_journal(&stream(id), None, 1_000).await.unwrap()
    }
}

fn sealing(store: PostgresEventStore, keys: &MasterKeys) -> Arc<dyn Store> {
    Arc::new(store.with_encryption(Encryption::new(keys.clone(), [ACCOUNT]).unwrap()))
}

/// A host over a store. What one has compiled, the others of this test binary and of the next run have too.
pub(crate) fn over(store: Arc<dyn Store>) -> HostBuilder {
    Host::builder(store).code_cache(Path::new(env!("CARGO_TARGET_TMPDIR")).join("swap-code-cache"))
}

pub(crate) fn stream(id: &str) -> StreamId {
    StreamId::new(id).unwrap()
}

/// Deploys the account with features.
pub(crate) async fn deploy(host: &Host, features: &[&str]) -> Deployed {
    host.deploy(component_with(ACCOUNT, features).to_vec()).await.unwrap()
}

/// Keeps the account with a feature as a candidate.
pub(crate) async fn candidate(host: &Host, feature: &str) -> ReducerDigest {
    let deployed = deploy(host, &[feature]).await;
    assert!(!deployed.is_active(), "{feature} has to be a candidate");
    deployed.digest
}

/// Has every command be kept from now on.
pub(crate) async fn keep_journal(host: &Host, active: ReducerDigest) {
    let status =
        host.activate(ACCOUNT, ActivateRequest { journal: Some(true), ..ActivateRequest::of(active) }).await.unwrap();
    assert!(status.journal);
}

pub(crate) fn request(id: &str, name: &str, payload: &Value) -> CommandRequest {
    CommandRequest::new(stream(id), Command::json(name, payload.to_string()))
}

pub(crate) async fn send(host: &Host, id: &str, name: &str, payload: Value) -> Result<CommandReply, CommandError> {
    host.send(request(id, name, &payload)).await
}

pub(crate) async fn deposit(host: &Host, id: &str, amount: u32) -> CommandReply {
    send(host, id, "Deposit", json!({ "amount": amount })).await.unwrap()
}

pub(crate) async fn withdraw(host: &Host, id: &str, amount: u32) -> Result<CommandReply, CommandError> {
    send(host, id, "Withdraw", json!({ "amount": amount })).await
}

/// A withdrawal that a rule says no to.
pub(crate) async fn withdraw_in_vain(host: &Host, id: &str, amount: u32) {
    let rejected = withdraw(host, id, amount).await.unwrap_err();
    assert!(matches!(&rejected, CommandError::Rejected(no) if no.code == "insufficient-funds"), "{rejected}");
}

pub(crate) async fn rename(host: &Host, id: &str, name: &str) -> CommandReply {
    send(host, id, "Rename", json!({ "name": name })).await.unwrap()
}

pub(crate) async fn state(host: &Host, id: &str) -> Value {
    serde_json::from_str(&host.state(&stream(id), None).await.unwrap().json).unwrap()
}

/// A journal with a rejection in it, and a candidate that would have accepted that command.
pub(crate) async fn with_a_rejection(place: &Place) -> (Host, ReducerDigest) {
    let (host, plain) = place.plain().await;
    keep_journal(&host, plain).await;
    deposit(&host, "account-1", 5).await;
    withdraw_in_vain(&host, "account-1", 9).await;
    let overdraft = candidate(&host, "overdraft").await;
    (host, overdraft)
}

/// All streams, and none of their commands.
pub(crate) fn without_commands(candidate: ReducerDigest) -> VerifyRequest {
    let scope = VerificationScope { without_commands: true, ..VerificationScope::default() };
    VerifyRequest { scope, ..VerifyRequest::of(candidate) }
}

/// The report of a candidate over the whole history.
pub(crate) async fn verified(host: &Host, candidate: ReducerDigest) -> VerificationView {
    verified_as(host, VerifyRequest::of(candidate)).await
}

pub(crate) async fn verified_as(host: &Host, request: VerifyRequest) -> VerificationView {
    let view = tokio::time::timeout(PATIENCE, host.verify_to_the_end(ACCOUNT, request)).await;
    view.unwrap_or_else(|_| panic!("the verification does not come to its end")).unwrap()
}

/// For what comes by itself, on a machine that has much else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How many there are of each name.
pub(crate) fn counts(findings: &Findings) -> BTreeMap<&str, u64> {
    findings.names().map(|name| (name, findings.0[name].count)).collect()
}

/// A deposit as the account records it, of less than 251.
pub(crate) fn deposited(amount: u8) -> SerializedEvent {
    SerializedEvent { event_type: "Deposited.v1".into(), data: vec![amount] }
}

/// A withdrawal as the plain account records it, of less than 251.
pub(crate) fn withdrawn(amount: u8) -> SerializedEvent {
    SerializedEvent { event_type: "Withdrawn.v1".into(), data: vec![amount] }
}

/// Asks until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut ask: impl FnMut() -> F) {
    let asked = async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("never came: {what}"));
}
