//! Listen addresses, and the refusal of addresses that other machines reach.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::ConfigError;
use super::settings::Setting;

/// Reads `off`, `IP:PORT` or `localhost:PORT`.
pub(super) fn parse(setting: &Setting) -> Result<Option<SocketAddr>, ConfigError> {
    let Setting { text, origin } = setting;
    if text == "off" {
        return Ok(None);
    }
    let by_name = || {
        let port = text.strip_prefix("localhost:")?.parse().ok()?;
        Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    };
    let address = text.parse().ok().or_else(by_name);
    address.map(Some).ok_or_else(|| {
        let what = format!(
            "{text:?} is not an address: want IP:PORT, for example 127.0.0.1:8500 or [::1]:8500, or off"
        );
        ConfigError::at(origin, what)
    })
}

/// Refuses an address that other machines can reach.
pub(super) fn require_loopback(
    address: Option<SocketAddr>,
    setting: &Setting,
) -> Result<(), ConfigError> {
    match address {
        Some(address) if !address.ip().to_canonical().is_loopback() => {
            let what = format!(
                "{address} is not a loopback address; give --tls-cert and --tls-key, or --allow-plaintext to listen there without TLS"
            );
            Err(ConfigError::at(&setting.origin, what))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::settings::SettingOrigin;
    use super::*;

    fn setting(text: &str) -> Setting {
        Setting {
            text: text.to_owned(),
            origin: SettingOrigin::Flag("consul"),
        }
    }

    #[test]
    fn an_address_is_an_ip_or_localhost_with_a_port() {
        assert_eq!(parse(&setting("off")), Ok(None));
        let local = "127.0.0.1:1".parse().unwrap();
        assert_eq!(parse(&setting("localhost:1")), Ok(Some(local)));
        for bad in [
            "",
            "8500",
            ":8500",
            "host:8500",
            "127.0.0.1",
            "127.0.0.1:65536",
            "OFF",
        ] {
            let error = parse(&setting(bad)).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("--consul: {bad:?} is not an address")),
                "{error}"
            );
        }
    }

    #[test]
    fn an_address_beyond_loopback_is_refused() {
        for (text, local) in [
            ("127.8.8.8:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
            ("[::]:1", false),
            ("10.0.0.1:1", false),
        ] {
            let address = parse(&setting(text)).unwrap();
            assert_eq!(
                require_loopback(address, &setting(text)).is_ok(),
                local,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_socket_address_is_parsed(address: SocketAddr) {
            let address = match address {
                // The text of an address holds neither flow information nor scope.
                SocketAddr::V6(six) => SocketAddr::new(IpAddr::V6(*six.ip()), six.port()),
                SocketAddr::V4(_) => address,
            };
            prop_assert_eq!(parse(&setting(&address.to_string())), Ok(Some(address)));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _read = parse(&setting(&text));
        }
    }
}
