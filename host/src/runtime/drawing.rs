//! Recorded events as their category's reducer draws them.

use std::sync::Arc;

use super::{CommandError, Host, Shared};
use crate::event_store::HISTORY_CATEGORY;
use crate::reducer::{Reducer, ReducerFault, UpcastEvent};

/// An answer for each event of a page.
type Answers<T> = Vec<Result<T, String>>;
/// How a reducer is asked about a page.
type Ask<T> = fn(&dyn Reducer, &[(&str, &[u8])]) -> Result<Answers<T>, ReducerFault>;

impl Host {
    /// Events of one category as JSON, as they were recorded, each with an answer of its own.
    ///
    /// # Errors
    /// [`CommandError`] when no reducer can be asked.
    pub async fn events_json(
        &self,
        category: &str,
        events: &[(&str, &[u8])],
    ) -> Result<Vec<Result<String, String>>, CommandError> {
        if category == HISTORY_CATEGORY {
            return Ok(events.iter().map(|(_, data)| history_json(data)).collect());
        }
        draw(&self.shared, category, events, |reducer, events| reducer.events_json(events)).await
    }

    /// The same events as the reducer applies them, in their newest version, each with an answer of its own.
    ///
    /// # Errors
    /// [`CommandError`] when no reducer can be asked, or when it was built for a contract that does not have it.
    pub async fn events_upcast(
        &self,
        category: &str,
        events: &[(&str, &[u8])],
    ) -> Result<Vec<Result<UpcastEvent, String>>, CommandError> {
        if category == HISTORY_CATEGORY {
            let upcast = |(event_type, data): &(&str, &[u8])| {
                Ok(UpcastEvent { event_type: (*event_type).to_owned(), json: history_json(data)? })
            };
            return Ok(events.iter().map(upcast).collect());
        }
        draw(&self.shared, category, events, |reducer, events| reducer.events_upcast(events)).await
    }
}

/// Asks the reducer of a category about a page of events.
pub(super) async fn draw<T: Send + 'static>(
    shared: &Shared,
    category: &str,
    events: &[(&str, &[u8])],
    ask: Ask<T>,
) -> Result<Answers<T>, CommandError> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let active = shared.registry.active(category).await?;
    let reducer = Arc::clone(&active.reducer);
    // On a thread for such work: a page may take as long as its limit of fuel allows.
    let owned: Vec<_> = events.iter().map(|(name, data)| ((*name).to_owned(), data.to_vec())).collect();
    let drawn = tokio::task::spawn_blocking(move || {
        let events: Vec<_> = owned.iter().map(|(name, data)| (name.as_str(), data.as_slice())).collect();
        ask(&*reducer, &events)
    });
    drawn.await.map_err(|_| CommandError::Lost)?.map_err(|fault| active.failed(fault).told())
}

/// An event of a reducer's history, which is JSON as it stands.
fn history_json(data: &[u8]) -> Result<String, String> {
    String::from_utf8(data.to_vec()).map_err(|error| error.to_string())
}
