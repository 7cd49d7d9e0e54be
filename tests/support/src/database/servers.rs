//! Which server the tests use, and that it runs.

use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use foldhost::embedded_postgres::{Durability, EmbeddedPostgres, ServerAddress};
use sqlx::PgConnection;

use super::{container, leftovers, local, template};

/// A running server, as an address.
#[derive(Debug, Clone)]
pub(crate) enum Server {
    /// A private server, on its socket.
    Local(ServerAddress),
    /// A container, on a port of this machine.
    Container {
        /// The port of 127.0.0.1 that leads to it.
        port: u16,
    },
}

impl Server {
    /// The URL of a database on this server, for its superuser.
    pub(crate) fn url(&self, database: &str) -> String {
        match self {
            Self::Local(address) => address.url(database),
            Self::Container { port } => container::url(*port, database),
        }
    }
}

/// What `FOLDHOST_TEST_POSTGRES` may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Local,
    Docker,
}

impl Kind {
    fn parse(value: Option<&str>) -> Result<Self, String> {
        match value {
            None | Some("local") => Ok(Self::Local),
            Some("docker") => Ok(Self::Docker),
            Some(other) => Err(format!("FOLDHOST_TEST_POSTGRES is `{other}`: set it to local or docker, or unset it")),
        }
    }
}

/// The binary's server of this kind, with the template in it.
pub(super) fn running(durability: Durability) -> &'static Server {
    static UNSYNCED: OnceLock<Result<Server, String>> = OnceLock::new();
    static DURABLE: OnceLock<Result<Server, String>> = OnceLock::new();
    let server = match durability {
        Durability::OffForTests => &UNSYNCED,
        Durability::Full => &DURABLE,
    };
    // A failed start is remembered too: each further test would wait as long for the same.
    let server = server.get_or_init(|| {
        let (started, server) = channel();
        // A thread and a runtime of its own: each test has a runtime that ends before the next test's begins.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.unwrap().block_on(run(durability, &started));
        });
        server.recv().expect("the thread says how its start went")
    });
    server.as_ref().unwrap_or_else(|reason| panic!("{reason}"))
}

/// Starts the server, says how that went, and keeps it to the end of the process.
async fn run(durability: Durability, started: &Sender<Result<Server, String>>) {
    match start(durability).await {
        Ok((server, _owned, _session)) => {
            started.send(Ok(server)).unwrap();
            std::future::pending::<()>().await;
        }
        Err(reason) => started.send(Err(reason)).unwrap(),
    }
}

/// The server, the process where it is ours, and the session that tells others that it is in use.
async fn start(durability: Durability) -> Result<(Server, Option<EmbeddedPostgres>, PgConnection), String> {
    let kind = Kind::parse(std::env::var("FOLDHOST_TEST_POSTGRES").ok().as_deref())?;
    let (server, owned, mut entered) = match kind {
        Kind::Local => {
            let owned = local::start(durability).await?;
            let server = Server::Local(owned.address().clone());
            let entered = leftovers::enter(&server).await.map_err(|error| failed(&error))?;
            (server, Some(owned), entered)
        }
        Kind::Docker => {
            let (server, entered) = container::start(durability).await?;
            (server, None, entered)
        }
    };
    entered.drop_leftovers().await.map_err(|error| failed(&error))?;
    template::ensure(&server, entered.session()).await.map_err(|error| failed(&error))?;
    let session = entered.finish().await.map_err(|error| failed(&error))?;
    Ok((server, owned, session))
}

fn failed(error: &sqlx::Error) -> String {
    format!("the test server cannot be prepared: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_server_is_the_default() {
        assert_eq!(Kind::parse(None), Ok(Kind::Local));
        assert_eq!(Kind::parse(Some("local")), Ok(Kind::Local));
        assert_eq!(Kind::parse(Some("docker")), Ok(Kind::Docker));
    }

    #[test]
    fn another_kind_of_server_is_refused_with_the_ones_that_there_are() {
        for value in ["", "Docker", "postgres://127.0.0.1/x"] {
            let refused = Kind::parse(Some(value)).unwrap_err();
            assert!(refused.contains(value) && refused.contains("local or docker"), "{refused}");
        }
    }
}
