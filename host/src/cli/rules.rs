//! What a reducer's effects may do, as a deployment's flags say it.

use std::str::FromStr;

use foldhost::reducer::{AllowedOrigin, EffectRules, EffectRulesError};
use serde_json::Value;

use super::error::CliError;

/// Rules of the reducer that is deployed.
#[derive(clap::Args)]
#[command(next_help_heading = "What its effects may do")]
pub(crate) struct RulesArgs {
    /// Let its HTTP requests go to this origin, as in https://pay.example; may be repeated. `none` takes all rules back
    #[arg(long, value_name = "ORIGIN|none")]
    allow: Vec<Allowed>,
    /// The same for a name that resolves to a private, link-local or loopback address
    #[arg(long, value_name = "ORIGIN")]
    allow_private: Vec<AllowedOrigin>,
    /// Let its event-store operations read and write the streams of this category too; may be repeated
    #[arg(long, value_name = "NAME")]
    allow_category: Vec<String>,
    /// Make no more attempts a second on each host [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(EffectRules::LIMIT_MAX)))]
    effects_per_second_max: Option<u32>,
    /// Run no more of its effects at once on each host [default: no limit beyond those of what they talk to]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(EffectRules::LIMIT_MAX)))]
    effects_at_once_max: Option<u32>,
}

/// An origin, or the word for no rules at all.
#[derive(Clone)]
enum Allowed {
    Origin(AllowedOrigin),
    Nothing,
}

impl FromStr for Allowed {
    type Err = EffectRulesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" { Ok(Self::Nothing) } else { text.parse().map(Self::Origin) }
    }
}

impl RulesArgs {
    /// The query of the deployment; empty where the rules stay as they are.
    pub(crate) fn words(&self) -> Result<Vec<(&'static str, String)>, CliError> {
        let allow = self.allow.iter().map(|allowed| match allowed {
            Allowed::Origin(origin) => ("allow", origin.to_string()),
            Allowed::Nothing => ("allow", "none".to_owned()),
        });
        let private = self.allow_private.iter().map(|origin| ("allow_private", origin.to_string()));
        let categories = self.allow_category.iter().map(|category| ("allow_category", category.clone()));
        let rate = self.effects_per_second_max.map(|most| ("effects_per_second_max", most.to_string()));
        let at_once = self.effects_at_once_max.map(|most| ("effects_at_once_max", most.to_string()));
        let words: Vec<_> = allow.chain(private).chain(categories).chain(rate).chain(at_once).collect();
        if words.len() > 1 && self.allow.iter().any(|allowed| matches!(allowed, Allowed::Nothing)) {
            let told = "--allow none takes all rules back, and stands alone: leave it out, or the other rules";
            return Err(CliError::Usage(told.to_owned()));
        }
        Ok(words)
    }
}

/// A reducer's rules as a host lists them, in a few words; none where its effects may reach nothing and nothing bounds them.
pub(crate) fn in_words(rules: &Value) -> Option<String> {
    let list = |name: &str| rules[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let origins = list("origins").iter().map(|origin| {
        let private = if origin["private"] == true { " (private)" } else { "" };
        format!("{}{private}", origin["origin"].as_str().unwrap_or_default())
    });
    let categories = list("categories").iter().filter_map(Value::as_str).map(|name| format!("category {name}"));
    let limit = |name: &str, unit: &str| rules[name].as_u64().map(|most| format!("{most} {unit}"));
    let limits = limit("per_second_max", "a second").into_iter().chain(limit("at_once_max", "at once"));
    let words: Vec<_> = origins.chain(categories).chain(limits).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser as _;
    use serde_json::json;

    use super::*;

    #[derive(clap::Parser)]
    struct Typed {
        #[command(flatten)]
        rules: RulesArgs,
    }

    fn words(flags: &[&str]) -> Result<Vec<(&'static str, String)>, CliError> {
        Typed::try_parse_from([&["deploy"], flags].concat()).unwrap().rules.words()
    }

    #[test]
    fn flags_become_the_query_and_none_of_them_says_nothing() {
        assert_eq!(words(&[]).unwrap(), []);
        let typed = ["--allow", "https://A.example/", "--allow", "http://10.0.0.5:80", "--effects-at-once-max", "2"];
        let expected = [("allow", "https://a.example"), ("allow", "http://10.0.0.5"), ("effects_at_once_max", "2")];
        assert_eq!(words(&typed).unwrap(), expected.map(|(name, value)| (name, value.to_owned())));
        assert_eq!(words(&["--allow", "none"]).unwrap(), [("allow", "none".to_owned())]);
        let error = words(&["--allow", "none", "--allow-category", "stock"]).unwrap_err();
        assert!(matches!(&error, CliError::Usage(told) if told.contains("stands alone")), "{error}");
    }

    #[test]
    fn rules_are_told_in_a_few_words() {
        let none = json!({ "origins": [], "categories": [], "per_second_max": null, "at_once_max": null });
        assert_eq!(in_words(&none), None);
        let origins =
            json!([{ "origin": "https://a.example", "private": false }, { "origin": "http://b", "private": true }]);
        let rules = json!({ "origins": origins, "categories": ["stock"], "per_second_max": 5, "at_once_max": 2 });
        let told = in_words(&rules).unwrap();
        assert_eq!(told, "https://a.example, http://b (private), category stock, 5 a second, 2 at once");
    }
}
