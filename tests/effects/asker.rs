//! A reducer that asks for whatever a test wants, and a kind of effects that records what it was asked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use foldhost::effects::{EffectContext, EffectError, EffectRunner, KindTerms, arguments};
use foldhost_sdk::prelude::*;
use foldhost_sdk::{FlatEffectKind, Rejection};
use tokio::sync::Semaphore;

/// Streams such as `asker-1`. Nothing but what a test handed over makes its decisions: it is no model of a reducer.
pub(crate) struct Asker;

/// What it was told.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AskerState {
    pub(crate) heard: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Command)]
pub(crate) enum AskerCommand {
    /// For the effects that the test keeps under this number; records that it was asked.
    Ask { number: u64 },
    /// The same without an event.
    AskQuietly { number: u64 },
    /// An outcome.
    Hear { outcome: EffectOutcome },
    /// A timer's end.
    Ring,
    /// An outcome that a rule refuses.
    Refuse { outcome: EffectOutcome },
    /// Whatever anybody wants noted.
    Note { text: String },
    /// A rule's no.
    No,
}

#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub(crate) enum AskerEvent {
    Asked { number: u64 },
    Heard { json: String },
}

impl Reducer for Asker {
    const NAME: &'static str = "asker";
    const STATE_SCHEMA: &'static str = "asker.v1";
    type State = AskerState;
    type Command = AskerCommand;
    type Event = AskerEvent;

    fn decide(_: &AskerState, command: AskerCommand, _: &Context) -> Result<Decision<AskerEvent>, Rejection> {
        let heard = |json: String| Ok(Decision::event(AskerEvent::Heard { json }));
        match command {
            AskerCommand::Ask { number } => {
                let decision = Decision::event(AskerEvent::Asked { number });
                Ok(Asked::effects(number).into_iter().fold(decision, Decision::with_effect))
            }
            AskerCommand::AskQuietly { number } => {
                Ok(Asked::effects(number).into_iter().fold(Decision::none(), Decision::with_effect))
            }
            AskerCommand::Hear { outcome } => heard(serde_json::to_string(&outcome).unwrap()),
            AskerCommand::Ring => heard(r#""ring""#.into()),
            AskerCommand::Note { text } => heard(serde_json::json!(text).to_string()),
            AskerCommand::Refuse { .. } | AskerCommand::No => Err(Rejection::new("no", "for the test")),
        }
    }

    fn apply(state: &mut AskerState, event: AskerEvent) {
        if let AskerEvent::Heard { json } = event {
            state.heard.push(json);
        }
    }
}

/// Effects that tests handed over, by number.
pub(crate) struct Asked;

static ASKED: Mutex<Vec<Vec<Effect>>> = Mutex::new(Vec::new());

impl Asked {
    pub(crate) fn keep(effects: Vec<Effect>) -> u64 {
        let mut asked = ASKED.lock().unwrap();
        asked.push(effects);
        asked.len() as u64 - 1
    }

    fn effects(number: u64) -> Vec<Effect> {
        ASKED.lock().unwrap()[usize::try_from(number).unwrap()].clone()
    }
}

/// The kind `recorded`: notes what was run, in order, and does what its arguments say.
#[derive(Clone)]
pub(crate) struct Recorder {
    ran: Arc<Mutex<Vec<String>>>,
    ids: Arc<Mutex<Vec<String>>>,
    /// How many run this moment, and how many did at most.
    running: Arc<(AtomicUsize, AtomicUsize)>,
    /// What `wait` waits for.
    pub(crate) gate: Arc<Semaphore>,
    /// What `flaky` fails for as long as there are any.
    pub(crate) failures: Arc<AtomicUsize>,
    pub(crate) terms: KindTerms,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            ran: Arc::default(),
            ids: Arc::default(),
            running: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
            failures: Arc::default(),
            terms: KindTerms { concurrency_max: 4, ..KindTerms::default() },
        }
    }
}

#[derive(Deserialize)]
struct Arguments {
    name: String,
    does: String,
}

impl Recorder {
    /// What was run, by name, in order.
    pub(crate) fn ran(&self) -> Vec<String> {
        self.ran.lock().unwrap().clone()
    }

    /// Under which ids.
    pub(crate) fn ids(&self) -> Vec<String> {
        self.ids.lock().unwrap().clone()
    }

    /// How many ran at once at most.
    pub(crate) fn at_once_max(&self) -> usize {
        self.running.1.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl EffectRunner for Recorder {
    fn kind(&self) -> &str {
        "recorded"
    }

    fn terms(&self) -> KindTerms {
        self.terms
    }

    /// The part of its name before a slash.
    fn target(&self, effect: &FlatEffectKind) -> String {
        let name = arguments::<Arguments>(effect).map(|arguments| arguments.name).unwrap_or_default();
        name.split_once('/').map(|(target, _)| target.to_owned()).unwrap_or_default()
    }

    async fn run(&self, effect: &FlatEffectKind, context: &EffectContext) -> Result<EffectOutcome, EffectError> {
        let Arguments { name, does } = arguments(effect)?;
        self.ran.lock().unwrap().push(name.clone());
        self.ids.lock().unwrap().push(context.effect_id.clone());
        let now = self.running.0.fetch_add(1, Ordering::SeqCst) + 1;
        self.running.1.fetch_max(now, Ordering::SeqCst);
        let done = scopeguard(&self.running.0);
        match does.as_str() {
            "succeed" => {}
            "wait" => self.gate.acquire().await.unwrap().forget(),
            "hang" => std::future::pending().await,
            "fail" => return Err(EffectError::permanent("no-way", "for the test")),
            "flaky" => {
                let left = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                if left.is_ok() {
                    return Err(EffectError::transient("not-yet", "for the test"));
                }
            }
            "panic" => panic!("for the test"),
            other => panic!("the test asks for {other}"),
        }
        drop(done);
        Ok(EffectOutcome::Custom(serde_json::json!(name).to_string()))
    }
}

/// Counts down when it is dropped, however that comes.
fn scopeguard(running: &AtomicUsize) -> impl Drop + '_ {
    struct Guard<'a>(&'a AtomicUsize);
    impl Drop for Guard<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    running.fetch_add(0, Ordering::SeqCst);
    Guard(running)
}
