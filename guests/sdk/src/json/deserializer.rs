//! The reader as what serde's derives ask: thin, since it is compiled anew for every type that is read.

use std::borrow::Cow;

use serde::de::{Deserializer, Error as _, Expected, Unexpected, Visitor};

use super::parts::{Elements, Entries, Variant};
use super::reader::{Next, Number, Reader};
use crate::codec_error::CodecError;

/// An integer as serde's visitors take it; they check the range of the type that was asked for.
pub(super) enum Integer {
    Unsigned(u64),
    Signed(i64),
}

impl<'de> Reader<'de> {
    /// Reads an integer, or says why there is none, having been asked for what `expected` says.
    pub(super) fn integer(&mut self, expected: &dyn Expected) -> Result<Integer, CodecError> {
        let number = self.number_for(expected)?;
        match (number.text.parse(), number.text.parse()) {
            _ if !number.is_whole => Err(not_whole(number, expected)),
            (Ok(unsigned), _) => Ok(Integer::Unsigned(unsigned)),
            (_, Ok(signed)) => Ok(Integer::Signed(signed)),
            _ => Err(CodecError::new("number out of range")),
        }
    }

    pub(super) fn wide_integer<T: std::str::FromStr>(&mut self, expected: &dyn Expected) -> Result<T, CodecError> {
        let number = self.number_for(expected)?;
        number.text.parse().map_err(|_| match number.is_whole {
            true => CodecError::new("number out of range"),
            false => not_whole(number, expected),
        })
    }

    pub(super) fn number_for(&mut self, expected: &dyn Expected) -> Result<Number<'de>, CodecError> {
        self.expect(Next::Number, expected)?;
        self.number()
    }

    pub(super) fn bool_for(&mut self, expected: &dyn Expected) -> Result<bool, CodecError> {
        let next = self.next()?;
        if next != Next::True {
            self.expect(Next::False, expected)?;
        }
        self.word(next)?;
        Ok(next == Next::True)
    }

    pub(super) fn null_for(&mut self, expected: &dyn Expected) -> Result<(), CodecError> {
        self.expect(Next::Null, expected)?;
        self.word(Next::Null)
    }

    pub(super) fn string_for(&mut self, expected: &dyn Expected) -> Result<Cow<'de, str>, CodecError> {
        self.expect(Next::String, expected)?;
        self.string()
    }

    pub(super) fn open_for(&mut self, bracket: Next, expected: &dyn Expected) -> Result<(), CodecError> {
        self.expect(bracket, expected)?;
        self.open()
    }

    /// Refuses what stands next unless it is `wanted`.
    fn expect(&mut self, wanted: Next, expected: &dyn Expected) -> Result<(), CodecError> {
        let next = self.next()?;
        if next == wanted { Ok(()) } else { Err(self.unexpected(next, expected)) }
    }

    #[cold]
    #[inline(never)]
    fn unexpected(&mut self, next: Next, expected: &dyn Expected) -> CodecError {
        let (string, number);
        let unexpected = match next {
            Next::Null => Unexpected::Unit,
            Next::True => Unexpected::Bool(true),
            Next::False => Unexpected::Bool(false),
            Next::Array => Unexpected::Seq,
            Next::Object => Unexpected::Map,
            Next::String => match self.string() {
                Ok(text) => {
                    string = text;
                    Unexpected::Str(&string)
                }
                Err(error) => return error,
            },
            Next::Number => match self.number() {
                Ok(text) => {
                    number = format!("number `{}`", text.text);
                    Unexpected::Other(&number)
                }
                Err(error) => return error,
            },
        };
        CodecError::invalid_type(unexpected, expected)
    }
}

#[cold]
#[inline(never)]
fn not_whole(number: Number<'_>, expected: &dyn Expected) -> CodecError {
    CodecError::invalid_type(Unexpected::Other(&format!("floating point `{}`", number.text)), expected)
}

pub(super) fn float(number: Number<'_>) -> Result<f64, CodecError> {
    match number.text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(CodecError::new("number out of range")),
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
            match self.integer(&visitor)? {
                Integer::Unsigned(value) => visitor.visit_u64(value),
                Integer::Signed(value) => visitor.visit_i64(value),
            }
        }
    )*};
}

macro_rules! the_same {
    ($($method:ident($($name:ident: $type:ty),*) => $other:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, CodecError> {
            $(let _ = $name;)*
            self.$other(visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = CodecError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let next = self.next()?;
        match next {
            Next::Null => self.deserialize_unit(visitor),
            Next::True | Next::False => self.deserialize_bool(visitor),
            Next::String => self.deserialize_str(visitor),
            Next::Array => self.deserialize_seq(visitor),
            Next::Object => self.deserialize_map(visitor),
            Next::Number => {
                let number = self.number()?;
                match (number.text.parse(), number.text.parse()) {
                    (Ok(unsigned), _) => visitor.visit_u64(unsigned),
                    (_, Ok(signed)) if number.is_whole => visitor.visit_i64(signed),
                    _ => visitor.visit_f64(float(number)?),
                }
            }
        }
    }

    integers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let value = self.wide_integer(&visitor)?;
        visitor.visit_u128(value)
    }

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let value = self.wide_integer(&visitor)?;
        visitor.visit_i128(value)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let value = float(self.number_for(&visitor)?)?;
        visitor.visit_f64(value)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let value = self.bool_for(&visitor)?;
        visitor.visit_bool(value)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        // Borrowed where it can be: what is derived owns its fields, but a `deserialize_with` may read a `&str` on the way.
        match self.string_for(&visitor)? {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        let name = self.string_for(&visitor)?;
        visitor.visit_str(&name)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        match self.next()? {
            Next::Array => self.deserialize_seq(visitor),
            _ => visitor.visit_bytes(self.string_for(&"a string or an array of bytes")?.as_bytes()),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        if self.peek() != Some(b'n') {
            return visitor.visit_some(self);
        }
        self.word(Next::Null)?;
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.null_for(&visitor)?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, CodecError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.open_for(Next::Array, &visitor)?;
        let value = visitor.visit_seq(Elements { reader: self, is_first: true })?;
        self.close(b']').map(|()| value)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.open_for(Next::Object, &visitor)?;
        let value = visitor.visit_map(Entries { reader: self, is_first: true })?;
        self.close(b'}').map(|()| value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, CodecError> {
        if self.next()? == Next::String {
            return visitor.visit_enum(Variant { reader: self, has_content: false });
        }
        self.open_for(Next::Object, &visitor)?;
        if !self.another(&mut true, b'}')? {
            return Err(CodecError::new("expected value"));
        }
        let value = visitor.visit_enum(Variant { reader: &mut *self, has_content: true })?;
        self.close(b'}').map(|()| value)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, CodecError> {
        self.skip()?;
        visitor.visit_unit()
    }

    the_same! {
        deserialize_f32() => deserialize_f64;
        deserialize_char() => deserialize_str;
        deserialize_string() => deserialize_str;
        deserialize_byte_buf() => deserialize_bytes;
        deserialize_unit_struct(_name: &'static str) => deserialize_unit;
        deserialize_tuple(_len: usize) => deserialize_seq;
        deserialize_tuple_struct(_name: &'static str, _len: usize) => deserialize_seq;
        deserialize_struct(_name: &'static str, _fields: &'static [&'static str]) => deserialize_map;
    }
}
