//! The misdeeds that need more than a line. `black_box` keeps the compiler from seeing that they come to nothing.

use std::hint::black_box;

const MEBIBYTE: usize = 1 << 20;

pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

pub(crate) fn grow_memory() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(black_box(vec![1_u8; MEBIBYTE]));
    }
}

#[expect(unconditional_recursion, reason = "the misdeed is that it never ends")]
#[inline(never)]
pub(crate) fn recurse(depth: u64) -> u64 {
    // The frame is in use until the call returns, so the call cannot become a jump.
    let frame = black_box([depth; 16]);
    recurse(depth.wrapping_add(1)).wrapping_add(black_box(frame)[0])
}
