//! What a reducer's effects may do: the rules of one activation.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

/// What a reducer's effects may reach, and how fast. A reducer reaches nothing outside unless its activation says so, and an effect
/// runs under the rules of the activation that decided it.
///
/// ```
/// use foldhost::reducer::{AllowedOrigin, EffectRules};
///
/// let rules = EffectRules { origins: vec!["https://payments.example".parse()?], ..EffectRules::default() };
/// assert_eq!(rules.origins[0].to_string(), "https://payments.example");
/// # Ok::<(), foldhost::reducer::EffectRulesError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EffectRules {
    /// Where HTTP requests may go. Empty: nowhere.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<AllowedOrigin>,
    /// Categories, other than its own, whose streams event-store operations may read and write.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Attempts a second on each host, 1 to 1,000,000; no limit where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_per_second_max: Option<u32>,
    /// Effects that run at once on each host, 1 to 1,000,000; no limit beyond the targets' where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_max: Option<u32>,
}

/// An origin that HTTP requests may go to: scheme, host and port, as in `https://payments.example` or `http://127.0.0.1:9000`.
///
/// A host name that resolves to a private, link-local or loopback address is refused unless `private` says that it is meant. An
/// address that is written out is meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "WrittenOrigin", into = "WrittenOrigin")]
pub struct AllowedOrigin {
    /// Scheme, host and port, normalised: `https://payments.example`, without a port where it is the scheme's own.
    origin: String,
    /// Whether its name may resolve to an address that is not public.
    private: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenOrigin {
    origin: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    private: bool,
}

/// Rules that nothing could be held to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EffectRulesError {
    /// It is no origin.
    #[error(
        "{origin:?} is no origin: write scheme, host and port, as in https://payments.example or http://127.0.0.1:9000"
    )]
    Origin {
        /// What was written.
        origin: String,
    },
    /// A limit is out of range, or there are too many of something.
    #[error("{0}")]
    OutOfRange(String),
}

/// How many origins and categories one activation may name.
const NAMED_MAX: usize = 1_000;

impl EffectRules {
    /// What [`rate_per_second_max`](Self::rate_per_second_max) and [`concurrency_max`](Self::concurrency_max) may be at most.
    pub const LIMIT_MAX: u32 = 1_000_000;

    /// Looks for values that nothing could work under.
    ///
    /// # Errors
    /// [`EffectRulesError`] names the first of them.
    pub fn validate(&self) -> Result<(), EffectRulesError> {
        let out_of_range = |reason: String| Err(EffectRulesError::OutOfRange(reason));
        for (name, count) in [("origins", self.origins.len()), ("categories", self.categories.len())] {
            if count > NAMED_MAX {
                return out_of_range(format!("{count} {name}, and {NAMED_MAX} are allowed"));
            }
        }
        for (name, limit) in
            [("rate_per_second_max", self.rate_per_second_max), ("concurrency_max", self.concurrency_max)]
        {
            if limit.is_some_and(|limit| !(1..=Self::LIMIT_MAX).contains(&limit)) {
                return out_of_range(format!(
                    "{name} is 1 to {}: to stop all effects, allow no origin",
                    Self::LIMIT_MAX
                ));
            }
        }
        if let Some(category) = self.categories.iter().find(|name| name.is_empty() || name.len() > 255) {
            return out_of_range(format!("{category:?} is no category"));
        }
        Ok(())
    }

    /// The entry that admits a URL; none where it may not be asked.
    #[must_use]
    pub fn admits(&self, url: &Url) -> Option<&AllowedOrigin> {
        let origin = url.origin().ascii_serialization();
        self.origins.iter().find(|allowed| allowed.origin == origin)
    }
}

impl AllowedOrigin {
    /// Lets its name resolve to an address that is not public.
    #[must_use]
    pub fn private(self) -> Self {
        Self { private: true, ..self }
    }

    /// Scheme, host and port.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// Whether its name may resolve to an address that is not public.
    #[must_use]
    pub fn is_private(&self) -> bool {
        self.private
    }
}

impl FromStr for AllowedOrigin {
    type Err = EffectRulesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let no_origin = || EffectRulesError::Origin { origin: text.chars().take(255).collect() };
        let url = Url::parse(text).map_err(|_| no_origin())?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        let is_anonymous = url.username().is_empty() && url.password().is_none();
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() || !is_bare || !is_anonymous {
            return Err(no_origin());
        }
        Ok(Self { origin: url.origin().ascii_serialization(), private: false })
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

impl TryFrom<WrittenOrigin> for AllowedOrigin {
    type Error = EffectRulesError;

    fn try_from(written: WrittenOrigin) -> Result<Self, Self::Error> {
        Ok(Self { private: written.private, ..written.origin.parse()? })
    }
}

impl From<AllowedOrigin> for WrittenOrigin {
    fn from(allowed: AllowedOrigin) -> Self {
        Self { origin: allowed.origin, private: allowed.private }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rules(origins: &[&str]) -> EffectRules {
        EffectRules { origins: origins.iter().map(|origin| origin.parse().unwrap()).collect(), ..Default::default() }
    }

    #[test]
    fn an_origin_admits_its_own_scheme_host_and_port_only() {
        let rules = rules(&["https://Payments.Example:443/", "http://127.0.0.1:9000"]);
        for url in ["https://payments.example/pay?x=1", "https://payments.example:443", "http://127.0.0.1:9000/a"] {
            assert!(rules.admits(&url.parse().unwrap()).is_some(), "{url}");
        }
        for url in [
            "http://payments.example/",
            "https://payments.example:8443/",
            "https://payments.example.evil.test/",
            "https://user@evil.test/https://payments.example/",
            "http://127.0.0.1:9001/",
            "file:///etc/passwd",
        ] {
            assert!(rules.admits(&url.parse().unwrap()).is_none(), "{url}");
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_none() {
        for text in ["payments.example", "https://a.example/path", "https://u:p@a.example", "ftp://a.example", "*", ""]
        {
            assert!(text.parse::<AllowedOrigin>().is_err(), "{text}");
        }
    }

    #[test]
    fn rules_are_read_back_from_json_as_they_were() {
        let mut rules = rules(&["https://a.example"]);
        rules.origins.push("http://payments.internal:8080".parse::<AllowedOrigin>().unwrap().private());
        rules.rate_per_second_max = Some(5);
        let json = serde_json::to_string(&rules).unwrap();
        assert_eq!(
            json,
            r#"{"origins":[{"origin":"https://a.example"},{"origin":"http://payments.internal:8080","private":true}],"rate_per_second_max":5}"#
        );
        assert_eq!(serde_json::from_str::<EffectRules>(&json).unwrap(), rules);
        assert!(EffectRules { concurrency_max: Some(0), ..rules }.validate().is_err());
    }
}
