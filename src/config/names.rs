//! The names Consul's answers have to give.

use super::ConfigError;
use super::settings::Setting;

/// The longest name, in bytes: that of a host's full name.
const LONGEST: usize = 253;

/// Reads a node's name: what a host name may be made of, and underscores.
pub(super) fn node(setting: &Setting) -> Result<String, ConfigError> {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    named(
        setting,
        letter,
        "letters, digits, dots, dashes and underscores",
    )
}

/// Reads a datacenter's name: what Consul takes for one.
pub(super) fn datacenter(setting: &Setting) -> Result<String, ConfigError> {
    let letter = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-')
    };
    named(
        setting,
        letter,
        "small letters, digits, dashes and underscores",
    )
}

/// The host's own name; one that is no text becomes one.
pub(super) fn host() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    if name.is_empty() {
        "kubekv".to_owned()
    } else {
        name.into_owned()
    }
}

fn named(
    setting: &Setting,
    letter: impl Fn(u8) -> bool,
    letters: &str,
) -> Result<String, ConfigError> {
    let Setting { text, place } = setting;
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(letter) {
        let what = format!("{text:?} is no name: want up to {LONGEST} {letters}");
        return Err(ConfigError::at(place, what));
    }
    Ok(text.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Place;

    fn setting(text: &str) -> Setting {
        Setting {
            text: text.to_owned(),
            place: Place::Flag("datacenter"),
        }
    }

    #[test]
    fn names_are_plain() {
        assert_eq!(node(&setting("Host-1.example")).unwrap(), "Host-1.example");
        assert_eq!(datacenter(&setting("dc_1")).unwrap(), "dc_1");
        for bad in ["", "a b", "DC1", "a/b", "\u{e9}", &"a".repeat(254)] {
            assert!(datacenter(&setting(bad)).is_err(), "{bad}");
        }
        assert!(!host().is_empty());
    }
}
