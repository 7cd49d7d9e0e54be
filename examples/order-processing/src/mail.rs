//! A kind of effect of one's own: letters, which are put into a directory that a mail server would empty. A host runs it once it is
//! told of it, `Host::builder(store).effect_kind(Mail::new(directory))`: tests/mail.rs has one that does.

use std::path::PathBuf;

use async_trait::async_trait;
use foldhost::effects::{EffectContext, EffectError, EffectRunner, arguments};
use foldhost_sdk::{EffectOutcome, FlatEffectKind};
use serde::{Deserialize, Serialize};

/// A letter: what a reducer hands to `Effect::custom("mail", OwnedPayload::json(&letter))`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Whom it is for.
    pub to: String,
    /// What it says.
    pub text: String,
}

/// Puts letters into a directory, a file each.
#[derive(Clone, Debug)]
pub struct Mail {
    directory: PathBuf,
}

impl Mail {
    /// Letters go into this directory, which is there.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }
}

#[async_trait]
impl EffectRunner for Mail {
    fn kind(&self) -> &str {
        "mail"
    }

    /// A letter that is put there twice is one letter, since both have the name of the effect.
    async fn run(&self, effect: &FlatEffectKind, context: &EffectContext) -> Result<EffectOutcome, EffectError> {
        let letter: Letter = arguments(effect)?;
        if letter.to.contains(char::is_control) || !letter.to.contains('@') {
            return Err(EffectError::permanent("invalid-address", "a letter goes to an address with an @"));
        }
        let Letter { to, text } = letter;
        let file = format!("{}.eml", context.effect_id);
        let unfinished = self.directory.join(format!("{file}.{}", uuid::Uuid::now_v7().simple()));
        let failed = |error: std::io::Error| EffectError::transient("not-written", error.to_string());
        tokio::fs::write(&unfinished, format!("To: {to}\n\n{text}\n")).await.map_err(failed)?;
        tokio::fs::rename(&unfinished, self.directory.join(&file)).await.map_err(failed)?;
        Ok(EffectOutcome::Custom(serde_json::Value::from(file).to_string()))
    }
}
