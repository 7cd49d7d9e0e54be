//! `#[derive(Command)]`.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{DeriveInput, Result, Variant};

use crate::payload::{self, Payload};
use crate::refusals;

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let variants = payload::variants(input, "Command")?;
    refusals::check_enum_and_variants(&input.attrs, &variants, "Command")?;
    variants.iter().flat_map(|variant| &variant.fields).try_for_each(refusals::check_command_field)?;
    let parts: Vec<Part> = variants.iter().map(|variant| part(&input.ident, variant)).collect();
    Ok(implementation(&input.ident, &parts))
}

/// What one variant contributes to the implementation.
struct Part {
    name: String,
    structs: TokenStream,
    name_arm: TokenStream,
    from_json_arm: TokenStream,
    from_binary_arm: TokenStream,
    to_json_arm: TokenStream,
    to_binary_arm: TokenStream,
}

fn part(enum_name: &Ident, variant: &Variant) -> Part {
    let payload = Payload::of_variant(enum_name, variant);
    let name = variant.ident.unraw().to_string();
    let (container, from_json) = payload.strict_json("command_from_json");
    let structs = payload.structs(&container);
    let (owned, owned_pattern) = (payload.owned(), payload.owned_pattern());
    let (enum_value, borrowed_value) = (payload.pattern(), payload.borrowed_value());
    let any_fields = payload::any_fields(enum_name, variant);
    Part {
        structs,
        name_arm: quote!(#any_fields => #name,),
        from_json_arm: quote! {
            #name => {
                let #owned_pattern = ::foldhost_sdk::__private::#from_json::<#owned>(#name, json)?;
                ::core::result::Result::Ok(#enum_value)
            }
        },
        from_binary_arm: quote! {
            #name => {
                let #owned_pattern = ::foldhost_sdk::__private::command_from_binary::<#owned>(#name, bytes)?;
                ::core::result::Result::Ok(#enum_value)
            }
        },
        to_json_arm: quote! {
            #enum_value => ::foldhost_sdk::__private::command_to_json(#name, &#borrowed_value),
        },
        to_binary_arm: quote! {
            #enum_value => ::foldhost_sdk::__private::command_to_binary(#name, &#borrowed_value),
        },
        name,
    }
}

fn implementation(enum_name: &Ident, parts: &[Part]) -> TokenStream {
    let names = parts.iter().map(|part| &part.name);
    let structs = parts.iter().map(|part| &part.structs);
    let name_arms = parts.iter().map(|part| &part.name_arm);
    let from_json_arms = parts.iter().map(|part| &part.from_json_arm);
    let from_binary_arms = parts.iter().map(|part| &part.from_binary_arm);
    let to_json_arms = parts.iter().map(|part| &part.to_json_arm);
    let to_binary_arms = parts.iter().map(|part| &part.to_binary_arm);
    quote! {
        #[allow(non_camel_case_types)]
        const _: () = {
            #(#structs)*

            #[automatically_derived]
            impl ::foldhost_sdk::Command for #enum_name {
                const NAMES: &'static [&'static str] = &[#(#names),*];

                fn name(&self) -> &'static str {
                    match self { #(#name_arms)* }
                }

                fn from_json(name: &str, json: &str) -> ::core::result::Result<Self, ::foldhost_sdk::CommandError> {
                    match name {
                        #(#from_json_arms)*
                        _ => ::core::result::Result::Err(::foldhost_sdk::CommandError::unknown::<Self>(name)),
                    }
                }

                fn from_binary(name: &str, bytes: &[u8]) -> ::core::result::Result<Self, ::foldhost_sdk::CommandError> {
                    match name {
                        #(#from_binary_arms)*
                        _ => ::core::result::Result::Err(::foldhost_sdk::CommandError::unknown::<Self>(name)),
                    }
                }

                fn to_json(&self) -> ::core::result::Result<::std::string::String, ::foldhost_sdk::CommandError> {
                    match self { #(#to_json_arms)* }
                }

                fn to_binary(&self) -> ::core::result::Result<::std::vec::Vec<u8>, ::foldhost_sdk::CommandError> {
                    match self { #(#to_binary_arms)* }
                }
            }
        };
    }
}
