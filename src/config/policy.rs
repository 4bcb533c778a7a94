//! The policy by which clients are admitted.

use std::path::PathBuf;

use super::ConfigError;
use super::settings::Settings;

/// The policy by which clients are admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    /// The file that it is read from, again and again.
    pub file: PathBuf,
    /// Whether what it refuses is refused; else it is only told.
    pub enforces: bool,
}

/// The options `policy` and `policy-mode`.
pub(super) fn parse(settings: &mut Settings) -> Result<Option<PolicyConfig>, ConfigError> {
    let mode = settings.take("policy-mode");
    let enforces = match &mode {
        None => Some(true),
        Some(mode) => match mode.text.as_str() {
            "enforce" => Some(true),
            "warn" => Some(false),
            "off" => None,
            other => {
                let what = format!("{other:?} is neither off, warn nor enforce");
                return Err(ConfigError::at(&mode.origin, what));
            }
        },
    };
    let Some(file) = settings.take("policy") else {
        return match (&mode, enforces) {
            (Some(mode), Some(_)) => Err(ConfigError::at(&mode.origin, "--policy is not given")),
            (Some(_) | None, _) => Ok(None),
        };
    };
    if file.text == "kubernetes" {
        let what = "policies from Kubernetes are not implemented yet; for a file of this name, ./kubernetes";
        return Err(ConfigError::at(&file.origin, what));
    }
    if file.text.is_empty() || file.text.contains(char::is_control) {
        return Err(ConfigError::at(
            &file.origin,
            "it is not the path of a file",
        ));
    }
    let file = PathBuf::from(file.text);
    Ok(enforces.map(|enforces| PolicyConfig { file, enforces }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn parsed(given: &[(&'static str, &str)]) -> Result<Option<PolicyConfig>, String> {
        let mut settings = Settings::default();
        for (name, text) in given {
            settings.set(name, *text, SettingOrigin::Flag(name));
        }
        parse(&mut settings).map_err(|error| error.to_string())
    }

    #[test]
    fn a_policy_is_enforced_unless_its_mode_says_otherwise() {
        let file = ("policy", "p.toml");
        let enforces = |given: &[(&'static str, &str)]| {
            let policy = parsed(given).unwrap();
            policy.map(|policy| policy.enforces)
        };
        assert_eq!(enforces(&[]), None);
        assert_eq!(enforces(&[("policy-mode", "off")]), None);
        assert_eq!(enforces(&[file]), Some(true));
        assert_eq!(enforces(&[file, ("policy-mode", "enforce")]), Some(true));
        assert_eq!(enforces(&[file, ("policy-mode", "warn")]), Some(false));
        assert_eq!(enforces(&[file, ("policy-mode", "off")]), None);
    }

    #[test]
    fn what_would_leave_everything_open_is_an_error() {
        let errors = [
            (vec![("policy-mode", "enforce")], "--policy is not given"),
            (vec![("policy-mode", "warn")], "--policy is not given"),
            (vec![("policy-mode", "on")], "neither off, warn nor enforce"),
            (vec![("policy", "kubernetes")], "not implemented"),
            (vec![("policy", "")], "not the path"),
        ];
        for (given, words) in errors {
            let error = parsed(&given).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
