//! The allocator: the host calls it too, to put arguments into the component's memory and to have answers freed, so it is a way
//! to misbehave between the calls.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU8, Ordering};

use crate::acts;

/// The length of the one buffer by which the allocator goes wrong.
pub(super) const TRIGGER_BYTES: usize = 4_243;
/// The length of the one buffer that is never freed: it is handed over again and again.
pub(super) const SHARED_BYTES: usize = 7_000_001;
/// Behind the end of any memory that an instance may have.
const NOWHERE: usize = 0xFFFF_F000;

/// What it does once it meets such a buffer.
#[derive(Clone, Copy)]
pub(super) enum Trigger {
    /// Loop for ever when it is freed.
    FreeSpins = 1,
    /// Loop for ever when it is asked for.
    AllocateSpins,
    /// Point to where no memory is.
    AllocateNowhere,
}

static ARMED: AtomicU8 = AtomicU8::new(0);

pub(super) fn arm(trigger: Trigger) {
    ARMED.store(trigger as u8, Ordering::Relaxed);
}

fn is_armed(trigger: Trigger, layout: Layout) -> bool {
    layout.size() == TRIGGER_BYTES && ARMED.load(Ordering::Relaxed) == trigger as u8
}

struct Allocator;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

// SAFETY: all of it is the system's allocator, but for a buffer of one length in an instance that was told to misbehave: there it
// does not return, or breaks its promise to the host, which refuses the pointer and enters this instance no more.
#[expect(unsafe_code, reason = "an allocator is unsafe to write")]
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_armed(Trigger::AllocateSpins, layout) {
            acts::spin();
        }
        if is_armed(Trigger::AllocateNowhere, layout) {
            return std::ptr::without_provenance_mut(NOWHERE);
        }
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if is_armed(Trigger::FreeSpins, layout) {
            acts::spin();
        }
        if layout.size() == SHARED_BYTES {
            return;
        }
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}
