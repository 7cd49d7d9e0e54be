//! `#[derive(Event)]`.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Error, LitInt, LitStr, Result, Variant};

use crate::payload::{self, Payload};
use crate::refusals;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let variants = payload::variants(input, "Event")?;
    refusals::check_enum_and_variants(&input.attrs, &variants, "Event")?;
    variants.iter().flat_map(|variant| &variant.fields).try_for_each(refusals::check_event_field)?;
    if let Some(misplaced) = input.attrs.iter().find(|attribute| attribute.path().is_ident("event")) {
        return Err(Error::new_spanned(misplaced, "`#[event(...)]` belongs on a variant: each has its own version"));
    }
    let event_types = distinct_event_types(&variants)?;
    let parts: Vec<Part> = variants
        .iter()
        .zip(&event_types)
        .map(|(variant, event_type)| part(&input.ident, variant, event_type))
        .collect();
    Ok(implementation(&input.ident, &event_types, &parts))
}

/// What one variant contributes to the implementation.
struct Part {
    /// The payload's structs and the decoder.
    items: TokenStream,
    event_type_arm: TokenStream,
    to_bytes_arm: TokenStream,
    to_json_arm: TokenStream,
    decoder_arm: TokenStream,
}

fn part(enum_name: &Ident, variant: &Variant, event_type: &str) -> Part {
    let payload = Payload::new(enum_name, variant);
    let structs = payload.structs(&TokenStream::new());
    let decode = format_ident!("__decode_{}", variant.ident.unraw());
    let (owned, owned_pattern) = (payload.owned(), payload.owned_pattern());
    let (enum_value, borrowed_value) = (payload.enum_pattern(), payload.borrowed_value());
    let any_fields = payload::any_fields(enum_name, variant);
    Part {
        items: quote! {
            #structs
            fn #decode(bytes: &[u8]) -> ::core::result::Result<#enum_name, ::foldhost_sdk::EventError> {
                let #owned_pattern = ::foldhost_sdk::__private::event_from_bytes::<#owned>(#event_type, bytes)?;
                ::core::result::Result::Ok(#enum_value)
            }
        },
        event_type_arm: quote!(#any_fields => #event_type,),
        to_bytes_arm: quote! {
            #enum_value => ::foldhost_sdk::__private::event_to_bytes(#event_type, &#borrowed_value),
        },
        to_json_arm: quote! {
            #enum_value => ::foldhost_sdk::__private::event_to_json(#event_type, &#borrowed_value),
        },
        decoder_arm: quote! {
            #event_type => ::core::option::Option::Some(#decode as ::foldhost_sdk::Decoder<Self>),
        },
    }
}

fn implementation(enum_name: &Ident, event_types: &[String], parts: &[Part]) -> TokenStream {
    let items = parts.iter().map(|part| &part.items);
    let event_type_arms = parts.iter().map(|part| &part.event_type_arm);
    let to_bytes_arms = parts.iter().map(|part| &part.to_bytes_arm);
    let to_json_arms = parts.iter().map(|part| &part.to_json_arm);
    let decoder_arms = parts.iter().map(|part| &part.decoder_arm);
    quote! {
        #[allow(non_camel_case_types, non_snake_case)]
        const _: () = {
            #(#items)*

            #[automatically_derived]
            impl ::foldhost_sdk::Event for #enum_name {
                const EVENT_TYPES: &'static [&'static str] = &[#(#event_types),*];

                fn event_type(&self) -> &'static str {
                    match self { #(#event_type_arms)* }
                }

                fn to_bytes(&self) -> ::core::result::Result<::std::vec::Vec<u8>, ::foldhost_sdk::EventError> {
                    match self { #(#to_bytes_arms)* }
                }

                fn decoder(event_type: &str) -> ::core::option::Option<::foldhost_sdk::Decoder<Self>> {
                    match event_type {
                        #(#decoder_arms)*
                        _ => ::core::option::Option::None,
                    }
                }

                fn to_json(&self) -> ::core::result::Result<::std::string::String, ::foldhost_sdk::EventError> {
                    match self { #(#to_json_arms)* }
                }
            }
        };
    }
}

/// Two variants under one name would make recorded events ambiguous.
fn distinct_event_types(variants: &[&Variant]) -> Result<Vec<String>> {
    let mut taken = BTreeMap::new();
    variants
        .iter()
        .map(|variant| {
            let event_type = event_type(variant)?;
            match taken.insert(event_type.clone(), &variant.ident) {
                None => Ok(event_type),
                Some(other) => Err(Error::new_spanned(
                    &variant.ident,
                    format!("`{}` and `{other}` both have the event type `{event_type}`; give one of them another name or version", variant.ident),
                )),
            }
        })
        .collect()
}

/// `OrderPlaced.v1`, or what `#[event(name = "...", version = ...)]` says.
fn event_type(variant: &Variant) -> Result<String> {
    let mut name = variant.ident.unraw().to_string();
    let mut version = 1;
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("event")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("name") {
                name = checked_name(&meta.value()?.parse()?)?;
            } else if meta.path.is_ident("version") {
                version = checked_version(&meta.value()?.parse()?)?;
            } else {
                return Err(meta.error("unknown argument; `#[event(...)]` takes `name = \"...\"` and `version = ...`"));
            }
            Ok(())
        })?;
    }
    Ok(format!("{name}.v{version}"))
}

fn checked_name(literal: &LitStr) -> Result<String> {
    let name = literal.value();
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(Error::new_spanned(literal, "an event name consists of ASCII letters, digits, `_`, `-` and `.`"));
    }
    Ok(name)
}

fn checked_version(literal: &LitInt) -> Result<u32> {
    match literal.base10_parse::<u32>()? {
        0 => Err(Error::new_spanned(literal, "event versions begin at 1")),
        version => Ok(version),
    }
}
