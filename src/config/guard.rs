//! The mode of the Docker guard.

use super::ConfigError;
use super::settings::Setting;

/// What the Docker guard does with what it finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardConfig {
    /// It is logged and counted.
    Warn,
    /// It refuses it, and keeps bad records from clients.
    Enforce,
}

/// The option `guard`; `None` where it is off.
pub(super) fn parse(setting: &Setting) -> Result<Option<GuardConfig>, ConfigError> {
    match setting.text.as_str() {
        "off" => Ok(None),
        "warn" => Ok(Some(GuardConfig::Warn)),
        "enforce" => Ok(Some(GuardConfig::Enforce)),
        other => {
            let what = format!("{other:?} is neither off, warn nor enforce");
            Err(ConfigError::at(&setting.origin, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    #[test]
    fn each_mode_is_understood_and_nothing_else() {
        let parsed = |text: &str| {
            let text = text.to_owned();
            let origin = SettingOrigin::Flag("guard");
            parse(&Setting { text, origin })
        };
        assert_eq!(parsed("off"), Ok(None));
        assert_eq!(parsed("warn"), Ok(Some(GuardConfig::Warn)));
        assert_eq!(parsed("enforce"), Ok(Some(GuardConfig::Enforce)));
        let refused = parsed("on").unwrap_err().to_string();
        assert!(
            refused.contains("neither off, warn nor enforce"),
            "{refused}"
        );
    }
}
