//! A database, and hosts over it that are killed and started again.

use std::path::PathBuf;
use std::time::Duration;

use foldhost::reducer::ReducerDigest;
use foldhost::{PoolConfig, PostgresEventStore, StreamId};
use foldhost_test_support::{TestDatabase, database, in_other_bytes};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::PgConnection;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::hosts::Hosts;
use super::kill::{Held, Kill, let_steps_be_held, pass};
use super::record::{Accepted, Activated, Answer, Decider, Generation, History, Sent, Tells, Told};
use super::tables;
use super::verdict::judge;

/// Effects have tests of their own.
const LIMITS: &str = "[effects]\nworkers = 0\n";
/// Components of the counter that are kept from the beginning; the first of them decides.
pub(crate) const COMPONENTS: u8 = 3;
/// One stream that a canary of half of the streams has, and one that it has not.
const STREAMS: [&str; 2] = ["counter-2", "counter-1"];
/// How long an answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(120);

pub(crate) struct Site {
    pub(crate) database: TestDatabase,
    /// For what a host does not do.
    pub(crate) connection: PgConnection,
    pub(crate) hosts: Hosts,
    pub(crate) http: Client,
    pub(crate) sent: Vec<Sent>,
    dir: TempDir,
}

/// What a host said: the status, and the document.
pub(crate) type Said = (StatusCode, Value);

pub(crate) fn component(number: u8) -> Vec<u8> {
    in_other_bytes("counter", number)
}

pub(crate) fn digest(number: u8) -> ReducerDigest {
    ReducerDigest::of(&component(number))
}

impl Site {
    /// One host, and nothing deployed.
    pub(crate) async fn empty() -> Self {
        rustls::crypto::ring::default_provider().install_default().ok();
        let (dir, database) = (tempfile::tempdir().unwrap(), database().await);
        let mut hosts = Hosts::new(&database.url, dir.path(), LIMITS);
        hosts.start(0);
        hosts.listens(0).await;
        // Whoever is still connected once the hosts are killed is one of them.
        database.store.close().await;
        let http = Client::builder().timeout(ANSWER_MAX).build().unwrap();
        let mut connection = database.connect().await;
        let_steps_be_held(&mut connection).await;
        Self { connection, database, hosts, http, sent: Vec::new(), dir }
    }

    /// One host with components of the counter, and some events.
    pub(crate) async fn open() -> Self {
        let mut site = Self::empty().await;
        for number in 0..COMPONENTS {
            let (status, said) = site.deploy(component(number)).await.unwrap();
            assert_eq!((status, &said["active"]), (StatusCode::CREATED, &json!(number == 0)), "{said}");
        }
        for _ in 0..3 {
            site.count().await;
        }
        site
    }

    pub(crate) async fn url(&self) -> String {
        self.hosts.listens(0).await
    }

    /// A file in the site's own directory.
    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) async fn deploy(&self, component: Vec<u8>) -> reqwest::Result<Said> {
        let url = format!("{}/reducers", self.url().await);
        said(self.http.post(url).header("Content-Type", "application/wasm").body(component)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> reqwest::Result<Said> {
        said(self.http.post(format!("{}{path}", self.url().await)).json(body)).await
    }

    /// Undisturbed.
    pub(crate) async fn done(&self, path: &str, body: &Value) -> Value {
        let (status, said) = self.post(path, body).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path} {body}: {said}");
        said
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, said) = said(self.http.get(format!("{}{path}", self.url().await))).await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {said}");
        said
    }

    /// Who decides, as the host says.
    pub(crate) async fn active(&self, name: &str) -> Option<Activated> {
        let record = self.get(&format!("/reducers/{name}")).await;
        let active = record["active"].as_object()?;
        let journal = active["journal"].as_bool().unwrap();
        Some(Activated { generation: generation(name, &record["active"]), journal })
    }

    /// Counts on both streams; each is decided by who is said to be active.
    pub(crate) async fn count(&mut self) {
        let active = self.active("counter").await.unwrap();
        self.count_on(0, &active).await;
    }

    /// Through the host in this place; decided by who is active.
    pub(crate) async fn count_on(&mut self, place: usize, active: &Activated) {
        for id in STREAMS {
            let tag = format!("sent-{}", self.sent.len());
            let url = format!("{}/streams/{id}/commands/Increment", self.hosts.listens(place).await);
            let request = self.http.post(url).header("Correlation-Id", &tag).json(&json!({ "by": 1 }));
            let (status, said) = said(request).await.unwrap();
            assert_eq!(status, StatusCode::OK, "{said}");
            let accepted = accepted(&said);
            let stream_id = StreamId::new(id).unwrap();
            let (generation, digest) = (active.generation.number, active.generation.decides(&stream_id));
            assert_eq!(accepted.decided_by, Decider { generation, digest }, "{said}");
            let answers = vec![Answer::Accepted(accepted)];
            self.sent.push(Sent { tag, stream_id, command_id: None, events_max: 1, answers });
        }
    }

    /// Holds the host up at a point, where it can be.
    pub(crate) async fn hold(&self, point: Kill) -> Option<Held> {
        match point {
            Kill::BeforeTelling => Some(Held::tellings(&self.database.url).await),
            Kill::InCommit => Some(Held::commits(&self.database.url).await),
            Kill::After(_) | Kill::Answered => None,
        }
    }

    /// Kills the host at a point of what it was asked for, and gives what was answered.
    pub(crate) async fn kill_at<T>(&mut self, point: Kill, held: Option<Held>, asked: JoinHandle<T>) -> T {
        if point == Kill::Answered {
            let answer = asked.await.unwrap();
            self.hosts.kill(0).await;
            return answer;
        }
        match (point, held) {
            (Kill::After(time), _) => {
                pass(time).await;
                self.hosts.kill(0).await;
            }
            (_, held) => {
                let mut held = held.unwrap();
                held.until_waited_for(1).await;
                self.hosts.kill(0).await;
                held.release().await;
            }
        }
        asked.await.unwrap()
    }

    /// Waits until what killed hosts had under way is over, and reads what there is. All of it has to agree, whatever was done.
    pub(crate) async fn history(&mut self) -> History {
        tables::until_alone(&mut self.connection).await;
        let store = PostgresEventStore::connect(&self.database.url, &PoolConfig::default()).await.unwrap();
        let history = tables::read(&store, &mut self.connection).await;
        store.close().await;
        judge(&self.sent, &Told::default(), &history).unwrap_or_else(|reason| panic!("in between: {reason}"));
        history
    }

    /// Starts the host again; what it says is what the database has, and commands are decided so.
    pub(crate) async fn start_and_compare(&mut self, history: &History) {
        self.hosts.start(0);
        self.says_what_there_is(history).await;
        if self.active("counter").await.is_some() {
            self.count().await;
        }
    }

    /// What the host says is what the database has.
    pub(crate) async fn says_what_there_is(&self, history: &History) {
        let record = self.get("/reducers/counter").await;
        let newest_first = history.activations.iter().rev().map(|activated| &activated.generation);
        let list = |name: &str| record[name].as_array().unwrap().iter();
        let activations: Vec<_> = list("activations").map(|activation| generation("counter", activation)).collect();
        // The answer has the newest ones.
        assert_eq!(activations.iter().collect::<Vec<_>>(), newest_first.take(50).collect::<Vec<_>>(), "{record}");
        let active = record["active"].as_object().map(|_| generation("counter", &record["active"]));
        assert_eq!(active.as_ref(), activations.first(), "{record}");
        let components = list("components").map(|component| component["digest"].as_str().unwrap().parse().unwrap());
        let mut components: Vec<ReducerDigest> = components.collect();
        let mut kept: Vec<_> = history.kept.iter().map(|(_, digest)| *digest).collect();
        components.sort_by_key(ReducerDigest::to_string);
        kept.sort_by_key(ReducerDigest::to_string);
        assert_eq!(components, kept, "{record}");
        let told = self.get("/streams/$reducers-counter/events?limit=1000").await;
        let told: Vec<_> =
            told["events"].as_array().unwrap().iter().map(|event| event["data"]["generation"].as_u64()).collect();
        let tells = history.events.iter().filter_map(|event| event.tells.as_ref()).map(|tells| match tells {
            Tells::Generation { generation, .. } => Some(generation.number),
            _ => None,
        });
        assert_eq!(told, tells.collect::<Vec<_>>());
    }

    /// Ends the leases that a killed host left, as time would.
    pub(crate) async fn end_leases(&mut self) {
        let end = "UPDATE verifications SET leased_until = now() WHERE status = 'running'";
        sqlx::query(end).execute(&mut self.connection).await.unwrap();
    }
}

pub(crate) async fn said(request: reqwest::RequestBuilder) -> reqwest::Result<Said> {
    let answer = request.send().await?;
    let status = answer.status();
    Ok((status, answer.json().await?))
}

/// A generation as a host shows it.
pub(crate) fn generation(name: &str, shown: &Value) -> Generation {
    let digest = |value: &Value| value.as_str().unwrap().parse().unwrap();
    let canary = shown["canary"].as_object();
    Generation {
        name: name.into(),
        number: shown["generation"].as_u64().unwrap(),
        digest: digest(&shown["digest"]),
        canary: canary.map(|canary| (digest(&canary["digest"]), canary["share"].as_str().unwrap().parse().unwrap())),
    }
}

fn accepted(said: &Value) -> Accepted {
    let events = said["events"].as_array().unwrap().iter();
    let events =
        events.map(|event| (event["version"].as_u64().unwrap(), event["event_type"].as_str().unwrap().to_owned()));
    let generation = said["reducer"]["generation"].as_u64().unwrap();
    let digest = said["reducer"]["digest"].as_str().unwrap().parse().unwrap();
    let version = said["version"].as_u64().unwrap();
    Accepted { version, events: events.collect(), decided_by: Decider { generation, digest } }
}
