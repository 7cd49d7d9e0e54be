//! What `#[event(...)]` on a variant says of its versions, and whether every recorded event can be read by it.

use std::collections::BTreeMap;

use proc_macro2::{Ident, Span};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned as _;
use syn::{Error, LitInt, LitStr, Result, Token, TypePath, Variant};

/// The name of an event, and all versions in which one variant reads it.
pub(crate) struct Versions {
    pub(crate) event_type: String,
    /// The older shapes, oldest first.
    pub(crate) formers: Vec<Former>,
    /// Read and not emitted: it says so, or another variant emits a newer version of the same event.
    pub(crate) is_read_only: bool,
    name: String,
    variant: String,
    newest: u32,
    since: u32,
    /// Where the newest version is said.
    span: Span,
}

/// A shape that an event had.
pub(crate) struct Former {
    pub(crate) event_type: String,
    pub(crate) shape: TypePath,
    pub(crate) version: u32,
    span: Span,
}

/// One for each variant. An error names the first event type that could be recorded and not be read, or be read in two ways.
pub(crate) fn of_variants(enum_name: &Ident, variants: &[&Variant]) -> Result<Vec<Versions>> {
    let mut all = variants.iter().map(|variant| Versions::parse(variant)).collect::<Result<Vec<_>>>()?;
    check_distinct(&all)?;
    all.iter().try_for_each(|versions| versions.check_complete(enum_name, &all))?;
    let superseded: Vec<bool> = all.iter().map(|versions| all.iter().any(|other| other.supersedes(versions))).collect();
    for (versions, superseded) in all.iter_mut().zip(superseded) {
        versions.is_read_only |= superseded;
    }
    Ok(all)
}

/// What the attribute says, before anything is compared.
struct Arguments {
    name: Option<String>,
    version: Option<(u32, Span)>,
    since: Option<(u32, Span)>,
    formers: Vec<(u32, Span, TypePath, Option<String>)>,
    read_only: bool,
}

impl Arguments {
    fn parse(variant: &Variant) -> Result<Self> {
        let mut arguments = Self { name: None, version: None, since: None, formers: Vec::new(), read_only: false };
        for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("event")) {
            attribute.parse_nested_meta(|meta| arguments.read(&meta))?;
        }
        arguments.formers.sort_by_key(|former| former.0);
        Ok(arguments)
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let argument = meta.path.require_ident()?.to_string();
        match argument.as_str() {
            "name" => once(&mut self.name, meta, checked_name(&meta.value()?.parse()?)?),
            "version" => once(&mut self.version, meta, checked_version(&meta.value()?.parse()?)?),
            "since" => once(&mut self.since, meta, checked_version(&meta.value()?.parse()?)?),
            "read_only" => {
                self.read_only = true;
                Ok(())
            }
            _ => {
                let Some(version) = former_version(&argument) else {
                    return Err(meta.error(
                        "unknown argument; `#[event(...)]` takes `name = \"...\"`, `version = ...`, `since = ...`, `read_only`, and a former version as `v1 = ...`",
                    ));
                };
                let value = meta.value()?;
                let shape: TypePath = value.parse()?;
                let name = match value.parse::<Option<Token![as]>>()? {
                    Some(_) => Some(checked_name(&value.parse()?)?),
                    None => None,
                };
                self.formers.push((version, meta.path.span(), shape, name));
                Ok(())
            }
        }
    }
}

impl Versions {
    fn parse(variant: &Variant) -> Result<Self> {
        let Arguments { name, version, since, formers, read_only } = Arguments::parse(variant)?;
        let variant_name = variant.ident.unraw().to_string();
        let name = name.unwrap_or_else(|| variant_name.clone());
        let (newest, span) = version.unwrap_or((1, variant.ident.span()));
        let since = match since {
            Some((since, span)) if since > newest => {
                return Err(Error::new(
                    span,
                    format!("`since = {since}` is above the newest version, which is {newest}"),
                ));
            }
            Some((since, _)) => since,
            None => 1,
        };
        let formers = formers
            .into_iter()
            .map(|(version, span, shape, former_name)| Former {
                event_type: event_type(former_name.as_ref().unwrap_or(&name), version),
                shape,
                version,
                span,
            })
            .collect();
        let versions = Self {
            event_type: event_type(&name, newest),
            formers,
            is_read_only: read_only,
            name,
            variant: variant_name,
            newest,
            since,
            span,
        };
        versions.check_order()?;
        Ok(versions)
    }

    fn supersedes(&self, other: &Self) -> bool {
        !self.is_read_only && self.name == other.name && self.newest > other.newest
    }

    /// Former versions lie between the oldest that was recorded and the newest, each once.
    fn check_order(&self) -> Result<()> {
        let (newest, since) = (self.newest, self.since);
        for former in &self.formers {
            let Former { version, span, .. } = *former;
            let wrong = match version {
                0 => "event versions begin at 1".to_owned(),
                _ if version >= newest => format!(
                    "`v{version}` is not below the newest version, which is {newest}: the variant itself is that; give it `version = {}`",
                    version.saturating_add(1)
                ),
                _ if version < since => {
                    format!("`since = {since}` says that no `v{version}` was ever recorded; remove one of the two")
                }
                _ => continue,
            };
            return Err(Error::new(span, wrong));
        }
        match self.formers.windows(2).find(|pair| pair[0].version == pair[1].version) {
            Some(pair) => Err(Error::new(pair[1].span, format!("`v{}` is listed twice", pair[1].version))),
            None => Ok(()),
        }
    }

    /// Each version that may be recorded is read: by a former shape, or by another variant.
    fn check_complete(&self, enum_name: &Ident, all: &[Self]) -> Result<()> {
        let is_read = |version: &u32| {
            let event_type = event_type(&self.name, *version);
            self.formers.iter().any(|former| former.version == *version)
                || all.iter().any(|other| other.event_type == event_type)
        };
        let Some(missing) = (self.since..self.newest).find(|version| !is_read(version)) else {
            return Ok(());
        };
        Err(Error::new(self.span, self.missing(missing, enum_name)))
    }

    fn missing(&self, missing: u32, enum_name: &Ident) -> String {
        let Self { name, variant, newest, .. } = self;
        let next = match self.formers.iter().find(|former| former.version == missing + 1) {
            Some(next) => next.shape.to_token_stream().to_string(),
            None if missing + 1 == *newest => enum_name.to_string(),
            None => format!("{variant}V{}", missing + 1),
        };
        let never = match self.formers.first() {
            Some(former) if former.version < missing => String::new(),
            _ => format!("; if none was ever recorded, say so: `since = {}`", missing + 1),
        };
        format!(
            "events of type `{}` may be recorded, and nothing here reads them. Keep their shape in a struct with \
             `#[derive(FormerEvent)]`, list it here as `v{missing} = {variant}V{missing}`, and write \
             `impl From<{variant}V{missing}> for {next}`{never}",
            event_type(name, missing),
        )
    }
}

/// Two decoders for one event type would make recorded events ambiguous, and two versions with one shape their upcasters.
fn check_distinct(all: &[Versions]) -> Result<()> {
    let mut types = BTreeMap::new();
    let mut shapes = BTreeMap::new();
    for versions in all {
        let newest = std::iter::once((&versions.event_type, versions.span));
        let formers = versions.formers.iter().map(|former| (&former.event_type, former.span));
        for (event_type, span) in newest.chain(formers) {
            if types.insert(event_type, span).is_some() {
                let message = format!(
                    "the event type `{event_type}` is read twice in this enum; give one of the two another name or version"
                );
                return Err(Error::new(span, message));
            }
        }
        for former in &versions.formers {
            let shape = former.shape.to_token_stream().to_string();
            if let Some(other) = shapes.insert(shape, &former.event_type) {
                return Err(Error::new_spanned(
                    &former.shape,
                    format!(
                        "this is the shape of `{other}` as well; give each version a struct of its own, since its upcaster is found by its type"
                    ),
                ));
            }
        }
    }
    Ok(())
}

fn once<T>(place: &mut Option<T>, meta: &ParseNestedMeta<'_>, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => {
            let argument = meta.path.to_token_stream();
            Err(meta.error(format!("`{argument}` is given twice")))
        }
    }
}

fn event_type(name: &str, version: u32) -> String {
    format!("{name}.v{version}")
}

/// 2 for `v2`.
fn former_version(argument: &str) -> Option<u32> {
    let digits = argument.strip_prefix('v')?;
    let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    is_plain.then(|| digits.parse().ok()).flatten()
}

fn checked_name(literal: &LitStr) -> Result<String> {
    let name = literal.value();
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(Error::new_spanned(literal, "an event name consists of ASCII letters, digits, `_`, `-` and `.`"));
    }
    Ok(name)
}

fn checked_version(literal: &LitInt) -> Result<(u32, Span)> {
    match literal.base10_parse::<u32>()? {
        0 => Err(Error::new_spanned(literal, "event versions begin at 1")),
        version => Ok((version, literal.span())),
    }
}
