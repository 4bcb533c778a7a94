//! The policy by which clients are admitted.

use std::path::PathBuf;

use super::ConfigError;
use super::settings::{Setting, Settings};

/// The policy by which clients are admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyConfig {
    /// The file that it is read from, again and again.
    pub file: PathBuf,
    /// Whether what it refuses is refused; else it is only told.
    pub enforces: bool,
    /// The tokens and the users of clients, read again and again as well; `None` ignores what requests show.
    pub credentials: Option<PathBuf>,
}

/// The options `policy`, `policy-mode` and `credentials`.
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
    let credentials = settings.take("credentials");
    let Some(file) = settings.take("policy") else {
        if let Some(credentials) = credentials {
            let what = "--policy is not given: it says who has a token, and what they may do";
            return Err(ConfigError::at(&credentials.origin, what));
        }
        return match (&mode, enforces) {
            (Some(mode), Some(_)) => Err(ConfigError::at(&mode.origin, "--policy is not given")),
            (Some(_) | None, _) => Ok(None),
        };
    };
    if file.text == "kubernetes" {
        let what = "policies from Kubernetes are not implemented yet; for a file of this name, ./kubernetes";
        return Err(ConfigError::at(&file.origin, what));
    }
    let file = path(file)?;
    let credentials = credentials.map(path).transpose()?;
    Ok(enforces.map(|enforces| PolicyConfig {
        file,
        enforces,
        credentials,
    }))
}

fn path(setting: Setting) -> Result<PathBuf, ConfigError> {
    let Setting { text, origin } = setting;
    if text.is_empty() || text.contains(char::is_control) {
        return Err(ConfigError::at(&origin, "it is not the path of a file"));
    }
    Ok(PathBuf::from(text))
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
    fn credentials_go_with_a_policy() {
        let both = [("policy", "p.toml"), ("credentials", "c.toml")];
        let policy = parsed(&both).unwrap().unwrap();
        assert_eq!(policy.credentials, Some(PathBuf::from("c.toml")));
        // The policy is not read either.
        let off = [both[0], both[1], ("policy-mode", "off")];
        assert_eq!(parsed(&off).unwrap(), None);
    }

    #[test]
    fn what_would_leave_everything_open_is_an_error() {
        let errors = [
            (vec![("policy-mode", "enforce")], "--policy is not given"),
            (vec![("policy-mode", "warn")], "--policy is not given"),
            (vec![("policy-mode", "on")], "neither off, warn nor enforce"),
            (vec![("policy", "kubernetes")], "not implemented"),
            (vec![("policy", "")], "not the path"),
            (vec![("credentials", "c.toml")], "--policy is not given"),
            (
                vec![("credentials", "c.toml"), ("policy-mode", "off")],
                "--policy is not given",
            ),
            (
                vec![("policy", "p.toml"), ("credentials", "")],
                "not the path",
            ),
        ];
        for (given, words) in errors {
            let error = parsed(&given).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
