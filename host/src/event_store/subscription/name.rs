use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::SubscriptionError;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// Names a subscription: 1 to 255 bytes, no control characters.
///
/// ```
/// # use foldhost::event_store::SubscriptionName;
/// let name: SubscriptionName = "billing".parse().unwrap();
/// assert_eq!(name.as_str(), "billing");
/// assert!("".parse::<SubscriptionName>().is_err());
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionName(Arc<str>);

impl SubscriptionName {
    /// Checks a text and takes it as a name.
    ///
    /// # Errors
    /// [`SubscriptionError::Invalid`] says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, SubscriptionError> {
        check_text("a subscription's name", text)?;
        Ok(Self(text.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Postgres refuses NUL in text, and a line break would forge log lines and server-sent events.
pub(super) fn check_text(what: &str, text: &str) -> Result<(), SubscriptionError> {
    if !(1..=NAME_BYTES_MAX).contains(&text.len()) {
        let bytes = text.len();
        return Err(SubscriptionError::Invalid(format!(
            "{what} has 1 to {NAME_BYTES_MAX} bytes, this one has {bytes}"
        )));
    }
    match text.char_indices().find(|(_, character)| character.is_control()) {
        None => Ok(()),
        Some((at, character)) => {
            let code = u32::from(character);
            let reason = format!("{what} holds no control characters, this one has U+{code:04X} at byte {at}");
            Err(SubscriptionError::Invalid(reason))
        }
    }
}

impl fmt::Display for SubscriptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SubscriptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl FromStr for SubscriptionName {
    type Err = SubscriptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}
