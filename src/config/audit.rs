//! Options of the audit log.

use std::path::PathBuf;

use super::ConfigError;
use super::settings::{Setting, Settings};

/// The options of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditOptions {
    /// The file it is written to; `None` for standard output.
    pub file: Option<PathBuf>,
    /// Whether reads are recorded as well as changes.
    pub reads: bool,
}

/// Reads `--audit` and `--audit-reads`; `None` where there is no audit log.
pub(super) fn parse(
    settings: &mut Settings,
    switch: impl FnOnce(&Setting) -> Result<bool, ConfigError>,
) -> Result<Option<AuditOptions>, ConfigError> {
    let wanted = settings.take("audit-reads");
    let reads = match &wanted {
        Some(setting) => switch(setting)?,
        None => false,
    };
    let Some(Setting { text, origin }) = settings.take("audit") else {
        return match wanted {
            Some(setting) if reads => Err(ConfigError::at(
                &setting.origin,
                "reads are recorded in the audit log: it needs --audit",
            )),
            Some(_) | None => Ok(None),
        };
    };
    if text.is_empty() || text.contains(char::is_control) {
        let what = format!("{text:?} is neither a file nor - for standard output");
        return Err(ConfigError::at(&origin, what));
    }
    let file = (text != "-").then(|| PathBuf::from(text));
    Ok(Some(AuditOptions { file, reads }))
}
