use super::leftovers::enter;
use super::*;
use crate::OwnServer;

const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)";

/// A server that has not seen a test binary yet.
async fn new_server() -> (OwnServer, Server) {
    let own = OwnServer::start(Durability::OffForTests).await;
    let server = Server::Local(own.address().clone());
    (own, server)
}

/// What a binary does before its first test. The session says that it is still there.
async fn prepare(server: &Server) -> PgConnection {
    let mut entered = enter(server).await.unwrap();
    entered.drop_leftovers().await.unwrap();
    template::ensure(server, entered.session()).await.unwrap();
    entered.finish().await.unwrap()
}

async fn make(session: &mut PgConnection, name: &str) {
    session.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
}

async fn is_there(session: &mut PgConnection, name: &str) -> bool {
    sqlx::query_scalar(IS_THERE).bind(name).fetch_one(session).await.unwrap()
}

#[tokio::test]
async fn each_test_has_a_migrated_database_of_its_own() {
    let (one, other) = (database().await, database().await);
    one.connect().await.execute("CREATE TABLE only_here ()").await.unwrap();
    let tables = "SELECT to_regclass('events') IS NOT NULL, to_regclass('only_here') IS NOT NULL";
    let found: (bool, bool) = sqlx::query_as(tables).fetch_one(&mut other.connect().await).await.unwrap();
    assert_eq!(found, (true, false));
    other.store.check_schema().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binaries_that_start_at_once_make_one_template() {
    let (_own, server) = new_server().await;
    let binaries: Vec<_> = (0..4)
        .map(|_| {
            let server = server.clone();
            tokio::spawn(async move {
                let session = prepare(&server).await;
                let database = create(&server, &PoolConfig::default()).await;
                database.store.check_schema().await.unwrap();
                session
            })
        })
        .collect();
    let mut sessions = Vec::new();
    for binary in binaries {
        sessions.push(binary.await.unwrap());
    }
    let left: Vec<String> =
        sqlx::query_scalar("SELECT datname::text FROM pg_database WHERE datname LIKE 'foldhost\\_%'")
            .fetch_all(&mut sessions[0])
            .await
            .unwrap();
    assert_eq!(left, [template::name()]);
}

/// A binary was killed while it migrated: the next one must not copy what it left.
#[tokio::test]
async fn a_template_that_was_not_finished_is_made_anew() {
    let (_own, server) = new_server().await;
    let mut session = PgConnection::connect(&server.url("postgres")).await.unwrap();
    make(&mut session, template::UNFINISHED).await;
    let mut half = PgConnection::connect(&server.url(template::UNFINISHED)).await.unwrap();
    half.execute("CREATE TABLE events ()").await.unwrap();
    prepare(&server).await;
    create(&server, &PoolConfig::default()).await.store.check_schema().await.unwrap();
    assert!(!is_there(&mut session, template::UNFINISHED).await);
}

#[tokio::test]
async fn nobody_can_connect_to_the_template() {
    let (_own, server) = new_server().await;
    prepare(&server).await;
    let refused = PgConnection::connect(&server.url(template::name())).await.unwrap_err();
    assert!(refused.to_string().contains("not currently accepting connections"), "{refused}");
}

#[tokio::test]
async fn what_earlier_runs_left_is_dropped_unless_somebody_is_connected() {
    let (_own, server) = new_server().await;
    let mut session = prepare(&server).await;
    let (left, looked_at) = (new_name(), new_name());
    for name in [left.as_str(), &looked_at, "foldhost_template_of_old", "testimony"] {
        make(&mut session, name).await;
    }
    session.close().await.unwrap();
    let person = PgConnection::connect(&server.url(&looked_at)).await.unwrap();
    let mut session = prepare(&server).await;
    assert!(!is_there(&mut session, &left).await);
    assert!(!is_there(&mut session, "foldhost_template_of_old").await);
    assert!(is_there(&mut session, &looked_at).await);
    assert!(is_there(&mut session, "testimony").await, "a name that is not ours");
    assert!(is_there(&mut session, template::name()).await);
    person.close().await.unwrap();
}

#[tokio::test]
async fn beside_another_run_only_old_databases_are_dropped() {
    let (_own, server) = new_server().await;
    let mut other = prepare(&server).await;
    let young = new_name();
    // January 2024.
    let old = "test_018cc251f4007000800000000000000a";
    for name in [young.as_str(), old, "test_by_hand", "foldhost_template_of_another_checkout"] {
        make(&mut other, name).await;
    }
    prepare(&server).await;
    assert!(!is_there(&mut other, old).await);
    for kept in [young.as_str(), "test_by_hand", "foldhost_template_of_another_checkout"] {
        assert!(is_there(&mut other, kept).await, "{kept}");
    }
}
