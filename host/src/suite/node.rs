//! A YAML document as a tree in which everything has its place, so that a mistake is told with its line.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use serde_saphyr::options::MergeKeyPolicy;
use serde_saphyr::{Location, Spanned};

/// Nesting of one document, and its nodes with every alias written out: an alias bomb is a file of some lines.
const DEPTH_MAX: usize = 48;
const NODES_MAX: usize = 200_000;

/// Where something stands in its file. Lines and columns begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl Place {
    /// Where a file begins.
    pub(super) const FIRST: Self = Self { line: 1, column: 1 };
}

/// A value, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) content: Content,
}

#[derive(Debug, Clone)]
pub(super) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Place, Node)>),
}

/// Stack for reading a document of that depth. A level takes 50 kB in an unoptimised build, and a worker thread of the runtime has
/// 2 MiB: a file of 50 lines ended the process.
const STACK_BYTES: usize = 16 << 20;

/// Reads one document.
pub(super) fn parse(text: &str) -> Result<Node, (Place, String)> {
    std::thread::scope(|scope| {
        let reading = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || parse_here(text));
        let read = reading.map_err(|error| error.to_string()).and_then(|reading| {
            reading.join().map_err(|_| "the parser of YAML panicked: please report this file".to_owned())
        });
        read.unwrap_or_else(|reason| Err((Place::FIRST, reason)))
    })
}

fn parse_here(text: &str) -> Result<Node, (Place, String)> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_nodes: NODES_MAX },
        merge_keys: MergeKeyPolicy::Error,
        // `no` is a word, and 007 is no number: a tracking number kept its zeros in one file and lost them in another.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Content>>(text, options) {
        Ok(root) => Ok(root.into()),
        Err(error) => {
            let place = error.location().map_or(Place::FIRST, |location| place(&location));
            let message = error.to_string();
            // The place stands before the message already.
            let message = message.split(" at line ").next().unwrap_or_default();
            let advice = ", set DuplicateKeyPolicy in Options if acceptable";
            Err((place, message.replace(advice, "").replace('\n', " ")))
        }
    }
}

fn place(location: &Location) -> Place {
    Place { line: location.line(), column: location.column() }
}

impl From<Spanned<Content>> for Node {
    fn from(spanned: Spanned<Content>) -> Self {
        Self { place: place(&spanned.referenced), content: spanned.value }
    }
}

impl Node {
    /// What it is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "true or false",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    pub(super) fn to_json(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(value) => Value::Bool(*value),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::to_json).collect(),
            Content::Map(fields) => Value::Object(
                fields.iter().map(|(name, _, value)| (name.clone(), value.to_json())).collect::<Map<_, _>>(),
            ),
        }
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON has too")
    }

    fn visit_unit<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_none<E>(self) -> Result<Content, E> {
        Ok(Content::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Content, E> {
        Ok(Content::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Content, E> {
        Ok(Content::Number(value.into()))
    }

    fn visit_i128<E: de::Error>(self, value: i128) -> Result<Content, E> {
        Err(E::custom(format!("{value} is beyond what 64 bits hold: put it in quotes if it is a text")))
    }

    fn visit_u128<E: de::Error>(self, value: u128) -> Result<Content, E> {
        Err(E::custom(format!("{value} is beyond what 64 bits hold: put it in quotes if it is a text")))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Content, E> {
        Number::from_f64(value).map(Content::Number).ok_or_else(|| E::custom(format!("{value} is no number of JSON")))
    }

    fn visit_str<E>(self, text: &str) -> Result<Content, E> {
        Ok(Content::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Content>>()? {
            list.push(item.into());
        }
        Ok(Content::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Content, A::Error> {
        let mut map = Vec::new();
        while let Some((name, value)) = fields.next_entry::<Spanned<String>, Spanned<Content>>()? {
            map.push((name.value, place(&name.referenced), value.into()));
        }
        Ok(Content::Map(map))
    }
}
