//! Lengths of time, as they are typed: `90s`, `5ms`, `1h`.

use std::time::Duration;

/// Units and their microseconds. Longer ones are no lengths but dates.
const UNITS: [(&str, u64); 6] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("m", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000)];

/// Reads a whole number and its unit.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let micros = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, micros)| micros);
    let length = number.parse::<u64>().ok().zip(micros).and_then(|(number, micros)| number.checked_mul(*micros));
    length.map(Duration::from_micros).ok_or_else(|| {
        let units = UNITS.map(|(name, _)| name).join(", ");
        format!("write a whole number and its unit, as in 90s; units are {units}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_a_whole_number_and_its_unit() {
        for (text, seconds) in [("0s", 0), ("90s", 90), ("2m", 120), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(parse("5ms"), Ok(Duration::from_millis(5)));
        assert_eq!(parse("250us"), Ok(Duration::from_micros(250)));
        for text in ["", "5", "s", "1.5s", "-1s", "1 h", "1w", "1H", "99999999999999999d"] {
            assert!(parse(text).is_err_and(|error| error.contains("90s")), "{text:?}");
        }
    }
}
