//! The derives of `foldhost-sdk`: [`Event`](macro@Event), [`FormerEvent`](macro@FormerEvent) and [`Command`](macro@Command).
//!
//! Depend on `foldhost-sdk`, which re-exports them beside the traits that they implement.

mod command;
mod event;
mod former;
mod payload;
mod refusals;
mod versions;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `foldhost_sdk::Event` for an enum, one event type for each variant.
///
/// Every variant is encoded on its own, so adding, moving or renaming other variants never changes recorded bytes. Fields
/// need `Serialize` and `Deserialize`; the enum itself needs neither. The event type is the variant's name and the
/// version of its shape, `OrderPlaced.v1`. `#[event(...)]` on a variant takes:
///
/// | argument | meaning |
/// |---|---|
/// | `name = "OrderAccepted"` | the recorded name, where it is not the variant's |
/// | `version = 3` | the version of the shape that the variant has, 1 unless told otherwise |
/// | `v1 = OrderPlacedV1` | the shape that the event had in version 1, a struct with `#[derive(FormerEvent)]` |
/// | `v1 = OrderPlacedV1 as "OrderMade"` | the same, where it was recorded under another name |
/// | `since = 2` | no event below version 2 was ever recorded, so there is nothing to read |
/// | `read_only` | the event is read, and emitted no more or not yet: it is left out of `WRITES`, and a decision with it is refused |
///
/// Every version from the first (or `since`) to the newest must be there: as a former shape, or as a variant of its own
/// with that name and version (which is then read only). Each former shape needs `From` into the next one that is listed, and the last of them `From`
/// into the enum. Whatever is missing is a compile error.
///
/// Refused where the derive sees it, because a recorded event could not be read again: generics, references, `serde_json` values and others that only a
/// self-describing format can read, hash maps and hash sets (their order is another one each time), the serde attributes
/// that make the bytes depend on the value (`skip...`, `flatten`, `default`, `tag`, `untagged`), and those that change one
/// direction only (`serialize_with` without `deserialize_with`, `rename(serialize = ...)`). A derive sees the fields of its own
/// enum and the names of their types; what a type does inside is tried when an event of it is emitted, and by whatever gives or
/// emits it in a test.
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `foldhost_sdk::FormerEvent` for a struct: the shape that an event had in a former version.
///
/// Which event and which version stands at the variant, `#[event(version = 2, v1 = OrderPlacedV1)]`, so the struct may have
/// any name. Fields need `Serialize` and `Deserialize`; the struct itself needs neither. Copy the fields as they were, with
/// their serde attributes: their order and types are the recorded bytes, their names the JSON.
///
/// It refuses what [`Event`](macro@Event) refuses.
#[proc_macro_derive(FormerEvent, attributes(serde))]
pub fn derive_former_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    former::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `foldhost_sdk::Command` for an enum: the variant's name is the command's name, its fields are the payload.
///
/// The JSON payload is an object with exactly the variant's fields; an unknown field is refused. A variant without
/// fields accepts `{}`, `null` and an empty payload.
///
/// A struct in a field is an object too, and an array with its fields in their order is refused, but for one within an enum with
/// `#[serde(untagged)]`: that takes both, as everywhere in serde. An amount with more digits than a float has belongs in a
/// string: serde_json's `arbitrary_precision` has no effect on what a command is read from.
#[proc_macro_derive(Command, attributes(serde))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    command::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
