//! What the tests of a reducer need, natively: no component, no host, no database.
//!
//! | | |
//! |---|---|
//! | [`given()`] | given these events, when this command comes, then that |
//! | [`case()`], [`Case`] | the same as data: one table runs natively and through the component |
//! | [`Law`] | what every reducer has to keep; each of the two checks it on the way |
//! | `proptest` | streams that chance built, with the feature `proptest` |
//! | [`golden`] | files that keep recorded bytes, so that neither an event's encoding nor the state's changes unnoticed |
//!
//! Functions that begin with `then` panic in the line of the test, with a diff.

mod case;
mod difference;
mod exact;
mod given;
pub mod golden;
mod laws;
mod outcome;
#[cfg(feature = "proptest")]
pub mod proptest;

use std::fmt::Debug;

pub use case::{Case, CaseStart, case};
pub use difference::{Difference, first_difference, line_diff};
pub use exact::exact_value;
pub use given::{Given, given};
pub use laws::{BrokenLaw, Decided, Law};
pub use outcome::{Mismatch, Outcome, Then};

use crate::Reducer;

/// A reducer whose events and state can be compared and shown. It is one of itself: derive `Debug` and `PartialEq` on the event
/// and on the state.
#[diagnostic::on_unimplemented(
    message = "the events and the state of `{Self}` cannot be compared or shown",
    note = "put `#[derive(Debug, PartialEq)]` on the event and on the state"
)]
pub trait Testable: Reducer<Event: Debug + PartialEq, State: Debug + PartialEq> {}

impl<R: Reducer<Event: Debug + PartialEq, State: Debug + PartialEq>> Testable for R {}
