//! What was printed beside what the page shows of it.

/// Lines that cargo adds, in this order or another, and that the page leaves out.
const OF_CARGO: [&str; 9] =
    ["Adding", "Blocking", "Compiling", "Doc-tests", "Downloaded", "Downloading", "Finished", "Locking", "Running"];
/// What may stand behind a figure that is another one elsewhere, or tomorrow.
const UNITS: [&str; 3] = ["fuel", "kB", "s"];
/// Numbers of so many digits are points in time.
const TIME_DIGITS: usize = 13;

/// The line of the page that was not printed, if there is one. `...` on a line of its own stands for any lines.
pub(crate) fn difference(shown: &str, printed: &str) -> Option<String> {
    let is_of_cargo = |line: &&str| line.split_whitespace().next().is_some_and(|word| OF_CARGO.contains(&word));
    let printed: Vec<_> = printed.lines().filter(|line| !is_of_cargo(line)).map(comparable).collect();
    let mut rest = printed.as_slice();
    let mut any = false;
    for line in shown.lines() {
        if line.trim() == "..." {
            any = true;
            continue;
        }
        let wanted = comparable(line);
        let found = if any { rest.iter().position(|line| *line == wanted) } else { Some(0) };
        match found.filter(|&at| rest.get(at) == Some(&wanted)) {
            Some(at) => rest = &rest[at + 1..],
            None => return Some(format!("`{line}` was not printed next, but {:?}", rest.first())),
        }
        any = false;
    }
    (!any && !rest.is_empty()).then(|| format!("{:?} was printed too", rest[0]))
}

/// A line without its columns, and without what no two runs have in common: digests, times, seeds and what was measured.
fn comparable(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    let place = |at: usize, word: &&str| {
        let figure = word.starts_with(|c: char| c.is_ascii_digit());
        let measured = words.get(at + 1).is_some_and(|unit| UNITS.contains(&unit.trim_end_matches([',', ';'])));
        let is_digest = word.len() >= 12 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_speed = word.starts_with('(') && word.ends_with("/s)");
        let is_time = figure && (word.ends_with('Z') && word.contains('T') || word.ends_with('s'));
        let is_seed = at > 0 && words[at - 1] == "seed";
        let varies = is_digest || is_speed || is_time || is_seed || (figure && measured);
        if varies { "#".to_owned() } else { without_times(word) }
    };
    words.iter().enumerate().map(|(at, word)| place(at, word)).collect::<Vec<_>>().join(" ")
}

/// A word with `#` for the points in time in it.
fn without_times(word: &str) -> String {
    let mut parts = String::new();
    let mut rest = word;
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[start..].bytes().take_while(u8::is_ascii_digit).count();
        parts += &rest[..start];
        parts += if digits == TIME_DIGITS { "#" } else { &rest[start..start + digits] };
        rest = &rest[start + digits..];
    }
    parts + rest
}

#[test]
fn what_varies_is_not_compared_and_everything_else_is() {
    let line = |fuel: &str, by: u32, at: u64| {
        format!("  ok   it counts  {fuel} fuel\n 1  A.v1  {{\"by\":{by},\"at\":{at}}}\n")
    };
    let first = line("12,345", 2, 1_795_475_905_368);
    assert_eq!(difference(&first, &line("9,876", 2, 1_800_000_000_000)), None);
    let other = difference(&first, &line("12,345", 3, 1_795_475_905_368)).unwrap();
    assert!(other.contains(r#""by":2"#) && other.contains(r#"\"by\":3"#), "{other}");
    let took = "a-1  2 events in 1.7ms (1201/s)  state b04a64c2115e";
    assert_eq!(difference(took, "a-1  2 events in 11.7ms (12/s)  state 360ca02939c9"), None);
    assert!(difference(took, "a-1  3 events in 1.7ms (1201/s)  state b04a64c2115e").is_some());
    assert_eq!(difference("seed 7 for 100", "seed 17 for 100"), None);
    assert!(difference("seed 7 for 100", "seed 7 for 10").is_some());
}

#[test]
fn every_line_is_compared_unless_dots_stand_for_some() {
    let printed = "   Compiling a\none\ntwo\nthree\n";
    for shown in ["one\ntwo\nthree", "...\nthree", "one\n...", "one\n...\nthree", "..."] {
        assert_eq!(difference(shown, printed), None, "{shown}");
    }
    for shown in ["one\ntwo", "two\nthree", "three\n...\none", "one\n...\ntwo", "one\ntwo\nthree\nfour", ""] {
        assert!(difference(shown, printed).is_some(), "{shown}");
    }
}
