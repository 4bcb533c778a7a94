//! Host names by which clients may address the gateway (`--host`).

use super::ConfigError;
use super::settings::Setting;

/// The longest name, in bytes: the limit of a fully qualified host name.
const LONGEST: usize = 253;

/// Reads `NAME[,NAME...]`, each a host name without a port, or `*.DOMAIN` for DOMAIN and all names in it.
pub(super) fn parse(setting: &Setting) -> Result<Vec<String>, ConfigError> {
    let names = setting.text.split(',').map(str::trim);
    names
        .map(|name| {
            is_name(name.strip_prefix("*.").unwrap_or(name))
                .then(|| name.to_ascii_lowercase())
                .ok_or_else(|| {
                    let what = format!("{name:?} is not a host name without a port, nor *.DOMAIN");
                    ConfigError::at(&setting.origin, what)
                })
        })
        .collect()
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.bytes().all(letter)
    };
    name.len() <= LONGEST && name.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn read(text: &str) -> Result<Vec<String>, ConfigError> {
        parse(&Setting {
            text: text.to_owned(),
            origin: SettingOrigin::Flag("host"),
        })
    }

    #[test]
    fn names_are_hosts_or_domains_without_ports() {
        assert_eq!(
            read("KV.example.com, *.lab.example,10.0.0.1").unwrap(),
            ["kv.example.com", "*.lab.example", "10.0.0.1"]
        );
        for bad in [
            "", "a,", "a:1", "http://a", "*", "*.", "a..b", "a b", "a.*.b", "[::1]",
        ] {
            let error = read(bad).unwrap_err().to_string();
            assert!(error.starts_with("--host: "), "{error}");
        }
    }
}
