//! The rules of one {{name}}: what it can be asked to do, what happens then, and what that adds up to.
//!
//! This is plain Rust, and pure: no clock, no files, no network. So `cargo test` runs it in milliseconds, and a host gets the
//! same outcome whenever it runs it again.

use foldhost_sdk::prelude::*;

/// The reducer itself has no data; it ties the types below together.
pub struct {{Reducer}};

/// What the events of one {{name}} add up to. Snapshots are written in this shape: change the fields, and you change
/// `STATE_SCHEMA` below as well.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct {{Name}}State {
    pub title: String,
    pub total: u64,
    pub status: {{Name}}Status,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub enum {{Name}}Status {
    /// Nothing has happened yet: every stream begins here.
    #[default]
    New,
    Open,
    Closed,
}

/// What {{a}} {{name}} can be asked to do. Each variant is a command, and its fields are the JSON that is sent:
/// `foldhost send {{name}}-1 Add '{"amount": 250}'`.
#[derive(Debug, Command)]
pub enum {{Name}}Command {
    Open { title: String },
    Add { amount: u64 },
    Close,
}

/// What can happen to {{a}} {{name}}. Each variant is recorded under its own name, as `{{Name}}Opened.v1`, and for good: a variant
/// keeps its fields for ever. Something new to record is a new variant, or a new version of one.
#[derive(Debug, PartialEq, Event)]
pub enum {{Name}}Event {
    {{Name}}Opened { title: String, opened_at_ms: i64 },
    {{Name}}AmountAdded { amount: u64 },
    {{Name}}Closed { closed_at_ms: i64 },
}

impl Reducer for {{Reducer}} {
    /// It decides for all streams whose id begins with this and a hyphen: `{{name}}-1`, `{{name}}-2`.
    const NAME: &'static str = "{{name}}";
    const STATE_SCHEMA: &'static str = "{{name}}.v1";
    type State = {{Name}}State;
    type Command = {{Name}}Command;
    type Event = {{Name}}Event;

    // All rules are here. What is allowed becomes events; what is not becomes a rejection, with a code that senders may
    // depend on. Time comes from the context, never from a clock.
    fn decide(
        state: &{{Name}}State,
        command: {{Name}}Command,
        context: &Context,
    ) -> Result<Decision<{{Name}}Event>, Rejection> {
        use {{Name}}Status::{Closed, New, Open};

        match (command, &state.status) {
            ({{Name}}Command::Open { title }, New) if title.trim().is_empty() => {
                Err(Rejection::new("missing-title", "{{a}} {{name}} needs a title"))
            }
            ({{Name}}Command::Open { title }, New) => {
                Ok(Decision::event({{Name}}Event::{{Name}}Opened { title, opened_at_ms: context.now_ms }))
            }
            ({{Name}}Command::Open { .. }, Open | Closed) => {
                Err(Rejection::new("already-opened", format!("this {{name}} is `{}`", state.title)))
            }
            ({{Name}}Command::Add { .. }, New | Closed) => {
                Err(Rejection::new("not-open", "amounts are added to an open {{name}} alone"))
            }
            ({{Name}}Command::Add { amount: 0 }, Open) => {
                Err(Rejection::new("nothing-to-add", "the amount must be at least 1"))
            }
            ({{Name}}Command::Add { amount }, Open) => match state.total.checked_add(amount) {
                Some(_) => Ok(Decision::event({{Name}}Event::{{Name}}AmountAdded { amount })),
                None => Err(Rejection::new("total-too-large", "the total is beyond what {{a}} {{name}} holds")),
            },
            ({{Name}}Command::Close, New) => Err(Rejection::new("not-open", "there is nothing to close yet")),
            ({{Name}}Command::Close, Open) => {
                Ok(Decision::event({{Name}}Event::{{Name}}Closed { closed_at_ms: context.now_ms }))
            }
            // Allowed, and nothing has to change: whoever asks twice gets the same answer.
            ({{Name}}Command::Close, Closed) => Ok(Decision::none()),
        }
    }

    // No rule is here: the event has happened.
    fn apply(state: &mut {{Name}}State, event: {{Name}}Event) {
        match event {
            {{Name}}Event::{{Name}}Opened { title, .. } => {
                state.title = title;
                state.status = {{Name}}Status::Open;
            }
            {{Name}}Event::{{Name}}AmountAdded { amount } => state.total += amount,
            {{Name}}Event::{{Name}}Closed { .. } => state.status = {{Name}}Status::Closed,
        }
    }
}

// The one line about WebAssembly. Natively it expands to nothing.
foldhost_sdk::export!({{Reducer}});
