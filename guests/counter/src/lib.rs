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
    use super::*;

    fn decide(value: u64, command: CounterCommand) -> Result<Vec<CounterEvent>, Rejection> {
        Counter::decide(&CounterState { value }, command, &Context::for_test("counter-1")).map(Decision::into_events)
    }

    #[test]
    fn increments_add_up_until_the_reset() {
        let mut state = CounterState::default();
        for (event, value) in [
            (CounterEvent::Incremented { by: 2 }, 2),
            (CounterEvent::Incremented { by: 3 }, 5),
            (CounterEvent::Reset, 0),
        ] {
            Counter::apply(&mut state, event);
            assert_eq!(state.value, value);
        }
    }

    #[test]
    fn an_increment_and_a_reset_become_events() {
        assert_eq!(decide(1, CounterCommand::Increment { by: 2 }), Ok(vec![CounterEvent::Incremented { by: 2 }]));
        assert_eq!(decide(1, CounterCommand::Reset), Ok(vec![CounterEvent::Reset]));
    }

    #[test]
    fn resetting_a_counter_at_zero_changes_nothing() {
        assert_eq!(decide(0, CounterCommand::Reset), Ok(vec![]));
    }

    #[test]
    fn an_increment_by_nothing_is_rejected() {
        assert_eq!(decide(1, CounterCommand::Increment { by: 0 }).map_err(|no| no.code), Err("nothing-to-add".into()));
    }

    #[test]
    fn an_increment_beyond_the_largest_number_is_rejected() {
        let answer = decide(u64::MAX, CounterCommand::Increment { by: 1 });
        assert_eq!(answer.map_err(|no| no.code), Err("counter-overflow".into()));
    }
}
