use foldhost::event_store::{AppendOutcome, StreamBatch};
use foldhost::{EventStore, SerializedEvent, StreamId, Version};
use sqlx::{Connection, Executor, PgConnection};

use super::*;

/// Appends one event behind `expected`, if the server is there.
async fn append(database: &TestDatabase, expected: u64) -> bool {
    let event = SerializedEvent { event_type: "Happened.v1".into(), data: b"data".to_vec() };
    let batch = StreamBatch::new(StreamId::new("order-1").unwrap(), Version::new(expected), vec![event]);
    match database.store.append_many(&[batch]).await {
        Ok(outcomes) => {
            assert_eq!(outcomes, [AppendOutcome::Appended { version: Version::new(expected + 1) }]);
            true
        }
        Err(_) => false,
    }
}

/// Few seconds to wait for a server that is down, and a pool whose connections all break.
fn impatient() -> PoolConfig {
    PoolConfig { acquire_max: Duration::from_secs(5), ..PoolConfig::default() }
}

async fn count(database: &TestDatabase) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM events").fetch_one(&mut database.connect().await).await.unwrap()
}

#[tokio::test]
async fn a_killed_server_comes_back_at_its_url_with_all_that_was_acknowledged() {
    for durability in [Durability::Full, Durability::OffForTests] {
        let mut server = OwnServer::start(durability).await;
        let database = server.database(&impatient()).await;
        let url = server.url("postgres");
        assert!(append(&database, 0).await);
        server.kill().await;
        PgConnection::connect(&url).await.unwrap_err();
        server.restart().await;
        assert_eq!(server.url("postgres"), url);
        assert_eq!(count(&database).await, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_ends_a_backend_that_is_busy() {
    let mut server = OwnServer::start(Durability::OffForTests).await;
    let mut busy = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut busy).await.unwrap();
    let busy = tokio::spawn(async move { busy.execute("SELECT sum(i) FROM generate_series(1, 1e15) i").await });
    server.kill().await;
    busy.await.unwrap().unwrap_err();
    assert!(!Path::new("/proc").join(backend.to_string()).join("exe").exists());
}

#[tokio::test]
async fn a_stopped_server_tells_its_clients_and_comes_back() {
    let mut server = OwnServer::start(Durability::OffForTests).await;
    let database = server.database(&impatient()).await;
    assert!(append(&database, 0).await);
    let mut connection = database.connect().await;
    server.stop().await;
    connection.execute("SELECT 1").await.unwrap_err();
    assert!(!append(&database, 1).await, "nobody is there to answer");
    server.restart().await;
    // The store finds the server by itself, once the connections that broke are used up.
    let found = async { while !append(&database, 1).await {} };
    tokio::time::timeout(Duration::from_secs(30), found).await.unwrap();
    assert_eq!(count(&database).await, 2);
}

#[tokio::test]
async fn a_server_that_is_dropped_leaves_nothing_behind() {
    let server = OwnServer::start(Durability::OffForTests).await;
    let (url, data_dir) = (server.url("postgres"), server.config.data_dir.clone());
    assert!(data_dir.exists());
    drop(server);
    assert!(!data_dir.exists());
    PgConnection::connect(&url).await.unwrap_err();
}

#[test]
fn only_directories_of_servers_that_are_long_dead_are_removed() {
    let dir = tests_dir().join(format!("left-{}", uuid::Uuid::now_v7().simple()));
    let names = [
        // January 2024.
        "own-018cc251f4007000800000000000000a".to_owned(),
        format!("own-{}", uuid::Uuid::now_v7().simple()),
        "runtime-0".to_owned(),
    ];
    for name in &names {
        fs::create_dir_all(dir.join(name).join("pg")).unwrap();
    }
    remove_left_behind(&dir);
    let is_there = names.map(|name| dir.join(name).exists());
    fs::remove_dir_all(&dir).unwrap();
    assert_eq!(is_there, [false, true, true]);
}
