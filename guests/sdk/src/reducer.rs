//! The trait that business logic implements.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Command, Context, Decision, Event, Rejection};

/// The logic of one kind of aggregate: decides on commands and folds events.
///
/// Both functions are pure. The host may decide a command again after a conflict, replays events whenever it loads a stream,
/// and compares reducers over the recorded history: the same input must give the same output, byte for byte. So take time
/// and chance from the [`Context`], and keep collections in a fixed order (`BTreeMap`, not `HashMap`).
///
/// ```
/// use foldhost_sdk::prelude::*;
///
/// struct Door;
///
/// #[derive(Default, Serialize, Deserialize)]
/// struct DoorState { open: bool }
///
/// #[derive(Command)]
/// enum DoorCommand { Open, Close }
///
/// #[derive(Debug, PartialEq, Event)]
/// enum DoorEvent { Opened { at_ms: i64 }, Closed }
///
/// impl Reducer for Door {
///     const NAME: &'static str = "door";
///     const STATE_SCHEMA: &'static str = "door.v1";
///     type State = DoorState;
///     type Command = DoorCommand;
///     type Event = DoorEvent;
///
///     fn decide(state: &DoorState, command: DoorCommand, context: &Context) -> Result<Decision<DoorEvent>, Rejection> {
///         match command {
///             DoorCommand::Open if state.open => Err(Rejection::new("already-open", "the door is open")),
///             DoorCommand::Open => Ok(Decision::event(DoorEvent::Opened { at_ms: context.now_ms })),
///             DoorCommand::Close if !state.open => Ok(Decision::none()),
///             DoorCommand::Close => Ok(Decision::event(DoorEvent::Closed)),
///         }
///     }
///
///     fn apply(state: &mut DoorState, event: DoorEvent) {
///         state.open = matches!(event, DoorEvent::Opened { .. });
///     }
/// }
///
/// foldhost_sdk::export!(Door);
///
/// let context = Context::for_test("door-1");
/// let mut state = DoorState::default();
/// for event in Door::decide(&state, DoorCommand::Open, &context)?.into_events() {
///     Door::apply(&mut state, event);
/// }
/// assert!(state.open);
/// assert_eq!(Door::decide(&state, DoorCommand::Open, &context).unwrap_err().code, "already-open");
/// # Ok::<(), Rejection>(())
/// ```
pub trait Reducer: 'static {
    /// The category of the streams it is for: `order` for `order-7f3c`.
    const NAME: &'static str;

    /// Names the shape of `State`, as in `order.v1`. Change it whenever the fields of the state change: a snapshot is given
    /// only to a reducer that declares the schema it was written under, and to all others the host replays the events.
    const STATE_SCHEMA: &'static str;

    /// What the events of a stream fold into. The default is a stream without events.
    type State: Default + Serialize + DeserializeOwned + 'static;

    /// What a stream can be asked to do.
    type Command: Command;

    /// What can happen to a stream.
    type Event: Event;

    /// Answers a command: the events to record, or which rule forbids it. Changes nothing.
    fn decide(
        state: &Self::State,
        command: Self::Command,
        context: &Context,
    ) -> Result<Decision<Self::Event>, Rejection>;

    /// Folds one event into the state. The event has happened, so there is nothing to check and nothing to refuse; whatever
    /// can fail belongs in [`Reducer::decide`].
    fn apply(state: &mut Self::State, event: Self::Event);
}
