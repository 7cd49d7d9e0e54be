//! The engine: one function makes its configuration, and everything that runs guests shares it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use wasmtime::{Config, Engine, OptLevel, WasmBacktraceDetails};

use super::clock;
use super::code_cache::CodeCache;
use super::cost::operator_cost;
use crate::{Limits, LimitsError};

/// Address space, not memory, that an instance is given at once: all that a 32-bit pointer can name, so that no access is
/// checked by an instruction. With 1 MiB and checked accesses, the fold of an order's history took 1.7 times as long.
const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;
/// Address space behind it, for what an access adds to its pointer.
const MEMORY_GUARD_BYTES: u64 = 32 << 20;
/// Functions of a trapped guest's stack that are looked at. A stack overflow has thousands.
const FRAMES_MAX: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Compiles and runs components. Cheap to clone.
#[derive(Clone)]
pub struct GuestEngine {
    engine: Engine,
    limits: Arc<Limits>,
    cache: Option<CodeCache>,
    /// The stack is a matter of an engine's configuration, so reducers with another one than the rest have another engine.
    others: Arc<Mutex<BTreeMap<usize, Engine>>>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum GuestEngineError {
    /// This machine or this build cannot run WebAssembly as configured.
    #[error("the WebAssembly engine cannot start: {0}")]
    Engine(String),
    /// A limit makes no sense.
    #[error(transparent)]
    Limits(#[from] LimitsError),
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
    /// [`GuestEngineError::Engine`], [`GuestEngineError::Limits`]
    pub fn new(limits: &Limits) -> Result<Self, GuestEngineError> {
        limits.validate()?;
        let engine = new_engine(limits.reducer.stack_bytes_max)?;
        Ok(Self { engine, limits: Arc::new(limits.clone()), cache: None, others: Arc::default() })
    }

    /// Keeps compiled code in `directory`, which is made, for this user alone, if it is not there.
    ///
    /// # Errors
    /// [`GuestEngineError::Cache`]
    pub fn with_cache(mut self, directory: impl Into<PathBuf>) -> Result<Self, GuestEngineError> {
        self.cache = Some(CodeCache::open(directory.into(), &self.engine)?);
        Ok(self)
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn cache(&self) -> Option<&CodeCache> {
        self.cache.as_ref()
    }

    /// The engine for calls with a stack of this size, if it is another one than [`GuestEngine::engine`].
    pub(super) fn with_stack(&self, stack_bytes: usize) -> Result<Option<Engine>, GuestEngineError> {
        if stack_bytes == self.limits.reducer.stack_bytes_max {
            return Ok(None);
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(match others.entry(stack_bytes) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(place) => place.insert(new_engine(stack_bytes)?).clone(),
        }))
    }
}

fn new_engine(stack_bytes: usize) -> Result<Engine, GuestEngineError> {
    let engine = Engine::new(&config(stack_bytes)).map_err(|error| GuestEngineError::Engine(error.to_string()))?;
    clock::start(&engine).map_err(|error| GuestEngineError::Engine(error.to_string()))?;
    Ok(engine)
}

impl std::fmt::Debug for GuestEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuestEngine").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// The one place where the engine's switches are set. Two hosts that set one differently could fold one stream into two
/// states: everything that is not the same on every machine is off or made so.
fn config(stack_bytes: usize) -> Config {
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
        .operator_cost(operator_cost())
        // For what fuel does not bound; a tenth of a fold (docs/performance.md).
        .epoch_interruption(true)
        // A call takes 174 ns instead of 535.
        .concurrency_support(false)
        .max_wasm_stack(stack_bytes)
        // Both cost a trap something, and nothing else: a panic's message is read from the memory that the trap left.
        .coredump_on_trap(true)
        .wasm_backtrace_max_frames(Some(FRAMES_MAX))
        // The engine keeps no debug information, and follows none: a component's could end the process (see `lines`).
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .memory_reservation(MEMORY_RESERVATION_BYTES)
        .memory_guard_size(MEMORY_GUARD_BYTES)
        // A component's data is mapped from one image and copied page by page where it is written: 34 kB an order stream
        // instead of 71, for two more mappings an instance.
        .memory_init_cow(true);
    config
}
