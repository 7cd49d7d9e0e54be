//! What was printed beside what the page shows of it.

use crate::digests::{Digests, is_digest};

/// Lines that cargo adds, in this order or another, and that the page leaves out.
const OF_CARGO: [&str; 9] =
    ["Adding", "Blocking", "Compiling", "Doc-tests", "Downloaded", "Downloading", "Finished", "Locking", "Running"];
/// What may stand behind a figure that is another one elsewhere, or tomorrow.
const BEHIND_FIGURES: [&str; 5] = ["fuel", "kB", "s", "ns", "before"];
/// Numbers of so many digits are points in time.
const TIME_DIGITS: usize = 13;
/// Where a UUID has its hyphens, and how long it is.
const UUID_HYPHENS: [usize; 4] = [8, 13, 18, 23];
const UUID_DIGITS: usize = 36;
/// So many digits in parentheses are the beginning of the digest of some bytes.
const BYTES_DIGITS: usize = 8;

/// A word of a line, as it is compared.
#[derive(Debug, Clone, PartialEq)]
enum Word {
    /// Without what no two runs have in common: times, ids, seeds and what was measured.
    Text(String),
    /// And what stands behind it: a comma or a colon.
    Digest(String, String),
}

/// The line of the page that was not printed, if there is one. `...` on a line of its own stands for any lines.
pub(crate) fn difference(shown: &str, printed: &str, digests: &mut Digests) -> Option<String> {
    let is_of_cargo = |line: &&str| line.split_whitespace().next().is_some_and(|word| OF_CARGO.contains(&word));
    let printed: Vec<_> = printed.lines().filter(|line| !is_of_cargo(line)).collect();
    let mut rest = printed.as_slice();
    let mut any = false;
    for line in shown.lines() {
        if line.trim() == "..." {
            any = true;
            continue;
        }
        let wanted = words(line);
        let mut is_it = |printed: &&str| agree(&wanted, &words(printed), digests);
        let found = if any { rest.iter().position(is_it) } else { rest.first().is_some_and(&mut is_it).then_some(0) };
        match found {
            Some(at) => rest = &rest[at + 1..],
            None => return Some(format!("`{line}` was not printed next, but {:?}", rest.first())),
        }
        any = false;
    }
    (!any && !rest.is_empty()).then(|| format!("{:?} was printed too", rest[0]))
}

/// Whether two lines are the same, but for digests that are not known yet; from then on they are.
fn agree(shown: &[Word], printed: &[Word], digests: &mut Digests) -> bool {
    let mut learned = digests.clone();
    let same = shown.len() == printed.len()
        && shown.iter().zip(printed).all(|pair| match pair {
            (Word::Digest(shown, end), Word::Digest(printed, printed_end)) => {
                end == printed_end && learned.stands_for(shown, printed)
            }
            (shown, printed) => shown == printed,
        });
    if same {
        *digests = learned;
    }
    same
}

/// A line without its columns.
fn words(line: &str) -> Vec<Word> {
    let words: Vec<_> = line.split_whitespace().collect();
    let word = |(at, word): (usize, &&str)| {
        // At the end of a sentence, or of a part of one.
        let plain = word.trim_end_matches([',', ':', ';']);
        if is_digest(plain) {
            return Word::Digest(plain.to_owned(), word[plain.len()..].to_owned());
        }
        let figure = word.starts_with(|c: char| c.is_ascii_digit());
        let behind = words.get(at + 1).map(|next| next.trim_end_matches([',', ';']));
        let measured = behind.is_some_and(|next| BEHIND_FIGURES.contains(&next));
        let is_speed = word.starts_with('(') && word.ends_with("/s)");
        let is_time = figure && (word.ends_with('Z') && word.contains('T') || word.ends_with('s'));
        let is_seed = at > 0 && words[at - 1] == "seed";
        let varies = is_speed || is_time || is_seed || (figure && measured);
        Word::Text(if varies { "#".to_owned() } else { without_what_varies(word) })
    };
    words.iter().enumerate().map(word).collect()
}

/// A word with `#` for the points in time, the UUIDs and the digests of bytes in it.
fn without_what_varies(word: &str) -> String {
    let mut parts = String::new();
    let mut rest = word;
    let is_of_a_number = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c) || c == '-';
    while let Some(start) = rest.find(is_of_a_number) {
        let (before, from) = rest.split_at(start);
        let (number, behind) = from.split_at(from.find(|c| !is_of_a_number(c)).unwrap_or(from.len()));
        let is_of_bytes = is_hex(number, BYTES_DIGITS) && behind.starts_with(')');
        parts.push_str(before);
        parts.push_str(if is_time(number) || is_uuid(number) || is_of_bytes { "#" } else { number });
        rest = behind;
    }
    parts + rest
}

fn is_time(number: &str) -> bool {
    number.len() == TIME_DIGITS && number.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_hex(number: &str, digits: usize) -> bool {
    number.len() == digits && number.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_uuid(number: &str) -> bool {
    let hyphens = number.match_indices('-').map(|(at, _)| at);
    number.len() == UUID_DIGITS && hyphens.eq(UUID_HYPHENS)
}
