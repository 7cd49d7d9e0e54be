//! The file with the secrets.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::{ORIGINS_MAX, SECRETS_MAX, Secret, Secrets, SecretsError, VALUE_BYTES_MAX, VALUE_BYTES_MIN, is_name};

/// A secret as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    value: Option<Zeroizing<String>>,
    env: Option<String>,
    file: Option<String>,
    #[serde(default)]
    origins: Vec<String>,
}

impl Secrets {
    /// Reads secrets from TOML: a table for each, with just one of `value`, `env` (a variable of the host's) and `file` (a path
    /// from the root), and the `origins` that it may be sent to. What variables and files hold is read now. A line break at a
    /// value's end is no part of it.
    ///
    /// Not [`FromStr`](std::str::FromStr), with intent: command-line parsers print a text that they could not read.
    ///
    /// # Errors
    /// [`SecretsError`] names the line or the secret, and never a value.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        // TOML's own message repeats what it could not read.
        let written: BTreeMap<String, Written> = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count();
            SecretsError::Unreadable { line }
        })?;
        if written.len() > SECRETS_MAX {
            return Err(SecretsError::TooMany { secrets: written.len() });
        }
        let mut secrets = BTreeMap::new();
        for (name, written) in written {
            if !is_name(&name) {
                return Err(SecretsError::Name);
            }
            let secret = written.read().map_err(|reason| SecretsError::Secret { name: name.clone(), reason })?;
            secrets.insert(name, secret);
        }
        Ok(Self::new(secrets))
    }
}

impl Written {
    fn read(self) -> Result<Secret, String> {
        let value = match (self.value, &self.env, &self.file) {
            (Some(value), None, None) => value,
            (None, Some(variable), None) => from_variable(variable)?,
            (None, None, Some(path)) => from_file(Path::new(path))?,
            _ => return Err("write just one of value, env and file".to_owned()),
        };
        let value = checked(&value)?;
        if self.origins.is_empty() || self.origins.len() > ORIGINS_MAX {
            return Err(format!("write 1 to {ORIGINS_MAX} origins that it may be sent to, as in {ORIGINS_EXAMPLE}"));
        }
        let mut origins = Vec::with_capacity(self.origins.len());
        for (number, origin) in (1..).zip(&self.origins) {
            // The error would repeat what is written there, which may be the secret in the wrong place.
            let parsed = origin.parse();
            origins.push(parsed.map_err(|_| format!("origin {number} is none: write {ORIGINS_EXAMPLE}"))?);
        }
        Ok(Secret { value, origins })
    }
}

const ORIGINS_EXAMPLE: &str = r#"origins = ["https://payments.example"]"#;

fn from_variable(name: &str) -> Result<Zeroizing<String>, String> {
    let value = std::env::var(name).map(Zeroizing::new);
    value.map_err(|error| match error {
        std::env::VarError::NotPresent => format!("the variable {name:?} is not set: export it before the host starts"),
        std::env::VarError::NotUnicode(_) => format!("the variable {name:?} is no text"),
    })
}

fn from_file(path: &Path) -> Result<Zeroizing<String>, String> {
    let shown = path.display();
    if !path.is_absolute() {
        return Err(format!("{shown} is no path from the root: write file = \"/run/secrets/...\""));
    }
    let unreadable = |error| format!("cannot read {shown}: {error}");
    // A byte more than any value has with its line break, so that a longer one is refused and not cut off.
    let length_max = VALUE_BYTES_MAX + "\r\n".len() + 1;
    // With room for all of it: a text that grows leaves copies of itself behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length_max));
    let file = File::open(path).map_err(unreadable)?;
    file.take(length_max as u64).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| format!("{shown} is no text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The value without its line break, if it can stand in a header.
fn checked(value: &str) -> Result<Zeroizing<String>, String> {
    let value = value.strip_suffix('\n').map_or(value, |line| line.strip_suffix('\r').unwrap_or(line));
    if value.len() < VALUE_BYTES_MIN {
        return Err(format!("its value is shorter than {VALUE_BYTES_MIN} bytes, and could be guessed"));
    }
    if value.len() > VALUE_BYTES_MAX {
        return Err(format!("its value is longer than {VALUE_BYTES_MAX} bytes"));
    }
    // Spaces at the ends would be lost in a header, and the value would no longer be found in an answer.
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) || value.trim() != value {
        return Err(
            "its value holds what cannot stand in a header: it has to be printable ASCII in one line".to_owned()
        );
    }
    Ok(Zeroizing::new(value.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;

    const ORIGINS: &str = r#"origins = ["https://a.example"]"#;

    fn value(text: &str) -> String {
        Secrets::parse(text).unwrap().secrets["key"].value.to_string()
    }

    #[test]
    fn a_value_is_read_from_the_file_itself_a_variable_or_another_file() {
        assert_eq!(value(&format!("[key]\nvalue = 'hunter2-hunter2'\n{ORIGINS}")), "hunter2-hunter2");
        // Cargo sets this one for every test.
        let directory = std::env::var("CARGO_MANIFEST_DIR").unwrap();
        assert_eq!(value(&format!("[key]\nenv = 'CARGO_MANIFEST_DIR'\n{ORIGINS}")), directory);
        for written in ["hunter2-hunter2", "hunter2-hunter2\n", "hunter2-hunter2\r\n"] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(written.as_bytes()).unwrap();
            let text = format!("[key]\nfile = '{}'\n{ORIGINS}", file.path().display());
            assert_eq!(value(&text), "hunter2-hunter2", "{written:?}");
        }
        assert!(Secrets::parse("").unwrap().secrets.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named_by_its_line_and_never_shown() {
        for (text, line) in [
            ("[key]\nvalue = hunter2-hunter2", 2),
            ("[key]\nvalue = 'hunter2-hunter2", 2),
            ("\n[key]\nvalue = 48151623421337", 3),
            ("key = 'hunter2-hunter2'", 1),
            ("[key]\norigins = 'hunter2-hunter2'", 2),
            ("[key]\nhunter2-hunter2 = 1", 2),
        ] {
            let error = Secrets::parse(text).err().unwrap();
            assert_eq!(error, SecretsError::Unreadable { line }, "{text}");
            assert!(!format!("{error} {error:?}").contains("hunter"), "{error}");
        }
    }

    #[test]
    fn a_secret_that_could_not_be_used_is_refused_when_the_host_starts() {
        let (short, long) = ("x".repeat(7), "x".repeat(4_097));
        for (entry, told) in [
            (ORIGINS.to_owned(), "just one of value, env and file"),
            (format!("value = 'hunter2-hunter2'\nenv = 'HOME'\n{ORIGINS}"), "just one of value, env and file"),
            ("value = 'hunter2-hunter2'".to_owned(), "1 to 100 origins"),
            ("value = 'hunter2-hunter2'\norigins = ['hunter2-hunter2']".to_owned(), "origin 1 is none"),
            ("value = 'hunter2-hunter2'\norigins = ['https://a.example/path']".to_owned(), "origin 1 is none"),
            (format!("value = '{short}'\n{ORIGINS}"), "shorter than 8 bytes"),
            (format!("value = '{long}'\n{ORIGINS}"), "longer than 4096 bytes"),
            (format!("value = 'hunter2-hünter2'\n{ORIGINS}"), "printable ASCII"),
            (format!("value = \"hunter2\\nhunter2\"\n{ORIGINS}"), "printable ASCII"),
            (format!("value = ' hunter2-hunter2'\n{ORIGINS}"), "printable ASCII"),
            (format!("env = 'FOLDHOST_TEST_NO_SUCH_VARIABLE'\n{ORIGINS}"), "is not set"),
            (format!("file = 'relative'\n{ORIGINS}"), "no path from the root"),
            (format!("file = '/no/such/file'\n{ORIGINS}"), "cannot read /no/such/file"),
            (format!("file = '/dev/zero'\n{ORIGINS}"), "longer than 4096 bytes"),
        ] {
            let error = Secrets::parse(&format!("[key]\n{entry}")).err().unwrap().to_string();
            assert!(error.starts_with("secret key: ") && error.contains(told), "{error}\n{entry}");
            assert!(!error.contains("hunter") && !error.contains(&short), "{error}");
        }
    }

    #[test]
    fn names_and_their_number_are_bounded() {
        let named = |name: &str| Secrets::parse(&format!("[{name}]\nvalue = 'hunter2-hunter2'\n{ORIGINS}")).err();
        assert_eq!(named("a.b"), Some(SecretsError::Unreadable { line: 1 }), "a table within a table");
        assert_eq!(named("a-B_1"), None);
        for name in ["'a.b'", "'a b'", "''", "'a}'", &"x".repeat(65)] {
            assert_eq!(named(name), Some(SecretsError::Name), "{name}");
        }
        let many: String =
            (0..257).map(|number| format!("[k{number}]\nvalue = 'hunter2-hunter2'\n{ORIGINS}\n")).collect();
        assert_eq!(Secrets::parse(&many).err(), Some(SecretsError::TooMany { secrets: 257 }));
    }
}
