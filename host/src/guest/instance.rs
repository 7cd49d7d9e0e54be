//! One running copy of a component: its store, its bindings and its bounds.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::component::{self, InstancePre};
use wasmtime::{ResourceLimiter, Store};

use super::clock;
use super::contract::{Contract, Exports};
use super::fault::{REASON_BYTES_MAX, fault};
use super::lines::LineTables;
use super::text::one_line;
use crate::ReducerLimits;
use crate::reducer::{Descriptor, ReducerFault};

/// What wasmtime asks before an instance grows. A component may have several memories and tables, so sums are what counts.
pub(super) struct Sandbox {
    memory_bytes_max: usize,
    table_elements_max: usize,
    /// All memories when the instance started, and now.
    initial_bytes: usize,
    current_bytes: usize,
    table_elements: usize,
    started: bool,
    kept: Kept,
    pub(super) cpu_per_call_ms_max: u64,
    /// What the clock of the thread was when the call was first looked at.
    pub(super) busy_since: Option<Duration>,
}

/// Core instances, memories and tables of one component: a guest of the SDK has three, one and three.
pub(super) const PARTS_MAX: usize = 16;

/// What the host keeps of a component's bytes, for its instances.
#[derive(Clone, Default)]
pub(super) struct Kept {
    /// What the engine allocates for an instance, beside its memories and tables.
    pub(super) context_bytes: usize,
    pub(super) lines: Option<Arc<LineTables>>,
}

/// What a warm instance takes beside the memory that it asked for: its store, its stack's touched pages, its data (34 kB were
/// measured for order streams). Its initial memory is mostly untouched, so it is no part of the sum.
const WARM_INSTANCE_BYTES: usize = 36 << 10;

/// What the engine keeps for an element of a table: a pointer.
const TABLE_ELEMENT_BYTES: usize = 8;

impl Sandbox {
    fn new(limits: &ReducerLimits, kept: &Kept) -> Self {
        Self {
            memory_bytes_max: limits.memory_bytes_max,
            table_elements_max: limits.table_elements_max,
            initial_bytes: 0,
            current_bytes: 0,
            table_elements: 0,
            started: false,
            kept: kept.clone(),
            cpu_per_call_ms_max: limits.cpu_per_call_ms_max,
            busy_since: None,
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let grown = self.current_bytes.saturating_sub(self.initial_bytes);
        WARM_INSTANCE_BYTES + self.kept.context_bytes + TABLE_ELEMENT_BYTES * self.table_elements + grown
    }

    pub(super) fn lines(&self) -> Option<&LineTables> {
        self.kept.lines.as_deref()
    }
}

/// The limit that a guest ran into, as the trap's cause.
#[derive(Debug, thiserror::Error)]
pub(super) enum LimitReached {
    #[error("its memory may not grow beyond {bytes} bytes (memory_bytes_max)")]
    Memory { bytes: usize },
    #[error("its tables may not grow beyond {elements} elements (table_elements_max)")]
    Table { elements: usize },
    #[error("a call may not take more than {ms} ms (cpu_per_call_ms_max)")]
    Time { ms: u64 },
}

impl ResourceLimiter for Sandbox {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.current_bytes.saturating_add(desired.saturating_sub(current));
        // Trapping, not failing: a guest whose allocation fails may go on in a state that no other run would reach.
        if total > self.memory_bytes_max {
            return Err(LimitReached::Memory { bytes: self.memory_bytes_max }.into());
        }
        self.current_bytes = total;
        if !self.started {
            self.initial_bytes = total;
        }
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > self.table_elements_max {
            return Err(LimitReached::Table { elements: self.table_elements_max }.into());
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        PARTS_MAX
    }

    fn memories(&self) -> usize {
        PARTS_MAX
    }

    fn tables(&self) -> usize {
        PARTS_MAX
    }
}

pub(super) struct Instance {
    pub(super) store: Store<Sandbox>,
    exports: Exports,
    fuel_per_call_max: u64,
    /// What the store had when the last call began.
    fuel_given: u64,
}

impl Instance {
    pub(super) fn start(
        pre: &InstancePre<Sandbox>,
        contract: &Contract,
        limits: &ReducerLimits,
        kept: &Kept,
    ) -> Result<Self, ReducerFault> {
        let (mut store, instance) = instantiate(pre, limits, kept)?;
        let exports = contract
            .exports(&instance, &mut store)
            .map_err(|error| ReducerFault::Start(one_line(&format!("{error:#}"), REASON_BYTES_MAX)))?;
        let fuel_given = fuel(&store);
        Ok(Self { store, exports, fuel_per_call_max: limits.fuel_per_call_max, fuel_given })
    }

    /// Calls one function of the contract with fresh fuel. After an error the instance must not be entered again.
    pub(super) fn call<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&Exports, &mut Store<Sandbox>) -> wasmtime::Result<(T,)>,
    ) -> Result<T, ReducerFault> {
        self.refill()?;
        self.call_on(name, call)
    }

    /// Gives it the fuel and the time of one call.
    pub(super) fn refill(&mut self) -> Result<(), ReducerFault> {
        refill(&mut self.store, self.fuel_per_call_max)
    }

    /// Calls one function of the contract with the fuel that the call before it left: for many calls under one limit.
    pub(super) fn call_on<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&Exports, &mut Store<Sandbox>) -> wasmtime::Result<(T,)>,
    ) -> Result<T, ReducerFault> {
        self.fuel_given = fuel(&self.store);
        match call(&self.exports, &mut self.store) {
            Ok((answer,)) => Ok(answer),
            Err(error) => Err(fault(name, self.fuel_per_call_max, &error, &mut self.store)),
        }
    }

    /// What the last call spent.
    pub(super) fn fuel_spent(&self) -> u64 {
        self.fuel_given.saturating_sub(fuel(&self.store))
    }
}

/// Asks a component what it is, in an instance that is used for nothing else.
pub(super) fn describe(
    pre: &InstancePre<Sandbox>,
    contract: &Contract,
    limits: &ReducerLimits,
    kept: &Kept,
) -> Result<Descriptor, ReducerFault> {
    let (mut store, instance) = instantiate(pre, limits, kept)?;
    refill(&mut store, limits.fuel_per_call_max)?;
    contract
        .describe(&instance, &mut store)
        .map_err(|error| fault("describe", limits.fuel_per_call_max, &error, &mut store))
}

fn instantiate(
    pre: &InstancePre<Sandbox>,
    limits: &ReducerLimits,
    kept: &Kept,
) -> Result<(Store<Sandbox>, component::Instance), ReducerFault> {
    let mut store = Store::new(pre.engine(), Sandbox::new(limits, kept));
    store.limiter(|sandbox| sandbox);
    store.set_hostcall_fuel(limits.answer_bytes_max);
    store.set_max_component_handles(limits.handles_max);
    clock::watch(&mut store);
    refill(&mut store, limits.fuel_per_call_max)?;
    match pre.instantiate(&mut store) {
        Ok(instance) => {
            store.data_mut().started = true;
            Ok((store, instance))
        }
        Err(error) => Err(match fault("start", limits.fuel_per_call_max, &error, &mut store) {
            ReducerFault::Trap { reason, .. } | ReducerFault::BrokenAnswer { reason, .. } => {
                ReducerFault::Start(reason)
            }
            other => other,
        }),
    }
}

fn refill(store: &mut Store<Sandbox>, fuel: u64) -> Result<(), ReducerFault> {
    clock::reset(store);
    store.set_fuel(fuel).map_err(|error| ReducerFault::Start(error.to_string()))
}

/// What is left. The engine counts fuel, so that the store cannot say no.
fn fuel(store: &Store<Sandbox>) -> u64 {
    store.get_fuel().unwrap_or_default()
}
