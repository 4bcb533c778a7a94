//! Advertised client URLs of the etcd face (`--etcd-advertise`).

use http::Uri;

use super::ConfigError;
use super::settings::Setting;

/// Reads `URL[,URL...]`, each `http://HOST:PORT` or `https://HOST:PORT`.
///
/// The port is required, because libkv's etcd client adds none. `https` is for TLS, of the face or of a proxy in front of it.
pub(super) fn parse(setting: &Setting) -> Result<Vec<String>, ConfigError> {
    setting
        .text
        .split(',')
        .map(|url| parse_url(url.trim()))
        .collect::<Option<_>>()
        // The error does not repeat the text: it may hold a password.
        .ok_or_else(|| {
            ConfigError::at(
                &setting.origin,
                "want http://HOST:PORT, or several of them, separated by commas",
            )
        })
}

fn parse_url(url: &str) -> Option<String> {
    let parsed: Uri = url.parse().ok()?;
    let scheme = parsed.scheme_str()?;
    let authority = parsed.authority()?;
    let named = !authority.host().is_empty() && authority.port_u16().is_some_and(|port| port > 0);
    let plain = !authority.as_str().contains('@') && parsed.query().is_none();
    let top = matches!(parsed.path(), "" | "/");
    (matches!(scheme, "http" | "https") && named && plain && top)
        .then(|| format!("{scheme}://{authority}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::SettingOrigin;

    fn read(text: &str) -> Result<Vec<String>, ConfigError> {
        parse(&Setting {
            text: text.to_owned(),
            origin: SettingOrigin::Flag("etcd-advertise"),
        })
    }

    #[test]
    fn urls_are_scheme_host_and_port() {
        assert_eq!(
            read("http://10.0.0.1:2379, https://[::1]:1/").unwrap(),
            ["http://10.0.0.1:2379", "https://[::1]:1"]
        );
        for bad in [
            "",
            "10.0.0.1:2379",
            "http://10.0.0.1",
            "http://10.0.0.1:0",
            "http://10.0.0.1:70000",
            "ftp://a:1",
            "http://a:1/path",
            "http://a:1?x",
            "http://a:1,",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_refused_and_not_repeated() {
        let error = read("http://user:secret@a:1").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
