//! A page of recorded events, drawn by a component: as they were recorded, or as it applies them.

use wasmtime::Store;

use super::aggregate::Terms;
use super::component::ComponentReducer;
use super::contract::{self, Exports};
use super::instance::Sandbox;
use super::text::one_line;
use crate::reducer::{ReducerFault, UpcastEvent};

/// What the faults of one page may cost, by [`cost`], before the rest of the page is given up.
const FAULTS_COST_MAX: u32 = 10;
/// What a fault costs at least that used up what an instance has.
const EXHAUSTED_COST: u32 = 3;
/// JSON of all events of one page. A page's data have 8 MiB by default, and a list of numbers is up to four times as long as its
/// bytes.
const PAGE_JSON_BYTES_MAX: usize = 64 << 20;

/// What a component answers about one event.
pub(super) trait Answer {
    /// The same, once the host can stand behind it.
    type Checked;

    /// What it takes of the host's memory.
    fn bytes(&self) -> usize;

    fn check(self, call: &'static str, terms: &Terms) -> Result<Self::Checked, ReducerFault>;
}

impl Answer for String {
    type Checked = Self;

    fn bytes(&self) -> usize {
        self.len()
    }

    fn check(self, call: &'static str, terms: &Terms) -> Result<Self, ReducerFault> {
        terms.json(call, self)
    }
}

impl Answer for contract::UpcastEvent {
    type Checked = UpcastEvent;

    fn bytes(&self) -> usize {
        self.event_type.len() + self.json.len()
    }

    fn check(self, call: &'static str, terms: &Terms) -> Result<UpcastEvent, ReducerFault> {
        // The names of the descriptor were checked when it was loaded. Any other may be as long as it likes, and move a terminal.
        if !terms.descriptor.event_types.contains(&self.event_type) {
            let event_type = one_line(&self.event_type, 255);
            let reason = format!("event type {event_type:?} is none that its descriptor says it reads");
            return Err(ReducerFault::BrokenAnswer { call, reason });
        }
        Ok(UpcastEvent { event_type: self.event_type, json: terms.json(call, self.json)? })
    }
}

impl ComponentReducer {
    /// Asks `ask` about each event of a page; it gives none where the component has no such function.
    pub(super) fn draw<A: Answer>(
        &self,
        call: &'static str,
        events: &[(&str, &[u8])],
        ask: impl Fn(&Exports, &mut Store<Sandbox>, (&str, &[u8])) -> wasmtime::Result<(Option<Result<A, String>>,)>,
    ) -> Result<Vec<Result<A::Checked, String>>, ReducerFault> {
        // The instance; one that has drawn nothing yet has all of its fuel. One limit for many events: a thousand with a limit each
        // would be a thousand times as long.
        let (mut instance, mut is_fresh) = (self.start()?, true);
        let mut answers = Vec::with_capacity(events.len());
        let (mut spent, mut bytes) = (0, 0);
        while answers.len() < events.len() {
            let event = events[answers.len()];
            // A guest pays fuel for what it writes, but the same eight megabytes a thousand times are no work for it.
            if spent > FAULTS_COST_MAX || bytes > PAGE_JSON_BYTES_MAX {
                answers
                    .push(Err("the events before it took all that a page may take: ask for fewer at once".to_owned()));
                continue;
            }
            let answer = instance
                .call_on(call, |exports, store| ask(exports, store, event))
                .and_then(|answer| answer.ok_or(ReducerFault::Unsupported { call }));
            match answer {
                Ok(Ok(answer)) => {
                    bytes += answer.bytes();
                    answers.push(answer.check(call, self.terms()).map_err(|fault| fault.to_string()));
                    is_fresh = false;
                }
                Ok(Err(reason)) => {
                    answers.push(Err(self.terms().words(&reason)));
                    is_fresh = false;
                }
                // No other event would fare better.
                Err(fault @ ReducerFault::Unsupported { .. }) => return Err(fault),
                // It costs its own answer and an instance, and hides none of the others. Where it wanted what the ones before it had
                // used up, it is asked again: an event that can be drawn alone can be drawn in a page.
                Err(fault) => {
                    let cost = cost(&fault);
                    spent += cost;
                    if is_fresh || cost < EXHAUSTED_COST {
                        answers.push(Err(fault.to_string()));
                    }
                    (instance, is_fresh) = (self.start()?, true);
                }
            }
        }
        Ok(answers)
    }
}

/// How much of a page a fault takes: 1, and more where it used up what an instance has. Four times all of the fuel are less than
/// half a second, and twice all of the time less than two.
fn cost(fault: &ReducerFault) -> u32 {
    match fault {
        ReducerFault::TimeExhausted { .. } => 8,
        ReducerFault::FuelExhausted { .. } | ReducerFault::MemoryExhausted { .. } => EXHAUSTED_COST,
        _ => 1,
    }
}
