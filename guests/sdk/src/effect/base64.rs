//! Base64 as in RFC 4648, section 4: what a reducer reads the bytes of an answer from. Here, since it imports no crate for it.

/// The bytes, if it is base64: the standard alphabet, padded, and no bits left over that are not zero.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for &digit in digits {
        held = held << 6 | u32::from(value(digit)?);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    // Six bits left are a digit of nothing, and bits that are no zeros would make two texts of the same bytes.
    (bits < 6 && held == 0).then_some(bytes)
}

fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_vectors_of_the_rfc_are_read() {
        for (text, bytes) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg==", "foob"),
            ("Zm9vYmE=", "fooba"),
            ("Zm9vYmFy", "foobar"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(decode("/+8A").as_deref(), Some([0xFF, 0xEF, 0].as_slice()));
    }

    #[test]
    fn what_is_no_base64_has_no_bytes() {
        const NONE: &str = "Z Zg Zg= Zh== Z=== Zm9= ==== Zm9v= Zm9v==== Zg==Zg== Zm-_ Zm9\n =Zm9";
        for text in NONE.split(' ').chain([" Zm9"]) {
            assert_eq!(decode(text), None, "{text}");
        }
    }
}
