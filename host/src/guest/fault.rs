//! What wasmtime says, as a fault. One function knows all of its errors.

use wasmtime::Trap;

use super::instance::MemoryLimitReached;
use crate::reducer::ReducerFault;

pub(super) fn fault(call: &'static str, fuel: u64, error: &wasmtime::Error) -> ReducerFault {
    if let Some(limit) = error.downcast_ref::<MemoryLimitReached>() {
        return ReducerFault::MemoryExhausted { call, bytes: limit.bytes };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => ReducerFault::FuelExhausted { call, fuel },
        Some(trap) => ReducerFault::Trap { call, reason: trap.to_string() },
        // Not the guest's code but what it handed over: text that is no UTF-8, pointers out of its memory, too much of it.
        None => ReducerFault::BrokenAnswer { call, reason: one_line(&error.root_cause().to_string()) },
    }
}

/// The first line, since the rest is a backtrace.
pub(super) fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().chars().take(500).collect()
}
