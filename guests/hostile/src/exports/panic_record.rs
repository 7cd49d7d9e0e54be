//! A record of a panic that there was not.

use std::hint::black_box;

// SAFETY: the SDK's export module defines it, in this size; here it is only written to.
#[expect(unsafe_code, reason = "the SDK's static is known by its symbol alone")]
unsafe extern "C" {
    /// As wit/README.md, "Beside the contract", has it: six words.
    #[link_name = "foldhost_panic"]
    static mut FOLDHOST_PANIC: [u32; 6];
}

/// Leaves it, and traps.
pub(crate) fn forge_panic(record: [u32; 6]) -> ! {
    black_box(vec![b'x'; 40 << 20]);
    // SAFETY: the record is a static of that size, and nothing else runs in an instance that is about to trap. Volatile, since only
    // the host reads it.
    #[expect(unsafe_code, reason = "the record is a static that the host reads")]
    unsafe {
        (&raw mut FOLDHOST_PANIC).write_volatile(record);
    }
    std::process::abort()
}
