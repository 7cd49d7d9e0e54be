//! `foldhost new`

use std::env;
use std::path::PathBuf;

use foldhost::scaffold::{ReducerName, Sdk, create};
use serde_json::json;

use super::error::CliError;
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost new invoice                            # ./invoice
  foldhost new invoice --path rules/invoice
  foldhost new invoice --sdk ../foldhost/guests/sdk
  foldhost new invoice --sdk 0.1                  # from crates.io

The crate is a workspace of its own. It builds, its tests pass, and it can be
deployed as it is; its README.md has the commands.";

/// Write a new reducer's crate: rules, tests, scenarios
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What the ids of its streams begin with: letters, digits and `_`, as in invoice
    name: String,
    /// The directory to write, which must not exist or be empty [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// The crate foldhost-sdk, or its version [default: that of the clone in which this program stands, else the
    /// version of this program]
    #[arg(long, value_name = "PATH|VERSION")]
    sdk: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let name = ReducerName::new(&args.name)?;
    let sdk = match &args.sdk {
        Some(sdk) => Sdk::parse(sdk)?,
        // By its real place: the program may be a link in a directory of programs.
        None => env::current_exe()
            .and_then(|program| program.canonicalize())
            .ok()
            .and_then(|program| Sdk::beside(&program))
            .unwrap_or_default(),
    };
    let dir = args.path.clone().unwrap_or_else(|| args.name.clone().into());
    let created = create(&name, &dir, &sdk)?;
    if args.json {
        return output::print_json(&json!({
            "name": name.as_str(),
            "path": created.dir,
            "package": created.package,
            "sdk": sdk.to_string(),
            "files": created.files,
        }));
    }
    let dir = created.dir.display();
    output::print(format_args!("created  {dir}"))?;
    output::print(format_args!("sdk      {sdk}"))?;
    output::print(format_args!("next     cd {dir}"))?;
    output::print(format_args!("         cargo test              # the rules, natively"))?;
    output::print(format_args!("         foldhost test .         # the scenarios, in the component"))?;
    output::print(format_args!("         foldhost deploy .       # to a host that runs"))
}
