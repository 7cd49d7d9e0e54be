//! The server as a child process: it ends with the host, and the host learns when it ends.

use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::EmbeddedPostgresError;
use super::data_dir::DataDirLock;
use super::postmaster::END_SIGNALS;
use super::socket_dir::SocketDir;

/// What must stay as long as the server lives, even when its [`super::EmbeddedPostgres`] was dropped.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) socket_dir: Arc<SocketDir>,
    pub(super) lock: Arc<DataDirLock>,
}

impl Held {
    /// The lock goes last: its next holder may make the same socket directory.
    fn release(self) {
        drop(self.socket_dir);
        drop(self.lock);
    }
}

/// A server that we started. Dropping it tells the server to end and does not wait.
#[derive(Debug)]
pub(super) struct ServerProcess {
    pid: Pid,
    /// Set once the pid may belong to another process. The lock is held while a signal is sent.
    is_collected: Arc<Mutex<bool>>,
    exit: watch::Receiver<Option<ExitStatus>>,
    lock: Weak<DataDirLock>,
    is_ending: Arc<AtomicBool>,
}

impl ServerProcess {
    /// Starts the program on a thread of its own, which stays until the server has ended.
    ///
    /// The kernel sends the parent-death signal when the *thread* that spawned the child ends: a server started from a
    /// thread of the runtime's pool is shut down as soon as that pool lets the thread go.
    pub(super) async fn spawn(mut command: Command, held: Held) -> io::Result<Self> {
        let (started, pid) = oneshot::channel();
        let (ended, exit) = watch::channel(None);
        let is_collected = Arc::new(Mutex::new(false));
        let (collected, lock) = (Arc::clone(&is_collected), Arc::downgrade(&held.lock));
        thread::Builder::new().name("postgres-parent".to_owned()).spawn(move || {
            die_with_this_thread(&mut command);
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => {
                    held.release();
                    // Nobody listens any more when the start was given up, and then nothing is lost.
                    let _ = started.send(Err(error));
                    return;
                }
            };
            // The log file's descriptors are ours no longer.
            drop(command);
            let pid = Pid::from_raw(child.id().cast_signed());
            if started.send(Ok(pid)).is_err() {
                let _ = kill(pid, Signal::SIGINT);
            }
            let status = collect(&mut child, &collected);
            held.release();
            // `wait` fails only for a process that is no child of ours.
            let _ = ended.send(status.ok());
        })?;
        let pid = pid.await.map_err(|_| io::Error::other("the thread that starts the server has ended"))??;
        Ok(Self { pid, is_collected, exit, lock, is_ending: Arc::new(AtomicBool::new(false)) })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw().cast_unsigned()
    }

    /// How the server ended, if it has.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        *self.exit.borrow()
    }

    /// Waits for the server's end; with it comes whether the server was told to end.
    pub(super) fn ended(&self) -> impl Future<Output = (Option<ExitStatus>, bool)> + Send + use<> {
        let (mut exit, is_ending) = (self.exit.clone(), Arc::clone(&self.is_ending));
        async move {
            let status = exit.wait_for(Option::is_some).await.ok().and_then(|status| *status);
            (status, is_ending.load(Ordering::SeqCst))
        }
    }

    /// Ends the server and waits: fast shutdown first, harder signals when that does not help.
    pub(super) async fn stop(&self) -> Result<(), EmbeddedPostgresError> {
        self.begin_end();
        for (signal, patience) in END_SIGNALS {
            self.signal(signal);
            if timeout(patience, self.ended()).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(pid = self.pid(), %signal, "PostgreSQL has not ended yet");
        }
        Err(EmbeddedPostgresError::NotStopped { pid: self.pid() })
    }

    fn begin_end(&self) {
        self.is_ending.store(true, Ordering::SeqCst);
        if let Some(lock) = self.lock.upgrade() {
            lock.mark_ending();
        }
    }

    fn signal(&self, signal: Signal) {
        let collected = self.is_collected.lock().unwrap_or_else(PoisonError::into_inner);
        if !*collected && let Err(error) = kill(self.pid, signal) {
            tracing::warn!(pid = self.pid(), %signal, %error, "PostgreSQL cannot be signalled");
        }
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if self.status().is_none() {
            self.begin_end();
            self.signal(Signal::SIGINT);
        }
    }
}

/// Waits for the child's end and takes its status. Its pid stays taken until the mark is set, so that a signal on its way
/// cannot hit another process.
#[cfg(target_os = "linux")]
fn collect(child: &mut Child, is_collected: &Mutex<bool>) -> io::Result<ExitStatus> {
    use nix::errno::Errno;
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let pid = Pid::from_raw(child.id().cast_signed());
    while waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT) == Err(Errno::EINTR) {}
    let mut is_collected = is_collected.lock().unwrap_or_else(PoisonError::into_inner);
    *is_collected = true;
    child.wait()
}

/// Waits for the child's end and takes its status. Without `waitid` its pid is free for the moment before the mark is set.
#[cfg(not(target_os = "linux"))]
fn collect(child: &mut Child, is_collected: &Mutex<bool>) -> io::Result<ExitStatus> {
    let status = child.wait();
    *is_collected.lock().unwrap_or_else(PoisonError::into_inner) = true;
    status
}

/// Puts the program into a process group of its own, so that Ctrl-C reaches the host first, and lets it end (SIGINT: a
/// fast shutdown) when the thread that spawns it does, even by kill -9. Where the kernel has no such signal, the next
/// start ends what was left.
pub(super) fn die_with_this_thread(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let host = Pid::this();
        let follow_the_host = move || {
            nix::sys::prctl::set_pdeathsig(Signal::SIGINT)?;
            // The host may have been killed before the signal was asked for; then it would never come.
            if nix::unistd::getppid() == host { Ok(()) } else { Err(io::Error::from(nix::errno::Errno::ESRCH)) }
        };
        #[expect(unsafe_code, reason = "only code that runs between fork and exec can ask for the parent-death signal")]
        // SAFETY: after the fork of a process with threads only async-signal-safe calls are allowed. The closure makes
        // two system calls, prctl and getppid, and builds its error from a number: no allocation, no lock.
        unsafe {
            command.pre_exec(follow_the_host);
        }
    }
}
