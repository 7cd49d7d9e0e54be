//! Components: loaded behind a gate, run in a sandbox. All of the host's use of wasmtime is here.

mod aggregate;
mod bindings;
mod code_cache;
mod component;
mod engine;
mod fault;
mod gate;
mod instance;

pub use component::ComponentReducer;
pub use engine::{GuestEngine, GuestEngineError};
pub use gate::GateError;
