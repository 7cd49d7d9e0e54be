//! Two places for hosts over one database, which are killed and started again.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;
use tokio::task::JoinHandle;

/// How long a host may take to listen, or to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program, with none of the settings that the tests' own environment may hold.
pub(crate) fn foldhost() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_foldhost"));
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("FOLDHOST_") || name == "DATABASE_URL" || name == "RUST_LOG")
        {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Where hosts listen, as customers know it.
#[derive(Clone, Default)]
pub(crate) struct Urls(Arc<Mutex<[Option<String>; 2]>>);

impl Urls {
    /// One of them, if any listens.
    pub(crate) fn any(&self, chance: &mut fastrand::Rng) -> Option<String> {
        let listening: Vec<_> = self.0.lock().unwrap().iter().flatten().cloned().collect();
        chance.choice(listening)
    }

    fn set(&self, place: usize, url: Option<String>) {
        self.0.lock().unwrap()[place] = url;
    }

    fn at(&self, place: usize) -> Option<String> {
        self.0.lock().unwrap()[place].clone()
    }
}

struct Running {
    child: Child,
    /// Reads where it listens, and says so.
    announcing: JoinHandle<()>,
}

pub(crate) struct Hosts {
    database_url: String,
    dir: PathBuf,
    running: [Option<Running>; 2],
    urls: Urls,
}

impl Hosts {
    pub(crate) fn new(database_url: &str, dir: &Path, limits: &str) -> Self {
        std::fs::write(dir.join("limits.toml"), limits).unwrap();
        Self { database_url: database_url.into(), dir: dir.into(), running: [None, None], urls: Urls::default() }
    }

    pub(crate) fn urls(&self) -> Urls {
        self.urls.clone()
    }

    /// Waits until the one in this place listens, and gives where.
    pub(crate) async fn listens(&self, place: usize) -> String {
        let listening = async {
            let mut pause = tokio::time::interval(Duration::from_millis(5));
            loop {
                pause.tick().await;
                if let Some(url) = self.urls.at(place) {
                    return url;
                }
            }
        };
        let listening = tokio::time::timeout(PATIENCE, listening).await;
        listening.unwrap_or_else(|_| panic!("it does not listen: {}", self.log(place)))
    }

    pub(crate) fn is_started(&self, place: usize) -> bool {
        self.running[place].is_some()
    }

    /// Starts one, and does not wait for it.
    pub(crate) fn start(&mut self, place: usize) {
        assert!(self.running[place].is_none());
        let log = File::options().create(true).append(true).open(self.log_file(place)).unwrap();
        let mut command = foldhost();
        command.args(["serve", "--listen", "127.0.0.1:0", "--limits"]).arg(self.dir.join("limits.toml"));
        // Compiled components are kept there, so that a start takes no longer than it has to.
        command.env("DATABASE_URL", &self.database_url).env("XDG_CACHE_HOME", self.dir.join("cache"));
        let mut command = tokio::process::Command::from(command);
        let mut child = command.stdout(Stdio::piped()).stderr(log).kill_on_drop(true).spawn().unwrap();
        let (stdout, urls) = (BufReader::new(child.stdout.take().unwrap()), self.urls.clone());
        let announcing = tokio::spawn(async move {
            let mut lines = stdout.lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                urls.set(place, line.strip_prefix("listening on ").map(str::to_owned));
            }
        });
        self.running[place] = Some(Running { child, announcing });
    }

    /// Kills one as a crash would; whether it listened.
    pub(crate) async fn kill(&mut self, place: usize) -> bool {
        let Running { mut child, announcing } = self.running[place].take().unwrap();
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended by itself, {ended:?}: {}", self.log(place));
        child.start_kill().unwrap();
        child.wait().await.unwrap();
        // All that it said is read: nothing of it comes behind this.
        announcing.await.unwrap();
        let listened = self.urls.at(place).is_some();
        self.urls.set(place, None);
        listened
    }

    /// Stops one where it is: its connections stay, and nobody hears from it until it is thawed.
    #[allow(dead_code, reason = "not every test freezes hosts")]
    pub(crate) async fn freeze(&self, place: usize) {
        self.signal(place, Signal::SIGSTOP);
        // Its threads stop one by one when they are next looked at: on a busy machine one went on and committed what was to be held.
        let tasks = format!("/proc/{}/task", self.pid(place));
        let state =
            |task: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(task.ok()?.path().join("stat")).ok();
        let is_stopped = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, behind)| behind.starts_with('T'));
        while !std::fs::read_dir(&tasks).unwrap().filter_map(state).all(is_stopped) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[allow(dead_code, reason = "not every test freezes hosts")]
    pub(crate) fn thaw(&self, place: usize) {
        self.signal(place, Signal::SIGCONT);
    }

    fn signal(&self, place: usize, signal: Signal) {
        kill(Pid::from_raw(self.pid(place)), signal).unwrap();
    }

    fn pid(&self, place: usize) -> i32 {
        self.running[place].as_ref().unwrap().child.id().unwrap().cast_signed()
    }

    /// Ends all that run, in order.
    pub(crate) async fn stop(&mut self) {
        for place in 0..self.running.len() {
            if !self.is_started(place) {
                continue;
            }
            self.signal(place, Signal::SIGTERM);
            let mut running = self.running[place].take().unwrap();
            let ended = tokio::time::timeout(PATIENCE, running.child.wait()).await;
            let ended = ended.unwrap_or_else(|_| panic!("it does not end: {}", self.log(place))).unwrap();
            assert!(ended.success(), "{ended}: {}", self.log(place));
        }
    }

    fn log_file(&self, place: usize) -> PathBuf {
        self.dir.join(format!("host-{place}.log"))
    }

    /// The end of what the hosts in this place said.
    fn log(&self, place: usize) -> String {
        let log = std::fs::read_to_string(self.log_file(place)).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}
