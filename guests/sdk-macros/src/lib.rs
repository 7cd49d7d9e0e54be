//! The derives of `foldhost-sdk`: [`Event`](macro@Event) and [`Command`](macro@Command).
//!
//! Depend on `foldhost-sdk`, which re-exports both beside the traits that they implement.

mod command;
mod event;
mod payload;
mod refusals;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Implements `foldhost_sdk::Event` for an enum, one event type for each variant.
///
/// Every variant is encoded on its own, so adding, moving or renaming other variants never changes recorded bytes. The
/// event type is the variant's name and a schema version, `OrderPlaced.v1`; `#[event(version = 2)]` on a variant changes
/// the number and `#[event(name = "OrderAccepted")]` the name. Fields need `Serialize` and `Deserialize`; the enum
/// itself needs neither.
///
/// Refused, because a recorded event could not be read again: generics, `serde_json` values, and the serde attributes
/// that make the bytes depend on the value (`skip...`, `flatten`, `default`, `tag`, `untagged`).
#[proc_macro_derive(Event, attributes(event, serde))]
pub fn derive_event(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    event::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Implements `foldhost_sdk::Command` for an enum: the variant's name is the command's name, its fields are the payload.
///
/// The JSON payload is an object with exactly the variant's fields; an unknown field is refused. A variant without
/// fields accepts `{}`, `null` and an empty payload.
#[proc_macro_derive(Command, attributes(serde))]
pub fn derive_command(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    command::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
