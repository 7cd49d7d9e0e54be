//! The bounds that an embedder may set, in one place. Fixed ones are constants beside what they bound.

mod effects;
mod reducer;

use std::collections::BTreeMap;
use std::time::Duration;

pub use effects::{EffectLimits, KindOverrides};
pub use reducer::{ReducerLimits, ReducerOverrides};

use crate::event_store::PageLimit;

/// What a host puts up with. Units stand last in the names.
///
/// ```
/// let limits = foldhost::Limits { commands_per_batch_max: 64, ..Default::default() };
/// assert_eq!(limits.mailbox_commands_max, 1_024);
/// ```
///
/// It can be read with serde, from TOML say; what is left out keeps its default, and an unknown name is refused:
///
/// ```toml
/// mailbox_commands_max = 4096
/// drain_seconds_max = 60
///
/// [reducer]                     # each of them
/// fuel_per_call_max = 50_000_000
///
/// [reducers.order]              # this one, where it differs
/// memory_bytes_max = 134_217_728
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// A component's bytes when it is deployed. Default 32 MiB.
    pub component_bytes_max: usize,
    /// The debug information among them, which is read whenever the component traps. Default 8 MiB.
    pub component_debug_bytes_max: usize,
    /// One command's payload. Default 1 MiB.
    pub command_bytes_max: usize,
    /// What each reducer may take and give.
    pub reducer: ReducerLimits,
    /// By a reducer's name, what is different for it. A component's name is known once it was asked for it, so loading one begins
    /// under the largest that any has.
    pub reducers: BTreeMap<String, ReducerOverrides>,
    /// How effects are run.
    pub effects: EffectLimits,
    /// Events folded by one call, and read by one query. Default 1,000: where the fold's speed stops to grow.
    pub events_per_page_max: usize,
    /// Data of the events read by one query. Default 8 MiB: a page ends with the event that reaches it.
    pub page_bytes_max: usize,
    /// Commands that may wait at one stream. Default 1,024; the next one is told that the stream is busy.
    pub mailbox_commands_max: usize,
    /// Payloads of all commands that wait or are being decided, together. Default 256 MiB; the next one is told that the host has
    /// too much to do.
    pub queued_command_bytes_max: usize,
    /// Commands of one stream that are appended as one batch. Default 256.
    pub commands_per_batch_max: usize,
    /// Streams that are appended by one statement. Default 256.
    pub streams_per_append_max: usize,
    /// Statements in flight at once. Default: as many as the machine has cores, 2 to 4. Beyond 4 the throughput of one Postgres
    /// stops to grow, and a host that shares two cores with it is faster with 2.
    pub appends_in_flight_max: usize,
    /// How often a batch is decided anew after conflicts before its senders are told. Default 8. Swaps are no conflicts.
    pub conflict_retries_max: usize,
    /// Snapshots that are taken a second in the background, of streams whose state a swap gave another schema. Default 200.
    pub snapshots_rebuilt_per_second_max: usize,
    /// How long after a swap the snapshots of the former schema are kept, for the way back. In seconds. Default one day.
    pub former_snapshots_kept_seconds: u64,
    /// Warm aggregates. Default 12,000: an instance takes four memory mappings, and Linux allows a process 65,530 of them
    /// (vm.max_map_count).
    pub entities_max: usize,
    /// Memory of all warm aggregates together. Default 2 GiB; beyond it, the ones unused for longest go first.
    pub entities_memory_bytes_max: usize,
    /// How long an entity without commands stays warm. Default 5 minutes. Read as whole seconds, `entity_idle_seconds_max`.
    #[serde(rename = "entity_idle_seconds_max", deserialize_with = "seconds")]
    pub entity_idle_max: Duration,
    /// How long a shutdown waits for commands that were accepted. Default 20 seconds. Read as whole seconds,
    /// `drain_seconds_max`.
    #[serde(rename = "drain_seconds_max", deserialize_with = "seconds")]
    pub drain_max: Duration,
}

impl Limits {
    /// How much one query reads.
    #[must_use]
    pub fn page(&self) -> PageLimit {
        PageLimit { events_max: self.events_per_page_max, bytes_max: self.page_bytes_max }
    }

    /// The bounds on the reducer of this name.
    #[must_use]
    pub fn of(&self, reducer: &str) -> ReducerLimits {
        self.reducers.get(reducer).map_or(self.reducer, |overrides| overrides.over(&self.reducer))
    }

    /// Looks for values that nothing could work under: a host would answer every command with an error, or not at all. The largest
    /// ones are far beyond what makes sense, and what the parts below can count to: a mailbox of 2^63 commands was a panic.
    ///
    /// # Errors
    /// [`LimitsError`] names the first of them.
    pub fn validate(&self) -> Result<(), LimitsError> {
        let counts = [
            ("component_bytes_max", self.component_bytes_max, 1, 1 << 30),
            ("component_debug_bytes_max", self.component_debug_bytes_max, 0, 1 << 30),
            ("command_bytes_max", self.command_bytes_max, 1, 256 << 20),
            ("events_per_page_max", self.events_per_page_max, 1, 1_000_000),
            ("page_bytes_max", self.page_bytes_max, 1, 1 << 30),
            ("mailbox_commands_max", self.mailbox_commands_max, 1, 1 << 20),
            ("queued_command_bytes_max", self.queued_command_bytes_max, 1, 1 << 50),
            ("commands_per_batch_max", self.commands_per_batch_max, 1, 65_536),
            ("streams_per_append_max", self.streams_per_append_max, 1, 65_536),
            ("appends_in_flight_max", self.appends_in_flight_max, 1, 1_000),
            ("conflict_retries_max", self.conflict_retries_max, 0, 1_000_000),
            ("snapshots_rebuilt_per_second_max", self.snapshots_rebuilt_per_second_max, 1, 1_000_000),
            ("entities_max", self.entities_max, 1, 1 << 30),
            ("entities_memory_bytes_max", self.entities_memory_bytes_max, 1, 1 << 50),
        ];
        for (name, value, least, most) in counts {
            in_range("", name, value as u64, least, most)?;
        }
        const YEAR: u64 = 365 * 24 * 3600;
        in_range("", "entity_idle_seconds_max", self.entity_idle_max.as_secs(), 0, YEAR)?;
        in_range("", "drain_seconds_max", self.drain_max.as_secs(), 0, YEAR)?;
        in_range("", "former_snapshots_kept_seconds", self.former_snapshots_kept_seconds, 0, 10 * YEAR)?;
        self.effects.validate()?;
        self.reducer.validate()?;
        for name in self.reducers.keys() {
            self.of(name).validate().map_err(|error| error.of_reducer(name))?;
        }
        Ok(())
    }
}

/// A limit that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// Nothing could be done under it.
    #[error("{limit} is {value}, and it has to be at least {least}")]
    TooSmall {
        /// Which limit, as it is written: `reducers.order.fuel_per_call_max`.
        limit: String,
        /// What it was set to.
        value: u64,
        /// The smallest value that works.
        least: u64,
    },
    /// The host could not keep to it: the stack is the calling thread's, a call runs on a thread that others need, and so on.
    #[error("{limit} is {value}, and it can be at most {most}")]
    TooLarge {
        /// Which limit, as it is written: `reducers.order.stack_bytes_max`.
        limit: String,
        /// What it was set to.
        value: u64,
        /// The largest value that works.
        most: u64,
    },
}

impl LimitsError {
    /// The same, of the reducer that has it for itself.
    fn of_reducer(mut self, name: &str) -> Self {
        let (Self::TooSmall { limit, .. } | Self::TooLarge { limit, .. }) = &mut self;
        *limit = limit.replacen("reducer.", &format!("reducers.{name}."), 1);
        self
    }
}

fn in_range(table: &str, name: &str, value: u64, least: u64, most: u64) -> Result<(), LimitsError> {
    let limit = || if table.is_empty() { name.to_owned() } else { format!("{table}.{name}") };
    if value < least {
        return Err(LimitsError::TooSmall { limit: limit(), value, least });
    }
    if value > most {
        return Err(LimitsError::TooLarge { limit: limit(), value, most });
    }
    Ok(())
}

fn seconds<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Duration::from_secs)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_bytes_max: 32 << 20,
            component_debug_bytes_max: 8 << 20,
            command_bytes_max: 1 << 20,
            reducer: ReducerLimits::default(),
            reducers: BTreeMap::new(),
            effects: EffectLimits::default(),
            events_per_page_max: 1_000,
            page_bytes_max: PageLimit::BYTES_MAX_DEFAULT,
            mailbox_commands_max: 1_024,
            queued_command_bytes_max: 256 << 20,
            commands_per_batch_max: 256,
            streams_per_append_max: 256,
            appends_in_flight_max: std::thread::available_parallelism().map_or(4, |cores| cores.get().clamp(2, 4)),
            conflict_retries_max: 8,
            snapshots_rebuilt_per_second_max: 200,
            former_snapshots_kept_seconds: 24 * 3600,
            entities_max: 12_000,
            entities_memory_bytes_max: 2 << 30,
            entity_idle_max: Duration::from_secs(300),
            drain_max: Duration::from_secs(20),
        }
    }
}
