//! Which events of the log a query asks for, and how they are drawn.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::kinds;
use super::problem::Problem;
use super::recorded::Form;
use crate::LogFilter;

/// The query's words for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    pub(super) after: Option<String>,
    pub(super) limit: Option<usize>,
    #[serde(default)]
    upcast: bool,
    category: Option<String>,
    #[serde(rename = "type")]
    event_type: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

impl Filter {
    pub(super) fn form(&self) -> Form {
        Form::of_query(self.upcast)
    }

    /// The filter, once each of its words makes sense, alone and with the others.
    pub(super) fn log_filter(&self) -> Result<LogFilter, Problem> {
        let invalid = |detail: String| Err(Problem::new(&kinds::INVALID_QUERY, detail));
        self.category.as_deref().map_or(Ok(()), |category| check_category("category", category))?;
        if self.event_type.as_deref().is_some_and(|name| name.is_empty() || name.contains('\0')) {
            return invalid("type is an event's type with its version, as in type=OrderPlaced.v1".into());
        }
        let from = self.since.as_deref().map(|text| time("since", text)).transpose()?;
        let until = self.until.as_deref().map(|text| time("until", text)).transpose()?;
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            return invalid(format!("since ({from}) has to be earlier than until ({until})"));
        }
        Ok(LogFilter { category: self.category.clone(), event_type: self.event_type.clone(), from, until })
    }
}

/// Refuses what no stream has as its category; `name` is the query's word for it.
pub(super) fn check_category(name: &str, category: &str) -> Result<(), Problem> {
    if !category.is_empty() && !category.contains(|c: char| c == '-' || c.is_control()) {
        return Ok(());
    }
    let detail = format!("{name} is what stands before the first - of a stream id, as in {name}=order");
    Err(Problem::new(&kinds::INVALID_QUERY, detail))
}

fn time(name: &str, text: &str) -> Result<DateTime<Utc>, Problem> {
    // The commonest mistake: in a query, a bare + is a space.
    DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).map_err(|error| {
        let detail = format!(
            "{name} is a time of RFC 3339, as in {name}=2026-01-31T12:00:00Z, or with +01:00 written as %2B01:00: {error}"
        );
        Problem::new(&kinds::INVALID_QUERY, detail)
    })
}
