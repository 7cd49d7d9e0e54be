//! Examples that no scenario gives: the same event with other values in its fields.
//!
//! Scenarios give the values that a rule needs, mostly small numbers, one time in two fields, and the usual variant of an enum.
//! Those bytes are read alike as a `u8` and as a `u64`, with two fields or two variants in each other's place. A reducer's crate
//! with such golden files had two variants swapped, and its tests passed. So a bless tries what else the event takes: the
//! reducer is asked for the bytes of its JSON, as the host asks for those of a past written by hand, and what it refuses is no
//! example. It works with a component too, which does not tell the types of its fields.

use std::mem;

use serde_json::{Map, Value, json};

use super::Subject;
use super::features::{Text, escaped};

/// Largest event that is varied, in bytes.
pub(super) const BYTES_MAX: usize = 4 << 10;

/// Most places of an event that are varied.
const PLACES_MAX: usize = 64;

/// Most elements of one list that are varied.
const ELEMENTS_MAX: usize = 2;

/// Most examples of one event: so many variants of an enum have one.
const ROUNDS_MAX: usize = 64;

/// Most fields of a variant that are found by trying.
const FIELDS_MAX: usize = 16;

/// No name of anything: what takes it takes any text.
const ANY_TEXT: &str = "any text \u{1}";

/// The largest number that each width holds with room for [`PLACES_MAX`] different ones, the widest first, and how many of them
/// need as many bytes.
const NUMBERS: [(i64, i64); 5] = [(0x0123_4567_89ab, 64), (0x0123_4567, 64), (0x1234, 64), (255, 5), (127, 64)];

/// What is asked for the bytes of JSON.
pub(super) struct Asked<'s, S: ?Sized> {
    pub(super) subject: &'s S,
    pub(super) event_type: &'s str,
}

impl<S: Subject + ?Sized> Asked<'_, S> {
    fn bytes(&self, event: &Value) -> Result<Vec<u8>, String> {
        self.subject.event_from_json(self.event_type, &event.to_string())
    }

    /// The answer with another value in one place.
    fn with(&self, event: &Value, pointer: &str, other: &Value) -> Result<Vec<u8>, String> {
        let mut event = event.clone();
        if let Some(place) = event.pointer_mut(pointer) {
            *place = other.clone();
        }
        self.bytes(&event)
    }

    fn takes(&self, event: &Value, pointer: &str, other: &Value) -> bool {
        self.with(event, pointer, other).is_ok()
    }

    /// What the text in a place of an event says.
    pub(super) fn text(&self, event: &Value, pointer: &str, text: &str) -> Text {
        match self.with(event, pointer, &json!(ANY_TEXT)) {
            Ok(_) => Text::Free,
            Err(refusal) if listed(&refusal).contains(&text) => Text::Variant(text.to_owned()),
            Err(_) => Text::Formed(text.to_owned()),
        }
    }

    /// The bytes of `base` with other values in its fields.
    pub(super) fn variations(&self, base: &Value) -> Vec<Vec<u8>> {
        let base = &self.shortened(base);
        let mut pointers = Vec::new();
        places(base, "", &mut pointers);
        let mut slots: Vec<Slot<'_>> = Vec::new();
        for pointer in &pointers {
            let Some(value) = base.pointer(pointer) else { continue };
            let others = self.others(base, pointer, value, slots.len());
            if others == Others::None {
                continue;
            }
            let rank = slots.iter().filter(|slot| slot.others == others).count();
            slots.push(Slot { pointer, rank, others });
        }
        let rounds = slots.iter().map(Slot::rounds).max().unwrap_or_default().min(ROUNDS_MAX);
        let varied = (0..rounds).map(|round| {
            let others = slots.iter().filter_map(|slot| Some((slot.pointer, slot.others.of(round, slot.rank)?)));
            self.changed(base, others)
        });
        let emptied = pointers.iter().filter(|pointer| !pointer.is_empty()).flat_map(|pointer| {
            let is_list = base.pointer(pointer).is_some_and(Value::is_array);
            [Some(Value::Null), is_list.then(|| json!([]))].into_iter().flatten().map(move |empty| (pointer, empty))
        });
        let emptied = self.changed(base, emptied.map(|(pointer, empty)| (pointer.as_str(), empty)));
        varied.chain([emptied]).filter_map(|event| self.bytes(&event).ok()).collect()
    }

    /// With short lists, where it takes them.
    fn shortened(&self, base: &Value) -> Value {
        let mut pointers = Vec::new();
        places(base, "", &mut pointers);
        let lists = pointers.iter().filter_map(|pointer| {
            let list = base.pointer(pointer)?.as_array().filter(|list| list.len() > ELEMENTS_MAX)?;
            Some((pointer.as_str(), json!(list[..ELEMENTS_MAX])))
        });
        self.changed(base, lists)
    }

    /// With these values in these places, as far as the reducer takes them beside each other.
    fn changed<'p>(&self, base: &Value, others: impl Iterator<Item = (&'p str, Value)>) -> Value {
        let mut event = base.clone();
        for (pointer, other) in others {
            // A place may be gone, with what stood around it.
            let Some(place) = event.pointer_mut(pointer) else { continue };
            let before = mem::replace(place, other);
            if self.bytes(&event).is_err()
                && let Some(place) = event.pointer_mut(pointer)
            {
                *place = before;
            }
        }
        event
    }

    /// What else a place takes; another in each place, where it may be anything.
    fn others(&self, event: &Value, pointer: &str, value: &Value, rank: usize) -> Others {
        match value {
            Value::Bool(_) => Others::Listed(vec![json!(false), json!(true)]),
            Value::Number(_) => self.numbers(event, pointer, rank),
            Value::String(_) => self.texts(event, pointer, &json!(ANY_TEXT), rank),
            Value::Object(fields) => match fields.iter().next() {
                // A variant with content, perhaps.
                Some((_, content)) if fields.len() == 1 => {
                    self.texts(event, pointer, &json!({ ANY_TEXT: content }), rank)
                }
                _ => Others::None,
            },
            Value::Array(_) => Others::None,
            // An option, of what is not known.
            Value::Null => match self.texts(event, pointer, &json!(ANY_TEXT), rank) {
                Others::None => match self.numbers(event, pointer, rank) {
                    Others::None if self.takes(event, pointer, &json!(true)) => {
                        Others::Listed(vec![json!(false), json!(true)])
                    }
                    others => others,
                },
                others => others,
            },
        }
    }

    fn texts(&self, event: &Value, pointer: &str, any: &Value, rank: usize) -> Others {
        match self.with(event, pointer, any) {
            Ok(_) if any.is_string() => Others::Each(vec![json!(format!("text {rank}"))]),
            Ok(_) => Others::None,
            Err(refusal) => {
                let names = listed(&refusal).into_iter();
                let variants: Vec<_> = names.filter_map(|name| self.variant(event, pointer, name)).collect();
                if variants.is_empty() { Others::None } else { Others::Listed(variants) }
            }
        }
    }

    /// A variant of this name: alone, or with one value, or with the fields that the refusals name one after the other.
    fn variant(&self, event: &Value, pointer: &str, name: &str) -> Option<Value> {
        let of_one = contents(0).map(|content| json!({ name: content }));
        let variant = [json!(name)].into_iter().chain(of_one).find(|variant| self.takes(event, pointer, variant));
        if variant.is_some() {
            return variant;
        }
        let mut fields = Map::new();
        while fields.len() < FIELDS_MAX {
            let Err(refusal) = self.with(event, pointer, &json!({ name: fields })) else { break };
            let field = missing(&refusal)?;
            let with = |content: &Value| {
                let mut fields = fields.clone();
                fields.insert(field.to_owned(), content.clone());
                json!({ name: fields })
            };
            let fits = |content: &Value| match self.with(event, pointer, &with(content)) {
                Ok(_) => true,
                Err(refusal) => missing(&refusal).is_some_and(|next| next != field),
            };
            let content = contents(fields.len()).find(fits)?;
            fields.insert(field.to_owned(), content);
        }
        Some(json!({ name: fields })).filter(|variant| self.takes(event, pointer, variant))
    }

    /// The widest, and the widest below zero.
    fn numbers(&self, event: &Value, pointer: &str, rank: usize) -> Others {
        let rank = i64::try_from(rank).unwrap_or_default();
        let widest = |sign: i64| {
            let mut numbers = NUMBERS.iter().map(|(number, different)| json!(sign * (number - rank % different)));
            numbers.find(|number| self.takes(event, pointer, number))
        };
        let numbers: Vec<_> = [widest(1), widest(-1)].into_iter().flatten().collect();
        if numbers.is_empty() { Others::None } else { Others::Each(numbers) }
    }
}

/// A place, and what it is given.
struct Slot<'p> {
    pointer: &'p str,
    /// How many places before this one have the same choice.
    rank: usize,
    others: Others,
}

#[derive(PartialEq)]
enum Others {
    None,
    /// No other place has these.
    Each(Vec<Value>),
    /// Other places may have the same ones.
    Listed(Vec<Value>),
}

impl Others {
    /// What a place gets in a round. Two places with the same few choices part in one round at least: they begin at different
    /// ones, and where there are more places than choices, a further round goes by the next digit of the place's rank.
    fn of(&self, round: usize, rank: usize) -> Option<Value> {
        match self {
            Self::None => None,
            Self::Each(values) => values.get(round).cloned(),
            Self::Listed(values) => {
                let len = values.len();
                let digit = match round.checked_sub(len) {
                    None => rank + round,
                    Some(further) => rank.checked_div(len.checked_pow(further as u32 + 1)?)?,
                };
                values.get(digit % len).cloned()
            }
        }
    }
}

impl Slot<'_> {
    fn rounds(&self) -> usize {
        match &self.others {
            Others::None => 0,
            Others::Each(values) => values.len(),
            Others::Listed(values) if values.len() < 2 => values.len(),
            Others::Listed(values) => {
                let further = std::iter::successors(Some(self.rank / values.len()), |rest| Some(rest / values.len()));
                values.len() + further.take_while(|&rest| rest > 0).count()
            }
        }
    }
}

/// Pointers to the values of an event, outer ones before inner ones.
fn places(value: &Value, pointer: &str, pointers: &mut Vec<String>) {
    if pointers.len() == PLACES_MAX {
        return;
    }
    pointers.push(pointer.to_owned());
    match value {
        Value::Array(values) => {
            let elements = values.iter().take(ELEMENTS_MAX).enumerate();
            elements.for_each(|(place, value)| places(value, &format!("{pointer}/{place}"), pointers));
        }
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| places(value, &format!("{pointer}/{}", escaped(name)), pointers));
        }
        _ => {}
    }
}

/// What a field may be, the most telling first: another number in each.
fn contents(rank: usize) -> impl Iterator<Item = Value> {
    let rank = i64::try_from(rank).unwrap_or_default();
    let numbers = NUMBERS.iter().map(move |(number, different)| json!(number - rank % different));
    numbers.chain([json!(format!("text {rank}")), json!(true), Value::Null, json!([]), json!({})])
}

/// The field that a refusal misses: ``missing field `x` ``. A suggestion, as the variants below.
fn missing(refusal: &str) -> Option<&str> {
    let (_, name) = refusal.split_once("missing field `")?;
    name.split_once('`').map(|(name, _)| name)
}

/// The variants that a refusal names: ``unknown variant `x`, expected one of `A`, `B` ``. They are suggestions, each of which
/// is tried: should the words change, there are fewer examples and no wrong ones.
fn listed(refusal: &str) -> Vec<&str> {
    let names = refusal.split_once("unknown variant").and_then(|(_, names)| names.split_once("`, expected "));
    names.map_or_else(Vec::new, |(_, names)| names.split('`').skip(1).step_by(2).collect())
}
