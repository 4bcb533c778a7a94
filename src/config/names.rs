//! Node and datacenter names of the Consul face.

use super::ConfigError;
use super::settings::Setting;

/// The longest name, in bytes: the limit of a fully qualified host name.
const LONGEST: usize = 253;

/// Parses a node name: the characters of a host name, and underscores.
pub(super) fn node(setting: &Setting) -> Result<String, ConfigError> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    parse_name(
        setting,
        letter,
        "letters, digits, dots, dashes and underscores",
    )
}

/// Parses a datacenter name, by Consul's rules.
pub(super) fn datacenter(setting: &Setting) -> Result<String, ConfigError> {
    let letter = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    };
    parse_name(
        setting,
        letter,
        "small letters, digits, dashes and underscores",
    )
}

/// The host name, with bytes that are not UTF-8 replaced.
pub(super) fn host() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    if name.is_empty() {
        "kubekv".to_owned()
    } else {
        name.into_owned()
    }
}

fn parse_name(
    setting: &Setting,
    letter: impl Fn(u8) -> bool,
    letters: &str,
) -> Result<String, ConfigError> {
    let Setting { text, origin } = setting;
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(letter) {
        let what = format!("{text:?} is not a name: want up to {LONGEST} {letters}");
        return Err(ConfigError::at(origin, what));
    }
    Ok(text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn setting(text: &str) -> Setting {
        Setting {
            text: text.to_owned(),
            origin: SettingOrigin::Flag("datacenter"),
        }
    }

    #[test]
    fn a_name_of_other_characters_is_refused() {
        assert_eq!(node(&setting("Host-1.example")).unwrap(), "Host-1.example");
        assert_eq!(datacenter(&setting("dc_1")).unwrap(), "dc_1");
        for bad in ["", "a b", "DC1", "a/b", "\u{e9}", &"a".repeat(254)] {
            assert!(datacenter(&setting(bad)).is_err(), "{bad}");
        }
        assert!(!host().is_empty());
    }
}
