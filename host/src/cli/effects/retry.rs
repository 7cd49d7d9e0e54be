//! `foldhost effects retry --all-dead`

use futures::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use super::list::{PAGE, page};
use super::{action, is_of_one_effect, told};
use crate::cli::client::HostClient;
use crate::cli::error::CliError;
use crate::cli::output;

/// Requests that are under way at once.
const AT_ONCE: usize = 8;

/// From the newest to the oldest: one that is dead again by then does not come twice.
pub(super) async fn all_dead(client: &HostClient, category: Option<String>) -> Result<(), CliError> {
    let mut query = vec![("status", "dead".to_owned())];
    query.extend(category.map(|category| ("category", category)));
    let (mut again, mut refused, mut before) = (0, Vec::new(), None);
    loop {
        let page = page(client, &query, before.as_ref(), PAGE).await?;
        let ids = page["effects"].as_array().into_iter().flatten().filter_map(|effect| effect["effect_id"].as_str());
        let ids: Vec<Uuid> = ids.filter_map(|id| id.parse().ok()).collect();
        let is_last = ids.is_empty();
        let retries = stream::iter(ids).map(|id| retry_dead(client, id)).buffered(AT_ONCE);
        for outcome in retries.try_collect::<Vec<_>>().await? {
            match outcome {
                Retried::Again => again += 1,
                Retried::NotDead => {}
                Retried::Refused(reason) => refused.push(reason),
            }
        }
        before = page["next"].as_str().map(str::to_owned);
        if is_last || before.is_none() {
            break;
        }
    }
    match again {
        0 if refused.is_empty() => output::print("no effect is dead"),
        1 => output::print("1 effect runs again"),
        _ => output::print(format_args!("{again} effects run again")),
    }?;
    told(again + refused.len(), refused)
}

enum Retried {
    Again,
    /// Somebody else was faster.
    NotDead,
    Refused(String),
}

async fn retry_dead(client: &HostClient, effect_id: Uuid) -> Result<Retried, CliError> {
    match client.done(client.post(action(client, effect_id, "retry"))).await {
        Ok(()) => Ok(Retried::Again),
        Err(CliError::Problem(problem)) if matches!(problem.code.as_str(), "unknown-effect" | "effect-status") => {
            Ok(Retried::NotDead)
        }
        Err(CliError::Problem(problem)) if is_of_one_effect(&problem.code) => Ok(Retried::Refused(problem.to_string())),
        Err(error) => Err(error),
    }
}
