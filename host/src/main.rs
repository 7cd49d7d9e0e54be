//! The binary `foldhost`: it only wires the library. `cli/` has a file for each command.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
