//! A counter: the smallest reducer. Copy this file to begin your own.

use foldhost_sdk::prelude::*;

/// The reducer itself has no data; it gives the four types below a name.
pub struct Counter;

/// What the events of one counter add up to. Snapshots are written in this shape.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterState {
    /// The count.
    pub value: u64,
}

/// What a counter can be asked to do: `foldhost send counter-1 Increment '{"by": 2}'`.
#[derive(Debug, Command)]
pub enum CounterCommand {
    /// Count up.
    Increment {
        /// By how much; at least 1.
        by: u64,
    },
    /// Begin again at zero.
    Reset,
}

/// What can happen to a counter. Recorded for good, as `Incremented.v1` and `Reset.v1`.
#[derive(Debug, PartialEq, Event)]
pub enum CounterEvent {
    /// It counted up.
    Incremented {
        /// By how much.
        by: u64,
    },
    /// It began again at zero.
    Reset,
}

impl Reducer for Counter {
    const NAME: &'static str = "counter";
    const STATE_SCHEMA: &'static str = "counter.v1";
    type State = CounterState;
    type Command = CounterCommand;
    type Event = CounterEvent;

    // Every rule is here: what is allowed becomes events, what is not becomes a rejection with its own code.
    fn decide(
        state: &CounterState,
        command: CounterCommand,
        _context: &Context,
    ) -> Result<Decision<CounterEvent>, Rejection> {
        match command {
            CounterCommand::Increment { by: 0 } => Err(Rejection::new("nothing-to-add", "`by` must be at least 1")),
            CounterCommand::Increment { by } if state.value.checked_add(by).is_none() => Err(Rejection::new(
                "counter-overflow",
                format!("{} + {by} is beyond what a counter holds", state.value),
            )),
            CounterCommand::Increment { by } => Ok(Decision::event(CounterEvent::Incremented { by })),
            CounterCommand::Reset if state.value == 0 => Ok(Decision::none()),
            CounterCommand::Reset => Ok(Decision::event(CounterEvent::Reset)),
        }
    }

    // No rule is here: the event has happened.
    fn apply(state: &mut CounterState, event: CounterEvent) {
        match event {
            CounterEvent::Incremented { by } => state.value += by,
            CounterEvent::Reset => state.value = 0,
        }
    }
}

// The one line about WebAssembly. Natively it expands to nothing.
foldhost_sdk::export!(Counter);

#[cfg(test)]
mod tests {
    use foldhost_sdk::testing::{given, golden};

    use super::CounterCommand::{self, Increment};
    use super::CounterEvent::{self, Incremented};
    use super::{Counter, CounterState};

    #[test]
    fn increments_add_up() {
        given::<Counter>([Incremented { by: 2 }])
            .when(Increment { by: 3 })
            .then_events([Incremented { by: 3 }])
            .then_state(CounterState { value: 5 });
    }

    #[test]
    fn a_reset_begins_again_at_zero() {
        given::<Counter>([Incremented { by: 2 }])
            .when(CounterCommand::Reset)
            .then_events([CounterEvent::Reset])
            .then_state(CounterState { value: 0 });
        given::<Counter>([Incremented { by: 2 }, CounterEvent::Reset])
            .when(Increment { by: 4 })
            .then_state(CounterState { value: 4 });
    }

    #[test]
    fn resetting_a_counter_at_zero_changes_nothing() {
        given::<Counter>([]).when(CounterCommand::Reset).then_nothing();
    }

    #[test]
    fn an_increment_by_nothing_is_rejected() {
        given::<Counter>([Incremented { by: 2 }]).when(Increment { by: 0 }).then_rejected("nothing-to-add");
    }

    #[test]
    fn an_increment_beyond_the_largest_number_is_rejected() {
        given::<Counter>([Incremented { by: u64::MAX }]).when(Increment { by: 1 }).then_rejected("counter-overflow");
    }

    // Recorded events have to be read for good. `foldhost test --bless` writes the files.
    #[test]
    fn recorded_counters_are_read_as_they_always_were() {
        golden::check::<Counter>(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"));
    }
}
