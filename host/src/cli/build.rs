//! `foldhost build`

use std::path::{Path, PathBuf};

use foldhost::build::{BuildOptions, BuiltComponent};
use foldhost::{ComponentReducer, GuestEngine, Reducer};
use serde_json::json;

use super::error::CliError;
use super::limits::LimitsArgs;
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost build guests/order                     # target/foldhost/order.wasm
  foldhost build . --out order.wasm
  foldhost build guests/order --json | jq -r .digest
  foldhost build guests/order --debug-info        # target/foldhost/order.debug.wasm
  foldhost build guests/order-discount --features grant   # the same file, with features of the crate

The same crate, toolchain and lock file give the same bytes, so the same digest, in
whatever directory. RUSTFLAGS is kept. Cargo's messages go to stderr.";

/// Build a reducer's crate to a component, and check that a host would let it in
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The crate's directory, the one with its Cargo.toml
    dir: PathBuf,
    /// The file to write [default: foldhost/PACKAGE.wasm in cargo's target directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which package, when the directory is a workspace
    #[arg(long, value_name = "NAME")]
    package: Option<String>,
    #[command(flatten)]
    features: FeaturesArgs,
    /// Keep line tables, so that a trap names the lines that it went through; the file is several times as large
    #[arg(long)]
    debug_info: bool,
    /// Fail when Cargo.lock is missing or would change
    #[arg(long)]
    locked: bool,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitsArgs,
}

/// The features of a crate that is built, as cargo takes them.
#[derive(clap::Args)]
pub(crate) struct FeaturesArgs {
    /// Cargo features to build the crate with
    #[arg(long, value_name = "NAME[,NAME...]", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<(), CliError> {
    let engine = GuestEngine::new(&args.limits.load()?)?;
    let options = BuildOptions {
        dir: args.dir.clone(),
        package: args.package.clone(),
        features: args.features.features.clone(),
        out: args.out.clone(),
        debug_info: args.debug_info,
        locked: args.locked,
    };
    let built = foldhost::build::build(&options)?;
    let checking = output::spinner("checking the component");
    let reducer = ComponentReducer::load(&engine, &built.component);
    checking.finish_and_clear();
    print(&built, &reducer?, args.json)
}

/// Builds the crate in a directory for a command that goes on with the bytes.
pub(crate) fn build_component(dir: &Path, features: &FeaturesArgs) -> Result<Vec<u8>, CliError> {
    let options = BuildOptions { features: features.features.clone(), ..BuildOptions::new(dir) };
    Ok(foldhost::build::build(&options)?.component)
}

fn print(built: &BuiltComponent, reducer: &ComponentReducer, as_json: bool) -> Result<(), CliError> {
    let descriptor = reducer.descriptor();
    if as_json {
        return output::print_json(&json!({
            "package": built.package,
            "path": built.path,
            "bytes": built.component.len(),
            "digest": built.digest,
            "name": descriptor.name,
            "commands": descriptor.commands,
            "event_types": descriptor.event_types,
            "writes": descriptor.writes,
            "state_schema": descriptor.state_schema,
            "sdk_version": descriptor.sdk_version,
        }));
    }
    output::print(format_args!("component  {}", built.path.display()))?;
    output::print(format_args!("size       {} kB", built.component.len().div_ceil(1000)))?;
    output::print(format_args!("digest     {}", built.digest))?;
    output::print(format_args!("reducer    {} (state schema {})", descriptor.name, descriptor.state_schema))?;
    output::print(format_args!("commands   {}", descriptor.commands.join(", ")))?;
    let writes = &descriptor.writes;
    let (written, read): (Vec<_>, Vec<_>) = descriptor
        .event_types
        .iter()
        .map(String::as_str)
        .partition(|&event_type| writes.iter().any(|it| it == event_type));
    output::print(format_args!("events     {}", written.join(", ")))?;
    if read.is_empty() { Ok(()) } else { output::print(format_args!("reads too  {}", read.join(", "))) }
}
