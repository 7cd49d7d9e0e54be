//! Which events of the log of all streams are wanted, as the command line says.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::duration;

/// The filters; without any, all events are wanted.
#[derive(clap::Args, Clone, Debug, Default)]
pub(crate) struct LogFilterArgs {
    /// Only events of this category's streams, as in order
    #[arg(long, value_name = "NAME", conflicts_with = "stream_id")]
    category: Option<String>,
    /// Only events of this type, as in OrderPlaced.v1
    #[arg(long = "type", value_name = "NAME", conflicts_with = "stream_id")]
    event_type: Option<String>,
    /// Only events from this time on: as in 2026-01-31T12:00:00Z, or so long ago, as in 1h
    #[arg(long, value_name = "TIME", conflicts_with = "stream_id", value_parser = moment)]
    since: Option<DateTime<Utc>>,
    /// Only events before this time
    #[arg(long, value_name = "TIME", conflicts_with_all = ["stream_id", "follow"], value_parser = moment)]
    until: Option<DateTime<Utc>>,
}

/// A time, or a length of time before now.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let ago = duration::parse(text).ok().and_then(|ago| TimeDelta::from_std(ago).ok());
    let moment = ago.and_then(|ago| Utc::now().checked_sub_signed(ago));
    moment.ok_or_else(|| "write a time, as in 2026-01-31T12:00:00Z, or so long ago, as in 90s, 1h or 7d".to_owned())
}

impl LogFilterArgs {
    /// The filter that only one category's events pass.
    pub(crate) fn category(category: &str) -> Self {
        Self { category: Some(category.to_owned()), ..Self::default() }
    }

    /// As the query's words, which are the flags' too.
    pub(crate) fn words(&self) -> Vec<(&'static str, String)> {
        let time = |time: &DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::AutoSi, true);
        let words = [
            ("category", self.category.clone()),
            ("type", self.event_type.clone()),
            ("since", self.since.as_ref().map(time)),
            ("until", self.until.as_ref().map(time)),
        ];
        words.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_so_long_ago() {
        let noon: DateTime<Utc> = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(moment("2026-01-31T13:00:00+01:00"), Ok(noon));
        let before = Utc::now();
        let ago = moment("1h").unwrap() + TimeDelta::hours(1);
        assert!(before <= ago && ago <= Utc::now(), "{ago}");
        for text in ["", "yesterday", "2026-01-31", "1 h", "18446744073709551615us"] {
            assert!(moment(text).is_err_and(|told| told.contains("7d")), "{text:?}");
        }
    }

    #[test]
    fn a_filter_is_handed_on_in_the_words_of_the_query() {
        let since = moment("2026-01-31T13:00:00.25+01:00").unwrap();
        let filter = LogFilterArgs { since: Some(since), ..LogFilterArgs::category("order") };
        let words = [("category", "order".to_owned()), ("since", "2026-01-31T12:00:00.250Z".to_owned())];
        assert_eq!(filter.words(), words);
        assert!(LogFilterArgs::default().words().is_empty());
    }
}
