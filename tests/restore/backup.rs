//! A database from one cluster into another, by the commands of the documentation.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

/// The database on the other server, where its URL is the answer.
pub(crate) async fn restored(from: &OwnServer, database: &TestDatabase, into: &OwnServer) -> String {
    let dir = tempfile::tempdir().unwrap();
    let dump = dir.path().join("foldhost.dump").display().to_string();
    run(&program(from, "pg_dump").await, &["--format=custom", &format!("--file={dump}"), &database.url]);
    let maintenance = format!("--maintenance-db={}", into.url("postgres"));
    run(&program(into, "createdb").await, &[&maintenance, "--owner=foldhost", "restored"]);
    let url = into.url("restored");
    let target = format!("--dbname={url}");
    run(&program(into, "pg_restore").await, &["--no-owner", "--role=foldhost", "--exit-on-error", &target, &dump]);
    url
}

/// One of the programs that came with a server.
async fn program(server: &OwnServer, name: &str) -> PathBuf {
    let mut connection = PgConnection::connect(&server.url("postgres")).await.unwrap();
    let ask = "SELECT setting FROM pg_config WHERE name = 'BINDIR'";
    let bin_dir: String = sqlx::query_scalar(ask).fetch_one(&mut connection).await.unwrap();
    PathBuf::from(bin_dir).join(name)
}

fn run(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.display()));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {errors}", program.display());
}

/// Takes so many transaction ids out of a cluster's count, as years of other work do.
pub(crate) async fn burn_transaction_ids(url: &str, count: u32) {
    let burn = format!("DO $$ BEGIN FOR n IN 1..{count} LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$");
    PgConnection::connect(url).await.unwrap().execute(AssertSqlSafe(burn)).await.unwrap();
}
