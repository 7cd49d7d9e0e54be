//! The bounds on one reducer.

use super::LimitsError;

/// Declares the limits once: the struct, its defaults, what may stand instead of them for one reducer, and their ranges.
macro_rules! reducer_limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $default:expr, $least:expr => $most:expr;)*) => {
        /// What one reducer may take and give: all bounds on a component, in one place. Units stand last in the names.
        ///
        /// A reducer that is linked into the host ([`NativeReducer`](crate::NativeReducer)) is trusted and has no such bounds.
        ///
        /// ```
        /// use foldhost::{Limits, ReducerLimits};
        ///
        /// let reducer = ReducerLimits { fuel_per_call_max: 10_000_000, ..Default::default() };
        /// let limits = Limits { reducer, ..Default::default() };
        /// assert!(limits.validate().is_ok());
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct ReducerLimits {
            $($(#[$doc])* pub $name: $type,)*
        }

        impl Default for ReducerLimits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl ReducerLimits {
            /// Looks for values that no component could run under, or that this host could not keep to.
            ///
            /// # Errors
            /// [`LimitsError`] names the first of them.
            pub fn validate(&self) -> Result<(), LimitsError> {
                $(super::in_range("reducer", stringify!($name), self.$name as u64, $least, $most)?;)*
                Ok(())
            }
        }

        /// Limits of one reducer that differ from those of the others; what is `None` stays as it is for all.
        ///
        /// ```
        /// use foldhost::{Limits, ReducerOverrides};
        ///
        /// let order = ReducerOverrides { memory_bytes_max: Some(8 << 20), ..Default::default() };
        /// let limits = Limits { reducers: [("order".into(), order)].into(), ..Default::default() };
        /// assert_eq!(limits.of("order").memory_bytes_max, 8 << 20);
        /// assert_eq!(limits.of("order").fuel_per_call_max, limits.reducer.fuel_per_call_max);
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct ReducerOverrides {
            $($(#[$doc])* pub $name: Option<$type>,)*
        }

        impl ReducerOverrides {
            /// The limits of `all`, but for what is given here.
            #[must_use]
            pub fn over(&self, all: &ReducerLimits) -> ReducerLimits {
                ReducerLimits { $($name: self.$name.unwrap_or(all.$name),)* }
            }
        }
    };
}

reducer_limits! {
    /// Fuel for one call, about one unit an instruction. Default 200 million: a call that spends them all is over in about a tenth
    /// of a second, and a page of 1,000 order events takes some 4 million. A call that wants more fails.
    fuel_per_call_max: u64 = 200_000_000, 1_000 => 100_000_000_000;
    /// Time of a processor for one call, in milliseconds. Default 800. It ends what fuel does not bound, instructions that wait for
    /// memory, and is looked at every 50 ms. A call that takes longer fails.
    cpu_per_call_ms_max: u64 = 800, 1 => 600_000;
    /// Linear memory of one instance. Default 64 MiB. A guest that wants more is trapped.
    memory_bytes_max: usize = 64 << 20, 64 << 10 => 4 << 30;
    /// Elements of one instance's tables. Default 10,000. A guest that wants more is trapped.
    table_elements_max: usize = 10_000, 1 => 10_000_000;
    /// Handles to resources of the component model that one instance holds. Default 16: one aggregate, and room. They lie in the
    /// host's memory, beside what the instance is counted for; wasmtime's own bound of 100,000 is 2 MiB a stream. A guest that
    /// wants more is trapped.
    handles_max: usize = 16, 1 => 100_000;
    /// Stack of one call, on the stack of the thread that makes it. Default 512 KiB, at most 1 MiB: the runtime's threads have
    /// 2 MiB. Deeper recursion traps.
    stack_bytes_max: usize = 512 << 10, 64 << 10 => 1 << 20;
    /// All that one answer may make the host allocate. Default 16 MiB. It bounds what memory alone does not: a list whose
    /// million entries all point at the same megabyte.
    answer_bytes_max: usize = 16 << 20, 1 << 10 => 1 << 30;
    /// Events of one decision. Default 1,000. A decision with more is refused.
    events_per_decision_max: usize = 1_000, 1 => 1_000_000;
    /// One event's data. Default 1 MiB. A decision with a larger one is refused.
    event_bytes_max: usize = 1 << 20, 1 => 256 << 20;
    /// Effects of one decision, those within others included. Default 1,000. A decision with more is refused.
    effects_per_decision_max: usize = 1_000, 1 => 1_000_000;
    /// All text and data of one decision's effects. Default 4 MiB. A decision with more is refused.
    effects_bytes_max: usize = 4 << 20, 1 => 256 << 20;
    /// Lines that one decision brings for the log. Default 100; the rest is left out, and one more line says so.
    log_lines_max: usize = 100, 1 => 10_000;
    /// One line for the log. Default 4 KiB; the rest is cut off.
    log_line_bytes_max: usize = 4 << 10, 1 => 1 << 20;
    /// A rejection's message, and whatever else a reducer says about a failure, each. Default 4 KiB; the rest is cut off.
    rejection_bytes_max: usize = 4 << 10, 16 => 1 << 20;
    /// A snapshot. Default 8 MiB. A larger one is not kept, and the stream is replayed from its events.
    snapshot_bytes_max: usize = 8 << 20, 1 => 256 << 20;
    /// A state, or one event, as JSON. Default 8 MiB. A larger one is refused.
    json_bytes_max: usize = 8 << 20, 1 => 256 << 20;
}
