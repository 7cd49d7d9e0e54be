//! `foldhost serve --watch`: a crate is built again whenever it changes, and decides once the recorded history was folded through it.

mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhost::build::{BuildError, BuildOptions, build};
use foldhost::event_store::VerificationStatus;
use foldhost::runtime::DeployError;
use foldhost::swap::{ActivateRequest, ActivationPolicy, DeployRequest, SwapError, VerifyRequest};
use foldhost::{CommandError, EventStoreError, Host};
use futures::future::try_join_all;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::cli::error::CliError;
use crate::cli::logging::LogFormat;
use crate::cli::output;
use crate::cli::watching::{Outlook, Sources, Watching, on_a_thread};

/// Who does it, for the record.
const BY: &str = "watch";
/// How long a database that does not answer is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Which crates are watched.
#[derive(clap::Args)]
pub(super) struct WatchArgs {
    /// For development: build the reducer's crate in DIR and have it decide, and again after each change of its sources; may be
    /// repeated
    #[arg(long, value_name = "DIR")]
    watch: Vec<PathBuf>,
}

impl WatchArgs {
    /// The crates, each once.
    pub(super) fn crates(self, log_format: LogFormat) -> Result<Vec<PathBuf>, CliError> {
        if !self.watch.is_empty() && log_format == LogFormat::Json {
            let reason = "--watch tells people what changed, among the lines of the log: leave out --log-format json";
            return Err(CliError::Usage(reason.into()));
        }
        let mut seen = Vec::new();
        for dir in &self.watch {
            if !dir.join("Cargo.toml").is_file() {
                return Err(BuildError::NotACrate { dir: dir.clone() }.into());
            }
            let real = dir.canonicalize().map_err(|source| CliError::Read { path: dir.clone(), source })?;
            if seen.contains(&real) {
                return Err(CliError::Usage(format!("--watch {} is there twice: write it once", dir.display())));
            }
            seen.push(real);
        }
        Ok(self.watch)
    }
}

/// Follows the crates until the host stops. What cannot be watched any more stops the host, in order: it would go on with what it has,
/// and whoever saves would not know.
pub(super) async fn run(host: Host, crates: Vec<PathBuf>, stop: CancellationToken) -> Result<(), CliError> {
    if crates.is_empty() {
        return Ok(());
    }
    let builds = Arc::new(Mutex::new(()));
    let all = crates.into_iter().map(|dir| WatchedCrate::new(host.clone(), dir, Arc::clone(&builds)).follow());
    // A build that is under way is left to its thread, and cargo to the Ctrl-C that it was sent too.
    let ended = stop.run_until_cancelled(try_join_all(all)).await;
    stop.cancel();
    ended.map_or(Ok(()), |ended| ended.map(drop))
}

/// Why a component that was built does not decide.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error(transparent)]
    Swap(#[from] SwapError),
}

impl Refused {
    /// Whether the same component may be taken in a moment: nobody would save it again for that.
    fn may_pass(&self) -> bool {
        let store = match self {
            Self::Deploy(DeployError::Store(error))
            | Self::Swap(SwapError::Store(error) | SwapError::Command(CommandError::Store(error))) => error,
            // Somebody else had another component decide, after this one was verified.
            Self::Swap(SwapError::NotVerified { .. }) => return true,
            _ => return false,
        };
        matches!(
            store,
            EventStoreError::Unavailable(_)
                | EventStoreError::Contended(_)
                | EventStoreError::OutOfResources(_)
                | EventStoreError::Outrun { .. }
        )
    }
}

struct WatchedCrate {
    host: Host,
    dir: PathBuf,
    /// Held by the one that builds: the messages of two at once would be nobody's.
    builds: Arc<Mutex<()>>,
    /// The reducer's name, or the directory's before that is known.
    name: String,
    /// Whether it was said who decides.
    is_known: bool,
}

impl WatchedCrate {
    fn new(host: Host, dir: PathBuf, builds: Arc<Mutex<()>>) -> Self {
        let real = dir.canonicalize();
        let name = real.as_deref().unwrap_or(&dir).file_name().unwrap_or(dir.as_os_str());
        Self { name: name.to_string_lossy().into_owned(), host, dir, builds, is_known: false }
    }

    async fn follow(mut self) -> Result<(), CliError> {
        let mut last = None;
        loop {
            let dir = self.dir.clone();
            let outlook = on_a_thread(move || Outlook::of_crate(&dir)).await?;
            // Before the build, so that what changes while it goes on is not missed.
            let mut watching = Watching::begin(outlook, last.take()).await?;
            last = Some(self.round(&mut watching).await?);
        }
    }

    /// From one change to the next.
    async fn round(&mut self, watching: &mut Watching) -> Result<Arc<Sources>, CliError> {
        let begun = Instant::now();
        let component = match self.build().await? {
            Ok(component) => component,
            Err(error) => {
                self.tell(&words::not_built(&self.name, &error));
                return watching.change().await;
            }
        };
        let mut is_told = false;
        loop {
            match self.swap(component.clone(), begun).await {
                Ok(line) => self.tell(&line),
                Err(error) if error.may_pass() => {
                    if !is_told {
                        self.tell(&format!("{}: {error}; it is tried again", self.name));
                        is_told = true;
                    }
                    match tokio::time::timeout(PAUSE, watching.change()).await {
                        Ok(changed) => return changed,
                        Err(_) => continue,
                    }
                }
                Err(error) => self.tell(&format!("{} is not swapped: {error}", self.name)),
            }
            return watching.change().await;
        }
    }

    async fn build(&self) -> Result<Result<Vec<u8>, BuildError>, CliError> {
        let turn = Arc::clone(&self.builds).lock_owned().await;
        let options = BuildOptions::new(&self.dir);
        on_a_thread(move || {
            // Until it is done, whoever waits for it.
            let _turn = turn;
            build(&options).map(|built| built.component)
        })
        .await
    }

    /// Has a component decide, if the recorded history can be folded through it. What it changes is what one wants to see: it is
    /// accepted, and told. Gives the line that says so.
    async fn swap(&mut self, component: Vec<u8>, begun: Instant) -> Result<String, Refused> {
        let by = || Some(BY.to_owned());
        let request = DeployRequest { by: by(), ..DeployRequest::default() };
        let deployed = self.host.deploy_with(component, request).await?;
        self.name.clone_from(&deployed.descriptor.name);
        let was_known = std::mem::replace(&mut self.is_known, true);
        if let Some(active) = &deployed.active {
            if deployed.is_active() && was_known {
                return Ok(words::same(&active.reducer));
            }
            if deployed.is_active() {
                return Ok(words::decides(&active.reducer, begun.elapsed()));
            }
            if let Some(canary) = &active.canary {
                return Ok(words::canary(&active.reducer, canary, deployed.digest));
            }
        }
        let name = &deployed.descriptor.name;
        let verify = VerifyRequest { by: by(), ..VerifyRequest::of(deployed.digest) };
        let view = self.host.verify_to_the_end(name, verify).await?;
        match view.status {
            VerificationStatus::Failed => return Ok(words::failed(&deployed, &view.report)),
            VerificationStatus::Cancelled => return Ok(words::given_up(&deployed)),
            _ => {}
        }
        let policy = ActivationPolicy::Accept(vec!["*".into()]);
        let request = ActivateRequest { policy, by: by(), ..ActivateRequest::of(deployed.digest) };
        let active = self.host.activate(name, request).await?;
        Ok(words::swapped(&deployed, &view.report, &active.reducer, begun.elapsed()))
    }

    fn tell(&self, line: &str) {
        output::tell(&output::one_line(line));
    }
}
