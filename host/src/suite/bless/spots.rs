//! Where everything stands in a YAML text, to the byte, so that one value can be replaced and all else stays as it is.

use std::ops::Range;

use granit_parser::{Event, Parser, StructureStyle};

/// A node of the document, and the bytes that it takes.
pub(super) struct Spot {
    pub(super) bytes: Range<usize>,
    pub(super) kind: Kind,
}

pub(super) enum Kind {
    Scalar,
    /// Written elsewhere: replacing it there would change both places.
    Alias,
    List {
        items: Vec<Spot>,
    },
    Map {
        fields: Vec<Field>,
        is_flow: bool,
    },
}

pub(super) struct Field {
    pub(super) name: String,
    pub(super) key: Range<usize>,
    pub(super) value: Spot,
}

impl Spot {
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        match &self.kind {
            Kind::Map { fields, .. } => fields.iter().find(|field| field.name == name),
            _ => None,
        }
    }

    pub(super) fn item(&self, place: usize) -> Option<&Spot> {
        match &self.kind {
            Kind::List { items } => items.get(place),
            _ => None,
        }
    }
}

/// The root of a text that was read before, within its bounds.
pub(super) fn spots(text: &str) -> Option<Spot> {
    let mut events = Events { parser: Parser::new_from_str(text), last: 0 };
    loop {
        if let Event::DocumentStart(..) = events.next()?.0 {
            let first = events.next()?;
            return events.node(first);
        }
    }
}

struct Events<'a> {
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    /// Where the last token ended that takes any bytes: the end of a block, whose own end has none.
    last: usize,
}

type Next<'a> = (Event<'a>, Range<usize>);

impl<'a> Events<'a> {
    fn next(&mut self) -> Option<Next<'a>> {
        loop {
            let (event, span) = self.parser.next_event()?.ok()?;
            if matches!(event, Event::Comment(..)) {
                continue;
            }
            let bytes = span.byte_range()?;
            if !bytes.is_empty() {
                self.last = bytes.end;
            }
            return Some((event, bytes));
        }
    }

    fn node(&mut self, (event, bytes): Next<'a>) -> Option<Spot> {
        let begin = bytes.start;
        let kind = match event {
            Event::Scalar(..) => Kind::Scalar,
            Event::Alias(..) => Kind::Alias,
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, _) => break Kind::List { items },
                        item => items.push(self.node(item)?),
                    }
                }
            }
            Event::MappingStart(style, ..) => {
                let mut fields = Vec::new();
                loop {
                    let (name, key) = match self.next()? {
                        (Event::MappingEnd, _) => break,
                        (Event::Scalar(name, ..), key) => (name.into_owned(), key),
                        _ => return None,
                    };
                    let value = self.next()?;
                    fields.push(Field { name, key, value: self.node(value)? });
                }
                Kind::Map { fields, is_flow: style == StructureStyle::Flow }
            }
            _ => return None,
        };
        // A value that is not there takes no bytes, and stands behind whatever was last.
        Some(Spot { bytes: begin..self.last.max(begin), kind })
    }
}
