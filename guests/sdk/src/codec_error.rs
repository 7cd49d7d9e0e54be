//! Why a value and its JSON, or its bytes, do not go together.
//!
//! One error for both, written by hand: every refusal in serde's derived code is compiled with it.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};
use serde::ser;

/// What is wrong, in a sentence, and in JSON where.
#[expect(
    clippy::box_collection,
    reason = "one word in a `Result` instead of three, and there is a `Result` at every step"
)]
pub(crate) struct CodecError(Box<String>);

impl CodecError {
    #[cold]
    #[inline(never)]
    pub(crate) fn new(message: &str) -> Self {
        Self(Box::new(message.to_owned()))
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn of(message: fmt::Arguments<'_>) -> Self {
        Self(Box::new(message.to_string()))
    }

    /// The same, with the place in the text.
    #[cold]
    #[inline(never)]
    pub(crate) fn located(self, line: usize, column: usize) -> Self {
        let Self(message) = self;
        Self::of(format_args!("{message} at line {line} column {column}"))
    }
}

impl Display for CodecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

// Not derived: the sentence is all there is.
impl fmt::Debug for CodecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for CodecError {}

impl ser::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::of(format_args!("{message}"))
    }
}

impl de::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::of(format_args!("{message}"))
    }

    // By hand, and not by `Unexpected`'s own `Display`, which would link the formatting of floats (18 kB) to every reducer.
    #[cold]
    #[inline(never)]
    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(format_args!("invalid type: {}, expected {expected}", Found(unexpected)))
    }

    #[cold]
    #[inline(never)]
    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::of(format_args!("invalid value: {}, expected {expected}", Found(unexpected)))
    }

    #[cold]
    #[inline(never)]
    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::of(format_args!("unknown variant `{variant}`, expected {}", OneOf(expected)))
    }

    #[cold]
    #[inline(never)]
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::of(format_args!("unknown field `{field}`, expected {}", OneOf(expected)))
    }
}

struct Found<'a>(Unexpected<'a>);

impl Display for Found<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(value) => write!(formatter, "boolean `{value}`"),
            Unexpected::Unsigned(value) => write!(formatter, "integer `{value}`"),
            Unexpected::Signed(value) => write!(formatter, "integer `{value}`"),
            Unexpected::Float(_) => formatter.write_str("floating point number"),
            Unexpected::Char(value) => write!(formatter, "character `{value}`"),
            Unexpected::Str(value) => write!(formatter, "string \"{value}\""),
            Unexpected::Bytes(_) => formatter.write_str("byte array"),
            Unexpected::Unit => formatter.write_str("null"),
            Unexpected::Option => formatter.write_str("Option value"),
            Unexpected::NewtypeStruct => formatter.write_str("newtype struct"),
            Unexpected::Seq => formatter.write_str("sequence"),
            Unexpected::Map => formatter.write_str("map"),
            Unexpected::Enum => formatter.write_str("enum"),
            Unexpected::UnitVariant => formatter.write_str("unit variant"),
            Unexpected::NewtypeVariant => formatter.write_str("newtype variant"),
            Unexpected::TupleVariant => formatter.write_str("tuple variant"),
            Unexpected::StructVariant => formatter.write_str("struct variant"),
            Unexpected::Other(other) => formatter.write_str(other),
        }
    }
}

struct OneOf(&'static [&'static str]);

impl Display for OneOf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => return formatter.write_str("none"),
            [_] => {}
            [first, second] => return write!(formatter, "`{first}` or `{second}`"),
            _ => formatter.write_str("one of ")?,
        }
        for (index, name) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(formatter, "{comma}`{name}`")?;
        }
        Ok(())
    }
}
