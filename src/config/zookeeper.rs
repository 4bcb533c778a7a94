//! Options of ZooKeeper's face.

use super::ConfigError;
use super::settings::Setting;

/// The words that may be given.
const WORDS: [&str; 9] = [
    "ruok", "srvr", "stat", "mntr", "envi", "isro", "cons", "wchs", "*",
];

/// The length of a SHA-1 in Base64.
const HASH_LENGTH: usize = 28;

/// Words with commas between them, of those that are ever answered.
pub(super) fn words(setting: &Setting) -> Result<String, ConfigError> {
    let mut given = setting.text.split(',').map(str::trim);
    match given.find(|word| !word.is_empty() && !WORDS.contains(word)) {
        None => Ok(setting.text.clone()),
        Some(word) => {
            let all = WORDS.join(", ");
            let what = format!("{word:?} is no four-letter word that is answered: those are {all}");
            Err(ConfigError::at(&setting.origin, what))
        }
    }
}

/// `auto`, `on` or `off`.
pub(super) fn docker(setting: &Setting) -> Result<String, ConfigError> {
    match setting.text.as_str() {
        text @ ("auto" | "on" | "off") => Ok(text.to_owned()),
        other => {
            let what = format!("{other:?} is neither auto, on nor off");
            Err(ConfigError::at(&setting.origin, what))
        }
    }
}

/// The digest of the super user.
pub(super) fn super_digest(setting: &Setting) -> Result<String, ConfigError> {
    let hash = setting.text.strip_prefix("super:");
    if hash.is_some_and(|hash| hash.len() == HASH_LENGTH) {
        return Ok(setting.text.clone());
    }
    let what = "it is not super: and a SHA-1 in Base64";
    Err(ConfigError::at(&setting.origin, what))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn setting(text: &str) -> Setting {
        Setting {
            text: text.to_owned(),
            origin: SettingOrigin::Flag("zookeeper-words"),
        }
    }

    #[test]
    fn only_words_that_are_answered_are_taken() {
        for text in ["srvr", "ruok, stat", "*", ""] {
            assert_eq!(words(&setting(text)).unwrap(), text);
        }
        let refused = words(&setting("ruok,dump")).unwrap_err().to_string();
        assert!(refused.contains("\"dump\""), "{refused}");
    }

    #[test]
    fn a_super_user_is_a_digest() {
        let digest = "super:D/InIHSb7yEEbrWz8b9l71RjZJU=";
        assert_eq!(super_digest(&setting(digest)).unwrap(), digest);
        for text in [
            "",
            "super:",
            "super:password",
            "other:D/InIHSb7yEEbrWz8b9l71RjZJU=",
        ] {
            assert!(super_digest(&setting(text)).is_err(), "{text}");
        }
    }
}
