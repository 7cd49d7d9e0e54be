//! Digests: those that a page shows, and those of the components that were built here.

/// So many digits are shown of one at least.
const SHOWN_MIN: usize = 12;
/// So many are typed of one at least.
const TYPED_MIN: usize = 6;

/// Which digest stands here for which of the page, by their first digits.
#[derive(Debug, Clone, Default)]
pub(crate) struct Digests(Vec<(String, String)>);

pub(crate) fn is_digest(word: &str) -> bool {
    word.len() >= SHOWN_MIN && is_hex(word)
}

fn is_hex(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

impl Digests {
    /// Whether what was printed can stand for the digest of the page: it always does, and for no other.
    pub(crate) fn stands_for(&mut self, shown: &str, printed: &str) -> bool {
        if shown.len() != printed.len() {
            return false;
        }
        let pair = (shown[..SHOWN_MIN].to_owned(), printed[..SHOWN_MIN].to_owned());
        match self.0.iter().find(|(shown, printed)| *shown == pair.0 || *printed == pair.1) {
            Some(known) => *known == pair,
            None => {
                self.0.push(pair);
                true
            }
        }
    }

    /// Commands of the page as its reader types them: with the digests that were printed here.
    pub(crate) fn typed(&self, commands: &str) -> String {
        let of_here = |word: &str| {
            let is_typed = word.len() >= TYPED_MIN && word.len() <= SHOWN_MIN && is_hex(word);
            let known = self.0.iter().find(|(shown, _)| is_typed && shown.starts_with(word));
            known.map_or_else(|| word.to_owned(), |(_, printed)| printed[..word.len()].to_owned())
        };
        commands
            .split_inclusive([' ', '\n'])
            .map(|word| {
                let end = word.trim_end_matches([' ', '\n']).len();
                of_here(&word[..end]) + &word[end..]
            })
            .collect()
    }
}
