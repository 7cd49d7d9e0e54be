//! `#[derive(FormerEvent)]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result};

use crate::payload::{self, Payload};
use crate::refusals;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    let fields = payload::fields(input, "FormerEvent")?;
    refusals::check_container(&input.attrs, "FormerEvent")?;
    fields.iter().try_for_each(refusals::check_event_field)?;
    let payload = Payload::of_struct(name, fields);
    let (container, from_json) = payload.strict_json("event_from_json");
    let structs = payload.structs(&container);
    let (owned, owned_pattern) = (payload.owned(), payload.owned_pattern());
    let (value, borrowed_value) = (payload.pattern(), payload.borrowed_value());
    Ok(quote! {
        const _: () = {
            #structs

            #[automatically_derived]
            impl ::foldhost_sdk::FormerEvent for #name {
                fn from_bytes(
                    event_type: &str,
                    bytes: &[u8],
                ) -> ::core::result::Result<Self, ::foldhost_sdk::EventError> {
                    let #owned_pattern = ::foldhost_sdk::__private::event_from_bytes::<#owned>(event_type, bytes)?;
                    ::core::result::Result::Ok(#value)
                }

                fn to_bytes(
                    &self,
                    event_type: &str,
                ) -> ::core::result::Result<::std::vec::Vec<u8>, ::foldhost_sdk::EventError> {
                    let #value = self;
                    ::foldhost_sdk::__private::event_to_bytes(event_type, &#borrowed_value)
                }

                fn from_json(
                    event_type: &str,
                    json: &str,
                ) -> ::core::result::Result<Self, ::foldhost_sdk::EventError> {
                    let #owned_pattern = ::foldhost_sdk::__private::#from_json::<#owned>(event_type, json)?;
                    ::core::result::Result::Ok(#value)
                }

                fn to_json(
                    &self,
                    event_type: &str,
                ) -> ::core::result::Result<::std::string::String, ::foldhost_sdk::EventError> {
                    let #value = self;
                    ::foldhost_sdk::__private::event_to_json(event_type, &#borrowed_value)
                }
            }
        };
    })
}
