//! The names of a reducer: its category, and what is made of it for Rust.

use super::ScaffoldError;

/// Short enough for a package, which crates.io ends at 64 bytes, with a suffix.
const NAME_BYTES_MAX: usize = 50;

/// What no package can be called: Rust's words, its own crates, and those that the new crate uses.
const NO_PACKAGES: &str = "\
    abstract alloc as async await become box break const continue core crate do dyn else enum extern false final fn \
    for foldhost_sdk gen if impl in let loop macro match mod move mut override priv proc_macro pub ref return self \
    serde static std struct super test trait true try type typeof union unsafe unsized use virtual where while \
    yield";

/// What the type of the reducer cannot be called: names that its source or its tests use for something else.
const NO_TYPES: &str = "\
    Add Close Command Context Debug Decision Default Deserialize DispatchedCommand Effect EffectKind EffectOutcome Err Event \
    HttpRequest LogLevel None Ok Open Option PartialEq Reducer Rejection Result Self Serialize Some String Vec";

/// The category that a reducer decides for: what the ids of its streams begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReducerName(String);

impl ReducerName {
    /// Letters, digits and `_`, the first one a letter.
    ///
    /// ```
    /// # use foldhost::scaffold::ReducerName;
    /// assert!(ReducerName::new("loan_2").is_ok());
    /// assert!(ReducerName::new("gift-card").is_err());
    /// ```
    ///
    /// # Errors
    /// [`ScaffoldError::Name`] says what is wrong with it.
    pub fn new(name: &str) -> Result<Self, ScaffoldError> {
        let reason = if name.contains('-') {
            "a stream's id is its category, a hyphen and a key, so the category has none: write `_`"
        } else if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
            "it begins with a letter from a to z, since types are named after it"
        } else if name.contains(|each: char| !each.is_ascii_alphanumeric() && each != '_') {
            "it has letters from a to z, digits and `_` alone"
        } else if name.len() > NAME_BYTES_MAX {
            "it has 50 characters at most"
        } else {
            return Ok(Self(name.to_owned()));
        };
        Err(ScaffoldError::Name { name: name.to_owned(), reason })
    }

    /// The category itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The package: the category in small letters, with a suffix where Rust needs the name for itself.
    pub(super) fn package(&self) -> String {
        let package = self.words().map(str::to_ascii_lowercase).collect::<Vec<_>>().join("_");
        if NO_PACKAGES.split(' ').any(|word| word == package) { format!("{package}_reducer") } else { package }
    }

    /// `loan_2` as `Loan2`.
    fn type_prefix(&self) -> String {
        let capitalised = |word: &str| {
            let (first, rest) = word.split_at(1);
            first.to_ascii_uppercase() + rest
        };
        self.words().map(capitalised).collect()
    }

    /// Never without one: the first character is a letter.
    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split('_').filter(|word| !word.is_empty())
    }

    /// The text with the reducer's names in their places.
    pub(super) fn fill(&self, text: &str) -> String {
        let prefix = self.type_prefix();
        let reducer =
            if NO_TYPES.split(' ').any(|word| word == prefix) { format!("{prefix}Reducer") } else { prefix.clone() };
        let article = if self.0.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']) { "an" } else { "a" };
        // Braces of Rust beside those of a name stand apart in the templates, or they would be taken for one.
        text.replace("{ {{", "{{{")
            .replace("{{name}}", &self.0)
            .replace("{{Name}}", &prefix)
            .replace("{{Reducer}}", &reducer)
            .replace("{{package}}", &self.package())
            .replace("{{a}}", article)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn filled(name: &str) -> String {
        ReducerName::new(name).unwrap().fill("{{a}} {{name}}: {{package}}, {{Reducer}}, {{Name}}State, { {{Name}}}")
    }

    #[test]
    fn types_and_package_are_named_after_the_category() {
        assert_eq!(filled("invoice"), "an invoice: invoice, Invoice, InvoiceState, {Invoice}");
        assert_eq!(filled("loan_2"), "a loan_2: loan_2, Loan2, Loan2State, {Loan2}");
        assert_eq!(filled("giftCard"), "a giftCard: giftcard, GiftCard, GiftCardState, {GiftCard}");
        assert_eq!(filled("a__b_"), "an a__b_: a_b, AB, ABState, {AB}");
    }

    #[test]
    fn names_that_rust_or_the_sdk_need_get_a_suffix() {
        assert_eq!(filled("match"), "a match: match_reducer, Match, MatchState, {Match}");
        assert_eq!(filled("test"), "a test: test_reducer, Test, TestState, {Test}");
        assert_eq!(filled("event"), "an event: event, EventReducer, EventState, {Event}");
        assert_eq!(filled("self"), "a self: self_reducer, SelfReducer, SelfState, {Self}");
    }

    #[test]
    fn a_name_that_is_no_category_is_refused_with_the_reason() {
        for (name, reason) in [
            ("gift-card", "write `_`"),
            ("", "begins with a letter"),
            ("2nd", "begins with a letter"),
            ("_x", "begins with a letter"),
            ("größe", "letters from a to z"),
            ("a b", "letters from a to z"),
            ("a/b", "letters from a to z"),
            (&"x".repeat(51), "50 characters"),
        ] {
            let message = ReducerName::new(name).unwrap_err().to_string();
            assert!(message.contains(reason), "{message}");
        }
    }
}
