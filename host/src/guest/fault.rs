//! What wasmtime says, as a fault. One function knows all of its errors.

use wasmtime::{Store, Trap};

use super::instance::{LimitReached, Sandbox};
use super::text::one_line;
use super::trap;
use crate::reducer::ReducerFault;

/// Longest reason that a fault gives, in bytes.
pub(super) const REASON_BYTES_MAX: usize = 2 << 10;

pub(super) fn fault(
    call: &'static str,
    fuel: u64,
    error: &wasmtime::Error,
    store: &mut Store<Sandbox>,
) -> ReducerFault {
    match error.downcast_ref::<LimitReached>() {
        Some(LimitReached::Memory { bytes }) => {
            return ReducerFault::MemoryExhausted { call, bytes: *bytes, place: trap::place(error, store) };
        }
        Some(LimitReached::Time { ms }) => {
            return ReducerFault::TimeExhausted { call, ms: *ms, place: trap::place(error, store) };
        }
        Some(limit @ LimitReached::Table { .. }) => {
            return ReducerFault::Trap { call, reason: limit.to_string() };
        }
        None => {}
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => ReducerFault::FuelExhausted { call, fuel, place: trap::place(error, store) },
        Some(trap) => ReducerFault::Trap { call, reason: trap::reason(*trap, error, store) },
        None => {
            let text = error.root_cause().to_string();
            // The rest is a backtrace.
            let reason = one_line(text.lines().next().unwrap_or_default(), REASON_BYTES_MAX);
            match trap::place(error, store) {
                // It was running: it asked the host for a resource too many, say.
                Some(place) => ReducerFault::Trap { call, reason: format!("{reason}, in {place}") },
                // Not its code but what it handed over: text that is no UTF-8, pointers out of its memory, too much of it.
                None => ReducerFault::BrokenAnswer { call, reason },
            }
        }
    }
}
