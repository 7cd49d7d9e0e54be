//! What a reducer's effects may do: as a deployment's query says it, and as lists show it.

use serde::Serialize;

use super::filter::check_category;
use super::kinds;
use super::problem::Problem;
use crate::reducer::{AllowedOrigin, EffectRules};

/// Rules, for people and programs. Every member is always there.
#[derive(Serialize)]
pub(super) struct ShownRules {
    origins: Vec<ShownOrigin>,
    categories: Vec<String>,
    per_second_max: Option<u32>,
    at_once_max: Option<u32>,
}

#[derive(Serialize)]
struct ShownOrigin {
    origin: String,
    private: bool,
}

impl From<EffectRules> for ShownRules {
    fn from(rules: EffectRules) -> Self {
        let EffectRules { origins, categories, rate_per_second_max, concurrency_max } = rules;
        let shown = |origin: AllowedOrigin| ShownOrigin { private: origin.is_private(), origin: origin.to_string() };
        Self {
            origins: origins.into_iter().map(shown).collect(),
            categories,
            per_second_max: rate_per_second_max,
            at_once_max: concurrency_max,
        }
    }
}

/// The rules that the parameters of a query stand for; none where there is no parameter.
pub(super) fn rules_of(parameters: &[(String, String)]) -> Result<Option<EffectRules>, Problem> {
    if parameters.is_empty() {
        return Ok(None);
    }
    let mut rules = EffectRules::default();
    if parameters.iter().any(|(name, value)| name == "allow" && value == "none") {
        return match parameters.len() {
            1 => Ok(Some(rules)),
            _ => invalid("allow=none takes everything back, and stands alone: leave it out, or the others"),
        };
    }
    for (name, value) in parameters {
        match name.as_str() {
            "allow" => add_origin(&mut rules, value.parse()?)?,
            "allow_private" => add_origin(&mut rules, value.parse::<AllowedOrigin>()?.private())?,
            "allow_category" => {
                check_category(name, value)?;
                if !rules.categories.contains(value) {
                    rules.categories.push(value.clone());
                }
            }
            "effects_per_second_max" => put_limit(&mut rules.rate_per_second_max, name, value)?,
            "effects_at_once_max" => put_limit(&mut rules.concurrency_max, name, value)?,
            _ => {
                let known = "allow, allow_private, allow_category, effects_per_second_max and effects_at_once_max";
                return invalid(format!("there is no {name:?} here: write {known}"));
            }
        }
    }
    rules.validate()?;
    Ok(Some(rules))
}

fn add_origin(rules: &mut EffectRules, added: AllowedOrigin) -> Result<(), Problem> {
    match rules.origins.iter().find(|origin| origin.as_str() == added.as_str()) {
        None => rules.origins.push(added),
        Some(there) if *there == added => {}
        // The first one would decide, and nobody could see that.
        Some(_) => return invalid(format!("{added} stands in allow and in allow_private: write it in one of them")),
    }
    Ok(())
}

fn put_limit(limit: &mut Option<u32>, name: &str, value: &str) -> Result<(), Problem> {
    let most = EffectRules::LIMIT_MAX;
    match value.parse() {
        Ok(parsed) if (1..=most).contains(&parsed) && limit.is_none() => *limit = Some(parsed),
        Ok(_) if limit.is_some() => return invalid(format!("{name} is there twice: write it once")),
        _ => return invalid(format!("{name} is a whole number, 1 to {most}: leave it out for no limit")),
    }
    Ok(())
}

fn invalid<T>(detail: impl Into<String>) -> Result<T, Problem> {
    Err(Problem::new(&kinds::INVALID_QUERY, detail))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Option<EffectRules>, Problem> {
        let owned: Vec<_> = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        rules_of(&owned)
    }

    #[test]
    fn parameters_are_taken_as_often_as_they_stand_there() {
        let rules = read(&[
            ("allow", "https://A.example:443/"),
            ("allow_private", "http://pay.internal:8080"),
            ("allow", "http://127.0.0.1:9000"),
            ("allow", "https://a.example"),
            ("allow_category", "billing"),
            ("allow_category", "stock"),
            ("effects_per_second_max", "5"),
            ("effects_at_once_max", "1000000"),
        ]);
        let expected = EffectRules {
            origins: vec![
                "https://a.example".parse().unwrap(),
                "http://pay.internal:8080".parse::<AllowedOrigin>().unwrap().private(),
                "http://127.0.0.1:9000".parse().unwrap(),
            ],
            categories: vec!["billing".into(), "stock".into()],
            rate_per_second_max: Some(5),
            concurrency_max: Some(1_000_000),
        };
        assert_eq!(rules.unwrap(), Some(expected));
    }

    #[test]
    fn nothing_leaves_the_rules_and_none_empties_them() {
        assert_eq!(read(&[]).unwrap(), None);
        assert_eq!(read(&[("allow", "none")]).unwrap(), Some(EffectRules::default()));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_name() {
        for (parameters, told) in [
            (&[("allow", "pay.example")][..], "\"pay.example\" is no origin"),
            (&[("allow_private", "none")], "\"none\" is no origin"),
            (&[("allow", "https://a.example/path")], "is no origin"),
            (&[("allow", "none"), ("allow_category", "stock")], "stands alone"),
            (&[("allow", "none"), ("allow", "none")], "stands alone"),
            (&[("allow", "https://a.example"), ("allow_private", "https://a.example/")], "allow_private"),
            (&[("allow_category", "stock-1")], "allow_category is what stands before"),
            (&[("allow_category", "")], "allow_category is what stands before"),
            (&[("effects_per_second_max", "0")], "effects_per_second_max is a whole number, 1 to 1000000"),
            (&[("effects_at_once_max", "1000001")], "effects_at_once_max is a whole number"),
            (&[("effects_at_once_max", "many")], "effects_at_once_max is a whole number"),
            (&[("effects_at_once_max", "5"), ("effects_at_once_max", "6")], "effects_at_once_max is there twice"),
            (&[("alow", "https://a.example")], "there is no \"alow\" here"),
        ] {
            let problem = read(parameters).unwrap_err();
            assert_eq!(problem.kind.code, "invalid-query", "{parameters:?}");
            assert!(problem.detail.contains(told), "{parameters:?}: {}", problem.detail);
        }
        let many: Vec<_> = (0..=1_000).map(|i| ("allow".to_owned(), format!("https://a{i}.example"))).collect();
        assert!(rules_of(&many).unwrap_err().detail.contains("1001 origins"));
    }
}
