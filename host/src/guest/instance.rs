//! One running copy of a component: its store, its bindings and its bounds.

use wasmtime::{ResourceLimiter, Store};

use super::bindings::{Guest, GuestPre, ReducerExports};
use super::fault::fault;
use crate::Limits;
use crate::reducer::ReducerFault;

/// What wasmtime asks before an instance grows. A component may have several memories and tables, so sums are what counts.
pub(super) struct Sandbox {
    memory_bytes_max: usize,
    table_elements_max: usize,
    /// All memories when the instance started, and now.
    initial_bytes: usize,
    current_bytes: usize,
    table_elements: usize,
    started: bool,
}

/// Core instances, memories and tables of one component: a guest of the SDK has three, one and three.
const PARTS_MAX: usize = 16;

/// What a warm instance takes beside the memory that it asked for: its store, its stack's touched pages, its data (34 kB were
/// measured for order streams). Its initial memory is mostly untouched, so it is no part of the sum.
const WARM_INSTANCE_BYTES: usize = 36 << 10;

impl Sandbox {
    pub(super) fn memory_bytes(&self) -> usize {
        WARM_INSTANCE_BYTES + self.current_bytes.saturating_sub(self.initial_bytes)
    }
}

/// The limit that a guest ran into, as the trap's cause.
#[derive(Debug, thiserror::Error)]
#[error("the instance may not grow beyond {bytes} bytes")]
pub(super) struct MemoryLimitReached {
    pub(super) bytes: usize,
}

impl ResourceLimiter for Sandbox {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.current_bytes.saturating_add(desired.saturating_sub(current));
        // Trapping, not failing: a guest whose allocation fails may go on in a state that no other run would reach.
        if total > self.memory_bytes_max {
            return Err(MemoryLimitReached { bytes: self.memory_bytes_max }.into());
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
            return Err(MemoryLimitReached { bytes: self.memory_bytes_max }.into());
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
    guest: Guest,
    fuel_per_call_max: u64,
}

impl Instance {
    pub(super) fn start(pre: &GuestPre<Sandbox>, limits: &Limits) -> Result<Self, ReducerFault> {
        let sandbox = Sandbox {
            memory_bytes_max: limits.instance_memory_bytes_max,
            table_elements_max: limits.instance_table_elements_max,
            initial_bytes: 0,
            current_bytes: 0,
            table_elements: 0,
            started: false,
        };
        let mut store = Store::new(pre.engine(), sandbox);
        store.limiter(|sandbox| sandbox);
        store.set_hostcall_fuel(limits.answer_bytes_max);
        let started = store.set_fuel(limits.fuel_per_call_max).and_then(|()| pre.instantiate(&mut store));
        match started {
            Ok(guest) => {
                store.data_mut().started = true;
                Ok(Self { store, guest, fuel_per_call_max: limits.fuel_per_call_max })
            }
            Err(error) => Err(match fault("start", limits.fuel_per_call_max, &error) {
                ReducerFault::Trap { reason, .. } => ReducerFault::Start(reason),
                other => other,
            }),
        }
    }

    /// Calls one function of the contract with fresh fuel. After an error the instance must not be entered again.
    pub(super) fn call<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&ReducerExports, &mut Store<Sandbox>) -> wasmtime::Result<T>,
    ) -> Result<T, ReducerFault> {
        self.store.set_fuel(self.fuel_per_call_max).map_err(|error| fault(name, self.fuel_per_call_max, &error))?;
        self.call_on(name, call)
    }

    /// Calls one function of the contract with the fuel that the call before it left: for many calls under one limit.
    pub(super) fn call_on<T>(
        &mut self,
        name: &'static str,
        call: impl FnOnce(&ReducerExports, &mut Store<Sandbox>) -> wasmtime::Result<T>,
    ) -> Result<T, ReducerFault> {
        call(self.guest.foldhost_reducer_reducer(), &mut self.store)
            .map_err(|error| fault(name, self.fuel_per_call_max, &error))
    }
}
