//! A failure as a host tells it: an RFC 9457 problem document.

use std::fmt;

use serde::Deserialize;

/// The members that a person is told of.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    /// The stable code; programs branch on it.
    pub(crate) code: String,
    title: String,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    rejection: Option<Rejection>,
}

#[derive(Debug, Deserialize)]
struct Rejection {
    code: String,
    message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.rejection, &self.detail) {
            (Some(rejection), _) => write!(f, "rejected ({}): {}", rejection.code, rejection.message),
            (None, Some(detail)) if !detail.is_empty() => f.write_str(detail),
            _ => write!(f, "{} ({})", self.title, self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_problem_is_told_by_its_rejection_else_its_detail_else_its_title() {
        let told = |document: &str| serde_json::from_str::<Problem>(document).unwrap().to_string();
        let rejected =
            r#"{"code":"rejected","title":"t","status":422,"detail":"d","rejection":{"code":"a","message":"b"}}"#;
        assert_eq!(told(rejected), "rejected (a): b");
        assert_eq!(told(r#"{"code":"busy","title":"t","status":429,"detail":"too many"}"#), "too many");
        assert_eq!(told(r#"{"code":"busy","title":"Busy","status":429}"#), "Busy (busy)");
    }
}
