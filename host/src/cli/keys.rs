//! `foldhost keys`, and the key file that serve and replay read.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use foldhost::event_store::sealing::{Encryption, MasterKeys};
use zeroize::Zeroizing;

use super::error::CliError;
use super::output;

const EXAMPLES: &str = "\
Examples:
  (umask 077; foldhost keys generate > /etc/foldhost/keys)
  foldhost serve --encryption-keys /etc/foldhost/keys --encrypt customer

The file has one key a line; what follows a # is a comment, and blank lines are passed
over. The first key wraps the keys of new streams, and every one unwraps. To change
keys, put a new line first: it takes effect when the host starts, and the old lines
stay for as long as streams are wrapped by them. Several hosts first need the new line
behind the old ones, so that all of them can read what the others write.

Whoever has the file and the database reads everything, and without the file nobody
reads any of it: back it up, and not beside the database.";

/// Make keys for the encryption of streams
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print a line with a new key, for the file that --encryption-keys names
    Generate,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    match args.command {
        Command::Generate => output::print(MasterKeys::generate_line().as_str()),
    }
}

/// Where the keys are.
#[derive(clap::Args)]
pub(crate) struct KeysArgs {
    /// The file with the keys of encrypted streams, one a line, as `foldhost keys generate` prints them
    #[arg(long, value_name = "FILE", env = "FOLDHOST_ENCRYPTION_KEYS_FILE")]
    encryption_keys: Option<PathBuf>,
}

impl KeysArgs {
    /// The keys, and the categories that are encrypted with them from now on; none where there is no file.
    pub(crate) fn load(&self, categories: &[String]) -> Result<Option<Encryption>, CliError> {
        let Some(path) = &self.encryption_keys else { return Ok(None) };
        let keys = read(path)?;
        let encryption = Encryption::new(keys, categories).map_err(|error| CliError::Usage(error.to_string()))?;
        Ok(Some(encryption))
    }
}

fn read(path: &Path) -> Result<MasterKeys, CliError> {
    let unreadable = |source| CliError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    // Of the open file, and not of its path: that may name another one by now.
    let mode = file.metadata().map_err(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(CliError::KeysExposed { path: path.to_owned() });
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(unreadable)?;
    let keys = MasterKeys::parse(&text).map_err(|source| CliError::Keys { path: path.to_owned(), source })?;
    Ok(keys.with_source(&format!("the lines of {}", path.display())))
}
