//! Which streams are looked at, and how.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event_store::{PageLimit, Share};
use crate::{Limits, StreamId};

/// Snapshots are looked at in one stream of so many.
const SNAPSHOTS_ONE_IN: u64 = 10;

/// What a shadow replay looks at. It is kept with the report, and says what the report can stand for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerificationScope {
    /// Which streams.
    #[serde(default)]
    pub streams: Streams,
    /// Whether the commands of the journal are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub without_commands: bool,
}

/// Which streams of the category.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Streams {
    /// All of them.
    #[default]
    All,
    /// A share of them, by the hash of their ids.
    Sample(Share),
    /// Those with an event since then.
    Since(DateTime<Utc>),
}

/// How each stream is looked at.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) streams: Streams,
    pub(crate) decide_anew: bool,
    pub(crate) page: PageLimit,
    pub(crate) events_per_page: usize,
    /// Whether payloads of the category are encrypted: nothing of them is kept in a report then.
    pub(crate) is_sealed: bool,
}

impl Plan {
    pub(crate) fn of(scope: &VerificationScope, limits: &Limits, is_sealed: bool) -> Self {
        let page = limits.page();
        let decide_anew = !scope.without_commands;
        Self { streams: scope.streams.clone(), decide_anew, page, events_per_page: page.events_max, is_sealed }
    }

    /// Whether a stream's snapshot is looked at: each of a small share, which is the same in every run.
    pub(crate) fn looks_at_snapshot(&self, stream_id: &StreamId) -> bool {
        use sha2::Digest as _;
        let hash = sha2::Sha256::digest(stream_id.as_str());
        // Other bytes than those that a share goes by: the snapshots of a sample are a sample too.
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&hash[8..16]);
        u64::from_be_bytes(bytes) % SNAPSHOTS_ONE_IN == 0
    }
}
