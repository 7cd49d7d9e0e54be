//! Two places for hosts over one database. Each host has a store and a runtime of its own, so that it shares nothing with the other,
//! and can be dropped in the middle of anything.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use foldhost::{EffectLimits, EventStoreError, Host, Limits, PoolConfig, PostgresEventStore, Store};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;

/// How long a host may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const PLACES: usize = 2;
/// The name of hosts' threads.
const THREAD: &str = "host";

pub(crate) struct Places {
    url: String,
    code_cache: PathBuf,
    running: [Mutex<Option<Running>>; PLACES],
}

struct Running {
    host: Host,
    store: Arc<PostgresEventStore>,
    /// What a host says while it is dropped, nobody hears: its tasks are told that what they wait for was cancelled.
    is_dropped: Arc<AtomicBool>,
    /// There until it is dropped.
    runtime: Option<Runtime>,
}

/// The host went away while it was asked.
#[derive(Debug)]
pub(crate) struct Gone;

impl Places {
    /// A host in each place.
    pub(crate) async fn start(url: &str, code_cache: &Path) -> Arc<Self> {
        leave_dropped_hosts_alone();
        let places = Self { url: url.into(), code_cache: code_cache.into(), running: Default::default() };
        for place in 0..PLACES {
            places.restart(place).await;
        }
        Arc::new(places)
    }

    /// Asks the host in a place, on its own runtime; the other one while there is none.
    pub(crate) async fn on<T, F>(&self, place: usize, ask: impl FnOnce(Host) -> F) -> Result<T, Gone>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let (asked, is_dropped) = {
            let here = |place: usize| {
                let running = self.running[place % PLACES].lock().unwrap();
                let running = running.as_ref()?;
                Some((running.host.clone(), running.handle(), Arc::clone(&running.is_dropped)))
            };
            let (host, runtime, is_dropped) = here(place).or_else(|| here(place + 1)).ok_or(Gone)?;
            (runtime.spawn(ask(host)), is_dropped)
        };
        match asked.await {
            Ok(_) if is_dropped.load(Ordering::SeqCst) => Err(Gone),
            Ok(answer) => Ok(answer),
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Gone),
        }
    }

    /// Drops the host in a place as it is, with all that it has under way, and starts another.
    pub(crate) async fn crash(&self, place: usize) {
        drop(self.running[place].lock().unwrap().take());
        self.restart(place).await;
    }

    async fn restart(&self, place: usize) {
        let began = Instant::now();
        let running = loop {
            match Running::start(&self.url, &self.code_cache).await {
                Ok(running) => break running,
                // Its first connection was cut.
                Err(error @ EventStoreError::Unavailable(_)) => assert!(began.elapsed() < PATIENCE, "{error}"),
                Err(error) => panic!("a host does not start: {error}"),
            }
        };
        *self.running[place].lock().unwrap() = Some(running);
    }

    /// Ends all hosts in order.
    pub(crate) async fn stop(&self) {
        for place in &self.running {
            let Some(running) = place.lock().unwrap().take() else { continue };
            let (host, store) = (running.host.clone(), Arc::clone(&running.store));
            let ended = running.handle().spawn(async move {
                let is_drained = host.shutdown().await;
                store.close().await;
                is_drained
            });
            let ended = tokio::time::timeout(PATIENCE, ended).await;
            assert!(ended.expect("a host ends in time").unwrap(), "a host answers all that it took before it ends");
        }
    }
}

impl Running {
    async fn start(url: &str, code_cache: &Path) -> Result<Self, EventStoreError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name(THREAD).enable_all().build().unwrap();
        let (url, code_cache) = (url.to_owned(), code_cache.to_owned());
        let started = runtime.spawn(async move {
            let config = PoolConfig { connections_max: 8, append_connections_max: 3, ..PoolConfig::default() };
            let store = Arc::new(PostgresEventStore::connect(&url, &config).await?);
            // Effects have tests of their own.
            let effects = EffectLimits { workers: 0, ..EffectLimits::default() };
            let builder = Host::builder(Arc::clone(&store) as Arc<dyn Store>).code_cache(code_cache);
            let host = builder.limits(Limits { effects, ..Limits::default() }).start().unwrap();
            Ok((host, store))
        });
        let started = started.await.unwrap();
        // A runtime that is dropped here would block the test's own.
        match started {
            Ok((host, store)) => Ok(Self { host, store, is_dropped: Arc::default(), runtime: Some(runtime) }),
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    fn handle(&self) -> Handle {
        self.runtime.as_ref().map(Runtime::handle).unwrap().clone()
    }
}

impl Drop for Running {
    /// Every task of the host is dropped where it waits; what it has sent to the database goes on there.
    fn drop(&mut self) {
        self.is_dropped.store(true, Ordering::SeqCst);
        self.runtime.take().unwrap().shutdown_background();
    }
}

/// Says nothing of threads of dropped hosts that were folding when their runtime went away: tokio has them panic, and nobody waits
/// for them.
fn leave_dropped_hosts_alone() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let is_of_a_host = std::thread::current().name() == Some(THREAD);
            if !(is_of_a_host && panic.payload_as_str().is_some_and(|reason| reason.contains("is being shutdown"))) {
                tell(panic);
            }
        }));
    });
}
