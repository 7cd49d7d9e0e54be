//! What an example shows, so that a bless can tell which ones say something that the others do not.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use serde_json::Value;

/// Most leaves of one value that are compared with each other.
const COMPARED_MAX: usize = 32;

/// Longest text that is looked at; a longer one is no variant's name.
const TEXT_BYTES_MAX: usize = 64;

/// Bytes that make no difference between two examples.
const SMALL_BYTES: usize = 64;

/// So fine are examples told apart by what they show for their size.
const WORTH: usize = 1 << 20;

/// One thing that a value shows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Feature {
    /// Where, all elements of a list being one place.
    path: String,
    shows: Shows,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Shows {
    Null,
    Flag(bool),
    Number(Width),
    Text(Text),
    List(Length),
    Object,
    /// Another value than a place of the same kind: if two fields change places, the example tells.
    Unlike(String),
}

/// What a text says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Text {
    /// Anything: a name, a reason.
    Free,
    /// One of a list: the variant of an enum. Each is an example of its own.
    Variant(String),
    /// Not just anything, and no list is known: a date, an id, or a variant that somebody reads by hand.
    Formed(String),
}

/// As the encoding has them: a number takes a byte up to 250, and behind a mark two, four or eight. A `u8` has no mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Width {
    Zero,
    Unmarked,
    Byte,
    TwoBytes,
    FourBytes,
    EightBytes,
    Negative,
    Float,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Length {
    None,
    One,
    More,
}

impl Width {
    fn of(number: &serde_json::Number) -> Self {
        match (number.as_u64(), number.as_i64()) {
            (Some(0), _) => Self::Zero,
            (Some(1..=250), _) => Self::Unmarked,
            (Some(251..=255), _) => Self::Byte,
            (Some(256..=0xffff), _) => Self::TwoBytes,
            (Some(0x1_0000..=0xffff_ffff), _) => Self::FourBytes,
            (Some(_), _) => Self::EightBytes,
            (None, Some(_)) => Self::Negative,
            (None, None) => Self::Float,
        }
    }
}

/// What a value shows. `text` says what the text at a JSON pointer is, all elements of a list having one `path`.
pub(super) fn features(value: &Value, text: &mut dyn FnMut(&str, &str, &str) -> Text) -> BTreeSet<Feature> {
    let mut walk = Walk { features: BTreeSet::new(), leaves: BTreeMap::new(), text };
    walk.add(value, String::new(), "");
    let leaves: Vec<(String, &Value)> = walk.leaves.into_iter().take(COMPARED_MAX).collect();
    for (place, (path, leaf)) in leaves.iter().enumerate() {
        for (other_path, other) in &leaves[place + 1..] {
            if discriminant(*leaf) == discriminant(*other) && leaf != other {
                walk.features.insert(Feature { path: path.clone(), shows: Shows::Unlike(other_path.clone()) });
            }
        }
    }
    walk.features
}

/// In how many places there is a value: one that is none, or a list without elements, has nothing to vary.
pub(super) fn paths(features: &BTreeSet<Feature>) -> usize {
    let is_none = |shows: &Shows| matches!(shows, Shows::Null | Shows::List(Length::None) | Shows::Unlike(_));
    features
        .iter()
        .filter(|feature| !is_none(&feature.shows))
        .map(|feature| &feature.path)
        .collect::<BTreeSet<_>>()
        .len()
}

struct Walk<'v, 't> {
    features: BTreeSet<Feature>,
    /// The first of each path.
    leaves: BTreeMap<String, &'v Value>,
    text: &'t mut dyn FnMut(&str, &str, &str) -> Text,
}

impl<'v> Walk<'v, '_> {
    fn add(&mut self, value: &'v Value, path: String, pointer: &str) {
        let shows = match value {
            Value::Null => Shows::Null,
            Value::Bool(value) => Shows::Flag(*value),
            Value::Number(number) => Shows::Number(Width::of(number)),
            Value::String(text) => Shows::Text(match text.len() {
                0..=TEXT_BYTES_MAX => (self.text)(&path, pointer, text),
                _ => Text::Free,
            }),
            Value::Array(values) => {
                for (place, value) in values.iter().enumerate() {
                    self.add(value, format!("{path}/*"), &format!("{pointer}/{place}"));
                }
                Shows::List(match values.len() {
                    0 => Length::None,
                    1 => Length::One,
                    _ => Length::More,
                })
            }
            Value::Object(fields) => {
                for (name, value) in fields {
                    let name = escaped(name);
                    self.add(value, format!("{path}/{name}"), &format!("{pointer}/{name}"));
                }
                Shows::Object
            }
        };
        if matches!(value, Value::Bool(_) | Value::Number(_) | Value::String(_)) {
            self.leaves.entry(path.clone()).or_insert(value);
        }
        self.features.insert(Feature { path, shows });
    }
}

/// A key as a part of a JSON pointer.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What the examples that are kept show.
#[derive(Debug)]
pub(super) struct Seen {
    features: BTreeSet<Feature>,
    /// How many formed texts of each path there are.
    formed: BTreeMap<String, usize>,
    formed_max: usize,
}

impl Seen {
    /// Of formed texts, only so many are examples of their own.
    pub(super) fn new(formed_max: usize) -> Self {
        Self { features: BTreeSet::new(), formed: BTreeMap::new(), formed_max }
    }

    pub(super) fn add(&mut self, features: BTreeSet<Feature>) {
        for feature in features {
            let is_formed = matches!(feature.shows, Shows::Text(Text::Formed(_)));
            let path = is_formed.then(|| feature.path.clone());
            if self.features.insert(feature)
                && let Some(path) = path
            {
                *self.formed.entry(path).or_default() += 1;
            }
        }
    }

    /// How much a value shows that none of the others does.
    fn novelty(&self, features: &BTreeSet<Feature>) -> usize {
        let is_novel = |feature: &&Feature| {
            let is_formed = matches!(feature.shows, Shows::Text(Text::Formed(_)));
            let is_one_too_many = is_formed && self.formed.get(&feature.path).is_some_and(|&of| of >= self.formed_max);
            !is_one_too_many && !self.features.contains(*feature)
        };
        features.iter().filter(is_novel).count()
    }

    /// Takes the candidate that shows most for its size, the first of several, unless none shows anything new. Examples are
    /// read by people: a list of two says as much as one of a hundred.
    pub(super) fn most_novel<T>(
        &self,
        candidates: &mut Vec<(BTreeSet<Feature>, T)>,
        bytes_len: impl Fn(&T) -> usize,
    ) -> Option<(BTreeSet<Feature>, T)> {
        let worths = candidates.iter().map(|(features, candidate)| {
            let novelty = self.novelty(features);
            novelty * WORTH / (SMALL_BYTES + bytes_len(candidate)) + usize::from(novelty > 0)
        });
        // Of equal ones `max_by_key` has the last.
        let (place, worth) =
            worths.enumerate().collect::<Vec<_>>().into_iter().rev().max_by_key(|&(_, worth)| worth)?;
        (worth > 0).then(|| candidates.remove(place))
    }
}
