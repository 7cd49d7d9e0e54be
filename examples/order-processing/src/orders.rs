//! Orders, for code that knows them by their types.

use anyhow::{Context as _, Result};
use foldhost::event_store::{EffectFilter, EffectRecord, EventStoreError};
use foldhost::{Command, CommandError, CommandReply, CommandRequest, ExpectedVersion, Host, StreamId, Version};
use foldhost_sdk::Command as _;
use order::{OrderCommand, OrderState};

/// The orders of one host. It needs a reducer for the category `order`, a native one or a component.
#[derive(Clone, Debug)]
pub struct Orders {
    host: Host,
}

impl Orders {
    /// The orders of `host`.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host }
    }

    /// Sends a command, whatever version the order has.
    ///
    /// # Errors
    /// [`CommandError`]: a rule's no, or a fault.
    pub async fn send(&self, order: &StreamId, command: &OrderCommand) -> Result<CommandReply, CommandError> {
        self.host.send(request(order, command)?).await
    }

    /// Sends a command that is meant only for an order in this version.
    ///
    /// # Errors
    /// [`CommandError::Conflict`] when somebody else was faster; as [`send`](Self::send) else.
    pub async fn send_at(
        &self,
        version: Version,
        order: &StreamId,
        command: &OrderCommand,
    ) -> Result<CommandReply, CommandError> {
        let expected = ExpectedVersion::Exact(version);
        self.host.send(CommandRequest { expected, ..request(order, command)? }).await
    }

    /// Sends a command under an id: however often it is sent, it is done once and answered the same.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn send_once(
        &self,
        id: &str,
        order: &StreamId,
        command: &OrderCommand,
    ) -> Result<CommandReply, CommandError> {
        let command_id = Some(id.to_owned());
        self.host.send(CommandRequest { command_id, ..request(order, command)? }).await
    }

    /// What the order's events add up to; with `at`, what the first of them added up to.
    ///
    /// # Errors
    /// [`ReadError`](foldhost::runtime::ReadError), or a state that is not an order's.
    pub async fn state(&self, order: &StreamId, at: Option<Version>) -> Result<OrderState> {
        let view = self.host.state(order, at).await?;
        serde_json::from_str(&view.json).context("the state is not an order's")
    }

    /// What orders asked to be done, the newest first, up to 1,000.
    ///
    /// # Errors
    /// [`EventStoreError`]
    pub async fn effects(&self, filter: &EffectFilter) -> Result<Vec<EffectRecord>, EventStoreError> {
        self.host.store().effects(filter, 1_000).await
    }
}

fn request(order: &StreamId, command: &OrderCommand) -> Result<CommandRequest, CommandError> {
    let arguments = command.to_json().map_err(|error| CommandError::Malformed(error.to_string()))?;
    Ok(CommandRequest::new(order.clone(), Command::json(command.name(), arguments)))
}
