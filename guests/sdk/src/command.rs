//! Commands: what a stream is asked to do.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::encoding;

/// A request to change a stream, known by name, with its arguments as JSON or as bytes.
///
/// Derive it on an enum: the variant's name is the command's name and its fields are the payload.
///
/// ```
/// use foldhost_sdk::prelude::*;
///
/// #[derive(Debug, PartialEq, Command)]
/// enum OrderCommand {
///     ShipOrder { tracking: String },
///     CancelOrder { reason: Option<String> },
/// }
///
/// let command = OrderCommand::from_json("ShipOrder", r#"{"tracking": "1Z"}"#)?;
/// assert_eq!(command, OrderCommand::ShipOrder { tracking: "1Z".into() });
/// assert!(OrderCommand::from_json("ShipOrder", r#"{"tracking": "1Z", "fast": true}"#).is_err());
/// assert_eq!(OrderCommand::from_json("CancelOrder", "")?, OrderCommand::CancelOrder { reason: None });
/// # Ok::<(), foldhost_sdk::CommandError>(())
/// ```
pub trait Command: Sized {
    /// Every command that this type can be read from.
    const NAMES: &'static [&'static str];

    /// The command's name, as in `PlaceOrder`.
    fn name(&self) -> &'static str;

    /// Reads a payload that is a JSON object with exactly the command's fields. Empty and `null` stand for `{}`.
    fn from_json(name: &str, json: &str) -> Result<Self, CommandError>;

    /// Reads a payload that [`Command::to_binary`] wrote.
    fn from_binary(name: &str, bytes: &[u8]) -> Result<Self, CommandError>;

    /// The payload as JSON.
    fn to_json(&self) -> Result<String, CommandError>;

    /// The payload in the encoding of events: bincode 2, standard configuration, the fields alone.
    fn to_binary(&self) -> Result<Vec<u8>, CommandError>;
}

/// Why a command cannot be read or written. It is its sender's to mend; no rule of the reducer was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The reducer has no command of this name.
    #[error("unknown command `{name}`; known commands: {known}")]
    Unknown {
        /// The name that was sent.
        name: String,
        /// The known names, comma separated.
        known: String,
    },
    /// The payload does not have the command's fields.
    #[error("malformed payload for `{name}`: {message}")]
    Malformed {
        /// The command's name.
        name: String,
        /// What is wrong, and where.
        message: String,
    },
    /// The command's fields have no encoding.
    #[error("the command `{name}` cannot be encoded: {message}. Look at the `Serialize` of its fields")]
    Unencodable {
        /// The command's name.
        name: String,
        /// What serde or bincode said.
        message: String,
    },
}

impl CommandError {
    /// For an implementation by hand: `name` is none of `C`'s.
    pub fn unknown<C: Command>(name: &str) -> Self {
        Self::Unknown { name: name.to_owned(), known: C::NAMES.join(", ") }
    }

    fn malformed(name: &str, message: impl Into<String>) -> Self {
        Self::Malformed { name: name.to_owned(), message: message.into() }
    }

    fn unencodable(name: &str, message: impl Into<String>) -> Self {
        Self::Unencodable { name: name.to_owned(), message: message.into() }
    }
}

#[doc(hidden)]
pub fn command_from_json<T: DeserializeOwned>(name: &'static str, json: &str) -> Result<T, CommandError> {
    crate::json::from_str(json).map_err(|error| CommandError::malformed(name, error.to_string()))
}

#[doc(hidden)]
pub fn command_from_json_object<T: DeserializeOwned>(name: &'static str, json: &str) -> Result<T, CommandError> {
    match json.trim_ascii() {
        "" | "null" => command_from_json(name, "{}"),
        // Serde reads a struct from an array as well, by position; a sender would learn of swapped fields too late.
        array if array.starts_with('[') => Err(CommandError::malformed(name, "expected a JSON object, found an array")),
        _ => command_from_json(name, json),
    }
}

#[doc(hidden)]
pub fn command_from_binary<T: DeserializeOwned>(name: &'static str, bytes: &[u8]) -> Result<T, CommandError> {
    encoding::decode(bytes).map_err(|error| CommandError::malformed(name, error.to_string()))
}

#[doc(hidden)]
pub fn command_to_json<T: Serialize>(name: &'static str, fields: &T) -> Result<String, CommandError> {
    serde_json::to_string(fields).map_err(|error| CommandError::unencodable(name, error.to_string()))
}

#[doc(hidden)]
pub fn command_to_binary<T: Serialize>(name: &'static str, fields: &T) -> Result<Vec<u8>, CommandError> {
    encoding::encode(fields).map_err(|error| CommandError::unencodable(name, error.to_string()))
}
