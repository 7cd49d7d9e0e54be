//! Runs again after every change.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use foldhost::GuestEngine;
use notify_debouncer_mini::notify::{self, ErrorKind, RecommendedWatcher, RecursiveMode};
use notify_debouncer_mini::{DebounceEventResult, Debouncer, new_debouncer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::sources::Outlook;
use super::subject::Subject;
use super::{Args, test};
use crate::cli::error::CliError;
use crate::cli::{output, tell};

/// How long nothing has to change before a run: an editor saves in several steps, and a branch is changed in many.
const QUIET: Duration = Duration::from_millis(100);

/// Runs until Ctrl-C, which is no failure.
pub(super) async fn run(args: Args, subject: Subject, engine: GuestEngine) -> Result<(), CliError> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(CliError::Runtime)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(CliError::Runtime)?;
    tokio::select! {
        ended = watch(args, subject, engine) => ended,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    }
}

async fn watch(args: Args, subject: Subject, engine: GuestEngine) -> Result<(), CliError> {
    let mut work = (args, subject, engine);
    let mut last = None;
    loop {
        let (changes, mut changed) = mpsc::unbounded_channel();
        // Before the run, so that what changes while it goes on is not missed.
        let outlook = Outlook::of(&work.1, work.0.junit.as_deref());
        let before = outlook.sources(last.as_ref());
        let mut watcher = Watcher::new(changes)?;
        watcher.follow(&before.directories)?;
        let run = tokio::task::spawn_blocking(move || {
            let ended = test(&work.0, &work.1, &work.2);
            (work, ended)
        });
        let ended;
        (work, ended) = run.await.map_err(|error| CliError::Runtime(error.into()))?;
        match ended {
            Err(CliError::OutputClosed) => return Err(CliError::OutputClosed),
            // A build that fails is waited on: its author is typing already.
            Err(error) => drop(tell(&error.into())),
            Ok(()) => {}
        }
        output::tell("waiting for a change; Ctrl-C ends it");
        let mut directories = before.directories.clone();
        last = loop {
            // First to be told of changes, and then to look: what happens in between is told.
            watcher.follow(&directories)?;
            let now = outlook.sources(Some(&before));
            // What was only read, or touched by the build, is no change.
            if now.files != before.files {
                break Some(now);
            }
            if now.directories != directories {
                directories = now.directories;
            } else if changed.recv().await.is_none() {
                return Ok(());
            }
        };
    }
}

/// Says so whenever something happens in one of the directories.
struct Watcher {
    debouncer: Debouncer<RecommendedWatcher>,
}

impl Watcher {
    fn new(changes: mpsc::UnboundedSender<()>) -> Result<Self, CliError> {
        let debouncer = new_debouncer(QUIET, move |_: DebounceEventResult| {
            // Nobody listens any more when the next run has begun.
            let _ = changes.send(());
        });
        Ok(Self { debouncer: debouncer.map_err(|error| failed(&error))? })
    }

    /// Each of them is asked for again, known or not: one that was removed and made anew is another one.
    fn follow(&mut self, directories: &BTreeSet<PathBuf>) -> Result<(), CliError> {
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
