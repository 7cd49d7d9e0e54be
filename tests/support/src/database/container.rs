//! A container that all test binaries of this machine share.
//!
//! It is reused and not removed with the value: a static is never dropped, so each binary would leave one behind.
//! scripts/test removes it when it has run the tests.

use std::time::{Duration, Instant};

use foldhost::embedded_postgres::Durability;
use testcontainers::core::IntoContainerPort;
use testcontainers::core::error::{ClientError, TestcontainersError};
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerRequest, ImageExt, ReuseDirective};
use testcontainers_modules::postgres::Postgres;

use super::SETTINGS;
use super::leftovers::{Entered, enter};
use super::servers::Server;

const USER: &str = "foldhost";
/// No secret: the port is open to this machine alone, and so it is to everyone on it.
const PASSWORD: &str = "foldhost";

/// How long a start may take once the image is there. On a busy machine initdb alone has taken many seconds.
const START_MAX: Duration = Duration::from_secs(90);

/// How soon to look again at a server that starts. Nothing tells about one that another binary has started.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Why an attempt to enter the container's server has failed.
enum Failure {
    /// What no further attempt mends.
    Lasting(String),
    /// It is starting, or on its way out, or another binary makes it at this moment.
    Passing(String),
}

pub(super) fn url(port: u16, database: &str) -> String {
    format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/{database}?sslmode=disable")
}

/// The server in the container, which is made and started where it is not there.
pub(super) async fn start(durability: Durability) -> Result<(Server, Entered), String> {
    let tag = std::env::var("FOLDHOST_TEST_POSTGRES_TAG").unwrap_or_else(|_| "17".to_owned());
    let deadline = Instant::now() + START_MAX;
    loop {
        match attempt(&tag, durability).await {
            Ok(entered) => return Ok(entered),
            Err(Failure::Passing(_)) if Instant::now() < deadline => tokio::time::sleep(RETRY_INTERVAL).await,
            Err(Failure::Passing(reason)) => {
                let name = name(&tag, durability);
                return Err(format!("{name} is not ready after {START_MAX:?}: {reason}; see `docker logs {name}`"));
            }
            Err(Failure::Lasting(reason)) => return Err(reason),
        }
    }
}

async fn attempt(tag: &str, durability: Durability) -> Result<(Server, Entered), Failure> {
    let container = request(tag, durability).start().await.map_err(|error| failure(tag, &error))?;
    let port = container.get_host_port_ipv4(5432.tcp()).await.map_err(|error| failure(tag, &error))?;
    let server = Server::Container { port };
    let entered = enter(&server).await.map_err(|error| Failure::Passing(error.to_string()))?;
    Ok((server, entered))
}

fn failure(tag: &str, error: &TestcontainersError) -> Failure {
    match error {
        TestcontainersError::Client(ClientError::PullImage { .. }) => {
            Failure::Lasting(format!("{error}: make the image with `scripts/postgres-image postgres:{tag}`"))
        }
        TestcontainersError::Client(ClientError::ListContainers(_) | ClientError::Configuration(_)) => {
            Failure::Lasting(format!("no Docker engine answers: {error}; start one, or unset FOLDHOST_TEST_POSTGRES"))
        }
        _ => Failure::Passing(error.to_string()),
    }
}

/// Two names, neither of which begins with the other: an engine that is asked for a name gives all that begin so.
fn name(tag: &str, durability: Durability) -> String {
    let kind = match durability {
        Durability::Full => "durable",
        Durability::OffForTests => "unsynced",
    };
    format!("foldhost-test-postgres-{tag}-{kind}")
}

fn request(tag: &str, durability: Durability) -> ContainerRequest<Postgres> {
    let name = name(tag, durability);
    let is_synced = match durability {
        Durability::Full => "on",
        Durability::OffForTests => "off",
    };
    let mut settings = vec![
        format!("fsync={is_synced}"),
        format!("synchronous_commit={is_synced}"),
        format!("full_page_writes={is_synced}"),
        "max_connections=300".to_owned(),
    ];
    if durability == Durability::OffForTests {
        settings.extend(SETTINGS.map(|(name, value)| format!("{name}={value}")));
    }
    Postgres::default()
        .with_db_name("postgres")
        .with_user(USER)
        .with_password(PASSWORD)
        .with_tag(tag)
        .with_cmd(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]))
        // It is ready when it lets somebody in. The lines that testcontainers waits for differ between images.
        .with_ready_conditions(Vec::new())
        .with_mapped_port(0, 5432.tcp())
        .with_host_config_modifier(|config| {
            // For this machine alone: the password is no secret.
            let bindings = config.port_bindings.iter_mut().flat_map(|ports| ports.values_mut());
            for binding in bindings.flatten().flatten() {
                binding.host_ip = Some("127.0.0.1".to_owned());
            }
        })
        // Docker's own 64 MB are too little for a parallel query.
        .with_shm_size(512 * 1024 * 1024)
        .with_label(LABEL, &name)
        .with_container_name(name)
        .with_reuse(ReuseDirective::Always)
}

/// What scripts/test knows the containers by.
const LABEL: &str = "foldhost.test-postgres";
