//! One private server a test binary, one database a test.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use foldhost::embedded_postgres::{
    Durability, EmbeddedPostgres, EmbeddedPostgresConfig, EmbeddedPostgresError, ServerAddress,
};
use foldhost::{PoolConfig, PostgresEventStore};
use sqlx::{Connection, Executor, PgConnection};

/// A migrated database that no other test uses.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where it is.
    pub url: String,
    /// A store over it.
    pub store: Arc<PostgresEventStore>,
}

impl TestDatabase {
    /// A connection beside the store's, for what a store does not do.
    pub async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}

/// A new database with the schema in it, on a server that does not sync: fast, and as good as durable for a test.
pub async fn database() -> TestDatabase {
    create(server(Durability::OffForTests), &PoolConfig::default()).await
}

/// A new database on a server that syncs every commit, for benches.
pub async fn durable_database(connections_max: u32) -> TestDatabase {
    create(server(Durability::Full), &PoolConfig { connections_max, ..PoolConfig::default() }).await
}

async fn create(server: &ServerAddress, config: &PoolConfig) -> TestDatabase {
    let name = format!("test_{}", uuid::Uuid::now_v7().simple());
    let mut maintenance = PgConnection::connect(&server.url("postgres")).await.unwrap();
    maintenance
        .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name} TEMPLATE foldhost_template")))
        .await
        .unwrap();
    maintenance.close().await.unwrap();
    let url = server.url(&name);
    let store = PostgresEventStore::connect(&url, config).await.unwrap();
    TestDatabase { url, store: Arc::new(store) }
}

/// The binary's server. It ends with the process.
fn server(durability: Durability) -> &'static ServerAddress {
    static SERVER: OnceLock<ServerAddress> = OnceLock::new();
    SERVER.get_or_init(|| {
        let (started, address) = std::sync::mpsc::channel();
        // A thread and a runtime of its own: each test has a runtime that ends before the next test's begins.
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap().block_on(
                async {
                    let server = start(durability).await;
                    started.send(server.address().clone()).unwrap();
                    server.exited().await;
                },
            );
        });
        address.recv().expect("the test server starts")
    })
}

async fn start(durability: Durability) -> EmbeddedPostgres {
    // Below the temporary directory, which the server's user may enter; a checkout in root's home it may not. Another run
    // of the same binary may hold the first place.
    for place in 0..16 {
        let mut config = EmbeddedPostgresConfig::new(data_dir(place));
        config.durability = durability;
        match EmbeddedPostgres::start(config).await {
            Ok(server) => {
                make_template(&server).await;
                return server;
            }
            Err(EmbeddedPostgresError::AlreadyRunning { .. }) => {}
            Err(error) => panic!("the test server does not start: {error}"),
        }
    }
    panic!("all places for a test server are taken");
}

fn data_dir(place: usize) -> PathBuf {
    let binary = std::env::current_exe().unwrap();
    let binary = binary.file_stem().unwrap().to_string_lossy().into_owned();
    let user = std::env::var("USER").unwrap_or_default();
    std::env::temp_dir().join(format!("foldhost-tests-{user}")).join(format!("{binary}-{place}"))
}

/// Drops what earlier runs left, and migrates the database that the tests' are copies of.
async fn make_template(server: &EmbeddedPostgres) {
    let mut maintenance = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let left: Vec<(String,)> = sqlx::query_as(
        "SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%' OR datname = 'foldhost_template'",
    )
    .fetch_all(&mut maintenance)
    .await
    .unwrap();
    for (name,) in left {
        maintenance.execute(sqlx::AssertSqlSafe(format!("DROP DATABASE {name} WITH (FORCE)"))).await.unwrap();
    }
    maintenance.execute("CREATE DATABASE foldhost_template").await.unwrap();
    maintenance.close().await.unwrap();
    let template = PostgresEventStore::connect(&server.url("foldhost_template"), &PoolConfig::default()).await.unwrap();
    template.migrate().await.unwrap();
    template.close().await;
}
