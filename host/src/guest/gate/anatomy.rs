//! What a component consists of, read from its bytes before anything is compiled.

use wasmparser::{BinaryReaderError, Parser, Payload, ValidPayload, Validator, WasmFeatures};

use super::code::Code;
use super::parts::Instantiations;

/// What was found in a component.
#[derive(Default)]
pub(super) struct Anatomy {
    pub(super) instantiations: Instantiations,
    pub(super) code: Code,
    /// Data of all custom sections whose names begin as DWARF's do.
    pub(super) debug_bytes: u64,
}

impl Anatomy {
    /// Reads a component that is valid as far as it is read: code that is too much is not.
    pub(super) fn of(component: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut anatomy = Self::default();
        // Whatever the engine lets in or refuses: all that matters here is that the parts are found.
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            match &payload {
                Payload::TypeSection(section) => anatomy.code.take_types(section)?,
                Payload::CustomSection(section) if section.name().starts_with(".debug_") => {
                    anatomy.debug_bytes += section.data().len() as u64;
                }
                _ => {}
            }
            if let ValidPayload::Func(function, body) = validator.payload(&payload)? {
                anatomy.code.take_function(function, &body)?;
            }
            anatomy.instantiations.take(&payload)?;
        }
        Ok(anatomy)
    }

    /// All of its bounds that are not kept.
    pub(super) fn offences(&self) -> Vec<String> {
        self.instantiations.offences().chain(self.code.offences()).collect()
    }
}
