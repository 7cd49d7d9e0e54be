//! Trees of effects, made of trees.
//!
//! [`none`](Effect::none), [`chain`](Effect::chain) and [`merge`](Effect::merge) keep to laws, which `tests/effects` of this crate
//! holds them to: both are associative with `none` as their unit, so it makes no difference in which order a rule puts its
//! effects together.

use super::{DispatchedCommand, Effect, EffectKind, EventStoreOperation, HttpRequest, OwnedPayload};

impl Effect {
    /// An effect whose outcome nobody waits for.
    pub fn new(kind: EffectKind) -> Self {
        Self { kind, reply_to: None }
    }

    /// Nothing to do: what [`chain`](Self::chain) and [`merge`](Self::merge) leave out.
    pub fn none() -> Self {
        Self::new(EffectKind::Parallel(Vec::new()))
    }

    /// Whether there is nothing to do and nobody to tell: [`none`](Self::none), and any other group without members.
    #[must_use]
    pub fn is_none(&self) -> bool {
        let is_empty = match &self.kind {
            EffectKind::Parallel(children) | EffectKind::Sequential(children) => children.is_empty(),
            _ => false,
        };
        is_empty && self.reply_to.is_none()
    }

    /// Sends a command to another stream.
    pub fn dispatch(stream_id: impl Into<String>, command: DispatchedCommand) -> Self {
        Self::new(EffectKind::Dispatch { stream_id: stream_id.into(), command })
    }

    /// Sends an HTTP request.
    pub fn http(request: HttpRequest) -> Self {
        Self::new(EffectKind::Http(request))
    }

    /// Reads or writes the event store.
    pub fn event_store(operation: EventStoreOperation) -> Self {
        Self::new(EffectKind::EventStore(operation))
    }

    /// Waits so many milliseconds; on its own, a timer.
    pub fn delay(delay_ms: u64) -> Self {
        Self::new(EffectKind::Delay(delay_ms))
    }

    /// Something that the host's embedder registered under the name `kind`.
    ///
    /// ```
    /// use foldhost_sdk::prelude::*;
    /// use foldhost_sdk::OwnedPayload;
    ///
    /// #[derive(Serialize)]
    /// struct Sms {
    ///     to: String,
    /// }
    ///
    /// let sms = Effect::custom("sms", OwnedPayload::json(&Sms { to: "+43 1 234".into() })).reply_to("SmsSent");
    /// # assert_eq!(sms.reply_to.as_deref(), Some("SmsSent"));
    /// ```
    pub fn custom(kind: impl Into<String>, payload: OwnedPayload) -> Self {
        Self::new(EffectKind::Custom { kind: kind.into(), payload })
    }

    /// A group that runs all of these at once: the node as it is, also of one effect or of none.
    pub fn parallel(effects: impl IntoIterator<Item = Self>) -> Self {
        Self::new(EffectKind::Parallel(effects.into_iter().collect()))
    }

    /// A group that runs these one after another, up to the first that fails: the node as it is, also of one effect or of
    /// none.
    pub fn sequential(effects: impl IntoIterator<Item = Self>) -> Self {
        Self::new(EffectKind::Sequential(effects.into_iter().collect()))
    }

    /// Sends the outcome back to this stream as the command of this name, and no longer as another.
    ///
    /// Of a group, that is one outcome for all of it. Where the group came of [`chain`](Self::chain) or [`merge`](Self::merge) of
    /// who knows how many effects, make it one with [`sequential`](Self::sequential) or [`parallel`](Self::parallel) first: a
    /// chain of one effect is that effect, with the reply that it has.
    #[must_use]
    pub fn reply_to(self, command: impl Into<String>) -> Self {
        Self { reply_to: Some(command.into()), ..self }
    }

    /// The same tree with other commands for its replies, as where a rule asks for effects on behalf of another.
    ///
    /// ```
    /// use foldhost_sdk::Effect;
    ///
    /// let timer = Effect::delay(5).reply_to("TimedOut").map(|reply| format!("Payment{reply}"));
    /// assert_eq!(timer, Effect::delay(5).reply_to("PaymentTimedOut"));
    /// ```
    #[must_use]
    pub fn map(self, mut rename: impl FnMut(String) -> String) -> Self {
        self.map_each(&mut rename)
    }

    fn map_each(self, rename: &mut dyn FnMut(String) -> String) -> Self {
        let mut each = |children: Vec<Self>| children.into_iter().map(|child| child.map_each(rename)).collect();
        let kind = match self.kind {
            EffectKind::Parallel(children) => EffectKind::Parallel(each(children)),
            EffectKind::Sequential(children) => EffectKind::Sequential(each(children)),
            leaf => leaf,
        };
        Self { kind, reply_to: self.reply_to.map(rename) }
    }

    /// These one after another, and then `next`.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self::chain([self, next])
    }

    /// All of these one after another, up to the first that fails.
    ///
    /// Flattened: a sequence among them gives its members, a group of nothing is left out, and one effect alone is itself. A
    /// group with a reply stays as it is, since its outcome is told.
    ///
    /// ```
    /// use foldhost_sdk::Effect;
    ///
    /// let [a, b, c] = [1, 2, 3].map(Effect::delay);
    /// let both = Effect::chain([Effect::none(), a.clone(), b.clone()]);
    /// assert_eq!(both.then(c.clone()), Effect::sequential([a, b, c]));
    /// ```
    pub fn chain(effects: impl IntoIterator<Item = Self>) -> Self {
        let mut links = Vec::new();
        effects.into_iter().for_each(|effect| effect.link_into(&mut links));
        Self::group(links, EffectKind::Sequential)
    }

    /// All of these at once.
    ///
    /// Flattened, as [`chain`](Self::chain) is: a parallel group among them gives its members.
    pub fn merge(effects: impl IntoIterator<Item = Self>) -> Self {
        let mut branches = Vec::new();
        effects.into_iter().for_each(|effect| effect.branch_into(&mut branches));
        Self::group(branches, EffectKind::Parallel)
    }

    fn link_into(self, links: &mut Vec<Self>) {
        match self {
            Self { kind: EffectKind::Sequential(children), reply_to: None } => {
                children.into_iter().for_each(|child| child.link_into(links));
            }
            nothing if nothing.is_none() => {}
            link => links.push(link),
        }
    }

    fn branch_into(self, branches: &mut Vec<Self>) {
        match self {
            Self { kind: EffectKind::Parallel(children), reply_to: None } => {
                children.into_iter().for_each(|child| child.branch_into(branches));
            }
            nothing if nothing.is_none() => {}
            branch => branches.push(branch),
        }
    }

    fn group(mut members: Vec<Self>, kind: fn(Vec<Self>) -> EffectKind) -> Self {
        match members.pop() {
            None => Self::none(),
            Some(only) if members.is_empty() => only,
            Some(last) => {
                members.push(last);
                Self::new(kind(members))
            }
        }
    }
}
