//! Where to listen.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::ConfigError;
use super::settings::Setting;

/// Reads `off`, `IP:PORT` or `localhost:PORT`.
pub(super) fn parse(setting: &Setting) -> Result<Option<SocketAddr>, ConfigError> {
    let Setting { text, place } = setting;
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
            "{text:?} is no address: want IP:PORT, for example 127.0.0.1:8500 or [::1]:8500, or off"
        );
        ConfigError::at(place, what)
    })
}

/// Refuses an address others can reach.
pub(super) fn need_loopback(
    address: Option<SocketAddr>,
    setting: &Setting,
) -> Result<(), ConfigError> {
    match address {
        Some(address) if !address.ip().to_canonical().is_loopback() => {
            let what = format!(
                "{address} is not a loopback address; to listen there in plaintext give --allow-plaintext"
            );
            Err(ConfigError::at(&setting.place, what))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::settings::Place;
    use super::*;

    fn setting(text: &str) -> Setting {
        Setting {
            text: text.to_owned(),
            place: Place::Flag("consul"),
        }
    }

    #[test]
    fn addresses_are_numbers_or_localhost() {
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
                error.starts_with(&format!("--consul: {bad:?} is no address")),
                "{error}"
            );
        }
    }

    #[test]
    fn an_address_that_others_reach_is_refused() {
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
                need_loopback(address, &setting(text)).is_ok(),
                local,
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn every_socket_address_is_read(address: SocketAddr) {
            let address = match address {
                // Flow information and scope are no part of how an address is written.
                SocketAddr::V6(six) => SocketAddr::new(IpAddr::V6(*six.ip()), six.port()),
                SocketAddr::V4(_) => address,
            };
            prop_assert_eq!(parse(&setting(&address.to_string())), Ok(Some(address)));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            let _read = parse(&setting(&text));
        }
    }
}
