//! What a call does instead of coming to a good end. `black_box` keeps the compiler from seeing that it comes to nothing.

use std::hint::black_box;

use crate::misdeed::Act;

const MEBIBYTE: usize = 1 << 20;
/// More than the caches of a machine hold, and less than an instance may have.
const SCATTER_BYTES: usize = 32 << 20;
/// Of a dozen units of fuel each, or so.
#[cfg(target_arch = "wasm32")]
const LINGER_TURNS: u64 = 10_000_000;

/// Does it. `count` is whatever the caller has at hand, so that nothing is known when it is compiled.
pub(crate) fn act(act: Act, count: u64) -> ! {
    match act {
        Act::Spin => spin(),
        Act::Divide => divide(count),
        Act::Scatter => scatter(count),
        Act::GrowByNothing => grow_by_nothing(),
        Act::Copy => copy(),
        Act::ChurnHandles => handles(true),
        Act::HoardHandles => handles(false),
        Act::Trap => std::process::abort(),
        Act::Panic => panic!("as commanded, after {count} events"),
        Act::PanicAtLength => panic!("{}", "at length ".repeat(MEBIBYTE / 10)),
        Act::PanicInControlCharacters => panic!("first\nsecond\u{1b}[2Jthird\0"),
        Act::ForgePanicNowhere => forge_panic([u32::MAX, 0xFFFF_0000, u32::MAX, 0xFFFF_FFFF, 7, 7]),
        // From the beginning of the memory: there is more than so much of it by then.
        Act::ForgePanicHuge => forge_panic([SCATTER_BYTES as u32, 0, SCATTER_BYTES as u32, 0, 7, 7]),
        Act::GrowMemory => grow_memory(),
        Act::Recurse => {
            recurse(count);
            unreachable!("the stack has an end")
        }
    }
}

pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Most of what one call may spend.
#[cfg(target_arch = "wasm32")]
pub(crate) fn linger() {
    let mut turns = 0_u64;
    while turns < LINGER_TURNS {
        turns = black_box(turns + 1);
    }
}

fn divide(count: u64) -> ! {
    let mut left = u64::MAX - count;
    loop {
        // Each waits for the one before it; eight to a turn, so that they are most of what the loop does.
        for _ in 0..8 {
            left = u64::MAX / ((left >> 20) | 1);
        }
        left = black_box(left);
    }
}

fn scatter(count: u64) -> ! {
    const PLACES: usize = SCATTER_BYTES / size_of::<u32>();
    // A place a cache line, each of which names the next one: a linear congruence of full period, in no order that a machine could
    // foresee.
    let mut field = vec![0_u32; PLACES];
    for line in 0..PLACES / 16 {
        field[line * 16] = ((line * 1_103_515_245 + 12_345) % (PLACES / 16) * 16) as u32;
    }
    let mut at = count as usize;
    loop {
        for _ in 0..16 {
            at = field[at % PLACES] as usize;
        }
        at = black_box(at);
    }
}

pub(crate) fn grow_memory() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; MEBIBYTE]));
    }
}

fn copy() -> ! {
    let (from, mut to) = (vec![1_u8; 16 * MEBIBYTE], vec![0_u8; 16 * MEBIBYTE]);
    loop {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    }
}

#[cfg(target_arch = "wasm32")]
fn grow_by_nothing() -> ! {
    loop {
        black_box(core::arch::wasm32::memory_grow::<0>(0));
    }
}

#[cfg(target_arch = "wasm32")]
use crate::exports::{forge_panic, make_handles as handles};

#[cfg(not(target_arch = "wasm32"))]
fn grow_by_nothing() -> ! {
    panic!("only a component can grow by nothing")
}

#[cfg(not(target_arch = "wasm32"))]
fn handles(_drop_them: bool) -> ! {
    panic!("only a component has handles")
}

#[cfg(not(target_arch = "wasm32"))]
fn forge_panic(_record: [u32; 6]) -> ! {
    panic!("only a component leaves a record of its panics")
}

#[expect(unconditional_recursion, reason = "the misdeed is that it never ends")]
#[inline(never)]
pub(crate) fn recurse(depth: u64) -> u64 {
    // The frame is in use until the call returns, so the call cannot become a jump.
    let frame = black_box([depth; 16]);
    recurse(depth.wrapping_add(1)).wrapping_add(black_box(frame)[0])
}
