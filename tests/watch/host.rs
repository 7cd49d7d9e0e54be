//! `foldhost serve --watch`, what it tells, and commands for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Once};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Client;
use serde_json::Value;

use crate::alone::{alone, target_dir};
use crate::new_crate::NewCrate;
use crate::program::{Outcome, foldhost};

/// Longer than any build takes on a busy machine, the SDK's included: a test that fails ends.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often a log file is looked at for another line.
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub(crate) struct WatchingHost {
    child: Child,
    lines: Receiver<String>,
    is_over: Arc<AtomicBool>,
    pub(crate) url: String,
    client: Client,
}

/// A line that was waited for.
pub(crate) struct Told {
    pub(crate) line: String,
    /// Those since the last that was.
    pub(crate) before: Vec<String>,
}

impl WatchingHost {
    /// On a database that is there.
    pub(crate) fn start(database_url: &str, crates: &[&NewCrate], flags: &[&str]) -> Self {
        let mut command = serve(crates, crates[0]);
        command.args(flags).env("DATABASE_URL", database_url).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        Self::begin(child, stderr, Arc::default())
    }

    /// With its database and its log in one of the crates.
    pub(crate) fn start_within(place: &NewCrate, crates: &[&NewCrate]) -> Self {
        let log = place.dir.join("serve.log");
        let written = File::create(&log).unwrap();
        let child = serve(crates, place).env("RUST_LOG", "info").stderr(written).spawn().unwrap();
        let is_over = Arc::<AtomicBool>::default();
        let file = Growing { file: File::open(log).unwrap(), is_over: Arc::clone(&is_over) };
        Self::begin(child, file, is_over)
    }

    fn begin(mut child: Child, stderr: impl Read + Send + 'static, is_over: Arc<AtomicBool>) -> Self {
        static PROVIDER: Once = Once::new();
        // The client asks for one even where it speaks no TLS.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        let (sender, lines) = channel();
        thread::spawn(move || hand_on(stderr, &sender));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").unwrap_or_default().to_owned();
        let host = Self { child, lines, is_over, url, client };
        assert!(!host.url.is_empty(), "it does not listen: {:#?}", host.lines.iter().collect::<Vec<_>>());
        host
    }

    /// The next line that meets a condition.
    fn next(&self, what: &str, is_wanted: impl Fn(&str) -> bool) -> Told {
        let mut before = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) if is_wanted(&line) => return Told { line, before },
                Ok(line) => before.push(line),
                Err(error) => panic!("{error}: no {what} in {before:#?}"),
            }
        }
    }

    /// The next line that holds a text.
    pub(crate) fn line(&self, text: &str) -> Told {
        self.next(text, |line| line.contains(text))
    }

    /// The next line that the watch tells of a crate.
    pub(crate) fn told(&self, name: &str) -> String {
        self.told_of_any(&[name])
    }

    /// The next line that it tells of one of them.
    pub(crate) fn told_of_any(&self, names: &[&str]) -> String {
        let is_of = |line: &str, name: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', ':']));
        self.next(&names.join(" or "), |line| names.iter().any(|name| is_of(line, name))).line
    }

    pub(crate) async fn send(&self, stream: &str, command: &str, arguments: Value) -> Answer {
        let url = format!("{}/streams/{stream}/commands/{command}", self.url);
        Answer::of(self.client.post(url).json(&arguments).send().await).await
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = Answer::of(self.client.get(format!("{}{path}", self.url)).send().await);
        answer.await.accepted()
    }

    /// Runs a command that talks to this host.
    pub(crate) fn run(&self, args: &[&str]) -> Outcome {
        foldhost(args.iter().copied()).env("FOLDHOST_URL", &self.url).output().unwrap().into()
    }

    /// Presses Ctrl-C. Gives the status that it ends with.
    pub(crate) fn stop(mut self) -> Option<i32> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for WatchingHost {
    /// A test that failed leaves no host behind.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
        self.is_over.store(true, Ordering::Relaxed);
    }
}

/// Typed in a crate's directory, whose name is `.` then.
fn serve(crates: &[&NewCrate], place: &NewCrate) -> Command {
    let mut command = foldhost(["serve", "--listen", "127.0.0.1:0"]);
    for watched in crates {
        let dir = if watched.dir == place.dir { ".".as_ref() } else { watched.dir.as_os_str() };
        command.arg("--watch").arg(dir);
    }
    let mut command = alone(command, &place.dir);
    command.env("CARGO_TARGET_DIR", target_dir()).env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    command.env("RUST_LOG", "info,foldhost::cli::watching=trace").stdout(Stdio::piped());
    command
}

fn hand_on(from: impl Read, lines: &Sender<String>) {
    for line in BufReader::new(from).lines().map_while(Result::ok) {
        if lines.send(line).is_err() {
            return;
        }
    }
}

/// A file that another process writes to: at its end, it is waited for more.
struct Growing {
    file: File,
    is_over: Arc<AtomicBool>,
}

impl Read for Growing {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.file.read(buffer)? {
                0 if !self.is_over.load(Ordering::Relaxed) => thread::sleep(LOOK_EVERY),
                count => return Ok(count),
            }
        }
    }
}

/// What came back for a request.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    pub(crate) async fn of(answer: reqwest::Result<reqwest::Response>) -> Self {
        let answer = answer.unwrap();
        Self { status: answer.status().as_u16(), body: answer.json().await.unwrap() }
    }

    pub(crate) fn accepted(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    pub(crate) fn rejected(self, code: &str) {
        assert_eq!(self.body["rejection"]["code"], code, "{}", self.body);
    }
}
