//! What a panic says, left where a host finds it (wit/README.md, "Beside the contract").
//!
//! A component that trapped cannot be entered again, so nobody can ask it for the message: the host reads it from the memory
//! that the trap left behind.

use std::panic::PanicHookInfo;
use std::sync::Once;

/// Bytes of a message that are kept. Beyond the first line or two nobody reads a panic.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// As wit/README.md fixes it: on wasm32 every field is a 32-bit little-endian word.
#[repr(C)]
struct PanicRecord {
    message_len: usize,
    message: *const u8,
    file_len: usize,
    file: *const u8,
    line: u32,
    column: u32,
}

static mut MESSAGE: [u8; MESSAGE_BYTES_MAX] = [0; MESSAGE_BYTES_MAX];

#[expect(unsafe_code, reason = "the name of the global that hosts look for")]
#[unsafe(no_mangle)]
static mut foldhost_panic: PanicRecord = PanicRecord {
    message_len: 0,
    message: (&raw const MESSAGE).cast(),
    file_len: 0,
    file: std::ptr::null(),
    line: 0,
    column: 0,
};

/// Makes panics leave a record. Called wherever an instance is entered for the first time.
pub(super) fn leave_a_record() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| std::panic::set_hook(Box::new(record)));
}

/// Neither formats nor allocates: the standard library has made the message by now, and a panic while it did so ends in a trap
/// without coming here again.
fn record(panic: &PanicHookInfo<'_>) {
    let message = panic.payload_as_str().unwrap_or("it panicked with a value that is no text");
    let message_len = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    let to: *mut u8 = (&raw mut MESSAGE).cast();
    for (at, byte) in message.as_bytes()[..message_len].iter().enumerate() {
        // SAFETY: `at` is below the buffer's length, and nothing else runs in an instance that panics. Volatile, since what
        // follows is a trap: to the compiler, a write that only the host reads would be dead.
        #[expect(unsafe_code, reason = "the buffer is a static that the host reads")]
        unsafe {
            to.add(at).write_volatile(*byte);
        }
    }
    let (file, line, column) = panic.location().map_or(("", 0, 0), |at| (at.file(), at.line(), at.column()));
    let record = PanicRecord {
        message_len,
        message: to,
        file_len: file.len(),
        // The compiler's own text, which is there as long as the module.
        file: file.as_ptr(),
        line,
        column,
    };
    // SAFETY: as above; the static is written nowhere else.
    #[expect(unsafe_code, reason = "the record is a static that the host reads")]
    unsafe {
        (&raw mut foldhost_panic).write_volatile(record);
    }
}
