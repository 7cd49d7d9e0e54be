//! What a derive refuses because it would encode without complaint and never decode again.
//!
//! A recorded event cannot be mended: if it does not decode, its stream is lost. So these are compile errors.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Field, GenericArgument, Path, PathArguments, Result, Type, Variant};

/// Why a field of an event must not carry this serde argument.
fn event_field_refusal(argument: &str) -> Option<&'static str> {
    match argument {
        "skip" | "skip_serializing" | "skip_deserializing" | "skip_serializing_if" => Some(
            "bincode has no field names, so a skipped field shifts the bytes of all that follow and the event cannot be decoded; record the field as an `Option`",
        ),
        "flatten" => Some(
            "bincode cannot decode a flattened field: it asks for field names, which are not recorded; name the inner value as a field of its own",
        ),
        "default" => Some(
            "bincode has no missing fields, so `default` never takes effect and events recorded before the field existed would not decode; give the variant a new `#[event(version = ...)]`",
        ),
        _ => tagging_refusal(argument),
    }
}

fn tagging_refusal(argument: &str) -> Option<&'static str> {
    matches!(argument, "tag" | "untagged" | "content").then_some(
        "bincode cannot decode a tagged or untagged representation: it does not record what type a value has; each variant of an event is encoded on its own, without a tag",
    )
}

/// Why a field of a command must not carry this serde argument: the same command may arrive as JSON and as bytes.
fn command_field_refusal(argument: &str) -> Option<&'static str> {
    match argument {
        "skip_serializing" | "skip_deserializing" | "skip_serializing_if" => Some(
            "a command may also arrive in binary, where a field that only one side skips shifts the bytes of all that follow; use an `Option`",
        ),
        "flatten" => Some("a flattened field would accept unknown fields; name the inner value as a field of its own"),
        _ => None,
    }
}

pub(crate) fn check_event_field(field: &Field) -> Result<()> {
    each_serde_argument(&field.attrs, |argument, meta| refuse(argument, meta, event_field_refusal(argument)))?;
    check_decodable(&field.ty)
}

pub(crate) fn check_command_field(field: &Field) -> Result<()> {
    each_serde_argument(&field.attrs, |argument, meta| refuse(argument, meta, command_field_refusal(argument)))
}

/// The hidden structs do not inherit the attributes of the enum or of a variant, and silence would hide that.
pub(crate) fn check_enum_and_variants(attributes: &[Attribute], variants: &[&Variant], derive: &str) -> Result<()> {
    for attributes in std::iter::once(attributes).chain(variants.iter().map(|variant| variant.attrs.as_slice())) {
        each_serde_argument(attributes, |argument, meta| {
            let reason = tagging_refusal(argument).map_or_else(
                || format!("`{derive}` encodes each variant's fields on their own, so it has no effect here; put it on the fields"),
                str::to_owned,
            );
            refuse(argument, meta, Some(&reason))
        })?;
    }
    Ok(())
}

fn refuse(argument: &str, meta: &ParseNestedMeta<'_>, reason: Option<&str>) -> Result<()> {
    reason.map_or(Ok(()), |reason| Err(meta.error(format!("`#[serde({argument})]` is refused: {reason}"))))
}

fn each_serde_argument(
    attributes: &[Attribute],
    mut check: impl FnMut(&str, &ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            let argument = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
            check(&argument, &meta)?;
            skip_value(&meta)
        })?;
    }
    Ok(())
}

/// Reads past `= "value"` or `(...)`: what the argument says is serde's affair.
fn skip_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(syn::Token![=]) {
        meta.value()?.parse::<syn::Expr>()?;
    } else if meta.input.peek(syn::token::Paren) {
        let inner;
        syn::parenthesized!(inner in meta.input);
        inner.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}

/// Refuses `serde_json` types at any depth, `Option<Vec<serde_json::Value>>` included.
fn check_decodable(ty: &Type) -> Result<()> {
    match ty {
        Type::Path(path) => {
            if names_json_value(&path.path) {
                return Err(Error::new_spanned(
                    ty,
                    "bincode cannot decode a JSON value: it does not record what type a value has. Use a type of your own, or keep the JSON text in a `String` (a type of your own that is called `Value` is accepted under its path, `crate::Value`)",
                ));
            }
            inner_types(&path.path).try_for_each(check_decodable)
        }
        Type::Array(array) => check_decodable(&array.elem),
        Type::Group(group) => check_decodable(&group.elem),
        Type::Paren(paren) => check_decodable(&paren.elem),
        Type::Tuple(tuple) => tuple.elems.iter().try_for_each(check_decodable),
        _ => Ok(()),
    }
}

/// A derive sees names, not types: a lone `Value` is taken for an imported `serde_json::Value`.
fn names_json_value(path: &Path) -> bool {
    path.is_ident("Value") || path.segments.iter().any(|segment| segment.ident == "serde_json")
}

fn inner_types(path: &Path) -> impl Iterator<Item = &Type> {
    path.segments
        .iter()
        .filter_map(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
            _ => None,
        })
        .flatten()
        .filter_map(|argument| match argument {
            GenericArgument::Type(ty) => Some(ty),
            _ => None,
        })
}
