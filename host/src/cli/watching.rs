//! The files that something is made from, and their changes.

mod sources;
mod watcher;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::CliError;

pub(crate) use sources::{Outlook, Sources};
use watcher::Watcher;

/// A look at sources, and what has happened to them since.
pub(crate) struct Watching {
    outlook: Arc<Outlook>,
    before: Arc<Sources>,
    /// Those that are watched by now.
    directories: BTreeSet<PathBuf>,
    watcher: Watcher,
    changed: mpsc::UnboundedReceiver<()>,
}

impl Watching {
    /// Begins with the sources as they are now: what changes from here on is told, also while something is made of them. What was
    /// seen before spares reading what did not change since.
    pub(crate) async fn begin(outlook: Outlook, last: Option<Arc<Sources>>) -> Result<Self, CliError> {
        let (changes, changed) = mpsc::unbounded_channel();
        let outlook = Arc::new(outlook);
        let before = look(&outlook, last).await?;
        let mut watcher = Watcher::new(changes)?;
        watcher.follow(&before.directories)?;
        Ok(Self { outlook, directories: before.directories.clone(), before, watcher, changed })
    }

    /// Waits until a source is another one than it was when this began, and gives what is there then. Dropped, nothing is lost.
    pub(crate) async fn change(&mut self) -> Result<Arc<Sources>, CliError> {
        loop {
            // First to be told of changes, and then to look: what happens in between is told.
            self.watcher.follow(&self.directories)?;
            let now = look(&self.outlook, Some(Arc::clone(&self.before))).await?;
            // What was only read, or touched by the build, is no change.
            if now.files != self.before.files {
                return Ok(now);
            }
            if now.directories != self.directories {
                self.directories.clone_from(&now.directories);
                continue;
            }
            tracing::trace!(touched = ?now.touched_since(&self.before), "no source is another one");
            if self.changed.recv().await.is_none() {
                return Err(CliError::Watch("what tells of them has ended".into()));
            }
        }
    }
}

async fn look(outlook: &Arc<Outlook>, before: Option<Arc<Sources>>) -> Result<Arc<Sources>, CliError> {
    let outlook = Arc::clone(outlook);
    on_a_thread(move || Arc::new(outlook.sources(before.as_deref()))).await
}

/// Files are read, and programs waited for, where nobody else waits for it.
pub(crate) async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, CliError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| CliError::Runtime(error.into()))
}
