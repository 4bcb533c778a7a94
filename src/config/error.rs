//! The configuration error.

use super::settings::SettingOrigin;

/// A configuration error: one line that names the option and its origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub(crate) String);

impl ConfigError {
    pub(crate) fn at(origin: &SettingOrigin, what: impl std::fmt::Display) -> Self {
        Self(format!("{origin}: {what}"))
    }
}
