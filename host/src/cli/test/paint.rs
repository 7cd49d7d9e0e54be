//! Colours, where somebody looks who wants them.

use std::io::{self, IsTerminal as _};

#[derive(Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// On a terminal, and nowhere else; not where NO_COLOR is set to anything (no-color.org).
    pub(super) fn for_stdout() -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { on: io::stdout().is_terminal() && !unwanted && !dumb }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.coloured("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.coloured("31", text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.coloured("2", text)
    }

    fn coloured(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Text that a reducer or a file made, without what would move the cursor or change the terminal.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reducer_says_cannot_reach_the_terminal() {
        assert_eq!(clean("a\x1b[2Jb\rc\nd"), "a\u{FFFD}[2Jb\u{FFFD}c\nd");
    }

    #[test]
    fn colours_are_there_when_asked_for_and_only_then() {
        assert_eq!(Paint { on: true }.bad("x"), "\x1b[31mx\x1b[0m");
        assert_eq!(Paint { on: false }.bad("x"), "x");
    }
}
