//! What a component can do wrong, each thing in each call where it can be done: it comes to a typed fault, by a limit and not by
//! patience, and whoever stands beside it goes on. What a host with streams makes of it is in tests/runtime.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "containment/acts.rs"]
mod acts;
#[path = "containment/answers.rs"]
mod answers;
#[path = "containment/decisions.rs"]
mod decisions;
#[path = "containment/loading.rs"]
mod loading;
#[path = "containment/provoke.rs"]
mod provoke;
#[path = "containment/statics.rs"]
mod statics;

use std::sync::OnceLock;
use std::time::Duration;

use foldhost::reducer::{DecideError, ReducerFault};
use foldhost::{Aggregate, ComponentReducer, GuestEngine, Limits, Reducer, ReducerLimits};
use foldhost_test_support::component;
use hostile::{Act, Call};
use nix::time::{ClockId, clock_gettime};
use provoke::{
    aggregate, decide, drawn, fine, hostile, measured, misbehave, ordered, page, provoke, stream, with_events,
};

/// What any misdeed may take, of its thread's own time: a machine with much else to do takes longer by the clock on the wall, and no
/// longer by this one. That a call ends at all is the limits' doing, and is held by the kind of the fault.
const PATIENCE: Duration = Duration::from_secs(1);
/// What a fault may say.
const FAULT_BYTES_MAX: usize = 8 << 10;

/// The fault that a misdeed of `decide` comes to.
#[track_caller]
fn fault_of(misdeed: &str) -> ReducerFault {
    match misbehave(misdeed) {
        Err(DecideError::Fault(fault)) => presentable(fault),
        other => panic!("{misdeed} came to {other:?}"),
    }
}

/// The calls of a component that was loaded.
/// Those that a reducer that is in use is asked, but for `event-upcast`: that is asked about pages, where a fault is an event's own.
fn calls() -> impl Iterator<Item = Call> {
    Call::ALL.iter().copied().filter(|call| !matches!(call, Call::Start | Call::Describe | Call::EventUpcast))
}

/// Holds a fault to what a line of a log and a problem document may hold.
#[track_caller]
fn presentable(fault: ReducerFault) -> ReducerFault {
    assert_presentable(&fault.to_string());
    fault
}

#[track_caller]
fn assert_presentable(text: &str) {
    let shown = &text[..text.floor_char_boundary(300)];
    assert!(!text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}'..='\u{202E}')), "{shown:?}");
    assert!(text.len() <= FAULT_BYTES_MAX, "{} bytes: {shown:?}", text.len());
}

/// A stream beside the one that misbehaves: it has an instance that lives all along, and another one is made for it.
struct Neighbour(Box<dyn Aggregate>);

impl Neighbour {
    fn new() -> Self {
        Self(aggregate("hostile-neighbour"))
    }

    #[track_caller]
    fn goes_on(&mut self) {
        for aggregate in [&mut self.0, &mut aggregate("hostile-new")] {
            assert_eq!(decide(&mut **aggregate, "Ok", "{}").unwrap().events, [fine()]);
        }
    }
}

/// The call that a fault names, where it names one.
fn call_of(fault: &ReducerFault) -> Option<&'static str> {
    match fault {
        ReducerFault::Trap { call, .. }
        | ReducerFault::FuelExhausted { call, .. }
        | ReducerFault::TimeExhausted { call, .. }
        | ReducerFault::MemoryExhausted { call, .. }
        | ReducerFault::BrokenAnswer { call, .. } => Some(call),
        _ => None,
    }
}

/// How long this thread works on `ask`.
fn timed<T>(ask: impl FnOnce() -> T) -> (T, Duration) {
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let begun = now();
    (ask(), now() - begun)
}

/// The acts that only fuel ends.
const ENDLESS: [Act; 6] = [Act::Spin, Act::Divide, Act::Scatter, Act::GrowByNothing, Act::Copy, Act::ChurnHandles];
