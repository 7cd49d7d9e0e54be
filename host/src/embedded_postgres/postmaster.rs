//! What postmaster.pid tells, and the end of a server that a killed host left behind.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::EmbeddedPostgresError;
use super::data_dir::POLL_INTERVAL;

/// How a server is ended: fast shutdown, immediate shutdown, and what nothing survives; each with its time to work.
pub(super) const END_SIGNALS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(15)),
    (Signal::SIGQUIT, Duration::from_secs(10)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// The lines of postmaster.pid that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PidFile {
    pub(super) pid: u32,
    pub(super) port: u16,
    pub(super) socket_dir: PathBuf,
    pub(super) status: Status,
}

/// How far the server is, by its own account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Starting,
    Ready,
    Stopping,
}

impl PidFile {
    /// The file of a database; `None` when there is no server, or its file is not complete yet.
    pub(super) fn read(pgdata: &Path) -> std::io::Result<Option<Self>> {
        match fs::read_to_string(path_in(pgdata)) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The lines: pid, data directory, start time, port, socket directory, address, shared memory, status.
    fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.lines().collect();
        let status = match lines.get(7).map_or("", |status| status.trim()) {
            "ready" | "standby" => Status::Ready,
            "stopping" => Status::Stopping,
            _ => Status::Starting,
        };
        let port = lines.get(3)?.parse().ok()?;
        Some(Self { pid: parse_pid(text)?, port, socket_dir: PathBuf::from(lines.get(4)?), status })
    }
}

/// The number in the first line. A server that runs alone, as in recovery by hand, writes a minus before it.
fn parse_pid(text: &str) -> Option<u32> {
    text.lines().next()?.trim().parse::<i32>().ok().map(i32::unsigned_abs).filter(|pid| *pid > 0)
}

pub(super) fn path_in(pgdata: &Path) -> PathBuf {
    pgdata.join("postmaster.pid")
}

/// Ends the server that a killed host left on this database, if there is one.
///
/// Returns the pid that a stale postmaster.pid names when another program has got that number since, or when the dead
/// server has not been collected by its parent. PostgreSQL must be told, or it takes that process for a server.
pub(super) async fn end_orphan(pgdata: &Path) -> Result<Option<u32>, EmbeddedPostgresError> {
    let path = path_in(pgdata);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(EmbeddedPostgresError::io("read", &path, source)),
    };
    let Some(pid) = parse_pid(&text) else { return Ok(None) };
    if serves(pid, pgdata) {
        tracing::warn!(pid, "stopping the PostgreSQL server that a killed host left behind");
        end(pid, pgdata).await?;
    }
    Ok(Some(pid))
}

async fn end(pid: u32, pgdata: &Path) -> Result<(), EmbeddedPostgresError> {
    let not_stopped = || EmbeddedPostgresError::NotStopped { pid };
    let target = i32::try_from(pid).map(Pid::from_raw).map_err(|_| not_stopped())?;
    for (signal, patience) in END_SIGNALS {
        match kill(target, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(_) => return Err(not_stopped()),
        }
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !serves(pid, pgdata) {
                return Ok(());
            }
            sleep(POLL_INTERVAL).await;
        }
    }
    Err(not_stopped())
}

/// Whether this process is a live PostgreSQL server on this database, and not a dead one, nor another program with its
/// number.
pub(super) fn serves(pid: u32, pgdata: &Path) -> bool {
    if Path::new("/proc/self/cwd").exists() { serves_by_proc(pid, pgdata) } else { serves_by_ps(pid, pgdata) }
}

/// A server's working directory is its database. A process that is dead but not collected has none.
fn serves_by_proc(pid: u32, pgdata: &Path) -> bool {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let is_postgres = fs::read_to_string(proc.join("comm")).is_ok_and(|name| names_server(&name));
    match fs::read_link(proc.join("cwd")) {
        Ok(dir) => is_postgres && pgdata.canonicalize().is_ok_and(|pgdata| dir == pgdata),
        // Another user's process: only its command line can be seen.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let command = fs::read(proc.join("cmdline")).unwrap_or_default();
            is_postgres && command.split(|byte| *byte == 0).any(|arg| arg == pgdata.as_os_str().as_bytes())
        }
        Err(_) => false,
    }
}

/// Where there is no /proc, as on macOS: the command line as `ps` shows it.
fn serves_by_ps(pid: u32, pgdata: &Path) -> bool {
    let output = Command::new("ps").args(["-ww", "-o", "command=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| {
        let command = String::from_utf8_lossy(&output.stdout);
        names_server(&command) && command.contains(&*pgdata.to_string_lossy())
    })
}

fn names_server(command: &str) -> bool {
    command.contains("postgres") || command.contains("postmaster")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    const READY: &str = "4711\n/data/pg\n1700000000\n5432\n/data/run\n\n 123 456\nready   \n";

    #[test]
    fn a_ready_server_is_read_from_its_pid_file() {
        let file = PidFile::parse(READY).unwrap();
        assert_eq!((file.pid, file.port, file.status), (4711, 5432, Status::Ready));
        assert_eq!(file.socket_dir, Path::new("/data/run"));
    }

    #[test]
    fn a_server_without_a_status_line_is_starting() {
        let file = PidFile::parse(READY.strip_suffix("ready   \n").unwrap()).unwrap();
        assert_eq!(file.status, Status::Starting);
    }

    #[test]
    fn a_half_written_pid_file_is_no_server_yet() {
        assert_eq!(PidFile::parse("4711\n/data/pg\n"), None);
        assert_eq!(PidFile::parse(""), None);
    }

    #[test]
    fn another_program_does_not_pass_for_a_server() {
        let own = std::process::id();
        let dir = std::env::current_dir().unwrap();
        assert!(!serves(own, &dir));
        assert!(!serves_by_ps(own, Path::new("/data/pg")));
    }
}
