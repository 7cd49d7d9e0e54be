//! A reducer's fault, and what it was busy with.

use std::fmt;

use super::command::{CommandError, DecidedBy};
use crate::reducer::ReducerFault;
use crate::{StreamId, Version};

/// A reducer failed, here.
///
/// The fault alone says which function panicked in which line; whoever has to mend it needs the command, the stream and the version
/// too, to do it again with `foldhost test` or `foldhost replay`.
#[derive(Debug, Clone)]
pub struct ReducerFailure {
    /// What happened.
    pub fault: ReducerFault,
    /// Which logic failed.
    pub reducer: DecidedBy,
    /// Which stream it was asked about; none for a page of events of several.
    pub stream_id: Option<StreamId>,
    /// How many events the state held, as far as is known.
    pub version: Option<Version>,
    /// The command that it was asked to decide, or that the stream was loaded for.
    pub command: Option<String>,
}

impl ReducerFailure {
    pub(super) fn new(fault: ReducerFault, reducer: DecidedBy) -> Self {
        Self { fault, reducer, stream_id: None, version: None, command: None }
    }

    /// As the answer to whoever asked.
    pub(super) fn told(self) -> CommandError {
        CommandError::Fault(Box::new(self))
    }

    pub(super) fn on(self, stream_id: &StreamId, version: Version) -> Self {
        Self { stream_id: Some(stream_id.clone()), version: Some(version), ..self }
    }

    pub(super) fn at_command(self, name: &str) -> Self {
        Self { command: Some(name.to_owned()), ..self }
    }
}

impl fmt::Display for ReducerFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; ", self.fault)?;
        if let Some(command) = &self.command {
            write!(f, "{command} ")?;
        }
        if let Some(stream_id) = &self.stream_id {
            write!(f, "on {stream_id} ")?;
        }
        if let Some(version) = self.version {
            write!(f, "at version {version}, ")?;
        }
        let DecidedBy { name, generation, .. } = &self.reducer;
        match generation {
            Some(generation) => write!(f, "{name} generation {generation}"),
            // Linked into the host.
            None => write!(f, "{name}"),
        }
    }
}

impl std::error::Error for ReducerFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}
