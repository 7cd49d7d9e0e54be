//! The host's connections to its database, as the command line says.

use std::time::Duration;

use foldhost::PoolConfig;

use super::duration;

/// How many connections, and for how long they are tried.
#[derive(clap::Args)]
pub(crate) struct PoolArgs {
    /// Database connections at most; a quarter of them, four at most, append
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000))]
    connections: u32,
    /// How long a statement is sent again after a lost connection, where that does no harm; a server that restarts is back in 10s
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::parse)]
    retry_for: Duration,
}

impl PoolArgs {
    /// A quarter of the connections append, four at most, and the others load and read.
    pub(crate) fn config(&self) -> PoolConfig {
        let append_connections_max = (self.connections / 4).clamp(1, 4);
        let connections_max = self.connections.saturating_sub(append_connections_max).max(1);
        PoolConfig { connections_max, append_connections_max, retry_max: self.retry_for, ..PoolConfig::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_have_connections_of_their_own() {
        let config = |connections| {
            let config = PoolArgs { connections, retry_for: Duration::from_secs(3) }.config();
            assert_eq!(config.retry_max, Duration::from_secs(3));
            (config.connections_max, config.append_connections_max)
        };
        assert_eq!([config(2), config(8), config(16), config(100)], [(1, 1), (6, 2), (12, 4), (96, 4)]);
    }
}
