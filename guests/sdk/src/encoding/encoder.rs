//! Writes as bincode does in `config::standard()`; [`decoder`](super::decoder) says how that is.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant, Serializer,
};

use super::{EIGHT_BYTES, FOUR_BYTES, SIXTEEN_BYTES, TWO_BYTES};
use crate::codec_error::CodecError;

/// The bytes written so far.
#[derive(Default)]
pub(super) struct Encoder {
    pub(super) bytes: Vec<u8>,
}

impl Encoder {
    fn unsigned(&mut self, value: u64) {
        if value < TWO_BYTES.into() {
            self.bytes.push(value as u8);
        } else if let Ok(value) = u16::try_from(value) {
            self.bytes.push(TWO_BYTES);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.bytes.push(FOUR_BYTES);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        } else {
            self.bytes.push(EIGHT_BYTES);
            self.bytes.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn unsigned_128(&mut self, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => {
                self.bytes.push(SIXTEEN_BYTES);
                self.bytes.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    fn text(&mut self, text: &[u8]) {
        self.unsigned(text.len() as u64);
        self.bytes.extend_from_slice(text);
    }

    fn len(&mut self, len: Option<usize>) -> Result<(), CodecError> {
        let len = len.ok_or_else(|| CodecError::new("a list or a map does not say how many entries it has"))?;
        self.unsigned(len as u64);
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident $type:ty => |$value:ident| $folded:expr;)*) => {$(
        fn $method(self, $value: $type) -> Result<(), CodecError> {
            self.unsigned($folded);
            Ok(())
        }
    )*};
}

macro_rules! fixed {
    ($($method:ident $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<(), CodecError> {
            self.bytes.extend_from_slice(&value.to_le_bytes());
            Ok(())
        }
    )*};
}

/// Small ones, of either sign, become small ones.
fn folded(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

impl Serializer for &mut Encoder {
    type Ok = ();
    type Error = CodecError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    integers! {
        serialize_u16 u16 => |value| value.into();
        serialize_u32 u32 => |value| value.into();
        serialize_u64 u64 => |value| value;
        serialize_i16 i16 => |value| folded(value.into());
        serialize_i32 i32 => |value| folded(value.into());
        serialize_i64 i64 => |value| folded(value);
    }

    fixed! {
        serialize_u8 u8;
        serialize_i8 i8;
        serialize_f32 f32;
        serialize_f64 f64;
    }

    fn serialize_u128(self, value: u128) -> Result<(), CodecError> {
        self.unsigned_128(value);
        Ok(())
    }

    fn serialize_i128(self, value: i128) -> Result<(), CodecError> {
        self.unsigned_128(((value << 1) ^ (value >> 127)).cast_unsigned());
        Ok(())
    }

    fn serialize_bool(self, value: bool) -> Result<(), CodecError> {
        self.bytes.push(value.into());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), CodecError> {
        self.bytes.extend_from_slice(value.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), CodecError> {
        self.text(value.as_bytes());
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CodecError> {
        self.text(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), CodecError> {
        self.bytes.push(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CodecError> {
        self.bytes.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CodecError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CodecError> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), CodecError> {
        self.serialize_u32(index)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), CodecError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), CodecError> {
        self.unsigned(index.into());
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, CodecError> {
        self.len(len).map(|()| self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, CodecError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, CodecError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CodecError> {
        self.unsigned(index.into());
        Ok(self)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, CodecError> {
        self.len(len).map(|()| self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, CodecError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, CodecError> {
        self.unsigned(index.into());
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! parts {
    ($($trait:ident: $method:ident($($name:ident: $type:ty)?);)*) => {$(
        impl $trait for &mut Encoder {
            type Ok = ();
            type Error = CodecError;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $type,)? value: &T) -> Result<(), CodecError> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), CodecError> {
                Ok(())
            }
        }
    )*};
}

parts! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeStruct: serialize_field(_name: &'static str);
    SerializeStructVariant: serialize_field(_name: &'static str);
}

impl SerializeMap for &mut Encoder {
    type Ok = ();
    type Error = CodecError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), CodecError> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CodecError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), CodecError> {
        Ok(())
    }
}
