//! The start of a server, from the directory to the first connection.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::address::{PORT, ServerAddress};
use super::data_dir::{DataDir, DataDirLock, POLL_INTERVAL};
use super::installation::Installation;
use super::postmaster::{PidFile, Status, end_orphan};
use super::process::{Held, ServerProcess};
use super::server_user::ServerUser;
use super::socket_dir::SocketDir;
use super::{Durability, EmbeddedPostgres, EmbeddedPostgresConfig, EmbeddedPostgresError, cluster, last_lines};

/// How long to leave a predecessor's remains alone before the next attempt.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Everything that a launch needs, found and made.
struct Prepared {
    config: EmbeddedPostgresConfig,
    dir: DataDir,
    user: ServerUser,
    installation: Installation,
    socket_dir: Arc<SocketDir>,
}

pub(super) async fn launch(config: EmbeddedPostgresConfig) -> Result<EmbeddedPostgres, EmbeddedPostgresError> {
    let deadline = Instant::now() + config.start_timeout;
    // 1. The directory is ours, and ours alone.
    let data_dir = config.data_dir.clone();
    let (dir, user) = blocking(move || DataDir::open(&data_dir)).await?;
    let lock = Arc::new(DataDirLock::acquire(&dir, deadline).await?);
    // 2. Nobody else serves it: initdb and a changed owner would pull the ground from under an orphan.
    let pgdata = dir.pgdata();
    end_orphan(&pgdata).await?;
    // 3. Programs, database and socket directory are there.
    let held_lock = Arc::clone(&lock);
    let prepared = blocking(move || {
        let prepared = Prepared::new(config, dir, user);
        // An initdb that outlives a start that was given up keeps the directory locked to its end.
        drop(held_lock);
        prepared
    })
    .await?;
    // 4. A server of ours accepts connections.
    loop {
        let stale_pid = end_orphan(&pgdata).await?;
        match prepared.attempt(&lock, stale_pid, deadline).await? {
            Attempt::Ready(postgres) => {
                lock.mark_running();
                return Ok(postgres);
            }
            Attempt::ComesTooEarly => sleep(RETRY_INTERVAL).await,
        }
    }
}

enum Attempt {
    Ready(EmbeddedPostgres),
    /// The predecessor's processes or files are still going away.
    ComesTooEarly,
}

impl Prepared {
    fn new(config: EmbeddedPostgresConfig, dir: DataDir, user: ServerUser) -> Result<Self, EmbeddedPostgresError> {
        let data = cluster::major_version(&dir)?.map(|major| (dir.path(), major));
        let installation = Installation::find(config.bin_dir.as_deref(), &config.search, &user, data)?;
        cluster::ensure(&dir, &installation, &user, config.durability)?;
        let socket_dir = Arc::new(SocketDir::create(&dir, &user)?);
        Ok(Self { config, dir, user, installation, socket_dir })
    }

    async fn attempt(
        &self,
        lock: &Arc<DataDirLock>,
        stale_pid: Option<u32>,
        deadline: Instant,
    ) -> Result<Attempt, EmbeddedPostgresError> {
        let mut log = LogReader::at_end(self.dir.open_log()?);
        let command = self.command(stale_pid)?;
        let held = Held { socket_dir: Arc::clone(&self.socket_dir), lock: Arc::clone(lock) };
        let process = ServerProcess::spawn(command, held).await.map_err(|source| EmbeddedPostgresError::CannotRun {
            program: self.installation.program("postgres"),
            source,
        })?;
        let address = ServerAddress::new(self.socket_dir.path.clone(), PORT, process.pid());
        loop {
            if let Some(status) = process.status() {
                return self.ended_early(status, &log.read_new(), deadline);
            }
            if self.is_ready(&address).await {
                return Ok(Attempt::Ready(EmbeddedPostgres {
                    process,
                    address,
                    bin_dir: self.installation.bin_dir.clone(),
                    version: self.installation.version.clone(),
                    log_file: self.dir.log_file(),
                }));
            }
            if Instant::now() >= deadline {
                // The time is up, not the shutdown's: wait for it, so that the directory is free for another start.
                process.stop().await?;
                let (after, log_file) = (self.config.start_timeout, self.dir.log_file());
                return Err(EmbeddedPostgresError::StartTimeout {
                    after,
                    log_end: last_lines(&log.read_new()),
                    log_file,
                });
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    fn command(&self, stale_pid: Option<u32>) -> Result<Command, EmbeddedPostgresError> {
        let mut command = self.user.command(&self.installation.program("postgres"));
        command.arg("-D").arg(self.dir.pgdata());
        for (name, value) in settings(&self.config, &self.socket_dir) {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        if let Some(pid) = stale_pid {
            // pg_ctl's way to say that this number in postmaster.pid is no server's. Removing the file instead would
            // also remove what PostgreSQL needs to find backends of the dead server that still use its memory.
            command.env("PG_GRANDPARENT_PID", pid.to_string());
        }
        command.stdout(self.dir.open_log()?).stderr(self.dir.open_log()?);
        Ok(command)
    }

    /// Whether *our* server accepts connections. The socket alone does not tell: an orphan answers on it too.
    async fn is_ready(&self, address: &ServerAddress) -> bool {
        let file = PidFile::read(&self.dir.pgdata()).ok().flatten();
        file.is_some_and(|file| file.pid == address.pid() && file.status == Status::Ready)
            && UnixStream::connect(address.socket()).await.is_ok()
    }

    fn ended_early(&self, status: ExitStatus, log: &str, deadline: Instant) -> Result<Attempt, EmbeddedPostgresError> {
        if Instant::now() < deadline && is_passing(log) {
            return Ok(Attempt::ComesTooEarly);
        }
        let (log_end, log_file) = (last_lines(log), self.dir.log_file());
        Err(EmbeddedPostgresError::ExitedWhileStarting { status, log_end, log_file })
    }
}

/// The settings on the server's command line, where neither `postgresql.conf` nor `ALTER SYSTEM` can change them.
fn settings(config: &EmbeddedPostgresConfig, socket_dir: &SocketDir) -> Vec<(String, String)> {
    let is_synced = match config.durability {
        Durability::Full => "on",
        Durability::OffForTests => "off",
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut settings = vec![
        pair("cluster_name", "foldhost"),
        pair("fsync", is_synced),
        pair("full_page_writes", is_synced),
        // Without fsync a commit costs one write into the system's cache. Off, a killed server would lose the last ones.
        pair("synchronous_commit", "on"),
        pair("max_connections", &config.connections_max.to_string()),
    ];
    settings.extend(config.settings.iter().cloned());
    // The value is a list: the quotes keep a directory whose name has a comma or a space in one piece.
    let quoted = format!("\"{}\"", socket_dir.path.to_string_lossy().replace('"', "\"\""));
    settings.extend([
        pair("listen_addresses", ""),
        pair("port", &PORT.to_string()),
        pair("unix_socket_directories", &quoted),
        pair("logging_collector", "off"),
        pair("log_destination", "stderr"),
    ]);
    settings
}

/// Whether the server met something of its predecessor that is still going away: backends that have not noticed its
/// death yet, or its process, dead and not collected.
fn is_passing(log: &str) -> bool {
    log.contains("pre-existing shared memory block") || (log.contains("lock file \"") && log.contains("already exists"))
}

/// Reads what one server adds to the log.
struct LogReader {
    file: File,
    start: u64,
}

impl LogReader {
    fn at_end(log: File) -> Self {
        let start = log.metadata().map_or(0, |log| log.len());
        Self { file: log, start }
    }

    fn read_new(&mut self) -> String {
        let mut bytes = Vec::new();
        let read = self.file.seek(SeekFrom::Start(self.start)).and_then(|_| self.file.read_to_end(&mut bytes));
        if let Err(error) = read {
            tracing::warn!(%error, "the log of PostgreSQL cannot be read");
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// Runs what waits for files and programs outside the runtime's own threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbeddedPostgresError> + Send + 'static,
) -> Result<T, EmbeddedPostgresError> {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(EmbeddedPostgresError::Interrupted),
        },
    }
}
