//! A guest's words. They are shown to people and written to logs, and whoever wrote the guest chose them.

/// At most `bytes_max` bytes of a guest's text, which may have lines. No other control character: the store has no place for a
/// NUL, and a terminal obeys the rest. Nor what turns the direction of writing: a reason would read as its opposite.
pub(super) fn shorten(mut text: String, bytes_max: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes_max));
    let is_foreign = |c: char| c != '\n' && c != '\t' && plain(c) != c;
    if text.contains(is_foreign) { text.replace(is_foreign, "\u{FFFD}") } else { text }
}

/// The same in one line, without anything that moves a terminal's cursor or turns the direction of writing: a panic's
/// message must not forge a second line of the log.
pub(crate) fn one_line(text: &str, bytes_max: usize) -> String {
    let text = &text[..text.floor_char_boundary(bytes_max)];
    text.trim_end().chars().map(plain).collect()
}

fn plain(c: char) -> char {
    match c {
        '\n' | '\r' | '\t' => ' ',
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' => {
            char::REPLACEMENT_CHARACTER
        }
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_s_text_stays_in_its_line_and_its_length() {
        assert_eq!(one_line("a\nb\u{1b}[2Jc\u{202E}d\r\n", 100), "a b\u{FFFD}[2Jc\u{FFFD}d");
        assert_eq!(one_line("ä€", 4), "ä");
        assert_eq!(shorten("ä\0€".into(), 5), "ä\u{FFFD}");
        assert_eq!(shorten("a\nb\tc\u{1b}d".into(), 9), "a\nb\tc\u{FFFD}d");
        assert_eq!(shorten("a\r\nb\u{202E}c\u{2066}".into(), 99), "a\u{FFFD}\nb\u{FFFD}c\u{FFFD}");
    }
}
