//! When a host is killed.

use std::env;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::{Connection, Executor, PgConnection};

/// How long a step may take to come as far as it is wanted.
const PATIENCE: Duration = Duration::from_secs(60);

/// The point of a step at which its host is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kill {
    /// So long after it was asked for.
    After(Duration),
    /// While its transaction waits to tell the history; what comes before that is written, and not committed.
    BeforeTelling,
    /// While the database commits it: it is done, and the host never hears of it.
    InCommit,
    /// Once it was answered.
    Answered,
}

/// The points of a step that usually takes so long: at its beginning and its end, before it tells the history, in its commit, and
/// some anywhere.
pub(crate) fn points(chance: &mut StdRng, usual: Duration) -> Vec<Kill> {
    let usual_us = u64::try_from(usual.as_micros()).unwrap().max(1);
    let random = (0..setting("FOLDHOST_SWAP_KILLS", || 4)).map(|_| chance.random_range(0..usual_us * 5 / 4));
    let mut points: Vec<_> = random.map(|us| Kill::After(Duration::from_micros(us))).collect();
    points.extend([Kill::After(Duration::ZERO), Kill::BeforeTelling, Kill::InCommit, Kill::Answered]);
    points
}

/// What chance begins with, said for whoever wants it again.
pub(crate) fn chance(test: &str) -> StdRng {
    let seed = setting("FOLDHOST_TEST_SEED", || rand::random::<u32>().into());
    println!("{test}: FOLDHOST_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// A setting of the environment, or what stands in for it.
fn setting(name: &str, default: impl FnOnce() -> u64) -> u64 {
    env::var(name).map_or_else(|_| default(), |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// Whoever tells a history waits for one lock before that, and for another in the commit, behind all that a transaction can be refused
/// for. Not for the end of a verification: a way back was held up there, by which it was never killed in the switch.
const WAITS: &str = "
    CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('a test holds up ' || TG_ARGV[0], 0));
        RETURN NEW;
    END $$;
    CREATE TRIGGER tellings_wait BEFORE INSERT ON events FOR EACH ROW
        WHEN (NEW.stream_id LIKE '$reducers-%' AND NEW.event_type <> 'ReducerVerified.v1')
        EXECUTE FUNCTION wait_for_test('tellings');
    CREATE CONSTRAINT TRIGGER commits_wait AFTER INSERT ON events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (NEW.stream_id LIKE '$reducers-%' AND NEW.event_type <> 'ReducerVerified.v1')
        EXECUTE FUNCTION wait_for_test('commits');";

/// Makes [`Kill::BeforeTelling`] and [`Kill::InCommit`] possible.
pub(crate) async fn let_steps_be_held(connection: &mut PgConnection) {
    connection.execute(WAITS).await.unwrap();
}

/// Holds others up until it is released.
pub(crate) struct Held {
    connection: PgConnection,
}

impl Held {
    /// Whoever is about to tell a history.
    pub(crate) async fn tellings(url: &str) -> Self {
        Self::steps(url, "tellings").await
    }

    /// Whoever tells a history, in the commit.
    pub(crate) async fn commits(url: &str) -> Self {
        Self::steps(url, "commits").await
    }

    async fn steps(url: &str, which: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        let lock = "SELECT pg_advisory_lock(hashtextextended('a test holds up ' || $1, 0))";
        sqlx::query(lock).bind(which).execute(&mut connection).await.unwrap();
        Self { connection }
    }

    /// Whoever writes to a table.
    pub(crate) async fn table(url: &str, table: &'static str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        connection.execute(sqlx::AssertSqlSafe(format!("LOCK TABLE {table} IN SHARE MODE"))).await.unwrap();
        Self { connection }
    }

    /// Whoever is about to change who decides for a name.
    pub(crate) async fn history(url: &str, name: &str) -> Self {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute("BEGIN").await.unwrap();
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended('foldhost history ' || $1, 0))";
        sqlx::query(lock).bind(name).execute(&mut connection).await.unwrap();
        Self { connection }
    }

    /// Waits until so many others wait for it.
    pub(crate) async fn until_waited_for(&mut self, count: i64) {
        // For this, and not for each other: those who look a way back through wait for one another now and then. Not by
        // pg_stat_activity, of which a transaction sees one picture to its end.
        let ask = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
        let waited_for = async {
            while sqlx::query_scalar::<_, i64>(ask).fetch_one(&mut self.connection).await.unwrap() < count {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, waited_for).await.expect("the step comes as far as its transaction");
    }

    pub(crate) async fn release(self) {
        self.connection.close().await.unwrap();
    }
}

/// Waits to the microsecond, which no timer does.
pub(crate) async fn pass(time: Duration) {
    let until = Instant::now() + time;
    while Instant::now() < until {
        tokio::task::yield_now().await;
    }
}
