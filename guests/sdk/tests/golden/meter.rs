//! One reducer as it was built on several days: the first one, and what an author may make of it.

use foldhost_sdk::prelude::*;

/// A reducer of events and a state; nobody commands it.
macro_rules! build {
    ($(#[$doc:meta])* $reducer:ident, $schema:literal, $event:ident, $state:ident, $apply:expr) => {
        $(#[$doc])*
        pub(crate) struct $reducer;

        impl Reducer for $reducer {
            const NAME: &'static str = "meter";
            const STATE_SCHEMA: &'static str = $schema;
            type State = $state;
            type Command = MeterCommand;
            type Event = $event;

            fn decide(_: &$state, _: MeterCommand, _: &Context) -> Result<Decision<$event>, Rejection> {
                Ok(Decision::none())
            }

            fn apply(state: &mut $state, event: $event) {
                let apply: fn(&mut $state, $event) = $apply;
                apply(state, event);
            }
        }
    };
}

#[derive(Command)]
pub(crate) enum MeterCommand {
    Look,
}

#[derive(Debug, PartialEq, Event)]
pub(crate) enum MeterEvent {
    Read { kwh: u32, note: Option<String> },
    Sealed,
}

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct MeterState {
    kwh: u32,
    readings: u32,
}

impl MeterState {
    fn read(&mut self, kwh: u32) {
        self.kwh += kwh;
        self.readings += 1;
    }

    fn apply(&mut self, event: &MeterEvent) {
        match event {
            MeterEvent::Read { kwh, note: _ } => self.read(*kwh),
            MeterEvent::Sealed => {}
        }
    }
}

build!(/** As it was first. */ Meter, "meter.v1", MeterEvent, MeterState, |state, event| state.apply(&event));
build!(/** The schema has another name. */ Renamed, "meter.v2", MeterEvent, MeterState, |state, event| state.apply(&event));
build!(/** Readings count twice. */ OtherFold, "meter.v1", MeterEvent, MeterState, |state, event| {
    if let MeterEvent::Read { kwh, .. } = event {
        state.read(2 * kwh);
    }
});

#[derive(Event)]
pub(crate) enum UnsealedEvent {
    Read { kwh: u32, note: Option<String> },
}

build!(/** One event is gone. */ Unsealed, "meter.v1", UnsealedEvent, MeterState, |state, event| {
    let UnsealedEvent::Read { kwh, note: _ } = event;
    state.read(kwh);
});

#[derive(Event)]
pub(crate) enum SignedEvent {
    Read { kwh: i32, note: Option<String> },
    Sealed,
}

build!(/** A field is signed. */ Signed, "meter.v1", SignedEvent, MeterState, |state, event| {
    if let SignedEvent::Read { kwh, note: _ } = event {
        state.read(kwh.unsigned_abs());
    }
});

#[derive(Event)]
pub(crate) enum LongerEvent {
    Read { kwh: u32, note: Option<String>, by: String },
    Sealed,
}

build!(/** A field was added. */ Longer, "meter.v1", LongerEvent, MeterState, |state, event| {
    if let LongerEvent::Read { kwh, note: _, by: _ } = event {
        state.read(kwh);
    }
});

/// A number that is written one too high, and read as it stands there.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct OneMore(u32);

impl Serialize for OneMore {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let added = u32::from(!serializer.is_human_readable());
        serializer.serialize_u32(self.0 + added)
    }
}

#[derive(Event)]
pub(crate) enum RewrittenEvent {
    Read { kwh: OneMore, note: Option<String> },
    Sealed,
}

build!(/** A field has another encoding. */ Rewritten, "meter.v1", RewrittenEvent, MeterState, |state, event| {
    if let RewrittenEvent::Read { kwh, note: _ } = event {
        state.read(kwh.0);
    }
});

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct LongState {
    kwh: u32,
    readings: u32,
    seals: u32,
}

build!(/** The state has one more field. */ LongerState, "meter.v1", MeterEvent, LongState, |state, event| match event {
    MeterEvent::Read { kwh, .. } => {
        state.kwh += kwh;
        state.readings += 1;
    }
    MeterEvent::Sealed => state.seals += 1,
});

#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Swapped {
    readings: u32,
    kwh: u32,
}

build!(/** Two fields of the state are swapped. */ SwappedState, "meter.v1", MeterEvent, Swapped, |state, event| {
    if let MeterEvent::Read { kwh, .. } = event {
        state.kwh += kwh;
        state.readings += 1;
    }
});

#[derive(FormerEvent)]
pub(crate) struct ReadV1 {
    kwh: u32,
    note: Option<String>,
}

#[derive(Event)]
pub(crate) enum NewerEvent {
    #[event(version = 2, v1 = ReadV1)]
    Read {
        kwh: u32,
        note: Option<String>,
        by: String,
    },
    Sealed,
}

impl From<ReadV1> for NewerEvent {
    fn from(ReadV1 { kwh, note }: ReadV1) -> Self {
        Self::Read { kwh, note, by: "unknown".into() }
    }
}

build!(/** Reading has a second version. */ Newer, "meter.v1", NewerEvent, MeterState, |state, event| {
    if let NewerEvent::Read { kwh, note: _, by: _ } = event {
        state.read(kwh);
    }
});

#[derive(Event)]
pub(crate) enum OtherNewerEvent {
    #[event(version = 2, v1 = ReadV1)]
    Read {
        kwh: u32,
        note: Option<String>,
        by: String,
    },
    Sealed,
}

impl From<ReadV1> for OtherNewerEvent {
    fn from(ReadV1 { kwh, note }: ReadV1) -> Self {
        Self::Read { kwh, note, by: String::new() }
    }
}

build!(/** The upcaster says something else. */ OtherUpcaster, "meter.v1", OtherNewerEvent, MeterState, |state, event| {
    if let OtherNewerEvent::Read { kwh, note: _, by: _ } = event {
        state.read(kwh);
    }
});
