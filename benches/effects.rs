//! What effects cost and how fast they are run, on a Postgres that syncs every commit: appends with an effect each beside appends
//! without, dispatches a second, and how late timers are with many others waiting.
#![allow(clippy::unwrap_used, missing_docs)]

use std::cell::RefCell;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use foldhost::effects::{EffectContext, EffectError, EffectRunner, KindTerms};
use foldhost::event_store::{NewEffect, StreamBatch};
use foldhost::{
    Command, CommandRequest, EffectLimits, EventStore as _, Host, Limits, NativeReducer, SerializedEvent, Store,
    StreamId, Version,
};
use foldhost_sdk::prelude::*;
use foldhost_sdk::{DispatchedCommand, FlatEffectKind, OwnedPayload};
use foldhost_test_support::{TestDatabase, durable_database, ratio};
use tokio::runtime::Runtime;
use uuid::Uuid;

const CLIENTS: usize = 64;
/// Streams that receive what is dispatched.
const RECEIVERS: u64 = 500;
const DISPATCHES: usize = 20_000;
const WAITING: usize = 100_000;
const TIMERS: usize = 2_000;

/// Asks for what its command says.
struct Asker;

#[derive(Debug, Default, Serialize, Deserialize)]
struct AskerState {
    asked: u64,
}

#[derive(Debug, Command)]
enum AskerCommand {
    /// One event.
    Count,
    /// One event, and a command for a counter.
    Dispatch { to: u64 },
    /// One event, and a timer that nobody waits for.
    Remind,
}

#[derive(Debug, Clone, Event)]
enum AskerEvent {
    Counted { asked: u64 },
}

impl Reducer for Asker {
    const NAME: &'static str = "asker";
    const STATE_SCHEMA: &'static str = "asker.v1";
    type State = AskerState;
    type Command = AskerCommand;
    type Event = AskerEvent;

    fn decide(state: &AskerState, command: AskerCommand, _: &Context) -> Result<Decision<AskerEvent>, Rejection> {
        let decision = Decision::event(AskerEvent::Counted { asked: state.asked + 1 });
        Ok(match command {
            AskerCommand::Count => decision,
            AskerCommand::Remind => decision.with_effect(Effect::delay(3_600_000)),
            AskerCommand::Dispatch { to } => {
                let command =
                    DispatchedCommand { name: "Increment".into(), payload: OwnedPayload::Json(r#"{"by":1}"#.into()) };
                decision.with_effect(Effect::new(EffectKind::Dispatch { stream_id: format!("counter-{to}"), command }))
            }
        })
    }

    fn apply(state: &mut AskerState, AskerEvent::Counted { asked }: AskerEvent) {
        state.asked = asked;
    }
}

/// The kind `clock`: notes when it was run.
#[derive(Clone, Default)]
struct Clock(Arc<Mutex<Vec<Ran>>>);

/// Which effect, and when.
type Ran = (String, chrono::DateTime<chrono::Utc>);

#[async_trait]
impl EffectRunner for Clock {
    fn kind(&self) -> &str {
        "clock"
    }

    fn terms(&self) -> KindTerms {
        KindTerms { concurrency_max: 256, ..KindTerms::default() }
    }

    async fn run(&self, _: &FlatEffectKind, context: &EffectContext) -> Result<EffectOutcome, EffectError> {
        self.0.lock().unwrap().push((context.effect_id.clone(), chrono::Utc::now()));
        Ok(EffectOutcome::Done)
    }
}

fn host(database: &TestDatabase, workers: usize, clock: &Clock) -> Host {
    let limits = Limits { effects: EffectLimits { workers, ..EffectLimits::default() }, ..Limits::default() };
    let builder = Host::builder(Arc::clone(&database.store) as Arc<dyn Store>).limits(limits);
    let builder = builder.reducer(NativeReducer::<Asker>::new()).reducer(NativeReducer::<counter::Counter>::new());
    builder.effect_kind(clock.clone()).start().unwrap()
}

/// `CLIENTS` clients on streams of their own send `commands` commands each.
async fn send_all(host: &Host, round: usize, commands: usize, command: impl Fn(usize) -> Command) -> Duration {
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (host, id) = (host.clone(), StreamId::new(&format!("asker-{round}-{client}")).unwrap());
            let commands: Vec<_> = (0..commands).map(|number| command(client * commands + number)).collect();
            tokio::spawn(async move {
                for command in commands {
                    host.send(CommandRequest::new(id.clone(), command)).await.unwrap();
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    began.elapsed()
}

async fn until_nothing_is_due(host: &Host) {
    while host.store().effect_backlog().await.unwrap().due > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Commands with an effect each beside commands without, through the whole flow. Nobody runs the effects meanwhile: what running
/// them takes is measured below.
fn appends(runtime: &Runtime) {
    let database = runtime.block_on(durable_database(16));
    let host = runtime.block_on(async { host(&database, 0, &Clock::default()) });
    let round = RefCell::new(0);
    let next = || {
        *round.borrow_mut() += 1;
        *round.borrow()
    };
    let with = || runtime.block_on(send_all(&host, next(), 100, |_| Command::json("Remind", "{}")));
    let without = || runtime.block_on(send_all(&host, next(), 100, |_| Command::json("Count", "{}")));
    println!("commands with an effect each / without = {}", ratio(9, with, without));
    runtime.block_on(host.shutdown());
}

fn dispatches(runtime: &Runtime) {
    for run in 1..=3 {
        runtime.block_on(async {
            let database = durable_database(16).await;
            let asking = host(&database, 0, &Clock::default());
            let dispatch = |number: usize| {
                let to = number as u64 % RECEIVERS;
                Command::json("Dispatch", format!(r#"{{"to":{to}}}"#))
            };
            send_all(&asking, 0, DISPATCHES / CLIENTS, dispatch).await;
            asking.shutdown().await;
            let began = Instant::now();
            let running = host(&database, 4, &Clock::default());
            until_nothing_is_due(&running).await;
            let (took, sent) = (began.elapsed(), DISPATCHES / CLIENTS * CLIENTS);
            println!("run {run}: {:.0} dispatches a second through 4 workers", sent as f64 / took.as_secs_f64());
            let began = Instant::now();
            send_all(&running, 1, DISPATCHES / CLIENTS, dispatch).await;
            until_nothing_is_due(&running).await;
            let took = began.elapsed();
            println!("run {run}: {:.0} a second while they are asked for as well", sent as f64 / took.as_secs_f64());
            running.shutdown().await;
        });
    }
}

/// Effects as the host appends them, but by hand: a hundred thousand of them take seconds this way.
async fn wait_for(database: &TestDatabase, prefix: &str, count: usize, delay: impl Fn(usize) -> Duration) {
    let body = r#"{"nodes":[{"kind":{"custom":{"kind":"clock","payload":{"json":"{}"}}}}],"command_id":"c"}"#;
    for chunk in 0..count.div_ceil(1_000) {
        let event = SerializedEvent { event_type: "Counted.v1".into(), data: vec![1] };
        let id = StreamId::new(&format!("asker-{prefix}-{chunk}")).unwrap();
        let mut batch = StreamBatch::new(id, Version::EMPTY, vec![event]);
        for number in chunk * 1_000..count.min((chunk + 1) * 1_000) {
            batch.effects.push(NewEffect {
                effect_id: Uuid::now_v7(),
                kind: "clock".into(),
                lane: "clock  asker".into(),
                delay: delay(number),
                body: body.as_bytes().to_vec(),
            });
        }
        database.store.append_many(&[batch]).await.unwrap();
    }
}

/// With a hundred thousand others waiting, timers that come due one after another over ten seconds.
fn timers(runtime: &Runtime) {
    for run in 1..=3 {
        runtime.block_on(async {
            let (database, clock) = (durable_database(16).await, Clock::default());
            wait_for(&database, "later", WAITING, |number| Duration::from_secs(3_600 + number as u64 % 3_600)).await;
            let running = host(&database, 4, &clock);
            let spread = |number: usize| Duration::from_millis(1_000 + 5 * number as u64);
            wait_for(&database, "soon", TIMERS, spread).await;
            while clock.0.lock().unwrap().len() < TIMERS {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            // By the order of their ids, which is that of their times; and all were appended with one clock's `now()`.
            let mut ran = clock.0.lock().unwrap().clone();
            ran.sort_unstable();
            let mut late = Vec::with_capacity(TIMERS);
            for ((id, at), number) in ran.into_iter().zip(0..) {
                let appended = running.store().effect(id.parse().unwrap()).await.unwrap().unwrap().record.created_at;
                late.push((at - appended - chrono::Duration::from_std(spread(number)).unwrap()).num_milliseconds());
            }
            late.sort_unstable();
            let at = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
            println!(
                "run {run}: timers with {WAITING} waiting, due to run: p50 {} ms, p99 {} ms, most {} ms",
                at(0.5),
                at(0.99),
                at(1.0)
            );
            running.shutdown().await;
        });
    }
}

fn main() {
    // What `cargo test --all-targets` passes; there is nothing to check here.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = Runtime::new().unwrap();
    appends(&runtime);
    dispatches(&runtime);
    timers(&runtime);
}
