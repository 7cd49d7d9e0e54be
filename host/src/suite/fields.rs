//! Reads the keys of a map, and collects what is wrong with them: one run tells all mistakes of a file.

use std::path::Path;

use serde_json::Value;

use super::node::{Content, Node};
use super::scenario::NamedJson;
use super::{Mistake, Place};

/// Entries of one list.
const ITEMS_MAX: usize = 1_000;

pub(super) struct Reading<'a> {
    path: &'a Path,
    pub(super) mistakes: Vec<Mistake>,
}

/// The fields of a map whose keys are all known.
pub(super) struct Fields<'n>(&'n [(String, Place, Node)]);

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.0.iter().find(|(name, ..)| name == key).map(|(.., node)| node)
    }
}

impl<'a> Reading<'a> {
    pub(super) fn of(path: &'a Path) -> Self {
        Self { path, mistakes: Vec::new() }
    }

    pub(super) fn mistake(&mut self, place: Place, message: impl Into<String>) {
        self.mistakes.push(Mistake { path: self.path.to_owned(), place, message: message.into() });
    }

    fn expected<T>(&mut self, node: &Node, what: &str, form: &str) -> Option<T> {
        self.mistake(node.place, format!("`{what}` is {form}, and here is {}", node.kind()));
        None
    }

    /// The fields of a map; each key that is not known is told with those that are.
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<Fields<'n>> {
        let Content::Map(fields) = &node.content else {
            return self.expected(node, what, &format!("a map with the keys {}", known.join(", ")));
        };
        for (name, place, _) in fields {
            if !known.contains(&name.as_str()) {
                self.mistake(*place, format!("unknown key `{name}` in {what}; known keys: {}", known.join(", ")));
            }
        }
        Some(Fields(fields))
    }

    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match &node.content {
            Content::Text(text) => Some(text.clone()),
            Content::Number(_) | Content::Bool(_) => self.expected(node, what, "a text, in quotes where needed"),
            _ => self.expected(node, what, "a text"),
        }
    }

    pub(super) fn whole(&mut self, node: &Node, what: &str) -> Option<u64> {
        let number = match &node.content {
            Content::Number(number) => number.as_u64(),
            _ => None,
        };
        number.or_else(|| self.expected(node, what, "a whole number, 0 or more"))
    }

    pub(super) fn truth(&mut self, node: &Node, what: &str) -> Option<()> {
        match node.content {
            Content::Bool(true) => Some(()),
            _ => self.expected(node, what, "`true`; leave it out otherwise"),
        }
    }

    /// A list whose entries are read one by one; one that cannot be read is left out, and told.
    pub(super) fn list<T>(
        &mut self,
        node: &Node,
        what: &str,
        mut read: impl FnMut(&mut Self, &Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Content::List(items) = &node.content else { return self.expected(node, what, "a list") };
        if items.len() > ITEMS_MAX {
            self.mistake(node.place, format!("`{what}` has {} entries, and {ITEMS_MAX} are allowed", items.len()));
            return None;
        }
        Some(items.iter().filter_map(|item| read(self, item)).collect())
    }

    /// A name with its fields, as in `Increment: { by: 2 }`, or the name alone.
    pub(super) fn named(&mut self, node: &Node, what: &str, example: &str) -> Option<NamedJson> {
        let place = node.place;
        match &node.content {
            Content::Text(name) => Some(NamedJson { name: name.clone(), fields: None, place }),
            Content::Map(fields) => match fields.as_slice() {
                [(name, _, fields)] => {
                    let fields = Some(fields.to_json()).filter(|fields| *fields != Value::Null);
                    Some(NamedJson { name: name.clone(), fields, place })
                }
                several => {
                    let hint = "indent the fields deeper than the name";
                    self.mistake(
                        place,
                        format!("{what} has one name, and here are {}: write {example}, or {hint}", several.len()),
                    );
                    None
                }
            },
            _ => {
                self.mistake(
                    place,
                    format!("{what} is a name with its fields, as in {example}, and here is {}", node.kind()),
                );
                None
            }
        }
    }

    /// A time, in milliseconds since 1970-01-01T00:00:00Z.
    pub(super) fn time(&mut self, node: &Node, what: &str) -> Option<i64> {
        let read = match &node.content {
            Content::Text(text) => chrono::DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis()),
            Content::Number(number) => number.as_i64(),
            _ => None,
        };
        read.or_else(|| self.expected(node, what, "a time as in 2026-01-01T12:00:00Z, or milliseconds since 1970"))
    }
}
