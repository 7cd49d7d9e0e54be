//! Who does something that is recorded.

/// Who, for the record.
#[derive(clap::Args, Clone)]
pub(crate) struct Who {
    /// Who does this: it is recorded [default: this machine's name for you]
    #[arg(long, value_name = "NAME", env = "FOLDHOST_BY", hide_env_values = true)]
    by: Option<String>,
}

impl Who {
    /// The name that is recorded; none where nobody knows one.
    pub(crate) fn name(&self) -> Option<String> {
        let known = self.by.clone().or_else(|| std::env::var("USER").ok()).or_else(|| std::env::var("LOGNAME").ok());
        known.filter(|name| !name.is_empty())
    }
}
