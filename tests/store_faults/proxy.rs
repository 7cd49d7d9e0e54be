//! A network between a store and its server that loses what a test tells it to lose.
//!
//! It reads the frames of PostgreSQL's protocol as they pass, so that a fault strikes one statement at one moment: before the
//! server has it, or after the server did it and before its answer is read.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

/// What happens to a statement on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection is cut, and the server never sees the statement.
    CutBefore,
    /// The server does the statement, and the connection is cut instead of its answer.
    CutAfter,
    /// The store's side is cut as soon as the server has the statement, which it is left to finish.
    CutDuring,
    /// The server does the statement, and its answer stays on the way until it is released, if ever.
    HoldAnswer,
}

/// Forwards connections to a server.
pub(crate) struct Proxy {
    /// Where a store connects to, instead of the server itself.
    pub(crate) url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    upstream: Upstream,
    /// Which statements, by a part of their text, meet which fault; each once.
    faults: Mutex<Vec<(&'static str, Fault)>>,
    /// Statements that reached the server.
    forwarded: Mutex<Vec<String>>,
    /// Faults that have struck.
    struck: watch::Sender<usize>,
    released: watch::Sender<bool>,
    /// New connections that are closed at once.
    refused: AtomicUsize,
    /// While it is set, nothing passes, and nobody is told.
    swallowed: watch::Sender<bool>,
}

enum Upstream {
    Unix(PathBuf),
    Tcp(u16),
}

impl Proxy {
    /// In front of the server of this URL.
    pub(crate) async fn start(server_url: &str) -> Self {
        let options = PgConnectOptions::from_str(server_url).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (upstream, url) = match options.get_socket() {
            Some(dir) => {
                let (user, database) = (options.get_username(), options.get_database().unwrap());
                let url = format!("postgres://{user}@127.0.0.1:{port}/{database}?sslmode=disable");
                (Upstream::Unix(dir.join(format!(".s.PGSQL.{}", options.get_port()))), url)
            }
            None => {
                let (theirs, ours) = (format!(":{}/", options.get_port()), format!(":{port}/"));
                (Upstream::Tcp(options.get_port()), server_url.replace(&theirs, &ours))
            }
        };
        let shared = Arc::new(Shared {
            upstream,
            faults: Mutex::default(),
            forwarded: Mutex::default(),
            struck: watch::Sender::new(0),
            released: watch::Sender::new(false),
            refused: AtomicUsize::new(0),
            swallowed: watch::Sender::new(false),
        });
        let for_each = Arc::clone(&shared);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let one_less = |refused: usize| refused.checked_sub(1);
                if for_each.refused.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
                    continue;
                }
                tokio::spawn(serve(client, Arc::clone(&for_each)));
            }
        });
        Self { url, shared, serving }
    }

    /// The next statement with this in its text meets the fault. Of several such, the first told comes first.
    pub(crate) fn strike(&self, text: &'static str, fault: Fault) {
        self.shared.faults.lock().unwrap().push((text, fault));
    }

    /// Waits until so many faults have struck: the server is done with the statement, unless the fault kept it away.
    pub(crate) async fn until_struck(&self, count: usize) {
        let mut struck = self.shared.struck.subscribe();
        let struck = struck.wait_for(|struck| *struck >= count);
        tokio::time::timeout(Duration::from_secs(20), struck).await.expect("a fault never struck").unwrap();
    }

    /// Lets the answers go that are held now, and those of later until [`hold_again`](Self::hold_again).
    pub(crate) fn release(&self) {
        self.shared.released.send_replace(true);
    }

    pub(crate) fn hold_again(&self) {
        self.shared.released.send_replace(false);
    }

    /// Closes the next so many connections as soon as they come.
    pub(crate) fn refuse(&self, count: usize) {
        self.shared.refused.store(count, Ordering::SeqCst);
    }

    /// Loses everything on the way, in both directions, until it is told otherwise. New connections lead nowhere either.
    pub(crate) fn swallow(&self, swallowed: bool) {
        self.shared.swallowed.send_replace(swallowed);
    }

    /// How many statements with this in their text the server has got.
    pub(crate) fn forwarded(&self, text: &str) -> usize {
        self.shared.forwarded.lock().unwrap().iter().filter(|statement| statement.contains(text)).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// A message: its tag and all its bytes.
struct Frame {
    tag: u8,
    bytes: Vec<u8>,
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    // Without the delay that would gather small messages.
    client.set_nodelay(true).unwrap();
    shared.until_passable().await;
    let ended = match &shared.upstream {
        Upstream::Unix(path) => match UnixStream::connect(path).await {
            Ok(server) => pass(client, server, &shared).await,
            // The server is down, and so the connection ends.
            Err(error) => Err(error),
        },
        Upstream::Tcp(port) => match TcpStream::connect(("127.0.0.1", *port)).await {
            Ok(server) => pass(client, server, &shared).await,
            Err(error) => Err(error),
        },
    };
    // However it ended, both sides see their connection closed. That is what a network does.
    drop(ended);
}

async fn pass<S>(client: TcpStream, server: S, shared: &Shared) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = tokio::io::split(server);
    // The first message has no tag: its length comes first.
    let length = from_client.read_u32().await?;
    let mut startup = vec![0; length as usize - 4];
    from_client.read_exact(&mut startup).await?;
    to_server.write_u32(length).await?;
    to_server.write_all(&startup).await?;

    // Frames are read by tasks of their own, since a read of a whole frame cannot be given up half way. They end with this one.
    let mut readers = JoinSet::new();
    let (mut asked, mut answered) = (frames(&mut readers, from_client), frames(&mut readers, from_server));
    let mut released = shared.released.subscribe();
    let mut statements = HashMap::new();
    let mut fault = None;
    // What is held back, and whether it is all of the answer.
    let (mut held, mut complete) = (Vec::new(), false);
    loop {
        tokio::select! {
            frame = asked.recv() => {
                let Some(frame) = frame else { return Ok(()) };
                shared.until_passable().await;
                if let Some(statement) = statement(&frame, &mut statements) {
                    fault = shared.fault_of(&statement);
                    if fault == Some(Fault::CutBefore) {
                        return shared.has_struck();
                    }
                    shared.forwarded.lock().unwrap().push(statement);
                }
                to_server.write_all(&frame.bytes).await?;
                // What makes the server begin.
                if fault == Some(Fault::CutDuring) && matches!(frame.tag, b'S' | b'Q') {
                    drop(to_client);
                    shared.has_struck()?;
                    while answered.recv().await.is_some_and(|frame| frame.tag != b'Z') {}
                    return Ok(());
                }
            }
            frame = answered.recv() => {
                let Some(frame) = frame else { return Ok(()) };
                shared.until_passable().await;
                if fault.is_none() {
                    to_client.write_all(&frame.bytes).await?;
                    continue;
                }
                held.extend(frame.bytes);
                // Ready for the next statement: this one is done, its commit too.
                if frame.tag == b'Z' && !complete {
                    complete = true;
                    shared.has_struck()?;
                    if fault == Some(Fault::CutAfter) {
                        return Ok(());
                    }
                }
            }
            () = until(&mut released, true), if fault.is_some() && complete => {
                to_client.write_all(&std::mem::take(&mut held)).await?;
                (fault, complete) = (None, false);
            }
        }
    }
}

impl Shared {
    fn fault_of(&self, statement: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let place = faults.iter().position(|(text, _)| statement.contains(text))?;
        Some(faults.remove(place).1)
    }

    async fn until_passable(&self) {
        until(&mut self.swallowed.subscribe(), false).await;
    }

    fn has_struck(&self) -> io::Result<()> {
        self.struck.send_modify(|struck| *struck += 1);
        Ok(())
    }
}

async fn until(told: &mut watch::Receiver<bool>, wanted: bool) {
    drop(told.wait_for(|told| *told == wanted).await);
}

fn frames(readers: &mut JoinSet<()>, mut stream: impl AsyncRead + Send + Unpin + 'static) -> mpsc::Receiver<Frame> {
    let (sender, frames) = mpsc::channel(16);
    readers.spawn(async move {
        while let Ok(tag) = stream.read_u8().await {
            let Ok(length) = stream.read_u32().await else { return };
            let mut bytes = vec![tag];
            bytes.extend(length.to_be_bytes());
            bytes.resize(length as usize + 1, 0);
            if stream.read_exact(&mut bytes[5..]).await.is_err() || sender.send(Frame { tag, bytes }).await.is_err() {
                return;
            }
        }
    });
    frames
}

/// The text of the statement that a message begins to run, if it does. Prepared ones are known by the name they were given.
fn statement(frame: &Frame, prepared: &mut HashMap<String, String>) -> Option<String> {
    let mut texts = frame.bytes[5..].split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned());
    match frame.tag {
        b'Q' => texts.next(),
        b'P' => {
            prepared.insert(texts.next()?, texts.next()?);
            None
        }
        b'B' => {
            let _portal = texts.next()?;
            prepared.get(&texts.next()?).cloned()
        }
        _ => None,
    }
}
