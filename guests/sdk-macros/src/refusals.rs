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
            "bincode has no missing fields, so `default` never takes effect and events recorded before the field existed would not decode; give the variant a new version, and its former shape as `#[event(version = 2, v1 = ...)]`",
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
    let mut one_way = None;
    each_serde_argument(&field.attrs, |argument, meta| {
        refuse(argument, meta, event_field_refusal(argument))?;
        match argument {
            "rename" if meta.input.peek(syn::token::Paren) => refuse(
                argument,
                meta,
                Some(
                    "with a name for one direction only, the event's JSON could not be read again; use `rename = \"...\"`",
                ),
            )?,
            "serialize_with" | "deserialize_with" => {
                one_way = match one_way.take() {
                    None => Some(Error::new_spanned(&meta.path, one_way_refusal(argument))),
                    Some(_) => None,
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    one_way.map_or_else(|| check_decodable(&field.ty), Err)
}

fn one_way_refusal(argument: &str) -> String {
    let other = if argument == "serialize_with" { "deserialize_with" } else { "serialize_with" };
    format!(
        "`#[serde({argument})]` is refused without `{other}`: what only one direction converts is not read back as it was; use `with = \"...\"` for both"
    )
}

pub(crate) fn check_command_field(field: &Field) -> Result<()> {
    each_serde_argument(&field.attrs, |argument, meta| refuse(argument, meta, command_field_refusal(argument)))?;
    each_type(&field.ty, &mut |ty| match ty {
        Type::Path(path)
            if !is_own(&path.path) && path.path.segments.iter().any(|segment| segment.ident == "RawValue") =>
        {
            Err(Error::new_spanned(
                ty,
                "a payload is not read by serde_json, which alone knows what a `RawValue` is. Use a type of your own, or take the JSON as text in a `String` (a type of your own that is called `RawValue` is accepted under its path, `crate::RawValue`)",
            ))
        }
        _ => Ok(()),
    })
}

pub(crate) fn check_enum_and_variants(attributes: &[Attribute], variants: &[&Variant], derive: &str) -> Result<()> {
    std::iter::once(attributes)
        .chain(variants.iter().map(|variant| variant.attrs.as_slice()))
        .try_for_each(|attributes| check_container(attributes, derive))
}

/// The hidden structs do not inherit the attributes of the enum, of a variant or of a struct, and silence would hide that.
pub(crate) fn check_container(attributes: &[Attribute], derive: &str) -> Result<()> {
    each_serde_argument(attributes, |argument, meta| {
        let reason = tagging_refusal(argument).map_or_else(
            || format!("`{derive}` encodes the fields on their own, so it has no effect here; put it on the fields"),
            str::to_owned,
        );
        refuse(argument, meta, Some(&reason))
    })
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

/// Refuses types that cannot be read back, or not as they were, at any depth: `Option<Vec<serde_json::Value>>` included.
fn check_decodable(ty: &Type) -> Result<()> {
    each_type(ty, &mut |ty| match ty {
        Type::Path(path) => match type_refusal(&path.path) {
            Some(reason) => Err(Error::new_spanned(ty, reason)),
            None => Ok(()),
        },
        Type::Reference(_) => Err(Error::new_spanned(
            ty,
            "a recorded event owns its fields: the bytes it is read from are gone when it is applied. Use `String` or `Vec`",
        )),
        _ => Ok(()),
    })
}

/// A type, and the types that it is written with.
fn each_type(ty: &Type, check: &mut impl FnMut(&Type) -> Result<()>) -> Result<()> {
    check(ty)?;
    match ty {
        Type::Path(path) => inner_types(&path.path).try_for_each(|inner| each_type(inner, check)),
        Type::Array(array) => each_type(&array.elem, check),
        Type::Group(group) => each_type(&group.elem, check),
        Type::Paren(paren) => each_type(&paren.elem, check),
        Type::Tuple(tuple) => tuple.elems.iter().try_for_each(|elem| each_type(elem, check)),
        _ => Ok(()),
    }
}

/// Crates whose values say only while they are read what they are.
const SELF_DESCRIBING: [&str; 9] =
    ["serde_json", "serde_yaml", "serde_yml", "serde_norway", "serde_cbor", "serde_value", "toml", "ciborium", "rmpv"];

/// A derive sees names, not types: a lone `Value` is taken for an imported `serde_json::Value`, and a lone `HashMap` for the
/// standard library's. A type of the reducer's own is accepted under its path.
fn type_refusal(path: &Path) -> Option<&'static str> {
    let last = path.segments.last()?;
    if is_own(path) {
        return None;
    }
    if path.is_ident("Value")
        || path.is_ident("RawValue")
        || SELF_DESCRIBING.iter().any(|of| path.segments.iter().any(|segment| segment.ident == of))
    {
        return Some(
            "bincode cannot decode a JSON value, or another format's: it does not record what type a value has. Use a type of your own, or keep the JSON text in a `String` (a type of your own that is called `Value` is accepted under its path, `crate::Value`)",
        );
    }
    let last = last.ident.to_string();
    (last.ends_with("HashMap") || last.ends_with("HashSet")).then_some(
        "a hash map is encoded in another order each time, and the same decision must give the same bytes. Use `BTreeMap` or `BTreeSet` (a type of your own is accepted under its path, `crate::HashMap`)",
    )
}

/// Whether a path begins in the reducer's own crate.
fn is_own(path: &Path) -> bool {
    let first = path.segments.first();
    first.is_some_and(|first| ["crate", "self", "super"].iter().any(|own| first.ident == own))
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
