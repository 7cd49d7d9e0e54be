//! Where a server listens, as plain data.

use std::path::{Path, PathBuf};

use sqlx::Postgres;
use sqlx::migrate::MigrateDatabase;

use super::EmbeddedPostgresError;

/// The superuser of an embedded server.
pub(super) const USER: &str = "foldhost";

/// The number in the socket's file name. No TCP port is opened.
pub(super) const PORT: u16 = 5432;

/// Where an embedded server listens: all that a client needs to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddress {
    socket_dir: PathBuf,
    port: u16,
    pid: u32,
}

impl ServerAddress {
    pub(super) fn new(socket_dir: PathBuf, port: u16, pid: u32) -> Self {
        Self { socket_dir, port, pid }
    }

    /// The directory that holds the server's Unix socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The socket itself.
    pub(super) fn socket(&self) -> PathBuf {
        socket_in(&self.socket_dir, self.port)
    }

    /// The role to connect as, a superuser.
    pub fn user(&self) -> &str {
        USER
    }

    /// The number in the socket's file name. The server opens no TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The server's process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The URL of a database on this server, in the form that sqlx, psql and the other libpq clients read.
    ///
    /// TLS is off in it: a `PGSSLMODE` in the environment must not make a Unix socket ask for it.
    pub fn url(&self, database: &str) -> String {
        let host = percent_encoded(&self.socket_dir.to_string_lossy());
        let (database, port) = (percent_encoded(database), self.port);
        format!("postgres:///{database}?host={host}&port={port}&user={USER}&sslmode=disable")
    }

    /// Creates the database unless it is there. Callers that race for the same name all succeed.
    ///
    /// # Errors
    ///
    /// [`EmbeddedPostgresError::Database`] when the server cannot be asked or refuses.
    pub async fn ensure_database(&self, name: &str) -> Result<(), EmbeddedPostgresError> {
        let url = self.url(name);
        let failed = |source| EmbeddedPostgresError::Database { name: name.to_owned(), source };
        if Postgres::database_exists(&url).await.map_err(failed)? {
            return Ok(());
        }
        match Postgres::create_database(&url).await {
            Ok(()) => Ok(()),
            Err(_) if Postgres::database_exists(&url).await.map_err(failed)? => Ok(()),
            Err(source) => Err(failed(source)),
        }
    }
}

/// The path of the socket that a server with this port makes in a directory.
pub(super) fn socket_in(dir: &Path, port: u16) -> PathBuf {
    dir.join(format!(".s.PGSQL.{port}"))
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::str::FromStr;

    use sqlx::postgres::PgConnectOptions;

    use super::*;

    #[test]
    fn a_url_survives_any_path_and_database_name() {
        let dir = "/data/a b+c&d=é%/run";
        let address = ServerAddress::new(dir.into(), 5432, 1);
        let options = PgConnectOptions::from_str(&address.url("my db?x=1&y")).unwrap();
        assert_eq!(options.get_socket().map(PathBuf::as_path), Some(Path::new(dir)));
        assert_eq!(options.get_database(), Some("my db?x=1&y"));
        assert_eq!((options.get_username(), options.get_port()), ("foldhost", 5432));
    }
}
