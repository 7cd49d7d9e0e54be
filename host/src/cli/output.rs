//! Everything that goes to a terminal or a pipe. Data goes to stdout, all else to stderr.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};
use serde::Serialize;

use super::error::CliError;

/// Writes one line of data. `println!` would panic when the reader has gone, as in `foldhost events | head -1`.
pub(crate) fn print(line: impl Display) -> Result<(), CliError> {
    writeln!(io::stdout().lock(), "{line}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => CliError::OutputClosed,
        _ => CliError::Output(error),
    })
}

/// Writes one document as one line, so that programs read line by line.
pub(crate) fn print_json(document: &impl Serialize) -> Result<(), CliError> {
    let text = serde_json::to_string(document).map_err(|error| CliError::Output(error.into()))?;
    print(text)
}

/// A document for people.
pub(crate) fn pretty(document: &serde_json::Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_else(|_| document.to_string())
}

/// Tells a failure in one line.
pub(crate) fn tell_failure(error: &str) {
    // Nobody is left to tell when this fails too.
    drop(writeln!(io::stderr().lock(), "error: {}", one_line(error)));
}

/// Says how things stand, to whoever watches.
pub(crate) fn tell(text: &str) {
    // Nobody is left to tell when this fails.
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// The text without line breaks and other control characters: a message may quote what others wrote.
pub(crate) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Something that turns on stderr while a long step runs; nothing where stderr is no terminal.
pub(crate) fn spinner(message: impl Into<String>) -> ProgressBar {
    // Cleared when it is dropped too: a failure is told on a line of its own.
    let bar = ProgressBar::new_spinner().with_message(message.into()).with_finish(ProgressFinish::AndClear);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(100));
    bar
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        assert_eq!(super::one_line("it\n  says \x1b[31mno\t"), "it says [31mno");
    }
}
