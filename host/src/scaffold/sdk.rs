//! Where a new crate takes the SDK from.

use std::path::{Path, PathBuf};

use cargo_metadata::semver::VersionReq;

use super::ScaffoldError;

/// The SDK's manifest in a clone of this repository.
const IN_A_CLONE: &str = "guests/sdk";

/// Where a new crate takes the SDK from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sdk {
    /// A directory: the crate foldhost-sdk.
    Path(PathBuf),
    /// A version from crates.io, as a manifest asks for it.
    Version(String),
}

impl Default for Sdk {
    /// The version of this program.
    fn default() -> Self {
        Self::Version(env!("CARGO_PKG_VERSION").to_owned())
    }
}

impl Sdk {
    /// What was typed: the path of the crate foldhost-sdk, or of a clone that holds it, or a version.
    ///
    /// # Errors
    /// [`ScaffoldError::Sdk`] when it is neither.
    pub fn parse(text: &str) -> Result<Self, ScaffoldError> {
        let path = Path::new(text);
        if let Some(sdk) = sdk_in(path).or_else(|| sdk_in(&path.join(IN_A_CLONE))) {
            return Ok(Self::Path(sdk));
        }
        match VersionReq::parse(text) {
            Ok(_) => Ok(Self::Version(text.to_owned())),
            Err(_) => Err(ScaffoldError::Sdk { sdk: text.to_owned() }),
        }
    }

    /// The SDK of the clone that a program stands in, if it stands in one: so the two fit together.
    #[must_use]
    pub fn beside(program: &Path) -> Option<Self> {
        program.ancestors().find_map(|dir| sdk_in(&dir.join(IN_A_CLONE))).map(Self::Path)
    }

    /// The right hand side of the dependency.
    pub(super) fn requirement(&self) -> String {
        // As JSON, which quotes as TOML does.
        match self {
            Self::Path(path) => format!("{{ path = {} }}", serde_json::json!(path.to_string_lossy())),
            Self::Version(version) => serde_json::json!(version).to_string(),
        }
    }
}

impl std::fmt::Display for Sdk {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(formatter),
            Self::Version(version) => write!(formatter, "foldhost-sdk {version}"),
        }
    }
}

fn sdk_in(dir: &Path) -> Option<PathBuf> {
    let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).ok()?;
    let is_sdk = manifest.lines().any(|line| line.split_whitespace().collect::<String>() == "name=\"foldhost-sdk\"");
    is_sdk.then(|| dir.canonicalize().ok()).flatten()
}
