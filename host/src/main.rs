//! The binary `foldhost`: it only wires the library. `cli/` has a file for each command.

mod cli;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => cli::tell(&error),
    }
}

fn run() -> anyhow::Result<()> {
    let cli = cli::Cli::parse();
    // The first provider that is installed wins, and there is no other.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.context("the program cannot start its threads: look at the limits of this user (ulimit -u)")?;
    let outcome = runtime.block_on(cli.run());
    // A thread that still reads or compiles is not waited for: all that has to be durable is.
    runtime.shutdown_background();
    Ok(outcome?)
}
