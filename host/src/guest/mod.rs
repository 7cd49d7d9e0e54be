//! Components: loaded behind a gate, run in a sandbox. All of the host's use of wasmtime is here.

mod aggregate;
mod clock;
mod code_cache;
mod component;
mod contract;
mod cost;
mod engine;
mod fault;
mod gate;
mod instance;
mod lines;
mod page;
mod text;
mod trap;

pub use component::ComponentReducer;
pub use contract::CONTRACT_VERSIONS;
pub use engine::{GuestEngine, GuestEngineError};
pub use gate::GateError;
pub(crate) use text::one_line;
