//! What a decision may depend on beside the state and the command.

/// The circumstances of one decision: with the same state, command and context it comes out the same, byte for byte. When
/// the host decides a command again, because the stream went on, time and command id stay, version and seed change. So take the time from here and never from a clock, chance from `seed` and never from a random source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The stream that the command is for, as in `order-7f3c`.
    pub stream_id: String,
    /// Events applied to the state so far; 0 for a new stream.
    pub version: u64,
    /// Stable across retries of the same command.
    pub command_id: String,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: i64,
    /// Derived from stream id, version and command id: the only source of chance.
    pub seed: u64,
}

impl Context {
    /// The aggregate's own id: what follows the first `-` of the stream id. Without a `-`, all of it.
    ///
    /// ```
    /// # use foldhost_sdk::Context;
    /// assert_eq!(Context::for_test("order-7f3c").stream_key(), "7f3c");
    /// assert_eq!(Context::for_test("order-eu-7f3c").stream_key(), "eu-7f3c");
    /// ```
    pub fn stream_key(&self) -> &str {
        // By bytes: the search for a character is a kilobyte of a component.
        let hyphen = self.stream_id.bytes().position(|byte| byte == b'-');
        hyphen.and_then(|at| self.stream_id.get(at + 1..)).unwrap_or(&self.stream_id)
    }

    /// A context for native tests: version 0, noon on 1 January 2026 (UTC), a fixed command id and seed.
    pub fn for_test(stream_id: impl Into<String>) -> Self {
        Self {
            stream_id: stream_id.into(),
            version: 0,
            command_id: "test-command".into(),
            now_ms: 1_767_268_800_000,
            seed: 7,
        }
    }

    /// The same at another time, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn at_ms(self, now_ms: i64) -> Self {
        Self { now_ms, ..self }
    }

    /// The same at another version of the stream.
    #[must_use]
    pub fn at_version(self, version: u64) -> Self {
        Self { version, ..self }
    }
}
