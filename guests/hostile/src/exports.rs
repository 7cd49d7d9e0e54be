//! The component's exports: the SDK's, except where a misdeed was ordered.

mod allocator;
mod decide;
mod describe;
mod panic_record;
mod texts;

use std::cell::{Cell, RefCell};

use foldhost_sdk::__private::{Component, bindings};
use foldhost_sdk::Fold;

use self::bindings::exports::foldhost::reducer::reducer as wit;
pub(crate) use self::panic_record::forge_panic;
use crate::misdeed::{Act, Call, How, Lie, Misdeed, Place};
use crate::{Hostile, HostileEvent, acts};

/// The SDK's exports for [`Hostile`].
type Sdk = Component<Hostile>;
type SdkAggregate = <Sdk as wit::Guest>::Aggregate;

/// Ours.
struct Exports;

/// The SDK's aggregate, and what was ordered of it.
struct HostileAggregate {
    sdk: SdkAggregate,
    applied: Cell<u64>,
    pages: Cell<u64>,
    /// By the events so far, of calls that come later.
    ordered: RefCell<Vec<Misdeed>>,
}

bindings::__export_guest!(Exports with_types_in bindings);

impl wit::Guest for Exports {
    type Aggregate = HostileAggregate;

    fn describe() -> wit::Descriptor {
        describe::describe(Sdk::describe())
    }

    fn event_json(event_type: String, data: Vec<u8>) -> Result<String, String> {
        match ordered_by_event(Call::EventJson, &event_type, &data) {
            Some(how) => answer_or_refuse(how),
            None => Sdk::event_json(event_type, data),
        }
    }

    fn event_upcast(event_type: String, data: Vec<u8>) -> Result<wit::UpcastEvent, String> {
        match ordered_by_event(Call::EventUpcast, &event_type, &data) {
            Some(how) => answer_or_refuse(how).map(|json| wit::UpcastEvent { event_type, json }),
            None => Sdk::event_upcast(event_type, data),
        }
    }

    fn event_from_json(event_type: String, json: String) -> Result<Vec<u8>, String> {
        match ordered_by_event(Call::EventFromJson, &event_type, json.as_bytes()) {
            Some(how) => answer_or_refuse(how).map(String::into_bytes),
            None => Sdk::event_from_json(event_type, json),
        }
    }
}

impl HostileAggregate {
    fn of(sdk: SdkAggregate) -> Self {
        Self { sdk, applied: Cell::new(0), pages: Cell::new(0), ordered: RefCell::default() }
    }

    fn ordered(&self, call: Call) -> Option<How> {
        self.ordered.borrow().iter().find(|misdeed| misdeed.call == call).map(|misdeed| misdeed.how)
    }

    /// What this page orders of `apply` itself; what it orders of others is kept for later.
    fn read_orders(&self, events: &wit::EventBatch) -> Option<How> {
        let mut begin = 0;
        let mut now = None;
        for (index, end) in events.type_index.iter().zip(&events.ends) {
            let data = &events.data[begin..*end as usize];
            begin = *end as usize;
            match ordered_by(&events.event_types[usize::from(*index)], data) {
                Some(Misdeed { call: Call::Apply, how: How::Lie(Lie::Linger) }) => acts::linger(),
                Some(Misdeed { call: Call::Apply, how: How::Lie(Lie::TrapInLargePages) }) => {
                    now = now.or((events.ends.len() > 100).then_some(How::Act(Act::Trap)));
                }
                Some(Misdeed { call: Call::Apply, how }) => now = now.or(Some(how)),
                Some(later) => self.ordered.borrow_mut().push(later),
                None => (),
            }
        }
        now
    }
}

impl wit::GuestAggregate for HostileAggregate {
    fn new(stream_id: String) -> Self {
        match Misdeed::of_stream(&stream_id) {
            Some(Misdeed { call: Call::Constructor, how: How::Act(act) }) => act_here(act, 0),
            _ => Self::of(SdkAggregate::new(stream_id)),
        }
    }

    fn restore(stream_id: String, snapshot: Vec<u8>) -> Result<wit::Aggregate, String> {
        if let Some(Misdeed { call: Call::Restore, how }) = Misdeed::of_stream(&stream_id) {
            return Err(answer_or_refuse(how).err().unwrap_or_default());
        }
        let fold = Fold::<Hostile>::restore(stream_id, &snapshot)?;
        Ok(wit::Aggregate::new(Self::of(fold.into())))
    }

    fn apply(&self, events: wit::EventBatch) -> Result<(), wit::ApplyError> {
        let (first, count) = (events.first_version, events.ends.len() as u64);
        match self.read_orders(&events) {
            Some(How::Act(act)) => act_here(act, self.applied.get()),
            Some(How::Text(_, text)) => {
                return Err(wit::ApplyError { version: first, message: texts::text(text) });
            }
            Some(How::Lie(lie)) => {
                let version = if lie == Lie::VersionBeforePage { first - 1 } else { first + count };
                return Err(wit::ApplyError { version, message: "not this one".to_owned() });
            }
            None => (),
        }
        self.applied.set(self.applied.get() + count);
        self.pages.set(self.pages.get() + 1);
        self.sdk.apply(events)
    }

    fn decide(&self, command: wit::Command, context: wit::Context) -> Result<wit::Decision, wit::DecideError> {
        match decide::ordered_by(&command)? {
            Some(misdeed) => decide::misbehave(misdeed.how, self.applied.get()),
            None => self.sdk.decide(command, context),
        }
    }

    fn snapshot(&self) -> Vec<u8> {
        match self.ordered(Call::Snapshot) {
            Some(how) => answer_or_refuse(how).unwrap_or_default().into_bytes(),
            None => self.sdk.snapshot(),
        }
    }

    fn state_json(&self) -> String {
        match self.ordered(Call::StateJson) {
            Some(How::Lie(Lie::CountPages)) => format!(r#"{{"pages":{}}}"#, self.pages.get()),
            Some(how) => answer_or_refuse(how).unwrap_or_default(),
            None => self.sdk.state_json(),
        }
    }
}

/// Does it, and has a panic told like any other: the SDK's own exports see to that.
fn act_here(act: Act, count: u64) -> ! {
    drop(<Sdk as wit::Guest>::describe());
    acts::act(act, count)
}

/// Makes resources without end.
pub(crate) fn make_handles(drop_them: bool) -> ! {
    loop {
        let handle =
            wit::Aggregate::new(HostileAggregate::of(<SdkAggregate as wit::GuestAggregate>::new(String::new())));
        if !drop_them {
            std::mem::forget(handle);
        }
    }
}

fn ordered_by(event_type: &str, data: &[u8]) -> Option<Misdeed> {
    // No other is read here: an upcaster may panic, and that is the affair of the call that it is asked in.
    let text = std::str::from_utf8(data).ok().filter(|_| event_type == HostileEvent::ORDERED)?;
    text.parse().ok()
}

fn ordered_by_event(call: Call, event_type: &str, data: &[u8]) -> Option<How> {
    ordered_by(event_type, data).filter(|misdeed| misdeed.call == call).map(|misdeed| misdeed.how)
}

/// A call whose answer is a text, or a text that says why there is none.
fn answer_or_refuse(how: How) -> Result<String, String> {
    match how {
        How::Act(act) => act_here(act, 0),
        How::Text(Place::Refusal, text) => Err(texts::text(text)),
        How::Text(_, text) => Ok(texts::text(text)),
        How::Lie(Lie::Linger) => {
            acts::linger();
            Ok("{}".to_owned())
        }
        How::Lie(lie) => panic!("there is no way to {} here", lie.name()),
    }
}
