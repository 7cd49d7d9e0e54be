//! What came of an effect, as its reply command brings it.

mod wire;

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::base64;
use crate::json::{self, JsonError};

/// What came of an effect: the field `outcome` of the command that its `reply_to` names.
///
/// ```
/// use foldhost_sdk::prelude::*;
///
/// #[derive(Debug, PartialEq, Command)]
/// enum OrderCommand {
///     PaymentAnswered { outcome: EffectOutcome },
///     // The reply of a bare delay has no fields: a timer has nothing to tell.
///     PaymentTimedOut,
/// }
///
/// let reply = r#"{"outcome": {"http": {"status": 402, "headers": [], "body": {"text": "card declined"}}}}"#;
/// let OrderCommand::PaymentAnswered { outcome } = OrderCommand::from_json("PaymentAnswered", reply)? else {
///     unreachable!()
/// };
/// assert!(outcome.is_failure());
/// # Ok::<(), foldhost_sdk::CommandError>(())
/// ```
///
/// As JSON it is written as above, a variant's name in snake case around its content, and in binary as that JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectOutcome {
    /// It was done, and there is nothing to tell: a delay that is over, a snapshot that was written.
    Done,
    /// The command was decided.
    Dispatched {
        /// The stream that received it.
        stream_id: String,
        /// The version of that stream after it.
        version: u64,
    },
    /// The command met a rule's no.
    Rejected(EffectFailure),
    /// The server answered, with whatever status.
    Http(HttpResponse),
    /// The events were appended.
    Appended {
        /// The version of the stream after them.
        version: u64,
    },
    /// Events of a stream.
    Events {
        /// In order, the first one of the version that was asked for.
        events: Vec<LoadedEvent>,
        /// The version to ask for next; none if the stream ends here.
        next: Option<u64>,
    },
    /// The snapshot of a stream.
    Snapshot {
        /// The version of the stream that it is of.
        version: u64,
        /// The schema of the state.
        state_schema: String,
        /// The state as JSON text, for [`read_json`](crate::read_json).
        state: String,
    },
    /// The stream has no snapshot.
    NoSnapshot,
    /// What an effect of the embedder's own kind answered: JSON text, for [`read_json`](crate::read_json).
    Custom(String),
    /// Of several effects, in their order: of those at once one each, of those one after another up to the first failure.
    All(Vec<EffectOutcome>),
    /// It was given up.
    Failed(EffectFailure),
}

/// Why there is no better outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectFailure {
    /// Stable, for rules to branch on.
    pub code: String,
    /// For people.
    pub message: String,
}

/// A server's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// As in 200.
    pub status: u16,
    /// Name and value, in order; a name may repeat.
    pub headers: Vec<(String, String)>,
    /// Empty text for none.
    pub body: ResponseBody,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseBody {
    /// It is UTF-8.
    Text(String),
    /// It is not: its bytes in base64, with the standard alphabet and padding.
    Base64(String),
}

/// An event that was read from a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedEvent {
    /// Its version in the stream.
    pub version: u64,
    /// As in `OrderPlaced.v1`.
    pub event_type: String,
    /// Its fields as JSON text, for [`read_json`](crate::read_json).
    pub json: String,
}

impl EffectOutcome {
    /// Whether it failed, was rejected, was answered with a status of 400 or more, or has such an outcome among its
    /// [`All`](Self::All).
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Failed(_) | Self::Rejected(_) => true,
            Self::Http(response) => response.status >= 400,
            Self::All(outcomes) => outcomes.iter().any(Self::is_failure),
            Self::Done
            | Self::Dispatched { .. }
            | Self::Appended { .. }
            | Self::Events { .. }
            | Self::Snapshot { .. }
            | Self::NoSnapshot
            | Self::Custom(_) => false,
        }
    }
}

impl HttpResponse {
    /// The first value of the header of this name, in capitals or not.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body, if it is text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.body {
            ResponseBody::Text(text) => Some(text),
            ResponseBody::Base64(_) => None,
        }
    }

    /// Reads the body as JSON. Fields that `T` does not have are passed over, unless its `Deserialize` refuses them.
    ///
    /// ```
    /// use foldhost_sdk::prelude::*;
    /// use foldhost_sdk::{HttpResponse, ResponseBody};
    ///
    /// #[derive(Deserialize)]
    /// struct Receipt {
    ///     id: String,
    /// }
    ///
    /// let body = ResponseBody::Text(r#"{"id": "ch_1", "cents": 1999}"#.into());
    /// let receipt: Receipt = HttpResponse { status: 200, headers: vec![], body }.json()?;
    /// assert_eq!(receipt.id, "ch_1");
    /// # Ok::<(), foldhost_sdk::JsonError>(())
    /// ```
    ///
    /// # Errors
    /// The body is no text, no JSON, or not that of a `T`. A server's answer is no fault of the reducer: decide on it.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        match self.text() {
            Some(text) => json::read_json(text),
            None => Err(JsonError::new("the body is no text")),
        }
    }
}

impl ResponseBody {
    /// The bytes of the body. None if [`Base64`](Self::Base64) holds no base64, which no host writes.
    #[must_use]
    pub fn bytes(&self) -> Option<Cow<'_, [u8]>> {
        match self {
            Self::Text(text) => Some(text.as_bytes().into()),
            Self::Base64(text) => base64::decode(text).map(Cow::Owned),
        }
    }
}
