//! The data directory: what lies where in it, that it is ours, and that we alone use it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid};
use tokio::time::{Instant, sleep};

use super::EmbeddedPostgresError;
use super::server_user::ServerUser;

/// Its presence says that the directory is ours.
const MARKER: &str = "foldhost.data";
const MARKER_TEXT: &str = "This directory belongs to Foldhost. pg holds its PostgreSQL database.\n";
const LOCK: &str = "foldhost.lock";

/// At this size the log is set aside when a server starts.
const LOG_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// How long a host that was killed may still hold its lock, alive by all signs: the kernel takes it apart only when it
/// runs next. A start right after a kill -9 was refused for it.
const DYING_HOST_MAX: Duration = Duration::from_secs(1);

/// How often a condition is looked at that nothing can tell us about.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(15);

/// A data directory that is ours.
#[derive(Debug, Clone)]
pub(super) struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// The directory when it exists and is ours; nothing is changed.
    pub(super) fn existing(path: &Path) -> Result<Option<Self>, EmbeddedPostgresError> {
        match state_of(path)? {
            State::Ours => {
                let path = path.canonicalize().map_err(|source| EmbeddedPostgresError::io("find", path, source))?;
                Ok(Some(Self { path }))
            }
            State::Missing | State::Empty => Ok(None),
        }
    }

    /// The directory, created where it is missing, and marked as ours. Refuses one that holds something else.
    pub(super) fn open(path: &Path) -> Result<(Self, ServerUser), EmbeddedPostgresError> {
        let failed = |action, source| EmbeddedPostgresError::io(action, path, source);
        let path = std::path::absolute(path).map_err(|source| failed("find", source))?;
        let state = state_of(&path)?;
        let user = ServerUser::choose(&path.join("pg"))?;
        let missing: Vec<&Path> = path.ancestors().take_while(|dir| !dir.exists()).collect();
        let existing = path.ancestors().find(|dir| dir.exists()).unwrap_or(Path::new("/"));
        let existing = existing.canonicalize().map_err(|source| failed("find", source))?;
        refuse_closed(&existing, missing.is_empty(), &user)?;
        for dir in missing.into_iter().rev() {
            create_dir(dir, if user.is_dropped() { 0o755 } else { 0o700 })?;
        }
        let path = path.canonicalize().map_err(|source| failed("find", source))?;
        if !matches!(state, State::Ours) {
            let marker = path.join(MARKER);
            fs::write(&marker, MARKER_TEXT).map_err(|source| EmbeddedPostgresError::io("write", &marker, source))?;
        }
        if user.is_dropped() && user.closed_on_the_way(&path).is_some() {
            // Only the directory itself is closed, as a new one of root's can be. It stays private: it changes hands.
            user.own(&path)?;
        }
        Ok((Self { path }, user))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// PostgreSQL's own directory.
    pub(super) fn pgdata(&self) -> PathBuf {
        self.path.join("pg")
    }

    /// Where the socket goes if its path is short enough.
    pub(super) fn run(&self) -> PathBuf {
        self.path.join("run")
    }

    /// What the server says.
    pub(super) fn log_file(&self) -> PathBuf {
        self.path.join("postgres.log")
    }

    /// Opens the log for a server to write to, and for us to read. A log that has grown large is kept as `postgres.log.1`.
    pub(super) fn open_log(&self) -> Result<File, EmbeddedPostgresError> {
        let path = self.log_file();
        if fs::metadata(&path).is_ok_and(|log| log.len() > LOG_BYTES_MAX) {
            let aside = self.path.join("postgres.log.1");
            fs::rename(&path, &aside).map_err(|source| EmbeddedPostgresError::io("set aside", &path, source))?;
        }
        let mut options = private_file();
        options.read(true).append(true).open(&path).map_err(|source| EmbeddedPostgresError::io("write", &path, source))
    }
}

enum State {
    Missing,
    Empty,
    Ours,
}

fn state_of(path: &Path) -> Result<State, EmbeddedPostgresError> {
    let data_dir = || path.to_owned();
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::Missing),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(EmbeddedPostgresError::NotADirectory { data_dir: data_dir() });
        }
        Err(source) => return Err(EmbeddedPostgresError::io("read", path, source)),
    };
    let mut is_empty = true;
    for entry in entries {
        let name = entry.map_err(|source| EmbeddedPostgresError::io("read", path, source))?.file_name();
        if name == MARKER && is_data_dir(path) {
            return Ok(State::Ours);
        }
        // A freshly made file system is as good as empty.
        is_empty &= name == "lost+found";
    }
    if is_empty { Ok(State::Empty) } else { Err(EmbeddedPostgresError::NotOurs { data_dir: data_dir() }) }
}

/// Whether a directory is one that an embedded server's data is in.
#[must_use]
pub fn is_data_dir(path: &Path) -> bool {
    // By its text, or the part of it that a crash let through: another program's file may have the name.
    fs::read(path.join(MARKER)).is_ok_and(|text| MARKER_TEXT.as_bytes().starts_with(&text))
}

/// Refuses a directory that the server's user could not reach. `is_data_dir`: `existing` is the data directory itself,
/// which may change hands, and not one of its parents.
fn refuse_closed(existing: &Path, is_data_dir: bool, user: &ServerUser) -> Result<(), EmbeddedPostgresError> {
    if !user.is_dropped() {
        return Ok(());
    }
    match user.closed_on_the_way(existing) {
        Some(closed) if !(is_data_dir && closed == existing) => {
            Err(EmbeddedPostgresError::ClosedToServerUser { closed, user: user.name.clone() })
        }
        _ => Ok(()),
    }
}

fn create_dir(dir: &Path, mode: u32) -> Result<(), EmbeddedPostgresError> {
    let made = DirBuilder::new().mode(mode).create(dir);
    // The umask took its share of the mode: a root with umask 077 would close the directory to the server.
    let made = made.and_then(|()| fs::set_permissions(dir, fs::Permissions::from_mode(mode)));
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(|source| EmbeddedPostgresError::io("create", dir, source)),
    }
}

/// Options for a file that only its owner reads, and that is not followed elsewhere: root may be writing into a
/// directory that another user owns.
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
    options
}

/// The lock on a data directory, held from before a server starts until after it has ended.
///
/// The file names the host's pid while a server runs. It is empty while one starts or ends; whoever finds it so waits.
#[derive(Debug)]
pub(super) struct DataDirLock {
    file: File,
}

impl DataDirLock {
    /// Takes the lock. A holder that starts or ends is waited for until the deadline, a live one for a moment.
    pub(super) async fn acquire(dir: &DataDir, deadline: Instant) -> Result<Self, EmbeddedPostgresError> {
        let alive_deadline = deadline.min(Instant::now() + DYING_HOST_MAX);
        let path = dir.path().join(LOCK);
        let mut file = private_file()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(|source| EmbeddedPostgresError::io("write", &path, source))?;
        loop {
            match file.try_lock() {
                Ok(()) => {
                    let lock = Self { file };
                    lock.write("").map_err(|source| EmbeddedPostgresError::io("write", &path, source))?;
                    return Ok(lock);
                }
                Err(TryLockError::Error(source)) => return Err(EmbeddedPostgresError::io("lock", &path, source)),
                Err(TryLockError::WouldBlock) => {}
            }
            let pid = read_pid(&mut file);
            let patience = if pid.is_some_and(is_alive) { alive_deadline } else { deadline };
            if Instant::now() >= patience {
                return Err(EmbeddedPostgresError::AlreadyRunning { data_dir: dir.path().to_owned(), pid });
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Names this process as the holder.
    pub(super) fn mark_running(&self) {
        self.mark(&format!("{}\n", std::process::id()));
    }

    /// Tells others that the lock will be free soon.
    pub(super) fn mark_ending(&self) {
        self.mark("");
    }

    fn mark(&self, text: &str) {
        if let Err(error) = self.write(text) {
            tracing::warn!(%error, "the lock file of the data directory cannot be written");
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())
    }
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Whether a process has this number. One that may not be signalled is there all the same.
fn is_alive(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| pid > 0 && kill(Pid::from_raw(pid), None) != Err(Errno::ESRCH))
}

/// Whether `path` is a directory that belongs to `owner` and is closed to everyone else. Links do not count.
pub(super) fn is_private_dir(path: &Path, owners: &[Uid]) -> bool {
    fs::symlink_metadata(path).is_ok_and(|dir| {
        dir.is_dir() && owners.contains(&Uid::from_raw(dir.uid())) && dir.permissions().mode() & 0o077 == 0
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    fn open(parent: &Path) -> DataDir {
        fs::set_permissions(parent, fs::Permissions::from_mode(0o755)).unwrap();
        DataDir::open(parent).unwrap().0
    }

    #[test]
    fn a_freshly_made_file_system_is_taken() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir(parent.path().join("lost+found")).unwrap();
        let dir = open(parent.path());
        assert!(dir.path().join(MARKER).exists());
    }

    #[test]
    fn a_log_that_has_grown_large_is_set_aside() {
        let parent = tempfile::tempdir().unwrap();
        let dir = open(parent.path());
        dir.open_log().unwrap().set_len(LOG_BYTES_MAX).unwrap();
        assert_eq!(dir.open_log().unwrap().metadata().unwrap().len(), LOG_BYTES_MAX);
        dir.open_log().unwrap().set_len(LOG_BYTES_MAX + 1).unwrap();
        assert_eq!(dir.open_log().unwrap().metadata().unwrap().len(), 0);
        assert_eq!(fs::metadata(dir.path().join("postgres.log.1")).unwrap().len(), LOG_BYTES_MAX + 1);
    }

    #[tokio::test]
    async fn a_lock_without_a_pid_is_waited_for_until_the_deadline() {
        let parent = tempfile::tempdir().unwrap();
        let dir = open(parent.path());
        let deadline = || Instant::now() + Duration::from_millis(100);
        let held = DataDirLock::acquire(&dir, deadline()).await.unwrap();
        let refused = DataDirLock::acquire(&dir, deadline()).await.unwrap_err();
        assert!(matches!(refused, EmbeddedPostgresError::AlreadyRunning { pid: None, .. }), "{refused}");
        drop(held);
        DataDirLock::acquire(&dir, deadline()).await.unwrap();
    }
    #[tokio::test]
    async fn a_host_that_dies_at_this_moment_is_waited_for() {
        let parent = tempfile::tempdir().unwrap();
        let dir = open(parent.path());
        let deadline = Instant::now() + Duration::from_secs(30);
        let held = DataDirLock::acquire(&dir, deadline).await.unwrap();
        held.mark_running();
        // The first poll finds the lock held by a live process; only then is it released.
        let (acquired, ()) = tokio::join!(DataDirLock::acquire(&dir, deadline), async { drop(held) });
        acquired.unwrap();
    }
}
