//! What happens to hosts and to their connections meanwhile.

use std::sync::Arc;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng, SeedableRng};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use super::places::{PLACES, Places};

/// How often what happened.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Happened {
    pub(crate) crashes: usize,
    pub(crate) cuts: usize,
}

/// Drops hosts as they are, and cuts all connections to the database but its own, until it is told to stop.
pub(crate) async fn strike(
    seed: u64,
    places: Arc<Places>,
    mut connection: PgConnection,
    stop: CancellationToken,
) -> Happened {
    let mut chance = StdRng::seed_from_u64(seed.wrapping_mul(17));
    let mut happened = Happened::default();
    // A run takes two seconds on an idle machine: one of each comes before anything comes twice.
    let mut deck = vec![true, false];
    deck.shuffle(&mut chance);
    loop {
        let quiet = Duration::from_millis(chance.random_range(50..500));
        if stop.run_until_cancelled(tokio::time::sleep(quiet)).await.is_none() {
            return happened;
        }
        if deck.pop().unwrap_or_else(|| chance.random_bool(0.4)) {
            places.crash(chance.random_range(0..PLACES)).await;
            happened.crashes += 1;
        } else {
            cut(&mut connection).await;
            happened.cuts += 1;
        }
    }
}

async fn cut(connection: &mut PgConnection) {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    sqlx::query(cut).execute(connection).await.unwrap();
}
