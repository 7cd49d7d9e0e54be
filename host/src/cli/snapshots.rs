//! When snapshots are taken, as the command line says.

use foldhost::{HostBuilder, SnapshotConfig};

use super::duration;

/// The policy of all reducers, and of some.
#[derive(clap::Args, Clone)]
pub(crate) struct SnapshotArgs {
    /// Take a snapshot of a stream every N events, never, or whenever it took so long to read and fold what came after the last, as in cost:5ms
    #[arg(long, value_name = "POLICY", default_value = "100", value_parser = policy)]
    snapshot_every: SnapshotConfig,
    /// Another policy for one reducer's streams, as in order=500, audit=never or report=cost:5ms; may be repeated
    #[arg(long, value_name = "NAME=POLICY", value_parser = policy_of)]
    snapshot: Vec<(String, SnapshotConfig)>,
}

fn policy(text: &str) -> Result<SnapshotConfig, String> {
    if text == "never" {
        return Ok(SnapshotConfig::never());
    }
    if let Some(cost) = text.strip_prefix("cost:") {
        return match duration::parse(cost)? {
            cost if cost.is_zero() => Err("a cost is more than nothing, as in cost:5ms".to_owned()),
            cost => Ok(SnapshotConfig::by_replay_cost(cost)),
        };
    }
    match text.parse() {
        Ok(events) if events > 0 => Ok(SnapshotConfig::every(events)),
        _ => Err("write a number of events from 1, never, or cost:DURATION, as in cost:5ms".to_owned()),
    }
}

fn policy_of(text: &str) -> Result<(String, SnapshotConfig), String> {
    match text.split_once('=') {
        Some((name, text)) if !name.is_empty() => Ok((name.to_owned(), policy(text)?)),
        _ => Err("write NAME=POLICY, as in order=500".to_owned()),
    }
}

impl SnapshotArgs {
    /// The reducer that has two policies, if there is one.
    pub(crate) fn named_twice(&self) -> Option<&str> {
        let mut names: Vec<_> = self.snapshot.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }

    /// Has the host follow it.
    pub(crate) fn apply(&self, host: HostBuilder) -> HostBuilder {
        let host = host.snapshots(self.snapshot_every);
        self.snapshot.iter().fold(host, |host, (name, config)| host.snapshots_of(name, *config))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_policy_is_a_number_of_events_a_cost_or_never() {
        assert_eq!(policy("7"), Ok(SnapshotConfig::every(7)));
        assert_eq!(policy("never"), Ok(SnapshotConfig::never()));
        assert_eq!(policy("cost:5ms"), Ok(SnapshotConfig::by_replay_cost(Duration::from_millis(5))));
        for text in ["0", "-1", "often", "", "cost:", "cost:5", "cost:0ms", "5ms"] {
            assert!(policy(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_reducer_has_one_policy_of_its_own() {
        assert_eq!(policy_of("order=5"), Ok(("order".to_owned(), SnapshotConfig::every(5))));
        for text in ["order", "=5", "order=", "order=often"] {
            assert!(policy_of(text).is_err(), "{text:?}");
        }
        let of = |names: &[&str]| SnapshotArgs {
            snapshot_every: SnapshotConfig::default(),
            snapshot: names.iter().map(|name| ((*name).to_owned(), SnapshotConfig::never())).collect(),
        };
        assert_eq!(of(&["order", "cart"]).named_twice(), None);
        assert_eq!(of(&["order", "cart", "order"]).named_twice(), Some("order"));
    }
}
