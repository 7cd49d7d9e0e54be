//! Given, when, then: each check passes where it should and fails where it should, with the reason in the line of the test.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "testing/door.rs"]
mod door;
#[cfg(feature = "proptest")]
#[path = "testing/histories.rs"]
mod histories;
#[path = "testing/laws.rs"]
mod laws;
#[path = "testing/outcomes.rs"]
mod outcomes;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `check` panics with.
fn panic_of(check: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("the check passed");
    *panic.downcast::<String>().unwrap()
}
