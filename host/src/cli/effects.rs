//! `foldhost effects`

mod list;
mod retry;
mod show;

use std::str::FromStr as _;

use clap::Subcommand;
use reqwest::RequestBuilder;
use serde_json::json;
use uuid::Uuid;

use super::client::{HostArgs, HostClient};
use super::error::CliError;
use super::output;

const EXAMPLES: &str = "\
Examples:
  foldhost effects                                # the newest 100, whatever became of them
  foldhost effects --status dead                  # what nobody will do any more
  foldhost effects --status pending --category order
  foldhost effects --stream order-1 --json | jq -r '.effects[].error'
  foldhost effects show 01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11
  foldhost effects retry 01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11
  foldhost effects retry --all-dead --category order
  foldhost effects discard 01976f3e-5d53-7c07-9f2a-0d6b0c5a8e11 --reason 'paid by hand'

STATUS says what became of an effect:
  pending    it waits, runs, or is tried again by itself
  done       it did what it was to do
  failed     it failed for good, and its stream was told by a command
  dead       it failed for good and nobody was told: look at it, then retry or discard it
  discarded  somebody gave it up, for the reason that stands there

A dead effect that is retried does again what failed of it, and not what is done. It runs
under the rules of the deployment that decided it: an origin that was not allowed then is
not allowed now.";

/// List effects, show one, run dead ones again, or give them up
#[derive(clap::Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: list::ListArgs,
}

#[derive(Subcommand)]
enum Action {
    /// List effects, the newest first; this is what happens without a word too
    List(list::ListArgs),
    /// Show what an effect says, how far it has come, and each attempt that failed
    Show {
        /// The effect, as it is listed
        #[arg(value_name = "EFFECT", value_parser = effect_id)]
        effect_id: Uuid,
        #[command(flatten)]
        host: HostArgs,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Have dead effects run again, at once
    Retry {
        /// The effects, as they are listed
        #[arg(value_name = "EFFECT", value_parser = effect_id, required_unless_present = "all_dead")]
        effect_ids: Vec<Uuid>,
        /// All that are dead now
        #[arg(long, conflicts_with = "effect_ids")]
        all_dead: bool,
        /// With --all-dead: only those that streams of this category asked for
        // Both: what conflicts with something that is there is not required beside it.
        #[arg(long, value_name = "NAME", requires = "all_dead", conflicts_with = "effect_ids")]
        category: Option<String>,
        #[command(flatten)]
        host: HostArgs,
    },
    /// Give effects up that are pending or dead; what runs of them is not undone
    Discard {
        /// The effects, as they are listed
        #[arg(value_name = "EFFECT", value_parser = effect_id, required = true)]
        effect_ids: Vec<Uuid>,
        /// Why, in one line: it is kept with each of them
        #[arg(long, value_name = "TEXT")]
        reason: String,
        #[command(flatten)]
        host: HostArgs,
    },
}

fn effect_id(text: &str) -> Result<Uuid, String> {
    Uuid::from_str(text).map_err(|_| {
        let is_part = text.split_once('.').is_some_and(|(effect, _)| Uuid::from_str(effect).is_ok());
        match is_part {
            true => "this is a part of an effect: leave out what begins with the full stop".to_owned(),
            false => "write an effect's id, as `foldhost effects` lists it".to_owned(),
        }
    })
}

pub(crate) async fn run(args: Args) -> Result<(), CliError> {
    match args.action {
        None => list::run(args.list).await,
        Some(Action::List(args)) => list::run(args).await,
        Some(Action::Show { effect_id, host, json }) => {
            let client = HostClient::new(host)?;
            let url = client.resource(["effects", &effect_id.to_string()]);
            let effect = client.json(client.get(url)).await?;
            if json { output::print_json(&effect) } else { show::print(&effect) }
        }
        Some(Action::Retry { effect_ids, all_dead: false, host, .. }) => {
            let client = HostClient::new(host)?;
            each(&effect_ids, |id| client.post(action(&client, id, "retry")), &client, "runs again").await
        }
        Some(Action::Retry { category, host, .. }) => retry::all_dead(&HostClient::new(host)?, category).await,
        Some(Action::Discard { effect_ids, reason, host }) => {
            let client = HostClient::new(host)?;
            let body = json!({ "reason": reason });
            each(&effect_ids, |id| client.post(action(&client, id, "discard")).json(&body), &client, "is discarded")
                .await
        }
    }
}

fn action(client: &HostClient, effect_id: Uuid, action: &str) -> reqwest::Url {
    client.resource(["effects", &effect_id.to_string(), action])
}

/// Does the same about each effect. One that is in no status for it keeps nobody from the others.
async fn each(
    effect_ids: &[Uuid],
    request: impl Fn(Uuid) -> RequestBuilder,
    client: &HostClient,
    done: &str,
) -> Result<(), CliError> {
    let mut refused = Vec::new();
    for effect_id in effect_ids {
        match client.done(request(*effect_id)).await {
            Ok(()) => output::print(format_args!("{effect_id} {done}"))?,
            Err(CliError::Problem(problem)) if effect_ids.len() > 1 && is_of_one_effect(&problem.code) => {
                refused.push(problem.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    told(effect_ids.len(), refused)
}

/// Whether a failure says nothing about the next effect.
fn is_of_one_effect(code: &str) -> bool {
    matches!(code, "unknown-effect" | "effect-status" | "effect-unreadable")
}

fn told(effects: usize, refused: Vec<String>) -> Result<(), CliError> {
    if refused.is_empty() { Ok(()) } else { Err(CliError::EffectsRefused { effects, refused }) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_receivers_know_an_effect_by_is_told_apart_from_what_is_no_id() {
        let id = Uuid::now_v7();
        assert_eq!(effect_id(&id.to_string()), Ok(id));
        assert!(effect_id(&format!("{id}.3")).unwrap_err().contains("a part of an effect"));
        assert!(effect_id("7").unwrap_err().contains("foldhost effects"));
    }
}
