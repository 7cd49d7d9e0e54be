//! What the folds of one stream came to.

use serde_json::Value;

use super::compare::{FieldDifference, differences};
use super::report::Seen;
use super::shadow::Shadow;
use super::side::{Stopped, document, fault_name};
use crate::reducer::ReducerFault;
use crate::runtime::is_exhausted;

/// The name of a state that differs under the schema of before: streams that are warm, or have a snapshot, keep the former one.
pub const SCHEMA_UNCHANGED: &str = "state-schema-unchanged";

/// A stream that is warm or has a snapshot goes on with the state that it has.
const WHAT_TO_DO: &str = "give the state a new schema, or accept that streams with a snapshot or in memory keep their state \
                                until they are folded anew";

impl Shadow<'_> {
    /// Says what there is to say of faults and states.
    pub(super) fn judge(&mut self) {
        self.found.candidate_ns = self.candidate.spent_ns;
        self.found.baseline_ns = self.baseline.as_ref().map_or(0, |baseline| baseline.spent_ns);
        let (in_pages, in_others) = (self.candidate.state_text(), self.in_other_pages.state_text());
        let Some(in_others) = in_others else { return self.failed() };
        if let Some(in_pages) = in_pages.filter(|in_pages| *in_pages != in_others) {
            let (in_pages, in_others) = (document(in_pages), document(in_others.clone()));
            // The order of an object's fields says nothing.
            if in_pages != in_others {
                self.page_dependent(&in_pages, &in_others);
            }
        }
        if self.is_at_fault_in_large_pages() {
            return;
        }
        self.against_the_baseline(in_others);
    }

    /// The candidate cannot be folded, however small the pages are.
    fn failed(&mut self) {
        let (stopped, other) = (self.candidate.stopped().cloned(), self.in_other_pages.stopped().cloned());
        let Some(told) = stopped.clone().or(other.clone()) else { return };
        // The same fault in smaller pages: what came before it was folded, and the event is near.
        let name = fault_name(&told.fault);
        let nearer = other.filter(|other| other.version > told.version && fault_name(&other.fault) == name);
        self.fail(name, &nearer.unwrap_or(told));
    }

    /// What the candidate came to in pages that were too large for it, and not in smaller ones. The host folds event by event then:
    /// what was too much at once is slower there, which is a difference. A trap is a trap, and nobody knows what it would do next time.
    /// True where it is a failure.
    fn is_at_fault_in_large_pages(&mut self) -> bool {
        let found = [self.candidate.stopped(), self.in_other_pages.in_large_pages()];
        let found: Vec<Stopped> = found.into_iter().flatten().cloned().collect();
        let is_failure =
            |stopped: &&Stopped| matches!(stopped.fault, ReducerFault::Trap { .. }) || !is_exhausted(&stopped.fault);
        if let Some(stopped) = found.iter().find(is_failure) {
            self.fail(fault_name(&stopped.fault), stopped);
            return true;
        }
        if let Some(stopped) = found.first() {
            let name = format!("{}-in-large-pages", fault_name(&stopped.fault));
            self.found.differ(&name, seen(stopped));
        }
        false
    }

    fn against_the_baseline(&mut self, after: String) {
        let version = self.in_other_pages.version();
        let Some(baseline) = &mut self.baseline else { return };
        // It folds what the baseline cannot.
        let Some(before) = baseline.state_text() else {
            let said = baseline.stopped().map(|stopped| stopped.fault.to_string());
            return self.found.differ("mended", Seen { said, ..Seen::at(version) });
        };
        if before == after {
            return;
        }
        let is_same_schema =
            baseline.reducer().descriptor().state_schema == self.pair.candidate.descriptor().state_schema;
        let fields = differences(&document(before), &document(after));
        if is_same_schema && !fields.is_empty() {
            // Both read the other's snapshots, and go on with each other's warm streams.
            let message = Some(WHAT_TO_DO.to_owned());
            self.found.differ(SCHEMA_UNCHANGED, Seen { message, ..Seen::at(version) });
        }
        for field in fields {
            let name = format!("state:{}", field.path);
            let message = field.in_words();
            let FieldDifference { before, after, .. } = field;
            self.found.differ(&name, Seen { baseline: before, candidate: after, message, ..Seen::at(version) });
        }
    }

    fn page_dependent(&mut self, in_pages: &Value, in_others: &Value) {
        let field = differences(in_pages, in_others).into_iter().next();
        let path = field.as_ref().map(|field| field.path.clone()).unwrap_or_default();
        let seen = Seen {
            message: Some(format!("its state depends on the size of the pages that it is folded in, at {path:?}")),
            baseline: field.as_ref().and_then(|field| field.before.clone()),
            candidate: field.and_then(|field| field.after),
            ..Seen::at(self.candidate.version())
        };
        self.found.fail("page-dependent", seen);
    }

    fn fail(&mut self, name: &str, stopped: &Stopped) {
        self.found.fail(name, seen(stopped));
    }
}

fn seen(stopped: &Stopped) -> Seen {
    Seen { said: Some(stopped.fault.to_string()), ..Seen::at(stopped.version) }
}
