//! The secrets that the command line names a file for.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use foldhost::effects::Secrets;
use zeroize::Zeroizing;

use super::error::CliError;

/// Bytes of the file.
const FILE_BYTES_MAX: usize = 4_194_304;

/// Where the secrets are.
#[derive(clap::Args)]
pub(crate) struct SecretsArgs {
    /// A TOML file with the secrets that HTTP requests of reducers name as `${secret:NAME}`; docs/effects.md shows one
    #[arg(long, value_name = "FILE", env = "FOLDHOST_SECRETS_FILE")]
    secrets: Option<PathBuf>,
}

impl SecretsArgs {
    /// The secrets; none where there is no file.
    pub(crate) fn load(&self) -> Result<Secrets, CliError> {
        self.secrets.as_deref().map_or_else(|| Ok(Secrets::default()), read)
    }
}

fn read(path: &Path) -> Result<Secrets, CliError> {
    let unreadable = |source| CliError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    // Of the open file, and not of its path: that may name another one by now.
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(CliError::SecretsExposed { path: path.to_owned() });
    }
    // With room for all of it: a text that grows leaves copies of itself behind.
    let length = usize::try_from(metadata.len()).unwrap_or(FILE_BYTES_MAX).min(FILE_BYTES_MAX);
    let mut text = Zeroizing::new(String::with_capacity(length + 1));
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > FILE_BYTES_MAX {
        return Err(unreadable(io::Error::other(format!("it has more than {FILE_BYTES_MAX} bytes"))));
    }
    Secrets::parse(&text).map_err(|source| CliError::Secrets { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs::Permissions;
    use std::io::Write as _;

    use super::*;

    const TEXT: &str = "[key]\nvalue = 'hunter2-hunter2'\norigins = ['https://a.example']\n";

    fn loaded(text: &str, mode: u32) -> Result<Secrets, CliError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.as_file().set_permissions(Permissions::from_mode(mode)).unwrap();
        SecretsArgs { secrets: Some(file.path().to_owned()) }.load()
    }

    #[test]
    fn a_file_of_its_owners_alone_is_read() {
        for mode in [0o600, 0o400] {
            assert_eq!(loaded(TEXT, mode).unwrap().names().collect::<Vec<_>>(), ["key"]);
        }
        assert_eq!(SecretsArgs { secrets: None }.load().unwrap().names().count(), 0);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused_with_what_to_do() {
        for mode in [0o644, 0o640, 0o604, 0o620] {
            let error = loaded(TEXT, mode).unwrap_err();
            assert!(matches!(error, CliError::SecretsExposed { .. }), "{mode:o}: {error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_its_values_are_not() {
        let long = format!("# {}\n{TEXT}", "x".repeat(FILE_BYTES_MAX));
        for text in ["[key]\nvalue = hunter2-hunter2", "[key]\nvalue = 'hunter2-hunter2'", &long] {
            let error = loaded(text, 0o600).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("/.tmp") && !shown.contains("hunter"), "{shown}");
            assert!(!error.to_string().contains('\n'), "{shown}");
        }
        let missing = SecretsArgs { secrets: Some("/no/such/file".into()) }.load();
        assert!(matches!(missing, Err(CliError::Read { .. })));
    }
}
