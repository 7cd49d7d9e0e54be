//! A case of a reducer's own tests, tried on any reducer: on the component, above all.

use foldhost_sdk::testing as native;
use foldhost_sdk::testing::{Case, Testable, exact_value};
use serde_json::Value;

use super::{Mismatch, Then, encode, encode_command, scenario};
use crate::{Reducer, StreamId};

/// Tries a case of the SDK on a reducer: on the component that will be deployed, as a rule, after it passed natively.
///
/// Events, commands and the state are encoded as a host has them, and every [`Law`](super::Law) is checked on the way.
///
/// ```
/// use foldhost::NativeReducer;
/// use foldhost::testing::assert_case;
///
/// // In a test it is a component: `ComponentReducer::load(&engine, &bytes)`.
/// let order = NativeReducer::<order::Order>::new();
/// for case in order::cases() {
///     assert_case(&order, &case);
/// }
/// ```
///
/// # Panics
/// When something else came, with the case's name, its line in the table, and a diff.
#[track_caller]
pub fn assert_case<R: Testable>(reducer: &dyn Reducer, case: &Case<R>) {
    if let Err(mismatch) = match_case(reducer, case) {
        panic!("{} ({})\n{mismatch}", case.name, case.line);
    }
}

/// As [`assert_case`], without panicking.
///
/// # Errors
/// [`Mismatch`]: what differs, and where; [`Mismatch::Given`] when the case cannot begin, or expects nothing.
pub fn match_case<R: Testable>(reducer: &dyn Reducer, case: &Case<R>) -> Result<(), Mismatch> {
    if case.then.is_empty() {
        return Err(Mismatch::Given("the case expects nothing".to_owned()));
    }
    let context = &case.context;
    StreamId::new(&context.stream_id).map_err(|error| Mismatch::Given(error.to_string()))?;
    let begun = scenario(reducer)
        .stream(&context.stream_id)
        .at(context.now_ms)
        .command_id(context.command_id.as_str())
        .seed(context.seed)
        .given(case.given.iter().map(encode));
    let outcome = begun.run(encode_command(&case.when))?;
    case.then.iter().try_for_each(|then| outcome.check(&encoded(then)?))
}

fn encoded<R: Testable>(then: &native::Then<R>) -> Result<Then, Mismatch> {
    Ok(match then {
        native::Then::Events(events) => Then::events(events.iter().map(encode)),
        native::Then::Rejected(code) => Then::rejected(code.as_str()),
        native::Then::State(state) => Then::State(state_json(state)?),
        native::Then::Effects(effects) => Then::Effects(effects.clone()),
        native::Then::Log(lines) => Then::Log(lines.clone()),
    })
}

/// As a reducer draws it: by way of text, since a number of 32 bits has other digits as a value.
fn state_json(state: &impl serde::Serialize) -> Result<Value, Mismatch> {
    let drawn = serde_json::to_string(state).and_then(|json| exact_value(&json));
    drawn.map_err(|error| Mismatch::Given(format!("the expected state has no JSON form: {error}")))
}
