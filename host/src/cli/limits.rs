//! The limits that the command line names a file for.

use std::path::{Path, PathBuf};

use foldhost::Limits;

use super::error::CliError;

/// Where the limits are.
#[derive(clap::Args, Clone)]
pub(crate) struct LimitsArgs {
    /// A TOML file with limits that differ from the default ones: of the host, of one reducer, of effects and their kinds
    /// (`[effects]`); docs/limits.md has them all
    #[arg(long, value_name = "FILE", env = "FOLDHOST_LIMITS_FILE")]
    limits: Option<PathBuf>,
}

impl LimitsArgs {
    /// The limits to keep to: the default ones where there is no file.
    pub(crate) fn load(&self) -> Result<Limits, CliError> {
        self.limits.as_deref().map_or_else(|| Ok(Limits::default()), read)
    }
}

fn read(path: &Path) -> Result<Limits, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_owned(), source })?;
    let limits: Limits = toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
        let reason = error.message().replace('\n', " ");
        CliError::Limits { path: path.to_owned(), line, reason }
    })?;
    match limits.validate() {
        Ok(()) => Ok(limits),
        Err(error) => Err(CliError::Limits { path: path.to_owned(), line: None, reason: error.to_string() }),
    }
}
