//! `#[derive(Event)]`.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens as _, format_ident, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{DeriveInput, Error, Result, Variant};

use crate::payload::{self, Payload};
use crate::refusals;
use crate::versions::{self, Former, Versions};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let variants = payload::variants(input, "Event")?;
    refusals::check_enum_and_variants(&input.attrs, &variants, "Event")?;
    variants.iter().flat_map(|variant| &variant.fields).try_for_each(refusals::check_event_field)?;
    if let Some(misplaced) = input.attrs.iter().find(|attribute| attribute.path().is_ident("event")) {
        return Err(Error::new_spanned(misplaced, "`#[event(...)]` belongs on a variant: each has its own version"));
    }
    let versions = versions::of_variants(&input.ident, &variants)?;
    let parts: Vec<Part> = variants
        .iter()
        .zip(&versions)
        .map(|(variant, versions)| Part::newest(&input.ident, variant, &versions.event_type))
        .collect();
    let formers: Vec<FormerPart> = variants
        .iter()
        .zip(&versions)
        .flat_map(|(variant, versions)| FormerPart::chain(&input.ident, variant, &versions.formers))
        .collect();
    Ok(implementation(&input.ident, &versions, &parts, &formers))
}

/// What one variant contributes to the implementation.
struct Part {
    /// The payload's structs and the decoder.
    items: TokenStream,
    event_type_arm: TokenStream,
    to_bytes_arm: TokenStream,
    to_json_arm: TokenStream,
    decoder_arm: TokenStream,
    bytes_from_json_arm: TokenStream,
}

impl Part {
    fn newest(enum_name: &Ident, variant: &Variant, event_type: &str) -> Self {
        let payload = Payload::of_variant(enum_name, variant);
        let (container, from_json) = payload.strict_json("event_from_json");
        let structs = payload.structs(&container);
        let decode = format_ident!("__decode_{}", variant.ident.unraw());
        let (owned, owned_pattern) = (payload.owned(), payload.owned_pattern());
        let (enum_value, borrowed_value) = (payload.pattern(), payload.borrowed_value());
        let any_fields = payload::any_fields(enum_name, variant);
        Self {
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
            decoder_arm: decoder_arm(event_type, &decode),
            bytes_from_json_arm: quote! {
                #event_type => {
                    let #owned_pattern = ::foldhost_sdk::__private::#from_json::<#owned>(#event_type, json)?;
                    ::foldhost_sdk::Event::to_bytes(&#enum_value)
                }
            },
        }
    }
}

/// What one former version contributes.
struct FormerPart {
    /// The decoder: reads the former shape and brings it to the enum, version by version.
    items: TokenStream,
    decoder_arm: TokenStream,
    recorded_json_arm: TokenStream,
    bytes_from_json_arm: TokenStream,
}

impl FormerPart {
    fn chain(enum_name: &Ident, variant: &Variant, formers: &[Former]) -> impl Iterator<Item = Self> {
        (0..formers.len()).map(|oldest| Self::new(enum_name, variant, &formers[oldest..]))
    }

    /// `formers` begins with the version that this is for.
    fn new(enum_name: &Ident, variant: &Variant, formers: &[Former]) -> Self {
        let Former { event_type, shape, version, .. } = &formers[0];
        let name = variant.ident.unraw();
        let decode = format_ident!("__decode_{version}_of_{name}");
        let former = format_ident!("__VERSION_{version}_OF_{name}");
        let nexts = formers[1..].iter().map(|next| next.shape.to_token_stream()).chain([enum_name.to_token_stream()]);
        // With the shape's span, a missing upcaster is reported at the version that has none.
        let steps = formers.iter().zip(nexts).map(|(Former { shape, .. }, next)| {
            quote_spanned!(shape.span()=> let event = ::foldhost_sdk::__private::upcast::<#shape, #next>(event);)
        });
        let functions = quote_spanned!(shape.span()=> ::foldhost_sdk::__private::former::<#shape>());
        Self {
            items: quote! {
                const #former: ::foldhost_sdk::__private::Former<#shape> = #functions;
                fn #decode(bytes: &[u8]) -> ::core::result::Result<#enum_name, ::foldhost_sdk::EventError> {
                    let event = (#former.from_bytes)(#event_type, bytes)?;
                    #(#steps)*
                    ::core::result::Result::Ok(event)
                }
            },
            decoder_arm: decoder_arm(event_type, &decode),
            recorded_json_arm: quote!(#event_type => (#former.recorded_json)(#event_type, bytes),),
            bytes_from_json_arm: quote!(#event_type => (#former.bytes_from_json)(#event_type, json),),
        }
    }
}

fn decoder_arm(event_type: &str, decode: &Ident) -> TokenStream {
    quote!(#event_type => ::core::option::Option::Some(#decode as ::foldhost_sdk::Decoder<Self>),)
}

fn implementation(enum_name: &Ident, versions: &[Versions], parts: &[Part], formers: &[FormerPart]) -> TokenStream {
    let items = parts.iter().map(|part| &part.items).chain(formers.iter().map(|former| &former.items));
    let constants = constants(versions);
    let event_type_arms = parts.iter().map(|part| &part.event_type_arm);
    let to_bytes_arms = parts.iter().map(|part| &part.to_bytes_arm);
    let to_json_arms = parts.iter().map(|part| &part.to_json_arm);
    let decoder_arms =
        parts.iter().map(|part| &part.decoder_arm).chain(formers.iter().map(|former| &former.decoder_arm));
    let bytes_from_json_arms = parts
        .iter()
        .map(|part| &part.bytes_from_json_arm)
        .chain(formers.iter().map(|former| &former.bytes_from_json_arm));
    let recorded_json = recorded_json(formers);
    quote! {
        #[allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]
        const _: () = {
            #(#items)*

            #[automatically_derived]
            impl ::foldhost_sdk::Event for #enum_name {
                #constants

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

                #recorded_json

                fn bytes_from_json(
                    event_type: &str,
                    json: &str,
                ) -> ::core::result::Result<::std::vec::Vec<u8>, ::foldhost_sdk::EventError> {
                    match event_type {
                        #(#bytes_from_json_arms)*
                        _ => ::core::result::Result::Err(::foldhost_sdk::EventError::unknown::<Self>(event_type)),
                    }
                }
            }
        };
    }
}

/// Variant by variant, each with its newest version first.
fn constants(versions: &[Versions]) -> TokenStream {
    let readable = versions.iter().flat_map(|versions| {
        let formers = versions.formers.iter().rev().map(|former| &former.event_type);
        std::iter::once(&versions.event_type).chain(formers)
    });
    let written = versions.iter().filter(|versions| !versions.is_read_only).map(|versions| &versions.event_type);
    quote! {
        const EVENT_TYPES: &'static [&'static str] = &[#(#readable),*];
        const WRITES: &'static [&'static str] = &[#(#written),*];
    }
}

/// Without former versions, the trait's own does.
fn recorded_json(formers: &[FormerPart]) -> TokenStream {
    if formers.is_empty() {
        return TokenStream::new();
    }
    let arms = formers.iter().map(|former| &former.recorded_json_arm);
    quote! {
        fn recorded_json(
            event_type: &str,
            bytes: &[u8],
        ) -> ::core::result::Result<::std::string::String, ::foldhost_sdk::EventError> {
            match event_type {
                #(#arms)*
                _ => ::foldhost_sdk::Event::to_json(&<Self as ::foldhost_sdk::Event>::from_bytes(event_type, bytes)?),
            }
        }
    }
}
