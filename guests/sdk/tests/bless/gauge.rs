//! One reducer, and the same with one thing changed that nobody should change.

use foldhost_sdk::prelude::*;

/// Text that is neither free nor one of a list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Code(pub(crate) u32);

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:08x}", self.0))
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map(Self).map_err(|_| serde::de::Error::custom("no code"))
    }
}

#[derive(Command)]
pub(crate) enum GaugeCommand {
    Look,
}

/// A build of the reducer. What it does not name is as in the first one.
macro_rules! build {
    (
        $(#[$doc:meta])* $reducer:ident in $module:ident,
        $schema:literal,
        reasons: [$($reason:ident)*], scales: [$($scale:tt)*], states: [$($status:ident)*],
        detail: { $($detail:ident: $detail_type:ty),* },
        added: { $($field:ident: $type:ty),* }
    ) => {
        mod $module {
            use super::*;

            #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
            pub(crate) enum Reason { #[default] $($reason),* }

            #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
            pub(crate) enum Scale { #[default] $($scale)* }

            #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
            pub(crate) struct Detail { $(pub(crate) $detail: $detail_type),* }

            #[derive(Debug, Clone, PartialEq, Event)]
            pub(crate) enum GaugeEvent {
                Added { $($field: $type),* },
                Measured { level: f64 },
                Marked { code: Code },
                Summed { sum: u128 },
                Locked,
                Broken,
            }

            #[derive(Default, Serialize, Deserialize)]
            pub(crate) enum Status { #[default] $($status),* }

            #[derive(Default, Serialize, Deserialize)]
            pub(crate) struct State { status: Status, added: u64, last: u64 }

            $(#[$doc])*
            pub(crate) struct $reducer;

            impl Reducer for $reducer {
                const NAME: &'static str = "gauge";
                const STATE_SCHEMA: &'static str = $schema;
                type State = State;
                type Command = GaugeCommand;
                type Event = GaugeEvent;

                fn decide(_: &State, _: GaugeCommand, _: &Context) -> Result<Decision<GaugeEvent>, Rejection> {
                    Ok(Decision::none())
                }

                fn apply(state: &mut State, event: GaugeEvent) {
                    match event {
                        GaugeEvent::Added { amount, .. } => {
                            state.added += 1;
                            state.last = amount as u64;
                        }
                        GaugeEvent::Locked => state.status = Status::Locked,
                        GaugeEvent::Broken => state.status = Status::Broken,
                        GaugeEvent::Measured { .. } | GaugeEvent::Marked { .. } | GaugeEvent::Summed { .. } => {}
                    }
                }
            }
        }

        pub(crate) use $module::$reducer;
    };
}

macro_rules! builds {
    ($($(#[$doc:meta])* $reducer:ident in $module:ident: { $($added:tt)* };)*) => {$(
        build!(
            $(#[$doc])* $reducer in $module, "gauge.v1",
            reasons: [Filled Spilled Lost], scales: [Low, High, Other(u8), Read { at: u32, is_steady: bool }], states: [Open Locked Broken],
            detail: { scale: Scale, is_wet: bool, is_cold: bool, percent: u8 },
            added: { $($added)* }
        );
    )*};
}

builds! {
    /** The first one. */
    Gauge in first: { why: Reason, amount: u32, at_ms: i64, seen_at_ms: i64, by: Option<String>, detail: Detail };
    /** Reads the same bytes. */
    Widened in widened: { why: Reason, amount: u64, at_ms: i64, seen_at_ms: i64, by: Option<String>, detail: Detail };
    /** A byte. */
    Narrowed in narrowed: { why: Reason, amount: u8, at_ms: i64, seen_at_ms: i64, by: Option<String>, detail: Detail };
    /** Two bytes. */
    HalfAsWide in half_as_wide: { why: Reason, amount: u16, at_ms: i64, seen_at_ms: i64, by: Option<String>, detail: Detail };
    /** A sign. */
    Signed in signed: { why: Reason, amount: i32, at_ms: i64, seen_at_ms: i64, by: Option<String>, detail: Detail };
    /** None. */
    Unsigned in unsigned: { why: Reason, amount: u32, at_ms: u64, seen_at_ms: i64, by: Option<String>, detail: Detail };
    /** The times. */
    TimesSwapped in times_swapped: { why: Reason, amount: u32, seen_at_ms: i64, at_ms: i64, by: Option<String>, detail: Detail };
    /** Never there. */
    NeverOptional in never_optional: { why: Reason, amount: u32, at_ms: i64, seen_at_ms: i64, by: Option<()>, detail: Detail };
}

macro_rules! others {
    ($($(#[$doc:meta])* $reducer:ident in $module:ident: $schema:literal, [$($reason:ident)*], [$($scale:tt)*], [$($status:ident)*], { $($detail:tt)* };)*) => {$(
        build!(
            $(#[$doc])* $reducer in $module, $schema,
            reasons: [$($reason)*], scales: [$($scale)*], states: [$($status)*],
            detail: { $($detail)* },
            added: { why: Reason, amount: u32, at_ms: i64, seen_at_ms: i64, by: Option<String>, detail: Detail }
        );
    )*};
}

others! {
    /** Two reasons. */
    Swapped in swapped: "gauge.v1", [Lost Spilled Filled], [Low, High, Other(u8), Read { at: u32, is_steady: bool }], [Open Locked Broken],
        { scale: Scale, is_wet: bool, is_cold: bool, percent: u8 };
    /** Two scales. */
    SwappedWithin in swapped_within: "gauge.v1", [Filled Spilled Lost], [High, Low, Other(u8), Read { at: u32, is_steady: bool }], [Open Locked Broken],
        { scale: Scale, is_wet: bool, is_cold: bool, percent: u8 };
    /** Two scales with content. */
    SwappedContent in swapped_content: "gauge.v1", [Filled Spilled Lost],
        [Low, High, Read { at: u32, is_steady: bool }, Other(u8)], [Open Locked Broken],
        { scale: Scale, is_wet: bool, is_cold: bool, percent: u8 };
    /** A field of a scale. */
    NarrowedContent in narrowed_content: "gauge.v1", [Filled Spilled Lost],
        [Low, High, Other(u8), Read { at: u8, is_steady: bool }], [Open Locked Broken],
        { scale: Scale, is_wet: bool, is_cold: bool, percent: u8 };
    /** Two flags. */
    FlagsSwapped in flags_swapped: "gauge.v1", [Filled Spilled Lost], [Low, High, Other(u8), Read { at: u32, is_steady: bool }], [Open Locked Broken],
        { scale: Scale, is_cold: bool, is_wet: bool, percent: u8 };
    /** A byte more. */
    WidenedByte in widened_byte: "gauge.v1", [Filled Spilled Lost], [Low, High, Other(u8), Read { at: u32, is_steady: bool }], [Open Locked Broken],
        { scale: Scale, is_wet: bool, is_cold: bool, percent: u32 };
    /** Two states. */
    SwappedState in swapped_state: "gauge.v1", [Filled Spilled Lost], [Low, High, Other(u8), Read { at: u32, is_steady: bool }], [Open Broken Locked],
        { scale: Scale, is_wet: bool, is_cold: bool, percent: u8 };
    /** Another schema. */
    Renamed in renamed: "gauge.v2", [Filled Spilled Lost], [Low, High, Other(u8), Read { at: u32, is_steady: bool }], [Open Locked Broken],
        { scale: Scale, is_wet: bool, is_cold: bool, percent: u8 };
}

pub(crate) use first::{Detail, GaugeEvent, Reason};
