//! Numbers beyond 64 bits, which JSON has and `serde_json::Value` has not.

use serde_json::Value;

/// JSON as a value that can be compared. A whole number beyond 64 bits becomes a text of its digits: serde_json would make a float
/// of it, and two states that differ in their last digits would be the same.
///
/// # Errors
/// What serde_json says of text that is no JSON.
pub fn exact_value(json: &str) -> serde_json::Result<Value> {
    let (mut quoted, mut rest) = (String::new(), json);
    while let Some((before, number, after)) = split_at_wide_number(rest) {
        quoted.extend([before, "\"", number, "\""]);
        rest = after;
    }
    if quoted.is_empty() {
        return serde_json::from_str(json);
    }
    quoted.push_str(rest);
    serde_json::from_str(&quoted)
}

/// The first whole number in a document that needs more than 64 bits.
pub(super) fn wide_number(json: &str) -> Option<&str> {
    split_at_wide_number(json).map(|(_, number, _)| number)
}

fn split_at_wide_number(json: &str) -> Option<(&str, &str, &str)> {
    let mut at = 0;
    while let Some(start) = json[at..].find(|next: char| next == '"' || next == '-' || next.is_ascii_digit()) {
        let (before, rest) = json.split_at(at + start);
        let end = if rest.starts_with('"') { string_end(rest) } else { number_end(rest) };
        let (token, after) = rest.split_at(end);
        let digits = token.strip_prefix('-').unwrap_or(token);
        let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if is_whole && token.parse::<u64>().is_err() && token.parse::<i64>().is_err() {
            return Some((before, token, after));
        }
        at = json.len() - after.len();
    }
    None
}

/// Behind the closing quote.
fn string_end(json: &str) -> usize {
    let mut is_escaped = false;
    let closing = json.bytes().skip(1).position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    });
    closing.map_or(json.len(), |behind_opening| behind_opening + 2)
}

fn number_end(json: &str) -> usize {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    json.bytes().position(|byte| !is_part(byte)).unwrap_or(json.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::{exact_value, wide_number};

    #[test]
    fn a_number_is_wide_beyond_64_bits_and_nothing_else_is() {
        for narrow in [
            "{}",
            "18446744073709551615",
            "-9223372036854775808",
            r#"{"18446744073709551616": "\"18446744073709551616"}"#,
            "[1e40, -2.5, 18446744073709551616.5]",
        ] {
            assert_eq!(wide_number(narrow), None, "{narrow}");
        }
        assert_eq!(wide_number(r#"{"a\\": [1, 18446744073709551616]}"#), Some("18446744073709551616"));
        assert_eq!(wide_number("-9223372036854775809"), Some("-9223372036854775809"));
    }
    #[test]
    fn two_wide_numbers_are_as_different_as_their_last_digits() {
        let json = format!(r#"{{"sums": [{}, {}], "level": 0.1, "\"": 1}}"#, u128::MAX, i128::MIN);
        let expected = json!({
            "sums": [u128::MAX.to_string(), i128::MIN.to_string()],
            "level": 0.1,
            "\"": 1,
        });
        assert_eq!(exact_value(&json).unwrap(), expected);
        assert!(exact_value("-").is_err() && exact_value("{\"").is_err());
    }
}
