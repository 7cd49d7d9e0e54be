//! The bounds on running effects.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{LimitsError, in_range};
use crate::effects::KindTerms;

/// How a host runs effects. Read from TOML as the table `[effects]`.
///
/// ```toml
/// [effects]
/// running_max = 200
/// lease_seconds = 60
///
/// [effects.kinds.http]          # of one kind, where it differs
/// attempts_max = 5
/// attempt_ms_max = 10_000
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EffectLimits {
    /// Tasks that claim effects. Default 2; 0 leaves all effects to other hosts.
    pub workers: usize,
    /// Effects that run at once. Default 1,024.
    pub running_max: usize,
    /// What the effects that run say, together, in bytes, from which on no more are claimed. Default 64 MiB.
    pub running_bytes_max: usize,
    /// Effects that one statement claims. Default 256.
    pub claim_max: usize,
    /// How often a host looks for effects that others appended, in milliseconds. Its own it runs at once. Default 100.
    pub poll_ms: u64,
    /// How long a claim lasts, in seconds; it is renewed while the effect runs. So long the effects of a host that was killed wait
    /// for another. Default 30.
    pub lease_seconds: u64,
    /// How long effects that are over are kept to be looked at, in hours. Default 168: a week. Dead letters stay.
    pub finished_hours_max: u64,
    /// By kind, what differs from its own terms.
    pub kinds: BTreeMap<String, KindOverrides>,
}

/// Terms of one kind that differ from its own; what is `None` stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindOverrides {
    /// [`KindTerms::attempts_max`], 1 to 1,000.
    pub attempts_max: Option<u32>,
    /// [`KindTerms::deadline`], in seconds.
    pub deadline_seconds: Option<u64>,
    /// [`KindTerms::attempt_max`], in milliseconds.
    pub attempt_ms_max: Option<u64>,
    /// [`KindTerms::backoff_min`], in milliseconds.
    pub backoff_ms_min: Option<u64>,
    /// [`KindTerms::backoff_max`], in milliseconds.
    pub backoff_ms_max: Option<u64>,
    /// [`KindTerms::concurrency_max`], 1 to 65,536.
    pub concurrency_max: Option<usize>,
    /// [`KindTerms::breaker_failures_max`].
    pub breaker_failures_max: Option<u32>,
}

impl Default for EffectLimits {
    fn default() -> Self {
        Self {
            workers: 2,
            running_max: 1_024,
            running_bytes_max: 64 << 20,
            claim_max: 256,
            poll_ms: 100,
            lease_seconds: 30,
            finished_hours_max: 168,
            kinds: BTreeMap::new(),
        }
    }
}

impl EffectLimits {
    /// A kind's terms, with what is different here.
    #[must_use]
    pub fn terms(&self, kind: &str, own: KindTerms) -> KindTerms {
        let Some(other) = self.kinds.get(kind) else { return own };
        KindTerms {
            attempts_max: other.attempts_max.unwrap_or(own.attempts_max),
            deadline: other.deadline_seconds.map_or(own.deadline, Duration::from_secs),
            attempt_max: other.attempt_ms_max.map_or(own.attempt_max, Duration::from_millis),
            backoff_min: other.backoff_ms_min.map_or(own.backoff_min, Duration::from_millis),
            backoff_max: other.backoff_ms_max.map_or(own.backoff_max, Duration::from_millis),
            concurrency_max: other.concurrency_max.unwrap_or(own.concurrency_max),
            breaker_failures_max: other.breaker_failures_max.unwrap_or(own.breaker_failures_max),
        }
    }

    /// How long a claim lasts.
    #[must_use]
    pub fn lease(&self) -> Duration {
        Duration::from_secs(self.lease_seconds)
    }

    pub(super) fn validate(&self) -> Result<(), LimitsError> {
        const YEAR: u64 = 365 * 24 * 3_600;
        let values = [
            ("workers", self.workers as u64, 0, 64),
            ("running_max", self.running_max as u64, 1, 65_536),
            ("running_bytes_max", self.running_bytes_max as u64, 1, 1 << 40),
            ("claim_max", self.claim_max as u64, 1, 10_000),
            ("poll_ms", self.poll_ms, 1, 3_600_000),
            ("lease_seconds", self.lease_seconds, 1, 3_600),
            ("finished_hours_max", self.finished_hours_max, 0, YEAR),
        ];
        for (name, value, least, most) in values {
            in_range("effects", name, value, least, most)?;
        }
        for (kind, other) in &self.kinds {
            let table = format!("effects.kinds.{kind}");
            let values = [
                ("attempts_max", other.attempts_max.map(u64::from), 1, 1_000),
                ("deadline_seconds", other.deadline_seconds, 0, YEAR),
                ("attempt_ms_max", other.attempt_ms_max, 1, 24 * 3_600_000),
                ("backoff_ms_min", other.backoff_ms_min, 1, 24 * 3_600_000),
                ("backoff_ms_max", other.backoff_ms_max, 1, 24 * 3_600_000),
                ("concurrency_max", other.concurrency_max.map(|most| most as u64), 1, 65_536),
                ("breaker_failures_max", other.breaker_failures_max.map(u64::from), 0, 1_000_000),
            ];
            for (name, value, least, most) in values {
                value.map_or(Ok(()), |value| in_range(&table, name, value, least, most))?;
            }
        }
        Ok(())
    }
}
