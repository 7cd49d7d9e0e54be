//! A page of recorded events, drawn by a component: as they were recorded, or as it applies them.

use wasmtime::Store;

use super::aggregate::Terms;
use super::component::ComponentReducer;
use super::contract::{self, Exports};
use super::instance::Sandbox;
use super::text::one_line;
use crate::reducer::{ReducerFault, UpcastEvent};

/// Events of one page that may trap, each with a new instance's fuel behind it, before the page is given up.
const EVENT_FAULTS_MAX: usize = 10;
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
        let mut instance = self.start()?;
        let mut answers = Vec::with_capacity(events.len());
        let (mut faults, mut bytes) = (0, 0);
        for event in events {
            // One limit for the whole page: a thousand events with a limit each would be a thousand times as long.
            let answer = instance
                .call_on(call, |exports, store| ask(exports, store, *event))
                .and_then(|answer| answer.ok_or(ReducerFault::Unsupported { call }));
            answers.push(match answer {
                Ok(Ok(answer)) => {
                    bytes += answer.bytes();
                    check_page(call, bytes)?;
                    answer.check(call, self.terms()).map_err(|fault| fault.to_string())
                }
                Ok(Err(reason)) => Err(self.terms().words(&reason)),
                Err(fault) if is_of_the_page(&fault) || faults == EVENT_FAULTS_MAX => return Err(fault),
                // An event that traps costs its own answer and an instance, and hides none of the others.
                Err(fault) => {
                    faults += 1;
                    instance = self.start()?;
                    Err(fault.to_string())
                }
            });
        }
        Ok(answers)
    }
}

/// Whether no other event of the page would fare better.
fn is_of_the_page(fault: &ReducerFault) -> bool {
    matches!(
        fault,
        ReducerFault::FuelExhausted { .. } | ReducerFault::TimeExhausted { .. } | ReducerFault::Unsupported { .. }
    )
}

/// A guest pays fuel for what it writes, but the same eight megabytes a thousand times are no work for it.
fn check_page(call: &'static str, bytes: usize) -> Result<(), ReducerFault> {
    if bytes <= PAGE_JSON_BYTES_MAX {
        return Ok(());
    }
    let reason = format!("a page of events is more than {PAGE_JSON_BYTES_MAX} bytes of JSON: ask for fewer at once");
    Err(ReducerFault::BrokenAnswer { call, reason })
}
