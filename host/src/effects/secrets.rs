//! Secrets: named by effects, filled in by the host, seen by no guest and no log.

use std::collections::BTreeMap;
use std::fmt;

use memchr::memmem;
use reqwest::Url;
use zeroize::Zeroizing;

use super::EffectError;
use crate::reducer::AllowedOrigin;

mod file;

/// What names a secret in a header's value begins with; the name and a `}` follow.
const REFERENCE: &str = "${secret:";
/// Secrets of one host.
const SECRETS_MAX: usize = 256;
/// Origins of one secret.
const ORIGINS_MAX: usize = 100;
/// Bytes of a secret's value. A shorter one would be found in answers that merely happen to contain it.
const VALUE_BYTES_MIN: usize = 8;
const VALUE_BYTES_MAX: usize = 4_096;
/// Bytes of a header's value with its secrets: many times one of them would make a small request a large one.
const FILLED_BYTES_MAX: usize = 16_384;

/// What the host fills in for `${secret:NAME}` in the headers of HTTP requests, each secret at the origins that it is meant for.
///
/// Values are overwritten in memory when this is dropped, and `Debug` shows names only.
///
/// ```
/// use foldhost::effects::Secrets;
///
/// let secrets = Secrets::parse(
///     r#"
///     [payments-key]
///     value = "a key of the payment service"
///     origins = ["https://payments.example"]
///     "#,
/// )?;
/// assert_eq!(secrets.names().collect::<Vec<_>>(), ["payments-key"]);
/// # Ok::<(), foldhost::effects::SecretsError>(())
/// ```
#[derive(Default)]
pub struct Secrets {
    secrets: BTreeMap<String, Secret>,
    /// How a value may stand in an answer, and whose it is; longer ones first, since a value may be the beginning of another.
    forms: Vec<(Zeroizing<String>, String)>,
}

struct Secret {
    value: Zeroizing<String>,
    origins: Vec<AllowedOrigin>,
}

/// Why a text holds no secrets. No part of a value, or of a line that may hold one, is ever repeated here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// A line is no TOML, or not what is expected there.
    #[error(
        "line {line} of the secrets cannot be read: write [NAME], below it one of value, env and file as a text, and \
         origins = [\"https://...\"]"
    )]
    Unreadable {
        /// The line, counted from 1.
        line: usize,
    },
    /// There are too many.
    #[error("{secrets} secrets, and {SECRETS_MAX} are allowed")]
    TooMany {
        /// How many there are.
        secrets: usize,
    },
    /// A name that no effect could write.
    #[error("a secret's name is 1 to 64 letters, digits, dashes and underscores, as in [payments-key]")]
    Name,
    /// One of them cannot be used.
    #[error("secret {name}: {reason}")]
    Secret {
        /// Its name.
        name: String,
        /// What is wrong, and what to do.
        reason: String,
    },
}

impl Secrets {
    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.secrets.keys().map(String::as_str)
    }

    /// A header's value with its secrets in place; none where it names no secret.
    ///
    /// # Errors
    /// [`EffectError::Permanent`] for a secret that is not there, or not meant for where the request goes.
    pub(super) fn fill(&self, value: &str, url: &Url) -> Result<Option<Zeroizing<String>>, EffectError> {
        if !value.contains(REFERENCE) {
            return Ok(None);
        }
        // With room for all of it: a text that grows leaves copies of itself behind.
        let mut filled = Zeroizing::new(String::with_capacity(FILLED_BYTES_MAX));
        let mut rest = value;
        while let Some((before, after)) = rest.split_once(REFERENCE) {
            let name = after.split('}').next().filter(|name| name.len() < after.len() && is_name(name));
            let Some(name) = name else {
                let message = format!("a header names a secret as in {REFERENCE}payments-key}}");
                return Err(EffectError::permanent("invalid-secret-reference", message));
            };
            let secret = self.meant_for(name, url)?;
            if filled.len() + before.len() + secret.len() > FILLED_BYTES_MAX {
                return Err(too_long());
            }
            filled.push_str(before);
            filled.push_str(secret);
            rest = &after[name.len() + 1..];
        }
        if filled.len() + rest.len() > FILLED_BYTES_MAX {
            return Err(too_long());
        }
        filled.push_str(rest);
        Ok(Some(filled))
    }

    fn meant_for(&self, name: &str, url: &Url) -> Result<&str, EffectError> {
        let origin = url.origin().ascii_serialization();
        let Some(secret) = self.secrets.get(name) else {
            let message = format!("the host has no secret {name}: put it into the file that --secrets names");
            return Err(EffectError::permanent("unknown-secret", message));
        };
        if !secret.origins.iter().any(|meant| meant.as_str() == origin) {
            let message =
                format!("the secret {name} is not meant for {origin}: add it to the secret's origins if it is");
            return Err(EffectError::permanent("secret-not-for-origin", message));
        }
        Ok(&secret.value)
    }

    /// The bytes with `[secret NAME]` in place of every secret's value, whoever sent it there. Of all secrets: one origin may tell
    /// what another was sent.
    pub(super) fn redact(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        for (form, name) in &self.forms {
            let finder = memmem::Finder::new(form.as_bytes());
            if finder.find(&bytes).is_some() {
                bytes = replaced(&bytes, &finder, name);
            }
        }
        bytes
    }

    fn new(secrets: BTreeMap<String, Secret>) -> Self {
        let forms = secrets.iter().flat_map(|(name, secret)| forms(&secret.value).map(|form| (form, name.clone())));
        let mut forms: Vec<_> = forms.collect();
        forms.sort_by_key(|(form, _)| std::cmp::Reverse(form.len()));
        Self { secrets, forms }
    }
}

fn too_long() -> EffectError {
    EffectError::permanent(
        "invalid-header",
        format!("with its secrets a header has more than {FILLED_BYTES_MAX} bytes"),
    )
}

fn replaced(bytes: &[u8], finder: &memmem::Finder<'_>, name: &str) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for at in finder.find_iter(bytes) {
        kept.extend_from_slice(&bytes[from..at]);
        kept.extend_from_slice(format!("[secret {name}]").as_bytes());
        from = at + finder.needle().len();
    }
    kept.extend_from_slice(&bytes[from..]);
    kept
}

/// A value as it is, and as a JSON text has it: some writers escape slashes too.
fn forms(value: &str) -> impl Iterator<Item = Zeroizing<String>> {
    let backslashes = Zeroizing::new(value.replace('\\', r"\\"));
    let json = Zeroizing::new(backslashes.replace('"', r#"\""#));
    let slashes = Zeroizing::new(json.replace('/', r"\/"));
    let mut forms = vec![Zeroizing::new(value.to_owned()), json, slashes];
    forms.dedup();
    forms.into_iter()
}

fn is_name(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(is_part)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets").field("names", &self.secrets.keys()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const FILE: &str = r#"
        [key]
        value = "s3cr3t/with\"both\\"
        origins = ["https://pay.example", "http://127.0.0.1:9000"]

        [longer]
        value = "s3cr3t/with\"both\\and more"
        origins = ["https://other.example"]
    "#;
    const VALUE: &str = r#"s3cr3t/with"both\"#;

    fn filled(value: &str, url: &str) -> Result<Option<String>, String> {
        let secrets = Secrets::parse(FILE).unwrap();
        let filled = secrets.fill(value, &url.parse().unwrap());
        filled.map(|filled| filled.map(|text| text.to_string())).map_err(|error| error.to_failure().code)
    }

    #[test]
    fn a_secret_is_filled_in_where_it_is_named() {
        let url = "https://pay.example/charges?x=1";
        assert_eq!(filled("Bearer abc", url), Ok(None));
        assert_eq!(filled("Bearer ${secret:key}", url), Ok(Some(format!("Bearer {VALUE}"))));
        assert_eq!(filled("${secret:key}-${secret:key}!", url), Ok(Some(format!("{VALUE}-{VALUE}!"))));
        assert_eq!(filled("${secret:key}", "http://127.0.0.1:9000"), Ok(Some(VALUE.to_owned())));
    }

    #[test]
    fn a_secret_that_is_unknown_or_meant_for_another_origin_is_not_filled_in() {
        for (value, url, code) in [
            ("${secret:none}", "https://pay.example", "unknown-secret"),
            ("${secret:longer}", "https://pay.example", "secret-not-for-origin"),
            ("${secret:key}", "http://pay.example", "secret-not-for-origin"),
            ("${secret:key}", "https://pay.example:8443", "secret-not-for-origin"),
            ("${secret:key}", "https://pay.example.evil.test", "secret-not-for-origin"),
            ("${secret:key", "https://pay.example", "invalid-secret-reference"),
            ("${secret:}", "https://pay.example", "invalid-secret-reference"),
            ("${secret:a b}", "https://pay.example", "invalid-secret-reference"),
            ("${secret:${secret:key}}", "https://pay.example", "invalid-secret-reference"),
            (&"${secret:key}".repeat(2_000), "https://pay.example", "invalid-header"),
            (&format!("${{secret:key}}{}", "x".repeat(20_000)), "https://pay.example", "invalid-header"),
        ] {
            assert_eq!(filled(value, url), Err(code.to_owned()), "{}", &value[..value.len().min(40)]);
        }
    }

    #[test]
    fn a_value_in_an_answer_is_replaced_by_its_name_in_every_form() {
        let secrets = Secrets::parse(FILE).unwrap();
        let redacted = |text: &str| String::from_utf8(secrets.redact(text.into())).unwrap();
        assert_eq!(redacted("nothing of it: s3cr3t"), "nothing of it: s3cr3t");
        assert_eq!(redacted(&format!("{VALUE}{VALUE}.")), "[secret key][secret key].");
        assert_eq!(redacted(&format!("<{VALUE}and more>")), "<[secret longer]>");
        assert_eq!(redacted(r#"{"a":"s3cr3t/with\"both\\"}"#), r#"{"a":"[secret key]"}"#);
        assert_eq!(redacted(r#"{"a":"s3cr3t\/with\"both\\"}"#), r#"{"a":"[secret key]"}"#);
        let binary = [&[0xff, 0x00], VALUE.as_bytes(), &[0xfe]].concat();
        assert_eq!(secrets.redact(binary), [&[0xff, 0x00], b"[secret key]".as_slice(), &[0xfe]].concat());
    }

    #[test]
    fn debug_output_shows_names_and_no_value() {
        let shown = format!("{:?}", Secrets::parse(FILE).unwrap());
        assert_eq!(shown, r#"Secrets { names: ["key", "longer"], .. }"#);
    }
}
