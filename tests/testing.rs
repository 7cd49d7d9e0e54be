//! The public `testing` module: each check passes where it should and fails where it should, natively and on components.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "testing/cases.rs"]
mod cases;
#[path = "testing/effects.rs"]
mod effects;
#[path = "testing/faults.rs"]
mod faults;
#[path = "testing/golden.rs"]
mod golden;
#[path = "testing/laws.rs"]
mod laws;
#[path = "testing/outcomes.rs"]
mod outcomes;
#[path = "testing/records.rs"]
mod records;
#[path = "testing/scenarios.rs"]
mod scenarios;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use foldhost::{NativeReducer, Reducer};
use foldhost_test_support::component_reducer;

/// The same reducer natively and as a component.
fn both<R: foldhost_sdk::Reducer<State: Send>>(guest: &str) -> [Box<dyn Reducer>; 2] {
    [Box::new(NativeReducer::<R>::new()), Box::new(component_reducer(guest))]
}

thread_local! {
    static PANICKED_IN: RefCell<String> = const { RefCell::new(String::new()) };
}

/// What `check` panics with, and in which file.
fn panic_of(check: impl FnOnce()) -> (String, String) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let file = info.location().map(|location| location.file().to_owned());
            PANICKED_IN.with_borrow_mut(|panicked_in| *panicked_in = file.unwrap_or_default());
            usual(info);
        }));
    });
    let panic = catch_unwind(AssertUnwindSafe(check)).expect_err("the check passed");
    (*panic.downcast::<String>().unwrap(), PANICKED_IN.take())
}
