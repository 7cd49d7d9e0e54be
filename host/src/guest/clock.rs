//! The clock beside the fuel: how long a call may keep a processor.
//!
//! Fuel counts instructions, and one that waits for memory takes a hundred times as long as another: a walk over half a million
//! cache lines, each of which named the next, kept a thread for half a minute on the fuel of one call. So a call is also looked
//! at every [`TICK`], and ended when the thread has worked on it for too long. Only then does a call depend on the machine, and
//! then it is a fault: nothing is appended.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use wasmtime::{Engine, Store, StoreContextMut, UpdateDeadline};

use super::instance::{LimitReached, Sandbox};

/// How often calls are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Lets an engine's time pass, for as long as there is the engine.
pub(super) fn start(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    };
    std::thread::Builder::new().name("guest-clock".into()).spawn(tick).map(drop)
}

/// Has a store's calls looked at.
pub(super) fn watch(store: &mut Store<Sandbox>) {
    store.epoch_deadline_callback(look);
}

/// A call begins. The clock is read at the first look and not before: reading it takes longer than most calls.
pub(super) fn reset(store: &mut Store<Sandbox>) {
    store.data_mut().busy_since = None;
    store.set_epoch_deadline(1);
}

fn look(mut store: StoreContextMut<'_, Sandbox>) -> wasmtime::Result<UpdateDeadline> {
    // The thread's own time: on a machine with too much to do, a call that waits for its turn is not to blame.
    let now = Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?);
    let sandbox = store.data_mut();
    let since = *sandbox.busy_since.get_or_insert(now);
    if now.saturating_sub(since) < Duration::from_millis(sandbox.cpu_per_call_ms_max) {
        return Ok(UpdateDeadline::Continue(1));
    }
    Err(LimitReached::Time { ms: sandbox.cpu_per_call_ms_max }.into())
}
