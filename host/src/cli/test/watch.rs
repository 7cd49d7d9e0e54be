//! Runs again after every change.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use foldhost::GuestEngine;
use notify_debouncer_mini::notify::RecursiveMode;
use notify_debouncer_mini::{DebounceEventResult, new_debouncer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::subject::{Subject, SubjectPlace};
use super::{Args, test};
use crate::cli::error::CliError;
use crate::cli::{output, tell};

/// How long nothing has to change before a run: an editor saves in several steps, and a branch is changed in many.
const QUIET: Duration = Duration::from_millis(100);
/// Directories that are watched, and files in them.
const DIRECTORIES_MAX: usize = 2_000;
const FILES_MAX: usize = 50_000;

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
    loop {
        let (changes, mut changed) = mpsc::unbounded_channel();
        // Before the run, so that what changes while it goes on is not missed.
        let roots = roots(&work.1);
        let before = Sources::of(&roots);
        let _watcher = before.watched(changes)?;
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
        // What was only read, or touched by the build, is no change.
        while Sources::of(&roots) == before {
            if changed.recv().await.is_none() {
                return Ok(());
            }
        }
    }
}

/// What to look at: a directory with all below it, or one file.
fn roots(subject: &Subject) -> Vec<PathBuf> {
    let mut roots = match &subject.place {
        SubjectPlace::Crate(dir) => packages(dir),
        SubjectPlace::File(path) => vec![path.clone()],
    };
    roots.push(subject.scenarios.clone());
    roots.extend(subject.scenarios.parent().map(|beside| beside.join("golden")));
    roots
}

/// The crate, and the crates that it is built from on this machine: a change in one of them changes the component too.
fn packages(dir: &Path) -> Vec<PathBuf> {
    let mut found = vec![dir.to_owned()];
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(dir).exec();
    // A manifest that cannot be read is told by the build.
    let Ok(metadata) = metadata else { return found };
    let Some(resolve) = &metadata.resolve else { return found };
    let Ok(manifest) = dir.join("Cargo.toml").canonicalize() else { return found };
    let mut ahead: Vec<_> = metadata.packages.iter().filter(|package| package.manifest_path == manifest).collect();
    let mut seen = std::collections::HashSet::new();
    while let Some(package) = ahead.pop() {
        if package.source.is_some() || !seen.insert(&package.id) {
            continue;
        }
        found.extend(package.manifest_path.parent().map(|dir| dir.as_std_path().to_owned()));
        let node = resolve.nodes.iter().find(|node| node.id == package.id);
        let needed = node.into_iter().flat_map(|node| &node.dependencies);
        ahead.extend(needed.filter_map(|id| metadata.packages.iter().find(|package| package.id == *id)));
    }
    found
}

/// Every file that matters, with what tells whether it is another one.
#[derive(PartialEq)]
struct Sources {
    files: BTreeMap<PathBuf, (Option<SystemTime>, u64)>,
    directories: Vec<PathBuf>,
}

impl Sources {
    fn of(roots: &[PathBuf]) -> Self {
        let mut sources = Self { files: BTreeMap::new(), directories: Vec::new() };
        let mut ahead: Vec<PathBuf> = roots.to_vec();
        while let Some(path) = ahead.pop() {
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() => {
                    if sources.directories.len() == DIRECTORIES_MAX || sources.directories.contains(&path) {
                        continue;
                    }
                    let entries = fs::read_dir(&path).into_iter().flatten().flatten();
                    ahead.extend(entries.map(|entry| entry.path()).filter(|path| is_source(path)));
                    sources.directories.push(path);
                }
                Ok(found) if sources.files.len() < FILES_MAX => {
                    sources.files.insert(path, (found.modified().ok(), found.len()));
                }
                // It is not there, or not any more.
                _ => {}
            }
        }
        sources.directories.sort();
        sources
    }

    /// Says so whenever something happens in one of the directories, or in that of a file.
    fn watched(&self, changes: mpsc::UnboundedSender<()>) -> Result<impl Sized + use<>, CliError> {
        let failed = |error: notify_debouncer_mini::notify::Error| CliError::Watch(error.to_string());
        let mut debouncer = new_debouncer(QUIET, move |_: DebounceEventResult| {
            // Nobody listens any more when the next run has begun.
            let _ = changes.send(());
        })
        .map_err(failed)?;
        let beside = self.files.keys().filter_map(|file| file.parent());
        let beside = beside.map(|dir| if dir.as_os_str().is_empty() { Path::new(".") } else { dir });
        let mut directories: Vec<&Path> = self.directories.iter().map(PathBuf::as_path).chain(beside).collect();
        directories.sort_unstable();
        directories.dedup();
        for directory in directories {
            debouncer.watcher().watch(directory, RecursiveMode::NonRecursive).map_err(failed)?;
        }
        Ok(debouncer)
    }
}

/// Not what a build writes, and not what hides: version control, editors, and files that are about to be renamed.
fn is_source(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_build = name == "target" && path.is_dir();
    !(is_build || name.starts_with('.') || name.ends_with('~'))
}
