//! Is told when something happens in a directory.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use notify_debouncer_mini::notify::{self, ErrorKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use tokio::sync::mpsc;

use crate::cli::error::CliError;

/// How long nothing has to change before it is told: an editor saves in several steps, and a branch is changed in many.
const QUIET: Duration = Duration::from_millis(100);

/// Says so whenever something happens in one of the directories.
pub(super) struct Watcher {
    debouncer: Debouncer<RecommendedWatcher>,
}

impl Watcher {
    pub(super) fn new(changes: mpsc::UnboundedSender<()>) -> Result<Self, CliError> {
        let debouncer = new_debouncer(QUIET, move |_: DebounceEventResult| {
            // Nobody listens any more when the next look has begun.
            let _ = changes.send(());
        });
        Ok(Self { debouncer: debouncer.map_err(|error| failed(&error))? })
    }

    /// Each of them is asked for again, known or not: one that was removed and made anew is another one.
    pub(super) fn follow(&mut self, directories: &BTreeSet<PathBuf>) -> Result<(), CliError> {
        for directory in directories {
            match self.debouncer.watcher().watch(directory, RecursiveMode::NonRecursive) {
                // Removed since it was seen, as when a branch is changed: it is not among those that are seen next.
                Err(error) if is_not_found(&error) => {}
                watched => watched.map_err(|error| failed(&error))?,
            }
        }
        Ok(())
    }
}

fn is_not_found(error: &notify::Error) -> bool {
    match &error.kind {
        ErrorKind::PathNotFound => true,
        ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

fn failed(error: &notify::Error) -> CliError {
    CliError::Watch(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_directory_that_vanished_is_not_watched_and_one_that_came_back_is() -> Result<(), anyhow::Error> {
        let place = tempfile::tempdir()?;
        let below = place.path().join("below");
        let directories = BTreeSet::from([below.clone()]);
        let (changes, mut changed) = mpsc::unbounded_channel();
        let mut watcher = Watcher::new(changes)?;
        watcher.follow(&directories)?;
        for _ in 0..2 {
            std::fs::create_dir(&below)?;
            watcher.follow(&directories)?;
            std::fs::write(below.join("a"), "a")?;
            assert!(changed.recv().await.is_some());
            std::fs::remove_dir_all(&below)?;
            assert!(changed.recv().await.is_some());
            watcher.follow(&directories)?;
        }
        Ok(())
    }
}
