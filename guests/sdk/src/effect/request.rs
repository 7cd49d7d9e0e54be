//! The parts of an effect, made in one line each.

use serde::Serialize;

use super::{DispatchedCommand, HttpRequest, NewEvent, OwnedPayload};
use crate::{Command, Event};

impl HttpRequest {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// A `GET`.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// A `POST`.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// A further header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The body, and the header `content-type` for it.
    ///
    /// ```
    /// use foldhost_sdk::HttpRequest;
    /// use foldhost_sdk::prelude::*;
    ///
    /// #[derive(Serialize)]
    /// struct Charge {
    ///     cents: i64,
    /// }
    ///
    /// let request = HttpRequest::post("https://pay.example/charges").json(&Charge { cents: 1999 });
    /// assert_eq!(request.body, br#"{"cents":1999}"#);
    /// ```
    ///
    /// # Panics
    ///
    /// If `value` has no JSON form: a map whose keys are neither strings, numbers nor unit variants.
    #[must_use]
    pub fn json(self, value: &impl Serialize) -> Self {
        self.header("content-type", "application/json").body(to_json(value))
    }

    /// The body, in place of another.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

impl OwnedPayload {
    /// A value as JSON.
    ///
    /// # Panics
    ///
    /// If `value` has no JSON form: a map whose keys are neither strings, numbers nor unit variants.
    pub fn json(value: &impl Serialize) -> Self {
        Self::Json(to_json(value))
    }
}

impl DispatchedCommand {
    /// A command of this name, with the fields of `arguments`.
    ///
    /// # Panics
    ///
    /// If `arguments` have no JSON form: a map whose keys are neither strings, numbers nor unit variants.
    pub fn json(name: impl Into<String>, arguments: &impl Serialize) -> Self {
        Self { name: name.into(), payload: OwnedPayload::json(arguments) }
    }

    /// A command of another reducer, where its type is at hand.
    ///
    /// ```
    /// use foldhost_sdk::DispatchedCommand;
    /// use foldhost_sdk::prelude::*;
    ///
    /// #[derive(Command)]
    /// enum StockCommand {
    ///     Reserve { quantity: u32 },
    /// }
    ///
    /// let reserve = DispatchedCommand::of(&StockCommand::Reserve { quantity: 2 });
    /// let asked = Effect::dispatch("stock-tea", reserve).reply_to("StockAnswered");
    /// # assert_eq!(asked.reply_to.as_deref(), Some("StockAnswered"));
    /// ```
    ///
    /// # Panics
    ///
    /// If a field has no JSON form: a map whose keys are neither strings, numbers nor unit variants.
    pub fn of(command: &impl Command) -> Self {
        match command.to_json() {
            Ok(json) => Self { name: command.name().to_owned(), payload: OwnedPayload::Json(json) },
            Err(error) => panic!("{error}"),
        }
    }
}

impl NewEvent {
    /// An event of another stream's reducer.
    ///
    /// # Panics
    ///
    /// If a field's own `Serialize` fails. A derived one does not.
    pub fn of(event: &impl Event) -> Self {
        match event.to_bytes() {
            Ok(data) => Self { event_type: event.event_type().to_owned(), data },
            Err(error) => panic!("{error}"),
        }
    }
}

fn to_json(value: &impl Serialize) -> String {
    match serde_json::to_string(value) {
        Ok(json) => json,
        Err(error) => panic!("what an effect carries has no JSON form: {error}"),
    }
}
