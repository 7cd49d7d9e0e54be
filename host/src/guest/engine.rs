//! The engine: one function makes its configuration, and everything that runs guests shares it.

use std::path::PathBuf;

use wasmtime::{Config, Engine, OptLevel};

use super::code_cache::CodeCache;
use crate::Limits;

/// Address space, not memory, that an instance is given at once: all that a 32-bit pointer can name, so that no access is
/// checked by an instruction. With 1 MiB and checked accesses, the fold of an order's history took 1.7 times as long.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
/// Address space behind it, for what an access adds to its pointer.
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// Stack of a guest's call. Deeper recursion traps; a worker thread of the runtime has 2 MiB.
const STACK_BYTES_MAX: usize = 512 << 10;

/// Compiles and runs components. Cheap to clone.
#[derive(Clone)]
pub struct GuestEngine {
    pub(super) engine: Engine,
    pub(super) limits: Limits,
    pub(super) cache: Option<CodeCache>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum GuestEngineError {
    /// This machine or this build cannot run WebAssembly as configured.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// The directory for compiled code cannot be used.
    #[error("the directory {} for compiled code cannot be used: {reason}", path.display())]
    Cache {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl GuestEngine {
    /// An engine that compiles each component anew.
    ///
    /// # Errors
    /// [`GuestEngineError::Engine`]
    pub fn new(limits: &Limits) -> Result<Self, GuestEngineError> {
        let engine = Engine::new(&config()).map_err(|error| GuestEngineError::Engine(error.to_string()))?;
        Ok(Self { engine, limits: limits.clone(), cache: None })
    }

    /// Keeps compiled code in `directory`, which is made, for this user alone, if it is not there.
    ///
    /// # Errors
    /// [`GuestEngineError::Cache`]
    pub fn with_cache(mut self, directory: impl Into<PathBuf>) -> Result<Self, GuestEngineError> {
        self.cache = Some(CodeCache::open(directory.into(), &self.engine)?);
        Ok(self)
    }
}

impl std::fmt::Debug for GuestEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestEngine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The one place where the engine's switches are set. Two hosts that set one differently could fold one stream into two
/// states: everything that is not the same on every machine is off or made so.
fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .cranelift_opt_level(OptLevel::Speed)
        // Measured with fuel on: no more than epochs cost, and the same on every run.
        .consume_fuel(true)
        // A call takes 174 ns instead of 535.
        .concurrency_support(false)
        .max_wasm_stack(STACK_BYTES_MAX)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        // A component's data is mapped from one image and copied page by page where it is written: 34 kB an order stream
        // instead of 71, for two more mappings an instance.
        .memory_init_cow(true);
    config
}
