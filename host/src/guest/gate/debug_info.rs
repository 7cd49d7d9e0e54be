//! How much debug information a component brings.
//!
//! It is kept beside the compiled code and read when the component traps, on the thread that the trap happened on: line tables are a
//! program that makes rows of 32 bytes out of single bytes. So its size has a bound of its own, well below a component's.

/// Ids of the sections that matter, in components and in core modules.
const CUSTOM: u8 = 0;
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;
const HEADER_BYTES: usize = 8;
/// What stands in the header of a core module, where a component has a 1.
const IS_COMPONENT_AT: usize = 6;

/// The bytes of all custom sections whose names begin as DWARF's do. What cannot be read counts nothing: the compiler will
/// refuse it.
pub(super) fn debug_bytes(component: &[u8]) -> usize {
    let mut total = 0_usize;
    // A list of its own, since components may stand in each other as deep as they are long.
    let mut binaries = vec![component];
    while let Some(binary) = binaries.pop() {
        let is_component = binary.get(IS_COMPONENT_AT) == Some(&1);
        let mut rest = binary.get(HEADER_BYTES..).unwrap_or_default();
        while let Some((id, section, behind)) = section(rest) {
            match id {
                CUSTOM if is_debug(section) => total = total.saturating_add(section.len()),
                CORE_MODULE | COMPONENT if is_component => binaries.push(section),
                _ => {}
            }
            rest = behind;
        }
    }
    total
}

/// A section's id and content, and what stands behind it.
fn section(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (id, rest) = bytes.split_first()?;
    let (section, behind) = counted(rest)?;
    Some((*id, section, behind))
}

fn is_debug(section: &[u8]) -> bool {
    counted(section).is_some_and(|(name, _)| name.starts_with(b".debug_"))
}

/// Bytes behind their length, which is a LEB128 of 32 bits.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut len = 0_usize;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        len |= usize::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return bytes[at + 1..].split_at_checked(len);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A custom section.
    fn custom(name: &str, data_bytes: usize) -> String {
        format!("(@custom {name:?} {:?})", "x".repeat(data_bytes))
    }

    #[test]
    fn debug_sections_count_in_whatever_module_they_are() {
        let (line, info, name) = (custom(".debug_line", 300), custom(".debug_info", 20), custom("producers-of", 1_000));
        let text = format!("(component {name} (core module {line} {name}) (component (core module {info})))");
        // Each with its name and the name's length.
        assert_eq!(debug_bytes(&wat::parse_str(text).unwrap()), 300 + 12 + 20 + 12);
    }

    #[test]
    fn what_is_no_component_counts_nothing() {
        let bytes = wat::parse_str("(component (core module (memory 1)))").unwrap();
        for len in 0..bytes.len() {
            assert_eq!(debug_bytes(&bytes[..len]), 0);
        }
        assert_eq!(debug_bytes(&[&bytes[..8], &[0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]].concat()), 0);
    }
}
