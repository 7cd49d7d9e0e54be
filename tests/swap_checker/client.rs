//! Clients: they send commands to both hosts, some again under their ids, and write down what they are told.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use foldhost::{
    Command, CommandError, CommandMetadata, CommandReply, CommandRequest, EventStoreError, ExpectedVersion, StreamId,
    Version,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng, SeedableRng};
use tokio_util::sync::CancellationToken;

use super::places::{Gone, PLACES, Places};
use super::record::{Accepted, Answer, Decider, Sent};

/// How long a command with an id is sent again before something else is wrong.
const PATIENCE: Duration = Duration::from_secs(120);
/// Counters that all clients share, of which a few are asked for half of the time.
pub(crate) const COUNTERS: u32 = 24;
const HOT: u32 = 3;
/// Orders that may be placed.
const ORDERS: u32 = 60;

pub(crate) struct Client {
    number: usize,
    chance: StdRng,
    places: Arc<Places>,
    sent: Vec<(CommandRequest, Sent)>,
    /// The versions that it was told last.
    heads: HashMap<StreamId, u64>,
}

impl Client {
    pub(crate) fn new(number: usize, seed: u64, places: &Arc<Places>) -> Self {
        let chance = StdRng::seed_from_u64(seed.wrapping_mul(31).wrapping_add(number as u64));
        Self { number, chance, places: Arc::clone(places), sent: Vec::new(), heads: HashMap::new() }
    }

    /// Sends one command after the other until it is told to stop, the last one to its end.
    pub(crate) async fn send_until(mut self, stop: CancellationToken) -> Vec<Sent> {
        while !stop.is_cancelled() {
            let again = self.chance.random_bool(0.1);
            match again.then(|| self.an_earlier_one()).flatten() {
                Some(earlier) => self.send(earlier).await,
                None => {
                    let new = self.compose();
                    self.send(new).await;
                }
            }
        }
        self.sent.into_iter().map(|(_, sent)| sent).collect()
    }

    /// One that has an id, and was answered.
    fn an_earlier_one(&mut self) -> Option<usize> {
        let place = self.chance.random_range(0..self.sent.len().max(1));
        self.sent.get(place).filter(|(_, sent)| sent.command_id.is_some()).map(|_| place)
    }

    /// The next command, and its place.
    fn compose(&mut self) -> usize {
        let tag = format!("client{}-{}", self.number, self.sent.len());
        let (stream_id, command, events_max) = if self.chance.random_bool(0.7) { self.count() } else { self.order() };
        let command_id = self.chance.random_bool(0.4).then(|| format!("{tag}-once"));
        let head = self.heads.get(&stream_id).copied();
        let expected = match self.chance.random_range(0..10) {
            0 | 1 => head.map_or(ExpectedVersion::Any, |head| Version::new(head).into()),
            // A reset of a counter at zero is accepted, and the stream has no event by it: told of a conflict then, it may be
            // accepted later, which is no fault.
            2 if head.is_some_and(|head| head > 0) => ExpectedVersion::Exists,
            _ => ExpectedVersion::Any,
        };
        let metadata = CommandMetadata { correlation_id: Some(tag.clone()), ..CommandMetadata::default() };
        let events_as_json = self.chance.random_bool(0.2);
        let request = CommandRequest {
            expected,
            metadata,
            events_as_json,
            command_id: command_id.clone(),
            ..CommandRequest::new(stream_id.clone(), command)
        };
        self.sent.push((request, Sent { tag, stream_id, command_id, events_max, answers: Vec::new() }));
        self.sent.len() - 1
    }

    fn count(&mut self) -> (StreamId, Command, usize) {
        let counters = if self.chance.random_bool(0.5) { HOT } else { COUNTERS };
        let stream_id = match self.chance.random_bool(0.3) {
            true => own_counter(self.number),
            false => StreamId::new(&format!("counter-{}", self.chance.random_range(0..counters))).unwrap(),
        };
        let command = match self.chance.random_range(0..12) {
            0 => Command::json("Increment", r#"{"by":0}"#),
            1 => Command::json("Reset", "{}"),
            by => Command::json("Increment", format!(r#"{{"by":{by}}}"#)),
        };
        (stream_id, command, 1)
    }

    fn order(&mut self) -> (StreamId, Command, usize) {
        let stream_id = StreamId::new(&format!("order-{}", self.chance.random_range(0..ORDERS))).unwrap();
        let items = r#"[{"sku":"tea","quantity":2,"unit_price":500}]"#;
        let paid = r#"{"service":"https://pay.example","within_ms":60000}"#;
        match self.chance.random_range(0..8) {
            // With the request to pay, two events and two effects.
            0 => {
                let order = format!(r#"{{"customer_id":"ada","items":{items},"payment":{paid}}}"#);
                (stream_id, Command::json("PlaceOrder", order), 2)
            }
            1 | 2 => {
                let order = format!(r#"{{"customer_id":"ada","items":{items}}}"#);
                (stream_id, Command::json("PlaceOrder", order), 1)
            }
            3 => (stream_id, Command::json("CancelOrder", r#"{"reason":"changed my mind"}"#), 1),
            _ => {
                let item = r#"{"item":{"sku":"cups","quantity":1,"unit_price":900}}"#;
                (stream_id, Command::json("AddItem", item), 1)
            }
        }
    }

    /// Under an id until it is told what came of it, by any host; else once, since nobody could tell the second from the first.
    async fn send(&mut self, which: usize) {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let request = self.sent[which].0.clone();
            let place = self.chance.random_range(0..PLACES);
            let is_own = request.stream_id == own_counter(self.number);
            let answer = answered(self.places.on(place, |host| async move { host.send(request).await }).await, is_own);
            let (_, sent) = &mut self.sent[which];
            sent.answers.push(answer.clone());
            match answer {
                Answer::Accepted(Accepted { version, .. }) => {
                    self.heads.insert(sent.stream_id.clone(), version);
                    return;
                }
                Answer::NotDone(_) | Answer::Unknown(_) if sent.command_id.is_some() => {
                    assert!(tokio::time::Instant::now() < until, "never told what came of it: {sent:#?}");
                    // Whoever has too much to do is not asked again at once.
                    let pause = Duration::from_millis(*[1, 5, 20].choose(&mut self.chance).unwrap());
                    tokio::time::sleep(pause).await;
                }
                _ => return,
            }
        }
    }
}

/// A counter that no other client counts on: one command after the other, so nothing but a swap comes between.
fn own_counter(number: usize) -> StreamId {
    StreamId::new(&format!("counter-of{number}")).unwrap()
}

/// What a client takes from an answer; `is_own` says that nobody else appends to the stream.
fn answered(answer: Result<Result<CommandReply, CommandError>, Gone>, is_own: bool) -> Answer {
    let error = match answer {
        Err(Gone) => return Answer::Unknown("the host is gone".into()),
        Ok(Ok(reply)) => return Answer::Accepted(accepted(reply)),
        Ok(Err(error)) => error,
    };
    let reason = error.to_string();
    match error {
        CommandError::Rejected(no) => Answer::Rejected(no.code.into_owned()),
        CommandError::Conflict { .. } => Answer::Conflict,
        // With whom, where nobody else appends? A swap that fails a command was booked as one that another client outran.
        CommandError::Contended { .. } if is_own => Answer::Failed(reason),
        CommandError::Contended { .. }
        | CommandError::Busy { .. }
        | CommandError::Overloaded { .. }
        | CommandError::ShuttingDown
        | CommandError::Store(EventStoreError::Contended(_)) => Answer::NotDone(reason),
        CommandError::Lost | CommandError::Store(EventStoreError::Unavailable(_)) => Answer::Unknown(reason),
        _ => Answer::Failed(reason),
    }
}

fn accepted(reply: CommandReply) -> Accepted {
    let events = reply.events.into_iter().map(|event| (event.version.get(), event.event_type)).collect();
    let decided_by = Decider { generation: reply.reducer.generation.unwrap(), digest: reply.reducer.digest };
    Accepted { version: reply.version.get(), events, decided_by }
}

#[test]
fn contended_is_a_failure_where_nobody_else_appends() {
    let contended = || Ok(Err(CommandError::Contended { attempts: 9 }));
    assert!(matches!(answered(contended(), true), Answer::Failed(_)));
    assert!(matches!(answered(contended(), false), Answer::NotDone(_)));
}
