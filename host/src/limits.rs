//! The bounds that an embedder may set, in one place. Fixed ones are constants beside what they bound.

use std::time::Duration;

use crate::event_store::PageLimit;

/// What a host puts up with. Units stand last in the names.
///
/// ```
/// let limits = foldhost::Limits { commands_per_batch_max: 64, ..Default::default() };
/// assert_eq!(limits.mailbox_commands_max, 1_024);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A component's bytes when it is deployed. Default 32 MiB.
    pub component_bytes_max: usize,
    /// One command's payload. Default 1 MiB.
    pub command_bytes_max: usize,
    /// Fuel for one call into a component, about one unit an instruction. Default 200 million: a call that spends them all
    /// is over in about a tenth of a second, and a page of 1,000 order events takes some 4 million.
    pub fuel_per_call_max: u64,
    /// Linear memory of one instance. Default 64 MiB. A guest that wants more is trapped.
    pub instance_memory_bytes_max: usize,
    /// Elements of one instance's tables. Default 10,000.
    pub instance_table_elements_max: usize,
    /// All that one answer of a component may make the host allocate. Default 16 MiB. It bounds what memory alone does not:
    /// a list whose million entries all point at the same megabyte.
    pub answer_bytes_max: usize,
    /// Events of one decision. Default 1,000.
    pub events_per_decision_max: usize,
    /// One event's data. Default 1 MiB.
    pub event_bytes_max: usize,
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
    /// How often a batch is decided anew after conflicts before its senders are told. Default 8.
    pub conflict_retries_max: usize,
    /// Warm aggregates. Default 15,000: an instance takes four memory mappings, and Linux allows a process 65,530 of them
    /// (vm.max_map_count).
    pub entities_max: usize,
    /// Memory of all warm aggregates together. Default 2 GiB; beyond it, the ones unused for longest go first.
    pub entities_memory_bytes_max: usize,
    /// How long an entity without commands stays warm. Default 5 minutes.
    pub entity_idle_max: Duration,
    /// How long a shutdown waits for commands that were accepted. Default 20 seconds.
    pub drain_max: Duration,
}

impl Limits {
    /// How much one query reads.
    #[must_use]
    pub fn page(&self) -> PageLimit {
        PageLimit { events_max: self.events_per_page_max, bytes_max: self.page_bytes_max }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            component_bytes_max: 32 << 20,
            command_bytes_max: 1 << 20,
            fuel_per_call_max: 200_000_000,
            instance_memory_bytes_max: 64 << 20,
            instance_table_elements_max: 10_000,
            answer_bytes_max: 16 << 20,
            events_per_decision_max: 1_000,
            event_bytes_max: 1 << 20,
            events_per_page_max: 1_000,
            page_bytes_max: PageLimit::BYTES_MAX_DEFAULT,
            mailbox_commands_max: 1_024,
            queued_command_bytes_max: 256 << 20,
            commands_per_batch_max: 256,
            streams_per_append_max: 256,
            appends_in_flight_max: std::thread::available_parallelism().map_or(4, |cores| cores.get().clamp(2, 4)),
            conflict_retries_max: 8,
            entities_max: 15_000,
            entities_memory_bytes_max: 2 << 30,
            entity_idle_max: Duration::from_secs(300),
            drain_max: Duration::from_secs(20),
        }
    }
}
