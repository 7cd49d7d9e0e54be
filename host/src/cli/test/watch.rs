//! Runs again after every change.

use std::path::Path;

use foldhost::GuestEngine;
use tokio::signal::unix::{SignalKind, signal};

use super::subject::{Subject, SubjectPlace};
use super::{Args, test};
use crate::cli::error::CliError;
use crate::cli::watching::{Outlook, Watching, on_a_thread};
use crate::cli::{output, tell};

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
        // Before the run, so that what changes while it goes on is not missed.
        let mut watching = Watching::begin(outlook(&work.1, work.0.junit.as_deref()), last.take()).await?;
        let ended;
        (work, ended) = on_a_thread(move || {
            let ended = test(&work.0, &work.1, &work.2);
            (work, ended)
        })
        .await?;
        match ended {
            Err(CliError::OutputClosed) => return Err(CliError::OutputClosed),
            // A build that fails is waited on: its author is typing already.
            Err(error) => drop(tell(&error.into())),
            Ok(()) => {}
        }
        output::tell("waiting for a change; Ctrl-C ends it");
        last = Some(watching.change().await?);
    }
}

/// What a run reads, without the report that it writes.
fn outlook(subject: &Subject, junit: Option<&Path>) -> Outlook {
    let made_from = match &subject.place {
        SubjectPlace::Crate(dir) => Outlook::of_crate(dir),
        SubjectPlace::File(path) => Outlook::of(path),
    };
    let read = made_from.and(&subject.scenarios).and(&subject.golden_dir());
    junit.into_iter().fold(read, Outlook::without)
}
